# shellcheck shell=bash
# Several people on one host: the permissions of each, measured at their place of work, in a kernel and in a terminal.
# shellcheck source=molecule/service/tools.sh
. "$(dirname "$0")/tools.sh"
secrets='/etc/remote-notebooks/X/hashed_password /etc/remote-notebooks/X/jupyter_server_config.py
/home/X /home/X/notebooks /home/X/.local/share/jupyter/runtime'
look() { # url, instance, owner: the files of the other one that it can list or read
    person bookworm "$2" "$1" run "
import os
def reads(path):
    try:
        return bool(os.listdir(path) if os.path.isdir(path) else open(path).read())
    except OSError:
        return False
print([path for path in '''${secrets//X/$3}'''.split() if reads(path)])"
}

echo "exposure, at most 2.0, strict at most 1.5"
for instance in lab screen ann bob; do on bookworm "systemd-analyze security --no-pager jupyter@$instance \
| grep -oE 'level for .*: [0-9.]+'"; done
echo "what works"
on bookworm 'echo "bob ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/bob'
for place in "lab 8888" "screen 8889" "bob 9002"; do
    read -r instance port <<< "$place"
    person bookworm "$instance" "$port" type \
      'python3 -c "import sys; print(sys.prefix)" | cut -d/ -f1-4; command -v python | cut -d/ -f1-4; '\
'sudo -n id -u 2>&1 | tail -n 1 | cut -c1-5; touch ~/here /tmp/here && ls /tmp'
done
person bookworm lab 8888 run "import subprocess, multiprocessing
print(subprocess.run('pip install --quiet --user tabulate && command -v tabulate', shell=True, capture_output=True, \
text=True).stdout.strip())
with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, -2]))"
person bookworm lab 8888 type 'command -v tabulate'
echo "what no server imports, and yet has"
on bookworm "ps -o args= -p $(pid bookworm lab) | grep -oE 'run_jupyter.py |jupyter-lab '" | xargs -n 1
on bookworm 'cat > /tmp/late.py << EOF
import sys
import jupyterlab.labapp
from jsonschema import FormatChecker
print("lark" in sys.modules)
print([FormatChecker().conforms(text, "iri") for text in ("https://b\u00fccher.example/", "no address")], "lark" in sys.modules)
EOF
/opt/remote-notebooks/current/lab/bin/python /opt/remote-notebooks/libexec/run_jupyter.py /tmp/late.py; rm /tmp/late.py'

echo "devices and folders for data"
person bookworm lab 8888 run "import errno, os
for path in ('/dev/nvidia0', '/dev/i2c-1', '/dev/other'):
    try: os.open(path, os.O_RDWR)
    except OSError as error: print(errno.errorcode[error.errno])
open('/data/here', 'w').close()
print(os.access('/scratch', os.W_OK))"
person bookworm screen 8889 run "import os
print(os.path.exists('/dev/nvidia0'), os.access('/data', os.W_OK))"

echo "limits"
# shellcheck disable=SC2016 # it is expanded where it runs
limits='find /sys/fs/cgroup -path "*$(systemctl show -P ControlGroup jupyter@ann)/*" \
  \( -name memory.max -o -name memory.limit_in_bytes -o -name pids.max \) -exec cat {} + | sort -n'
on bookworm "$limits"
ann=$(pid bookworm ann)
echo "ann reads of bob, bob of ann"
look 9001 ann bob
look 9002 bob ann
person bookworm bob 9002 type \
  'cat /proc/'"$ann"'/environ 2>&1 | tail -n 1 | grep -oE "denied|No such file"; '\
'ls -d /home/ann && ls /home/ann 2>&1 | grep -o denied'
on bookworm 'getent passwd ann | cut -d: -f7; stat -c %a /home/ann /home/ann/notebooks; rm /etc/sudoers.d/bob'

all() { for instance in lab screen bob; do pid bookworm $instance; done; }
change() { # Python that changes ann, one of the host's instances
    ansible-inventory "${inventory[@]}" --host bookworm | python3 -c "
import json, sys
people = json.load(sys.stdin)['jupyter_instances']
ann = next(person for person in people if person['name'] == 'ann')
$1
print(json.dumps({'jupyter_instances': people}))" > people.json
    site --limit bookworm -e @people.json
}
others=$(all)
echo "another limit restarts nobody"
change 'ann["memory_max"] = "1536M"'
on bookworm "$limits"
[ "$(pid bookworm ann)" = "$ann" ] && echo "ann goes on"
echo "ann goes, the others stay"
change 'ann["state"] = "absent"'
on bookworm 'getent passwd ann; ls -d /home/ann /etc/remote-notebooks/ann 2>&1 | grep -c "No such file"'
[ "$(all)" = "$others" ] && echo "the others go on"
site --limit bookworm
# A line of the output may be quoted and wrapped.
gpu='GPU: /dev/nvidia0, seen by a kernel of [a-z]+'
folders='instance (lab|screen): jupyter may write to (/data, )?/scratch'
tr -d "'" < site.log | tr -s '\n ' ' ' | grep -oE "$gpu|$folders" | LC_ALL=C sort -u
