# shellcheck shell=bash
# Conflicting configuration files are moved aside, once, and come back: aside.sh FOLDER-OF-THE-CONTROL-NODE
# INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0
on_host() { ssh -o BatchMode=yes -o UserKnownHostsFile=ssh/known_hosts -i ssh/id_ed25519 debian@10.99.12.12 sudo bash \
  -s; }
look() { echo 'cd / && stat -c "%U %a %n" etc/jupyter/* home/jupyter/.jupyter/jupyter_* | sort -k3' | on_host; }
server() { echo 'systemctl show --value --property=MainPID jupyter@lab' | on_host; }
site() {
    ansible-playbook remote.notebooks.site "$@" --limit trixie -e "@credentials/trixie/migrated.yml" > aside.log 2>&1
    echo "rc $?, changed $(grep -c '^changed: ' aside.log)" | sed 's/changed [1-9][0-9]*$/changed some/'
}
on_host <<'END'
install -d /etc/jupyter && echo '{"LabApp": {"expose_app_in_browser": false}}' > /etc/jupyter/jupyter_lab_config.json
chmod 0604 /etc/jupyter/jupyter_lab_config.json
echo '{}' | install -o jupyter /dev/stdin /home/jupyter/work/mine.ipynb
END
before=$(server)
echo "check mode, $(site "$@" -e jupyter_shadows=move --check --diff)"
tr '\n' ' ' < aside.log | sed 's/name is [a-z_.]*, //g' | grep -o '+shadow [^ ]*: wanted [a-z_.-]*'
look
echo "move, $(site "$@" -e jupyter_shadows=move)"
look
after=$(server)
echo "restarts, $((before != after))"
echo "again, $(site "$@" -e jupyter_shadows=move)"
echo "with report, $(site "$@")"
echo "restarts, $((after != $(server)))"
echo 'echo "c = 1" > /etc/jupyter/jupyter_lab_config.json' | on_host
ansible-playbook remote.notebooks.uninstall "$@" --limit trixie -e confirm=yes > aside.log 2>&1
echo "uninstall, rc $?"
look
