# shellcheck shell=bash
# One account works, another one listens: listen.sh FOLDER-OF-THE-CONTROL-NODE
set -uo pipefail
cd "$1" || exit 1
python=/opt/remote-notebooks/current/bob/bin/python

on() { # command of root
    ssh -n -o BatchMode=yes -o UserKnownHostsFile=ssh/known_hosts -o IdentitiesOnly=yes -i ssh/id_ed25519 \
      root@10.99.30.12 "$@"
}
person() { # instance, port, kernel, then the words of person.py
    ssh -o BatchMode=yes -o UserKnownHostsFile=ssh/known_hosts -o IdentitiesOnly=yes -i ssh/id_ed25519 \
      root@10.99.30.12 \
        "KERNEL=$3 $python -I /var/tmp/person.py http://localhost:$2 $(printf '%q ' "${@:4}")" < "credentials/trixie/$1.password"
}
speaks='
import time
time.sleep(3)
for number in range(10000):
    print(f"SECRET {number}", flush=True)
    if number % 500 == 0:
        time.sleep(0.1) # else ZeroMQ drops messages that nobody has fetched yet
time.sleep(4) # else Jupyter drops messages that come too fast for a browser
print(number + 1, "printed")'
overheard() { # instance, port, kernel: the output that its owner reads, and the output that bob reads
    on "systemd-run --quiet --unit=spy --uid=bob --property=StandardOutput=truncate:/run/heard \
      $python -I /var/tmp/spy.py ann"
    person "$1" "$2" "$3" run "$speaks" | grep printed
    on 'systemctl stop spy; cat /run/heard'
}

# Not a number of seconds: a loaded machine may take longer to ask its questions.
waits='import os, time
while not os.path.exists("/home/ann/over"): time.sleep(0.2)'

echo "a server whose settings turn it off"
overheard clear 9003 python3
echo "a kernel that encrypts"
overheard ann 9001 python3
echo "a kernel that does not"
overheard ann 9001 sockets
echo "what lies in files"
person ann 9001 sockets leave \
  "import multiprocessing.shared_memory as shared; memory = shared.SharedMemory(create=True, size=9)
$waits"
on 'cd /home/ann/.local/share/jupyter/runtime && stat -c %a . sockets kernel-*.json | uniq
    ls /home/ann/forged 2>&1 | grep -o "No such file"
    runuser -u bob -- sh -c "cd /home/ann/.local/share/jupyter/runtime; cat kernel-*.json || ls sockets" 2>&1 \
      | grep -o denied | uniq'
echo "what else a kernel of bob finds of ann: processes, shared memory that it can read, lines of the journal"
person bob 9002 python3 run '
import glob, os, pwd, subprocess
ann = pwd.getpwnam("ann").pw_uid
print(sum(os.stat(path).st_uid == ann for path in glob.glob("/proc/[0-9]*")))
shared = [path for path in glob.glob("/dev/shm/*") if os.stat(path).st_uid == ann]
print(len(shared) > 0, sum(os.access(path, os.R_OK) for path in shared))
journal = ["journalctl", "--no-pager", "--quiet", "--unit=jupyter@ann"]
print(len(subprocess.run(journal, capture_output=True).stdout.splitlines()))'
echo "which are busy"
busy() { on "$python -I /opt/remote-notebooks/libexec/busy_kernels.py 0 \$(systemctl show -P MainPID \
jupyter@ann):\$(id -u ann)" | sed -E 's/"[0-9]+": //; s/process [0-9]+/process N/g'; }
person ann 9001 python3 leave "$waits"
busy
on 'runuser -u ann -- touch /home/ann/over'
for _ in $(seq 60); do [ "$(busy)" = '{[]}' ] && break; sleep 1; done
busy
