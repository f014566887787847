# shellcheck shell=bash
# Guess passwords from one host at the other's server: throttle.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
declare -A address=([bookworm]=10.99.2.11 [trixie]=10.99.2.12)
on() { # host, command of root
    ssh -n -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
      -i "$state/ssh/id_ed25519" "root@${address[$1]}" "${@:2}"
}
guess='import http.client, re, socket, ssl, time
def ask(method, path, **more):
    line = http.client.HTTPSConnection("VICTIM", 8888, timeout=3, context=ssl._create_unverified_context())
    line._encode_request = lambda request: request.encode("latin-1")
    line.request(method, path, **more)
    return line.getresponse()
for _turn in range(6): # text from a client is in the log, too: no client can block another address
    # Refused, as every form without its token.
    ask("POST", "/login", headers={"Referer": "[W forged] 401 POST /login (192.0.2.99) "})
said = []
# Text beside a password must not hide it: a line longer than the journal keeps, and a byte that is no space to
# some.
beside = ["?next=%2Flab", "?x=" + "A" * 60000, "?a=\xa0b"]
for turn in range(12):
    try:
        page = ask("GET", "/login")
        if page.status == 429: # the server refuses this address until fail2ban blocks it
            said.append(page.status)
            time.sleep(0.7)
            continue
        cookie = page.getheader("Set-Cookie").split(";")[0]
        form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
        body = f"_xsrf={cookie.split(chr(61), 1)[1]}&password=wrong{turn}"
        said.append(ask("POST", "/login" + beside[turn % 3], body=body, headers=form).status)
    except OSError:
        said.append("closed")
    time.sleep(0.7)
answered, closed = said[:5] == [401] * 5, said[-3:] == ["closed"] * 3
print("five are answered" if answered else said, "then it is closed" if closed else said)
with socket.create_connection(("VICTIM", 22), timeout=3) as line:
    print("and SSH answers", line.recv(4).decode())'

# A kernel can write into the journal: the very line of a login, under the name of its server, of an address that
# it likes to see shut out.
forge='import socket
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for _turn in range(20):
    journal.send(b"MESSAGE=192.0.2.99 sent a wrong password or token\nPRIORITY=2\n"
                 b"SYSLOG_IDENTIFIER=remote-notebooks-login\nSYSLOG_PID=%d\n"
                 b"REMOTE_NOTEBOOKS_ADDRESS=192.0.2.99\n" % MAIN)'
main=$(on bookworm systemctl show --property=MainPID --value jupyter@lab.service)
on bookworm "group=\$(systemctl show --property=ControlGroup --value jupyter@lab.service)
for top in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    if [ -e \$top\$group/cgroup.procs ]; then echo \$\$ > \$top\$group/cgroup.procs; fi
done
runuser -u jupyter -- python3 -c '${forge//MAIN/$main}'"
sleep 3
echo "forged by a kernel, of the journal $(on bookworm journalctl --quiet --output=cat \
  _SYSTEMD_UNIT=jupyter@lab.service REMOTE_NOTEBOOKS_ADDRESS=192.0.2.99 | wc -l) lines," \
    "shut out: $(on bookworm fail2ban-client get remote-notebooks-lab banip | wc -w)"
echo "a network of IPv6: $(on bookworm \
  'fail2ban-client set remote-notebooks-lab banip 2001:db8:1:2::/64; nft list ruleset' | grep -c '2001:db8:1:2::/64')"
on bookworm fail2ban-client set remote-notebooks-lab unbanip 2001:db8:1:2::/64 > unban.log

for way in "trixie bookworm" "bookworm trixie"; do
    read -r guesser victim <<< "$way"
    echo "$guesser guesses at $victim"
    on "$guesser" "python3 -c '${guess//VICTIM/${address[$victim]}}'"
    curl --silent --max-time 10 --noproxy '*' --cacert pki/ca/certs/ca.cert.pem -o /dev/null -w 'others are served %{http_code}\n' "https://${address[$victim]}:8888/login"
    on "$victim" \
      "fail2ban-client status | sed -n 's/.*Jail list:\t*//p'; fail2ban-client get remote-notebooks-lab banip"
done
echo "turned off: no jail of ours, and none for SSH either"
ansible-playbook remote.notebooks.site "$@" --limit trixie -e jupyter_login_throttle=false > throttle.log 2>&1
echo "rc $?"
on trixie \
  'systemctl is-active fail2ban; systemctl is-enabled fail2ban
  ls /etc/fail2ban/*.d/remote-notebooks.conf 2>/dev/null; nft list tables | grep f2b'
echo "and on again"
ansible-playbook remote.notebooks.site "$@" --limit trixie > throttle.log 2>&1
echo "rc $?"
on trixie "systemctl is-active fail2ban; fail2ban-client status | sed -n 's/.*Jail list:\t*//p'"
