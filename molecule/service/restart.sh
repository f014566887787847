# shellcheck shell=bash
# The restart policy, with kernels that compute and a terminal that works.
# shellcheck source=molecule/service/tools.sh
. "$(dirname "$0")/tools.sh"
notes() { grep -oE "note: [a-z]+: a restart is due|policy is never|Busy: .*(kernel|terminal)" site.log \
  | sed 's/Busy: [a-z]* /&.../; s/\.\.\..* /.../' | sort; }

lab=$(pid bookworm lab) screen=$(pid bookworm screen)
old=$(on bookworm readlink /opt/remote-notebooks/current/lab)
person bookworm lab 8888 leave 'import os, time
while not os.path.exists("done"): time.sleep(0.1)'
echo "another environment, while a kernel computes; the other server is never to restart"
site --limit bookworm -e '{"jupyter_packages": ["tabulate"], "jupyter_restart": "never", "jupyter_restart_wait": 1}'
notes
[ "$(pid bookworm lab)" = "$lab" ] && echo "lab goes on"
[ "$(pid bookworm screen)" = "$screen" ] && echo "screen goes on"
person bookworm lab 8888 kernels
person bookworm lab 8888 run 'print(6 * 7)'

echo "the next run, when it has ended"
on bookworm touch /home/jupyter/notebooks/done
site --limit bookworm -e '{"jupyter_packages": ["tabulate"]}'
notes
[ "$(pid bookworm lab)" != "$lab" ] && echo "lab restarted"
[ "$(pid bookworm screen)" != "$screen" ] && echo "screen restarted"
on bookworm "test -e $old" && echo "the old environment is kept for a rollback"
person bookworm lab 8888 run 'import tabulate; print(tabulate.__name__)'

echo "back again, while a program runs in a terminal of the tmux server"
screen=$(pid bookworm screen)
person bookworm screen 8889 go 'sleep 1000'
site --limit bookworm -e jupyter_restart_wait=1
notes
[ "$(pid bookworm screen)" = "$screen" ] && echo "screen goes on"
site --limit bookworm -e jupyter_restart=always
notes
[ "$(pid bookworm screen)" != "$screen" ] && echo "screen restarted"
site --limit bookworm
grep -c '^bookworm .* changed=0 ' site.log
