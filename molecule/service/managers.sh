# shellcheck shell=bash
# One contract: started at boot and after a crash, readable, stopped cleanly, one server after each move, also after a
# logout that ends everything.
# shellcheck source=molecule/service/tools.sh
. "$(dirname "$0")/tools.sh"
servers() { # host: whose servers run; one of ours has its mark as the first argument
    on "$1" "for entry in /proc/[0-9]*; do
          tr '\\0' ' ' < \$entry/cmdline 2>/dev/null | grep -oE '^[^ ]* -X remote_notebooks=[a-z]+'
        done \
        | cut -d= -f2 | sort | xargs"
}

echo "log"
on bookworm "journalctl -u jupyter@lab -o cat | grep -q 'is running at' && echo in the journal"
on bookworm "journalctl -u jupyter@screen -o cat | grep -q 'is running at' \
&& sudo -u jupyter tmux -S /run/jupyter-screen/tmux capture-pane -p -S - -t jupyter-screen \
    | grep -q 'is running at' && echo in the journal, and on the screen"
on without_systemd "sudo -u jupyter tmux -L jupyter-lab capture-pane -p -S - -t jupyter-lab | grep -q 'is running at' \
&& echo on the screen"

echo "crash"
for place in "bookworm lab 8888" "bookworm screen 8889" "trixie lab 8888" "without_systemd lab 8888"; do
    read -r host instance port <<< "$place"
    before=$(pid "$host" "$instance")
    on "$host" "kill -KILL $before"
    sleep 3
    answers "$host" "$port"
    after=$(pid "$host" "$instance")
    [[ $after =~ ^[0-9]+$ && $after != "$before" ]] && echo "$host $instance is another one process"
done

echo "environment of the host"
on trixie "grep -zcE '^(JUPYTER_CONFIG_DIR|IPYTHONDIR|PYTHONPATH|PYTHONSAFEPATH|VIRTUAL_ENV)=' /proc/$(pid trixie \
  lab)/environ"

echo "logout"
before=$(pid trixie lab)
rootless 'setsid sleep 4321 > /dev/null 2>&1 & sleep 1'
sleep 3
on trixie "pgrep -xfc 'sleep 4321'" # KillUserProcesses=yes is in force
[ -n "$before" ] && [ "$(pid trixie lab)" = "$before" ] && echo "the server stayed"

echo "from systemd to tmux"
site -e jupyter_service_manager=tmux --limit 'bookworm,trixie'
servers bookworm
servers trixie
before=$(pid trixie lab)
rootless "tmux -S /run/user/\$(id -u)/jupyter-lab/tmux list-sessions -F '#S'"
sleep 3
[ -n "$before" ] && [ "$(pid trixie lab)" = "$before" ] && echo "the server stayed"
echo "and back"
site --limit 'bookworm,trixie'
servers bookworm
servers trixie

echo "stop"
lab=$(pid bookworm lab) screen=$(pid bookworm screen) \
  # these are the files that they had no time to clear away; a crash left more
on bookworm "systemctl stop jupyter@lab jupyter@screen; systemctl is-failed jupyter@lab jupyter@screen
    ls /home/jupyter/.local/share/jupyter/runtime | grep -cE 'jpserver-($lab|$screen)[-.]'"
on bookworm "systemctl start jupyter@lab jupyter@screen && systemctl is-active jupyter@lab jupyter@screen"

echo "boot"
docker restart --time 20 remote-notebooks-service-bookworm remote-notebooks-service-trixie > /dev/null
for _try in $(seq 60); do on trixie true 2>/dev/null && on bookworm true 2>/dev/null && break; sleep 1; done
answers bookworm 8888
answers bookworm 8889
answers trixie 8888
