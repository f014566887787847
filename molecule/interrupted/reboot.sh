# shellcheck shell=bash
# The host loses its power in the middle of an upgrade, each time later in it; each run goes on from there:
# reboot.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
inventory=(-e target=servers "$@")
cd "$state" || exit 1
host=remote-notebooks-interrupted-trixie
on() { ssh -n -o ControlPath=none -o BatchMode=yes -o ConnectTimeout=5 -o "UserKnownHostsFile=$state/ssh/known_hosts" \
  -o IdentitiesOnly=yes \
    -i "$state/ssh/id_ed25519" root@10.99.9.12 "$@"; }
cut_at() { # the text that the output has to hold, and the seconds after it
    : > run.log
    setsid ansible-playbook remote.notebooks.upgrade "${inventory[@]}" > run.log 2>&1 < /dev/null & run=$!
    for _wait in $(seq 1200); do grep -qE "$1" run.log && break; kill -0 "$run" 2>/dev/null || break; sleep 0.1; done
    sleep "$2"
    kill -0 "$run" 2>/dev/null || { echo "ended before it was cut"; tail -n 40 run.log; }
    docker kill "$host" > /dev/null
    kill -KILL -- -"$run" 2>/dev/null # unless it has seen by itself that the host is gone
    wait "$run" 2>/dev/null
    docker start "$host" > /dev/null
}
look() {
    for _wait in $(seq 120); do on true 2>/dev/null && break; sleep 0.5; done
    for _wait in $(seq 120); do
        code=$(curl --silent --noproxy '*' --max-time 5 --cacert pki/ca/certs/ca.cert.pem --output /dev/null \
          --write-out '%{http_code}' https://10.99.9.12:8888/api)
        [ "$code" = 200 ] && break; sleep 0.5
    done
    echo "answers $code"
    on sha256sum /home/jupyter/notebooks/thesis.ipynb | cut -c1-12
    # shellcheck disable=SC2016 # it is expanded where it runs
    on 'test ! -L /run/remote-notebooks.lock && echo "no lock"
        cd /opt/remote-notebooks/current/lab && bin/python -c "import tiny; print(\"link\", tiny.VALUE)"
        runs_in=$(tr "\\0" "\\n" < "/proc/$(systemctl show -P MainPID jupyter@lab)/cmdline" | head -n 1)
        "$runs_in" -c "import tiny; print(\"runs\", tiny.VALUE)"'
}

echo "while the environment is built"
cut_at 'Build the environment' 4
look
echo "the link and the unit lead to the new one, the server has not restarted"
cut_at 'Write units and start scripts' 0
look
echo "while a client tries it"
cut_at 'Connect as a client' 1
look
echo "left alone"
for play in upgrade site; do
    ansible-playbook "remote.notebooks.$play" "${inventory[@]}" > "$play.log" 2>&1 < /dev/null; echo "$play $?"
done
grep -E '^trixie ' site.log | grep -o 'changed=0'
look
on "find /opt/remote-notebooks/envs -maxdepth 1 -mindepth 1 | wc -l"
