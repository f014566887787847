# shellcheck shell=bash
# Faults of a renewal, on a host with nftables alone. Each renewal is asked for by an order with another id, as a run of
# the role does that wants another certificate. A line says: the exit code, whether another certificate is served, and
# the words of the program.
set -uo pipefail
home=/opt/remote-notebooks/acme served=/etc/remote-notebooks/lab/tls.pem count=0
program=(/opt/remote-notebooks/current/lab.@acme/bin/python -I /opt/remote-notebooks/libexec/acme_renew.py)
cp "$home/orders.json" "$home/lab.ca.pem" /root/

try() { # LABEL WORDS [SED]
  count=$((count + 1))
  sed "s/\"id\": \"[0-9a-f]*\"/\"id\": \"$(printf %016x "$count")\"/; ${3:-}" orders.json > "$home/orders.json"
  local before code changed=kept
  before=$(sha256sum < "$served")
  "${program[@]}" obtain "$home" > said 2>&1
  code=$?
  [ "$before" = "$(sha256sum < "$served")" ] || changed=renewed
  echo "$1: $code $changed $(grep -oE "$2" said | head -1)"
}
open_rules() { nft list ruleset | grep -c 'dport 80 accept'; }

cat > rules <<'END'
flush ruleset
table inet lab {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname lo accept
    ct state established,related accept
    tcp dport { 22, 443 } accept
  }
}
END
nft -f rules
try 'a firewall that drops' 'the certificate ends'
echo "open afterwards: $(open_rules)"

nft -f - <<'END'
table inet answers {
  chain output { type filter hook output priority 0; tcp sport 80 drop; }
}
END
try 'answers dropped on the way' 'Timeout|timed out'
"${program[@]}" renew "$home" > said 2>&1
echo "the timer: $? $(grep -oE 'The one in use ends' said)"

setsid "${program[@]}" obtain "$home" > /dev/null 2>&1 &
for _turn in $(seq 150); do [ "$(open_rules)" -gt 0 ] && break; sleep 0.1; done
echo "open before the kill: $(open_rules)"
pkill -9 -f acme_renew.py
pkill -9 -f bin/certbot
nft delete table inet answers
try 'killed in the middle' 'the certificate ends'
echo "open afterwards: $(open_rules)"

try 'an authority that is away' '[Cc]onnection refused' 's,10.99.33.13:14000,10.99.33.13:14009,'

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=busy -keyout busy.key \
  -out busy.pem -addext subjectAltName=IP:127.0.0.1 2> /dev/null
cat busy.pem >> "$home/lab.ca.pem"
python3 busy.py > /dev/null 2>&1 &
busy=$!
sleep 1
try 'an authority that is busy' 'Too many requests of this host' 's,10.99.33.13:14000,127.0.0.1:14001,'
kill "$busy"
cp lab.ca.pem "$home/lab.ca.pem"

try 'an address of another host' '10\.99\.33\.12' 's,"10.99.33.11","10.99.33.12",'

mkdir -p www
python3 -m http.server --directory www 80 > /dev/null 2>&1 &
web=$!
sleep 1
try 'a port that is taken' 'port 80 because it is already in use'
try 'the folder of another server' 'the certificate ends' 's,"webroot": "","webroot": "/root/www",'
kill "$web"

mkdir -p full
mount -t tmpfs -o size=8k tmpfs full
head -c 8192 /dev/zero > full/zero
try 'a full disk' 'No space left on device' 's,/etc/remote-notebooks/lab/tls.pem,/root/full/tls.pem,'
ls -A full
umount full

cp orders.json "$home/orders.json"
"${program[@]}" obtain "$home" | grep -o 'the certificate ends'
nft flush ruleset
