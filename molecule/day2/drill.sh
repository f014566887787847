# shellcheck shell=bash
# Everything is lost except the archive: the host, and the records of the control node. Arguments: state folder,
# scenario folder, inventories.
set -euo pipefail
state=$1 scenario=$2; shift 2
# shellcheck source=molecule/day2/clients.sh
source "$scenario/clients.sh"
on() { address=$1; shift; ssh -F /dev/null -i "$state/ssh/id_ed25519" -o UserKnownHostsFile="$state/ssh/known_hosts" \
  "debian@$address" sudo "$@"; }
contents() { on "$1" sh -c "'cd /home/jupyter/notebooks && find . -printf \"%p %m %u\\n\" | sort \
&& find . -type f -exec sha256sum {} + | sort'"; }
fingerprint() { openssl x509 -in "$1/ca/certs/ca.cert.pem" -noout -fingerprint -sha256; }
(umask 077 && echo "backup_passphrase: four words of mine" >"$state/passphrase.yml")

on 10.99.15.11 sh -c "'cd /home/jupyter/notebooks && mkdir -p \"a b/c\" \
  && head -c 200000 /dev/urandom >\"a b/c/data.bin\" && echo {} >thesis.ipynb \
  && chmod 600 thesis.ipynb && chown -R jupyter:jupyter .'"
ansible-playbook remote.notebooks.backup "$@" --limit='all:!spare' -e @"$state/passphrase.yml" \
  -e backup_file="$state/all.backup" -e backup_notebooks=true \
  -vvv >"$state/backup.log" 2>&1 && echo "backup $?"
stat -c 'archive %a' "$state/all.backup"
ansible-playbook remote.notebooks.restore --inventory="$scenario/../shared/inventory/" \
  --inventory="$scenario/replaced/" \
  -e @"$state/passphrase.yml" -e backup_file="$state/all.backup" -vvv >"$state/restore.log" 2>&1 && echo "restore $?"

[ "$(fingerprint "$state/pki")" = "$(fingerprint "$state/second/pki")" ] && echo "the same authority"
[ "$(contents 10.99.15.11)" = "$(contents 10.99.15.13)" ] && echo "the same notebooks, byte for byte"
contents 10.99.15.13 | wc -l
tr -d '\n' <"$state/credentials/bookworm/lab.password" >"$state/password"
url=https://10.99.15.13:8888 ca=$state/pki/ca/certs/ca.cert.pem jar=$state/jar
echo "the same password $(login "$state/password"), its session $(kernels "$jar")"
for log in backup restore; do
  echo "secrets in the log of $log: $(grep --count --fixed-strings -e "four words of mine" --file="$state/password" \
    "$state/$log.log" || true)"
done
