# shellcheck shell=bash
# Lose all keys, and have new ones generated with every word that Ansible has, while all command lines are watched:
# secrets.sh FOLDER-OF-THE-CONTROL-NODE PLAYBOOK INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1 playbook=$2; shift 2
cd "$state" || exit 1
bookworm=(ssh -n -o BatchMode=yes -o "UserKnownHostsFile=$state/ssh/known_hosts" -o IdentitiesOnly=yes \
  -i "$state/ssh/id_ed25519" debian@10.99.10.11)
# shellcheck disable=SC2016 # it is expanded where it runs
watch='i=0
while [ $i -lt 900 ] && [ ! -e /tmp/seen-enough ]; do
  i=$((i+1)); cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\0" " "; sleep 0.2
done'

rm -r tunnel
sh -c "$watch" > argv-here &
"${bookworm[@]}" "$watch" > argv-there &
ansible-playbook -vvvv --diff "$playbook" "$@" > output 2>&1
echo "rc $?"
touch /tmp/seen-enough
"${bookworm[@]}" touch /tmp/seen-enough
wait
rm /tmp/seen-enough
[ "$(wc -c < output)" -gt 30000 ] && [ -s argv-here ] && [ -s argv-there ] && echo "wordy"

# Of each private key, in each form, the last whole line: the one that holds most of the secret.
grep -rlE -e '-----BEGIN .*PRIVATE KEY' tunnel | while read -r key; do grep -v -e '-----' "$key" \
  | awk 'length > 40 { line = $0 } END { print line }'; done \
    | sort -u > secrets
echo "$(wc -l < secrets) keys"
echo "open, sesame" >> secrets
for place in output argv-here argv-there; do grep -cF -f secrets "$place"; done
"${bookworm[@]/-n/-T}" "sudo grep -rlF -f - /etc /opt /home /root /tmp /run /var/lib /var/tmp 2>/dev/null" < secrets
rm secrets
exit 0
