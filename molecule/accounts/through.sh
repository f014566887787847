# shellcheck shell=bash
# Through the jump host's account to the SSH server behind it: through.sh FOLDER-OF-THE-CONTROL-NODE STEP ...
set -uo pipefail
cd "$1" || exit 1
shift
target=10.99.10.12:22
words() { grep -oE -m 1 -e 'SSH-2.0' -e 'administratively prohibited' -e 'Permission denied'; }
device=(ssh -F tunnel/config -o BatchMode=yes -o ConnectTimeout=10)
administrator=(ssh -F none -o BatchMode=yes -o UserKnownHostsFile=ssh/known_hosts -o IdentitiesOnly=yes \
  -i ssh/id_ed25519 debian@10.99.10.13)
known=(-o "UserKnownHostsFile=tunnel/jump/known_hosts" -o HostKeyAlias=10.99.10.13)
for step in "$@"; do
    case $step in
    device) echo "$step $(timeout 20 "${device[@]}" -W $target jump-ipad 2>&1 </dev/null | words)" ;;
    device-2222) echo "$step $(timeout 20 "${device[@]}" -p 2222 -o HostKeyAlias=10.99.10.13 -W $target \
      jump-ipad 2>&1 </dev/null | words)" ;;
    visitor) echo "$step $(timeout 20 "${device[@]}" -W localhost:22 jump-visitor 2>&1 </dev/null | words)" ;;
    administrator) echo "$step $(timeout 20 "${administrator[@]}" -W $target 2>&1 </dev/null | words)" ;;
    hold)
        cp tunnel/jump/ipad old-key
        "${device[@]}" -f -N -M -S held jump-ipad
        ;;
    held) "${device[@]}" -S held -O check jump-ipad 2>/dev/null && echo "held alive" || echo "held ended" ;;
    old) echo "$step $(timeout 20 ssh -F none -o BatchMode=yes "${known[@]}" -o IdentitiesOnly=yes \
      -i old-key -W $target ipad@10.99.10.13 2>&1 </dev/null | words)" ;;
    esac
done
