# shellcheck shell=bash
# A person with ssh and curl: clients.sh FOLDER-OF-THE-CONTROL-NODE
set -uo pipefail
cd "$1" || exit 1
ssh=(ssh -o BatchMode=yes -o ConnectTimeout=10 -o "UserKnownHostsFile=$1/ssh/known_hosts" -o IdentitiesOnly=yes \
  -i "$1/ssh/id_ed25519")
ask() { curl --silent --max-time 5 --noproxy '*' "$@"; }

echo "on the network"
for place in 10.99.3.11:8888 10.99.3.11:8889 10.99.3.12:9999; do
    ask "http://$place/api"
    echo "curl $?" # 7: failed to connect
done

through() { # host, remote port, any local port
    "${ssh[@]}" -f -o ExitOnForwardFailure=yes -L "$3:localhost:$2" "debian@$1" sleep 8
    ask "http://localhost:$3/api" | grep -o '"version": "2'
    ask -o /dev/null -w '%{http_code}\n' "http://localhost:$3/api/kernels"
    ask -o /dev/null -w '%{http_code}\n' -H 'Authorization: token a-token-for-programs' "http://localhost:$3/api/kernels"
    ask --compressed -D - -o /dev/null "http://localhost:$3/static/nbclassic/style/style.min.css" | tr -d '\r' \
      | grep -i '^content-encoding'
}
echo "through a tunnel, without a credential, with the token of the second server, a file of a page"
through 10.99.3.11 8888 28801
through 10.99.3.11 8889 28802
through 10.99.3.12 9999 28803
echo "end"
