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
ansible-playbook remote.notebooks.rotate_password "$@" --limit=bookworm -e '{jupyter_only: [lab]}' \
  -vvv >"$state/rotate.log" 2>&1 && echo "rotate $?"
tr -d '\n' <"$password" >"$state/new-password"
echo "old password $(login "$state/old-password"), its session $(kernels "$state/old-jar")"
echo "new password $(login "$state/new-password"), its session $(kernels "$jar")"
[ "$night" = "$(sha256sum "$state/credentials/bookworm/night.password")" ] && echo "the other server keeps its own"

# Through the tunnel account. The pages that the person had switched off for another Jupyter are there.
tr -d '\n' <"$state/credentials/bookworm/night.password" >"$state/night-password"
url=http://localhost:28889 jar=$state/night-jar
ssh -F "$state/tunnel/config" -o ControlMaster=yes -o ControlPath="$state/held" -f -N -L 28889:localhost:8889 \
  bookworm-ipad
echo "its pages, through the device's account, $(login "$state/night-password") $(curl --silent --cookie "$jar" \
  --output /dev/null --write-out '%{http_code}' "$url/tree")"
ssh -F "$state/tunnel/config" -o ControlPath="$state/held" -O exit bookworm-ipad 2>/dev/null

echo "secrets in the log: $(grep --count --fixed-strings --file="$state/new-password" "$state/rotate.log" || true)"
