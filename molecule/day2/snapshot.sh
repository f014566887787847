# shellcheck shell=bash
# The state of a host that a verb must not change: files with mode, owner, target and digest, accounts among them;
# servers, firewall, timers. Of environments, thousands of files that never change, size and time are enough. Files that
# a kernel of a check writes are left out.
set -euo pipefail
export LC_ALL=C
left_out=(\( -name .ansible -o -name .ipython -o -path '*/.local/share/jupyter' \) -prune)
find /etc /home /opt /root /srv -xdev "${left_out[@]}" -o \( -type d -printf '%p d %m %u:%g\n' \
  -o -printf '%p %y %m %u:%g %s %T@ %l\n' \) | sort
find /etc /home /root /srv -xdev "${left_out[@]}" -o -type f -print0 | sort -z | xargs -0 sha256sum
systemctl show --property Id,MainPID,UnitFileState 'jupyter@*' 'user@*' fail2ban.service
nft list ruleset 2>/dev/null || true
