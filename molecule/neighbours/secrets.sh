# shellcheck shell=bash
# A proxy with a password: who learns it. secrets.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
cd "$1" || exit 1
shift
export ANSIBLE_FORCE_COLOR=0 ANSIBLE_NOCOLOR=1
secret=kEy4proxy

on() { # command of root
    ssh -n -o BatchMode=yes -o UserKnownHostsFile=ssh/known_hosts -o IdentitiesOnly=yes -i ssh/id_ed25519 \
      root@10.99.30.12 "$@"
}
site() { # more arguments
    ansible-playbook remote.notebooks.site "${inventory[@]}" -vvvv --diff -e "{jupyter_http_proxy: 'http://ann:$secret@192.0.2.9:3128'}" "$@" > said.log 2>&1 < /dev/null
    echo "rc $?, shown $(grep -vF 'extra_vars' said.log | grep -cF "$secret") times"
}
inventory=("$@")

echo "what is shown"
site --check
site
echo "what another account finds on the host"
on "runuser -u bob -- sh -c 'systemctl show jupyter@ann jupyter@clear; cat /proc/[0-9]*/cmdline; find / -xdev -type f \
-readable -newer /var/tmp/spy.py -size -1000k ! -path \"/proc/*\" \
    -exec cat {} +' 2>/dev/null" | grep -acF "$secret" # here: there it would find its own command line
on 'stat -c "%a %U:%G" /etc/remote-notebooks/ann/environment'
echo "what its own kernels get"
ssh -o BatchMode=yes -o UserKnownHostsFile=ssh/known_hosts -o IdentitiesOnly=yes -i ssh/id_ed25519 root@10.99.30.12 \
    "/opt/remote-notebooks/current/bob/bin/python -I /var/tmp/person.py http://localhost:9001 run 'import os; print(os.environ[\"https_proxy\"])'" < credentials/trixie/ann.password
echo "what the journal says"
on 'journalctl --no-pager -u jupyter@ann' | grep -cF "$secret"
echo "and when it goes"
ansible-playbook remote.notebooks.site "${inventory[@]}" -vvvv --diff > said.log 2>&1 < /dev/null
echo "rc $?, shown $(grep -cF "$secret" said.log) times"
on 'ls /etc/remote-notebooks/ann/environment 2>&1 | grep -o "No such file"'
