#!/usr/bin/env bash
# run.sh OUT INVENTORIES NAME PLAYBOOK [ARGUMENT ...]: a playbook as its operator runs it; says how it ended and keeps
# its output.
out=$1 name=$3 playbook=$4
read -ra inventories <<<"$2"
shift 4
timeout 300 ansible-playbook "${inventories[@]}" "$playbook" "$@" >"$out/$name.log" 2>&1
echo "$name rc $?"
