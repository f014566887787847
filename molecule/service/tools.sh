# shellcheck shell=bash
# The common part of the scripts of this scenario: script.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
inventory=("$@")
cd "$state" || exit 1
unproven=()
export ANSIBLE_FORCE_COLOR=0 ANSIBLE_NOCOLOR=1
declare -A address=([bookworm]=10.99.14.11 [trixie]=10.99.14.12 [without_systemd]=10.99.14.13)

on() { # host, command of root
    ssh -n -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
      -i "$state/ssh/id_ed25519" "root@${address[$1]}" "${@:2}"
}
person() { # host, instance, port, then the words of person.py
    local url=http://localhost:$3
    [ "$2" = ann ] && url=https://10.99.14.11:$3
    ssh -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
      -i "$state/ssh/id_ed25519" "root@${address[$1]}" \
        "/opt/remote-notebooks/current/$2/bin/python -I /var/tmp/person.py $url $(printf '%q ' "${@:4}")" < \
          "credentials/$1/$2.password"
}
site() { # more arguments of ansible-playbook; the output stays in site.log
    ansible-playbook remote.notebooks.site "${inventory[@]}" "${unproven[@]}" "$@" > site.log 2>&1 < /dev/null
    echo "rc $?"
}
rootless() { # command of the account without sudo
    ssh -n -o ControlPath=none -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
      -i "$state/ssh/id_ed25519" \
        "ann@example.org@${address[trixie]}" "export XDG_RUNTIME_DIR=/run/user/\$(id -u); $*"
}
answers() { # host, port: within 30 seconds
    on "$1" "for _try in \$(seq 60); do python3 - <<< 'import urllib.request as r; print(r.urlopen(\"http://127.0.0.1:$2/api\", timeout=3).status)' 2>/dev/null \
        && exit; sleep 0.5; done; echo no answer"
}
pid() { # host, instance: the process of its server, by its own mark
    on "$1" "for entry in /proc/[0-9]*; do tr '\\0' ' ' < \$entry/cmdline 2>/dev/null \
        | grep -q '^[^ ]* -X remote_notebooks=$2:' && echo \${entry#/proc/}; done" | xargs
}
