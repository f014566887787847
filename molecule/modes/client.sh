# shellcheck shell=bash
# The result of a person on another machine at 10.99.12.11, with the hand-off files in ~/handoff (lab.pem or
# ca.pem, if any).
set -uo pipefail
cd ~/handoff || exit 1
trust=()
for file in ca.pem lab.pem; do [ -e "$file" ] && trust=(--cacert "$file"); done

ask() { # title, curl's arguments, of which the last is the address
    local what=$1 said place
    shift
    place=${*: -1}
    place=${place#*//}
    place=${place%%:8888/*}
    [ "$place" != bookworm.example.org ] || place=10.99.12.11
    timeout 2 bash -c "< /dev/tcp/$place/8888" 2> /dev/null || { echo "$what: closed"; return; }
    said=$(curl --silent --max-time 3 --noproxy '*' "$@")
    case $? in
        0) echo "$what: $(grep -c '"version": "2' <<< "$said")" ;;
        60) echo "$what: untrusted" ;;
        *) echo "$what: no" ;; # it speaks another protocol
    esac
}
ask "plain HTTP" http://10.99.12.11:8888/api
ask "HTTPS, nothing but the system's authorities" https://10.99.12.11:8888/api
ask "HTTPS, what was handed over" "${trust[@]}" https://10.99.12.11:8888/api
ask "the same by name" "${trust[@]}" --resolve bookworm.example.org:8888:10.99.12.11 https://bookworm.example.org:8888/api
ssh -fN -M -S tunnel -o BatchMode=yes -o UserKnownHostsFile=known_hosts -o ExitOnForwardFailure=yes -i id_ed25519 \
  -L 127.0.0.1:8888:localhost:8888 debian@10.99.12.11 2>&1
ask "plain HTTP through a tunnel" http://localhost:8888/api
ask "HTTPS through a tunnel" "${trust[@]}" https://localhost:8888/api
ssh -S tunnel -O exit debian@10.99.12.11 2> /dev/null
exit 0
