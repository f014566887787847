# shellcheck shell=bash
# The changes of each verb, on a host and here. Arguments: state folder, scenario folder, inventories.
set -euo pipefail
state=$1 scenario=$2; shift 2
known=("$@") plain=(--inventory="$scenario/../shared/inventory/" --inventory="$scenario/plain/")
ssh=(ssh -F /dev/null -i "$state/ssh/id_ed25519" -o UserKnownHostsFile="$state/ssh/known_hosts" debian@10.99.15.11 sudo)
cd "$state"
here() { { find credentials handoff pki tunnel locks ! -name .lock -printf '%p %y %m\n' -type f -exec sha256sum {} \
  \; 2>/dev/null || true; } | sort; }
look() { "${ssh[@]}" bash -s <"$scenario/snapshot.sh" >"$state/host.$1"; here >"$state/here.$1"; }
# The paths whose line has changed.
changed() {
    { diff "$state/$1.before" "$state/$1.after" || true; } | grep -oE '(/|credentials|handoff|pki|tunnel|locks)[^ ]*' \
      | sed 's|newcerts/.*|newcerts|' | sort -u | tr '\n' ' '
}
verb() { # inventory's name, verb, more
  local inventory=("${known[@]}") verb=$2 code=0
  if [[ $1 == plain ]]; then inventory=("${plain[@]}"); fi
  shift 2
  look before
  ansible-playbook "remote.notebooks.$verb" "${inventory[@]}" --limit=bookworm "$@" >"$state/verb-$verb.log" 2>&1 \
    || code=$?
  look after
  echo "$verb $code: host $(changed host | sed 's/ $//'); here $(changed here | sed 's/ $//')"
}
echo "backup_passphrase: four words of mine" >"$state/verbs.yml"

echo "an inventory that knows nothing"
for name in site rotate_password upgrade rollback renew report check; do verb plain $name; done
verb plain backup -e @"$state/verbs.yml" -e backup_notebooks=true -e backup_file="$state/none.backup"
tr -s '[:space:]' ' ' <"$state/verb-site.log" \
  | grep --only-matching --perl-regexp 'There are servers here.*? Nothing was changed' | sort -u
grep --only-matching 'night (port .*nothing of them' "$state/verb-rotate_password.log" | sort -u
grep --only-matching 'instance night: .*' "$state/verb-report.log" | sort -u
ls "$state/none.backup" 2>/dev/null || echo "no archive"

echo "the inventory as the play has it"
for name in report check handoff; do verb known $name; done
verb known renew -e jupyter_verify=false
