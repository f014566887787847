# shellcheck shell=bash
# Lose the control node's records of one host; run with every message that Ansible has, while all command lines are
# watched. Lose them again, and run in a terminal: secrets.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
host=(ssh -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
  -i "$state/ssh/id_ed25519" debian@10.99.3.11)
given() { "${host[@]}" sudo cat /etc/remote-notebooks/tokens/hashed_password; }
# shellcheck disable=SC2016 # it is expanded where it runs
watch='i=0
while [ $i -lt 600 ] && [ ! -e /tmp/seen-enough ]; do
  i=$((i+1)); cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "; sleep 0.2
done'

export ANSIBLE_STDOUT_CALLBACK=remote.notebooks.progress
before=$(given)
rm -r credentials/bookworm
sh -c "$watch" > argv-here &
"${host[@]}" "$watch" > argv-there &
ansible-playbook -vvvv --diff remote.notebooks.site --limit bookworm "$@" > output 2>&1
echo "rc $?"
touch /tmp/seen-enough
"${host[@]}" touch /tmp/seen-enough
wait
rm /tmp/seen-enough

[ "$before" = "$(given)" ] && echo "the hash of the given password stayed"
generated=$(cat credentials/bookworm/lab.password)
"${host[@]}" "sudo grep -rlF -e 'wrong horse, right stable' -e '$generated' /etc /opt /home /root /tmp /run /var/lib \
/var/tmp 2>/dev/null"
rm -r credentials/bookworm
TERM=xterm python3 -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
  ansible-playbook remote.notebooks.site --limit bookworm "$@" > screen 2>&1 < /dev/null
again=$(cat credentials/bookworm/lab.password)
grep -qE 'bookworm: ok, [1-9][0-9]* tasks? changed it' screen && echo "drawn"

[ "$(wc -c < output)" -gt 30000 ] && [ -s argv-here ] && [ -s argv-there ] && echo "wordy"
for secret in "wrong horse, right stable" a-token-for-programs "$generated" "$again" "$(cut -c 8- \
  credentials/bookworm/lab.hash)" "${before#argon2:}"; do
    grep -cF -e "$secret" output screen argv-here argv-there
done
exit 0
