# shellcheck shell=bash
# Faults between runs and in them: the old server still answers or the new one does, and the run names the
# fault.
# shellcheck source=molecule/service/tools.sh
. "$(dirname "$0")/tools.sh"
unproven=(--skip-tags jupyter_verify) # `answers` looks: thirteen runs, and four kernels in each, are two minutes
unit=/etc/systemd/system/jupyter@lab.service.d/instance.conf

echo "a configuration that Jupyter rejects"
lab=$(pid bookworm lab)
site --limit bookworm -e '{"jupyter_settings": {"ServerApp": {"prot": 1}}}'
grep -o 'unknown option ServerApp.prot' site.log | head -n 1
[ "$(pid bookworm lab)" = "$lab" ] && answers bookworm 8888

echo "one stage at a time"
larger=(--limit bookworm -e '{"jupyter_settings": {"ServerApp": {"max_body_size": 3000000}}}')
site "${larger[@]}" --tags jupyter_configure
on bookworm "grep -c 'max_body_size = 3000000' /etc/remote-notebooks/lab/jupyter_server_config.py"
[ "$(pid bookworm lab)" = "$lab" ] && answers bookworm 8888
site "${larger[@]}" --tags jupyter_service
[ "$(pid bookworm lab)" != "$lab" ] && answers bookworm 8888
site --limit bookworm --skip-tags jupyter_configure,jupyter_service
on bookworm "grep -c 'max_body_size = 3000000' /etc/remote-notebooks/lab/jupyter_server_config.py"
site --limit bookworm
lab=$(pid bookworm lab)

echo "a unit edited by hand"
on bookworm "echo Environment=EDITED=1 >> $unit; systemctl daemon-reload"
site --limit bookworm --diff
on bookworm "grep -c EDITED $unit; systemctl show -P Environment jupyter@lab | grep -c EDITED"
[ "$(pid bookworm lab)" = "$lab" ] && echo "no restart: it was started before"
on bookworm "echo Environment=EDITED=1 >> $unit; systemctl daemon-reload; sleep 1; systemctl restart jupyter@lab"
site --limit bookworm
on bookworm "tr '\\0' '\\n' < /proc/\$(systemctl show -P MainPID jupyter@lab)/environ | grep -c EDITED"

echo "the port taken by another program between two runs"
on bookworm "systemctl stop jupyter@lab; systemd-run --quiet --unit=squatter /usr/bin/python3 -m http.server \
8888; sleep 2"
site --limit bookworm
tr -s "'" < site.log | tr -s '[:space:]' ' ' | sed 's/process [0-9]*/process N/g' \
    | grep -oE -e "instance 'lab': port: 8888 is used by python3 \(process N of squatter.service\)" \
      -e "systemctl disable --now squatter.service" | sort -u
on bookworm "systemctl stop squatter"
site --limit bookworm
answers bookworm 8888

echo "a server that was started so often that systemd has given it up"
# An hour in place of a minute: on a busy machine, five starts take longer than that.
drop_in=/run/systemd/system/jupyter@lab.service.d
on bookworm "mkdir -p $drop_in; printf '[Unit]\nStartLimitIntervalSec=1h\n' > $drop_in/hour.conf
systemctl daemon-reload; for _restart in 1 2 3 4 5 6; do systemctl restart jupyter@lab; done 2>/dev/null
systemctl show -P Result jupyter@lab; rm -r $drop_in; systemctl daemon-reload"
site --limit bookworm
answers bookworm 8888

echo "a unit that somebody masked"
on bookworm "systemctl mask --quiet jupyter@lab"
site --limit bookworm -e '{"jupyter_settings": {"ServerApp": {"max_body_size": 2000000}}}'
grep -oE 'jupyter@lab.service is masked' site.log | head -n 1
on bookworm "systemctl unmask --quiet jupyter@lab"
site --limit bookworm
answers bookworm 8888

echo "two operators at once"
both=(-e '{"jupyter_settings": {"ServerApp": {"max_body_size": 1000000}}}' --limit bookworm)
ansible-playbook remote.notebooks.site "${inventory[@]}" "${both[@]}" > other.log 2>&1 < /dev/null & other=$!
for _try in $(seq 300); do on bookworm test -L /run/remote-notebooks.lock && break; sleep 0.1; done
site "${both[@]}"
grep -oE "Another run is in progress on this host, started by [a-z]+@" site.log | head -n 1
wait $other; echo "rc $?"
on bookworm "test ! -L /run/remote-notebooks.lock && echo unlocked"
site --limit bookworm
