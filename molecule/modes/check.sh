# shellcheck shell=bash
# The check as a person and as CI runs it: check.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
on_trixie() { ssh -n -o BatchMode=yes -o UserKnownHostsFile="$state/ssh/known_hosts" -i "$state/ssh/id_ed25519" \
  debian@10.99.12.12 "$@"; }
# Another account of the host, in the place of the server that is down: its log holds the requests.
squatter='import http.server
class Jupyter(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        pages = {"/api": (200, b"{\"version\": \"2.21.1\"}"), "/login": (200, b"password, please")}
        said = pages.get(self.path, (403, b""))
        self.send_response(said[0])
        self.send_header("Content-Length", len(said[1]))
        self.send_header("Set-Cookie", "_xsrf=2|1; Path=/")
        self.end_headers()
        self.wfile.write(said[1])
    def do_POST(self):
        print("SENT", self.rfile.read(int(self.headers["Content-Length"])), flush=True)
        self.do_GET()
http.server.ThreadingHTTPServer(("127.0.0.1", 8888), Jupyter).serve_forever()'
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0
touch before
sleep 1
ansible-playbook remote.notebooks.check "$@" --inventory gone.yml -e target=servers -e check_json="$state/check.json" \
  > check.log 2>&1
echo "all hosts, rc $?"
sed -n '/^host  /,/^$/p' check.log | sed 's/  */ /g; s/[0-9]*$/N/; s/msN$/ms/; /^N*$/d'
grep -o 'On the host: .*' check.log
grep -o '^[0-9] of [0-9] not reachable.$' check.log
echo "for programs, $(python3 \
  -c 'import json; print(*(one["cause"] for one in json.load(open("check.json"))["servers"]))')"
on_trixie "sudo systemd-run --quiet --unit=squatter --uid=65534 python3 -c '$squatter'; sleep 1; ss -Hltn 'sport = \
8888' | wc -l"
ansible-playbook remote.notebooks.check "$@" --limit trixie > check.log 2>&1
echo "another account has its port, rc $?"
grep -o 'tunnel  *unreachable  *port_held' check.log | tr -s ' '
grep -o "TCP port 8888 .*" check.log | sed 's/process [0-9][0-9]*/process N/' | head -n 1
echo "it was sent: $(on_trixie sudo journalctl --unit=squatter --output=cat | grep -c '^SENT') passwords"
on_trixie "sudo systemctl stop squatter; sudo systemctl start jupyter@lab.service"
ansible-playbook remote.notebooks.check "$@" --limit trixie > check.log 2>&1
echo "one host alone, rc $?"
grep -o '^The server is reachable.$' check.log
echo "changed on the control node, $(find credentials pki handoff -newer before | wc -l)"
