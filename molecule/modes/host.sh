# shellcheck shell=bash
# The files and rules of a mode on its host, by the host's own tools.
set -uo pipefail
echo "listens on $(ss -Hltn 'sport = :8888' | awk '{print $4}' | sort | tr '\n' ' ' | sed 's/ $//')"
echo "files: $(find /etc/remote-notebooks/lab -type f -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
cmp -s /root/user.rules /etc/ufw/user.rules && cmp -s /root/user6.rules /etc/ufw/user6.rules \
  && echo "the firewall's rules are as they were"
ufw status | sed -n 's/^8888\/tcp *ALLOW *\([^ ]*\).*/open for \1/p' | sort -u
grep -o '"id": "rule [^"]*"' /opt/remote-notebooks/manifest.json | grep -c . | sed 's/^/rules in the list: /'
grep -o '"id": "file [^"]*tls.pem"' /opt/remote-notebooks/manifest.json | grep -c . \
  | sed 's/^/certificates in the list: /'
exit 0
