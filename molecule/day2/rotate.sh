# shellcheck shell=bash
# A new password. Arguments: state folder, inventories.
set -euo pipefail
state=$1; shift
# shellcheck source=molecule/day2/clients.sh
source "$(dirname "$0")/clients.sh"
url=https://10.99.15.11:8888 ca=$state/pki/ca/certs/ca.cert.pem jar=$state/jar
password=$state/credentials/bookworm/lab.password
tr -d '\n' <"$password" >"$state/old-password"
echo "old password $(login "$state/old-password"), its session $(kernels "$jar")"
cp "$jar" "$state/old-jar"
night=$(sha256sum "$state/credentials/bookworm/night.password")
ansible-playbook remote.notebooks.rotate_password "$@" --limit=bookworm -e '{jupyter_only: [lab]}' -vvv >"$state/rotate.log" 2>&1 && echo "rotate $?"
tr -d '\n' <"$password" >"$state/new-password"
echo "old password $(login "$state/old-password"), its session $(kernels "$state/old-jar")"
echo "new password $(login "$state/new-password"), its session $(kernels "$jar")"
[ "$night" = "$(sha256sum "$state/credentials/bookworm/night.password")" ] && echo "the other server keeps its own"
echo "secrets in the log: $(grep --count --fixed-strings --file="$state/new-password" "$state/rotate.log" || true)"
