# shellcheck shell=bash
# Run the playbook while a firewall that is not ours drops the clients' packets:
# red_proof.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
on() { # command of root
    ssh -n -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
      -i "$state/ssh/id_ed25519" root@10.99.2.12 "$@"
}
on 'nft add table inet somebody
nft add chain inet somebody first "{ type filter hook prerouting priority -300; }"
nft add rule inet somebody first iifname != lo tcp dport 8888 drop'
rm -r handoff/trixie
ansible-playbook remote.notebooks.site "$@" --limit trixie > red_proof.log 2>&1
echo "rc $?"
grep -o 'lab (network) is unreachable' red_proof.log | head -n 1
(cd handoff/trixie && ls ./*.html ./*.json)
grep -o 'href="https://10.99.2.12:8888/[a-z]*"' handoff/trixie/lab.html | sort --unique
on nft delete table inet somebody
ansible-playbook remote.notebooks.site "$@" --limit trixie > red_proof.log 2>&1
echo "rc $?"
