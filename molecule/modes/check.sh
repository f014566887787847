# shellcheck shell=bash
# The check as a person and as CI runs it: check.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0
touch before
sleep 1
ansible-playbook remote.notebooks.check "$@" --inventory gone.yml -e target=servers -e check_json="$state/check.json" > check.log 2>&1
echo "all hosts, rc $?"
sed -n '/^host  /,/^$/p' check.log | sed 's/  */ /g; s/[0-9]*$/N/; s/msN$/ms/; /^N*$/d'
grep -o 'On the host: .*' check.log
grep -o '^[0-9] of [0-9] not reachable.$' check.log
echo "for programs, $(python3 -c 'import json; print(*(one["cause"] for one in json.load(open("check.json"))["servers"]))')"
ssh -o BatchMode=yes -o UserKnownHostsFile="$state/ssh/known_hosts" -i "$state/ssh/id_ed25519" debian@10.99.12.12 sudo systemctl start jupyter@lab.service
ansible-playbook remote.notebooks.check "$@" --limit trixie > check.log 2>&1
echo "one host alone, rc $?"
grep -o '^The server is reachable.$' check.log
echo "changed on the control node, $(find credentials pki handoff -newer before | wc -l)"
