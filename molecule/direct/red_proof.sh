# shellcheck shell=bash
# Run the playbook where no kernel starts: red_proof.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
# Not by a firewall: the run sees a chain that drops the packets of clients, and opens it.
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
startup=.ipython/profile_default/startup
on() { # command of root, as the account of the server, in its home
    ssh -n -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
      -i "$state/ssh/id_ed25519" root@10.99.2.12 "cd /home/jupyter && runuser -u jupyter -- sh -c '$*'"
}
on "mkdir -p $startup && echo \"import os; os._exit(1)\" > $startup/00-broken.py"
rm -r handoff/trixie
ansible-playbook remote.notebooks.site "$@" --limit trixie > red_proof.log 2>&1
echo "rc $?"
# The server may notice before it answers, or after. A log breaks long lines.
said=$(tr -s '\n ' ' ' < red_proof.log)
grep -qE 'no kernel starts|The kernel started and died|code gave no result' <<< "$said" &&
    echo "the kernel does not run"
grep -oE 'startup/00-broken.py' <<< "$said" | sort --unique
(cd handoff/trixie && ls)
grep -o 'href="https://10.99.2.12:8888/"' handoff/trixie/lab.html | sort --unique
on "rm $startup/00-broken.py"
