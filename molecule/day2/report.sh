# shellcheck shell=bash
# A report over a host that somebody has changed by hand. Arguments: state folder, inventories.
set -euo pipefail
state=$1; shift
config=/etc/remote-notebooks/lab/jupyter_server_config.py
on_host() { ssh -F /dev/null -i "$state/ssh/id_ed25519" -o UserKnownHostsFile="$state/ssh/known_hosts" \
  debian@10.99.15.11 sudo "$@"; }
report() { ansible-playbook remote.notebooks.report "${inventories[@]}" --limit='all:!spare' "$@" \
  >"$state/report.log" 2>&1; }
inventories=("$@")

echo "c.ServerApp.shutdown_no_activity_timeout = 60" | on_host tee -a "$config" >/dev/null
before=$(on_host sha256sum "$config")
report -e report_json="$state/report.json" -e report_textfile="$state/report.prom" && echo "report $?"
[ "$before" = "$(on_host sha256sum "$config")" ] && echo "nothing changed on the host"
grep --only-matching --extended-regexp '^(bookworm|trixie) +[a-z]+ +[a-z]+ ' "$state/report.log" | tr -s ' '
grep --only-matching '    -c.ServerApp.*' "$state/report.log"
report -e report_drift=fail || echo "with report_drift=fail $?"
"$VIRTUAL_ENV/bin/python" - "$state" <<'P' # the tests' own: the one that playbooks run with lacks its parser
import json, sys
from pathlib import Path
from prometheus_client.parser import text_string_to_metric_families
state = Path(sys.argv[1])
for host in json.loads((state / "report.json").read_text())["hosts"]:
    for server in host["servers"]:
        drift = [entry["what"] for entry in host["drift"] if entry["instance"] == server["instance"]]
        row = [server[key] for key in ("instance", "running", "jupyterlab", "kernels", "busy")]
        print(host["host"], *row[:2], row[2][:2], *row[3:], drift)
for family in text_string_to_metric_families((state / "report.prom").read_text()):
    if family.name in ("remote_notebooks_up", "remote_notebooks_host_drift"):
        print(family.name, [int(sample.value) for sample in family.samples])
P
ansible-playbook remote.notebooks.site "${inventories[@]}" --limit=bookworm >"$state/mend.log" 2>&1 && echo "mended $?"
report && grep --only-matching '3 servers on 2 hosts.*' "$state/report.log"
