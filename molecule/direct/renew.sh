# shellcheck shell=bash
# Renew the certificate under a running kernel: renew.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
site=https://10.99.2.12:8888
ask() { curl --silent --max-time 20 --noproxy '*' --cacert pki/ca/certs/ca.cert.pem --cookie jar --cookie-jar jar \
  "$@"; }
xsrf() { awk '$6 == "_xsrf" { print $7 }' jar; }
serial() { openssl s_client -connect 10.99.2.12:8888 </dev/null 2>/dev/null | openssl x509 -noout -serial; }

rm -f jar
ask -o /dev/null "$site/login"
ask -o /dev/null -D headers -w 'login %{http_code}\n' --data-urlencode password@<(tr -d '\n' < \
  credentials/trixie/lab.password) --data-urlencode "_xsrf=$(xsrf)" "$site/login"
kernel=$(ask -X POST -H "X-XSRFToken: $(xsrf)" "$site/api/kernels" | grep -o '"id": "[^"]*"' | cut -d'"' -f4)
before=$(serial)
ansible-playbook remote.notebooks.renew "$@" > renew.log 2>&1
echo "renew $?"
[ "$before" != "$(serial)" ] && echo "another serial is presented"
grep -q 'Enable and start the unit' renew.log && echo "a service was touched"
ask "$site/api/kernels/$kernel" | grep -q "\"id\": \"$kernel\"" && echo "the kernel lives"
ask -X DELETE -H "X-XSRFToken: $(xsrf)" -o /dev/null -w 'ended %{http_code}\n' "$site/api/kernels/$kernel"
