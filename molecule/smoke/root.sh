# shellcheck shell=bash
# Root, on a machine with ufw, for the network: verify.yml compares standard output, the logs are beside the
# checkout.
set -uo pipefail
cd "/root/my notebooks/remote.notebooks" || exit 1
logs="/root/my notebooks"
mkdir inventory
cat > inventory/hosts.yml << 'END'
all:
  hosts:
    lab.example.org:
      ansible_connection: local
      ansible_python_interpreter: /usr/bin/python3
  vars:
    jupyter_access: direct
    jupyter_addresses: [10.99.1.11]
    jupyter_allowed_sources: [10.99.1.12/32]
    jupyter_ca_bundle: /etc/ssl/test-bundle.crt
END
listens() { if ss --no-header --listening --numeric --tcp 'sport = :8888' | grep -q .; then echo listens
else echo "listens not"; fi; }
ufw status numbered > "$logs/ufw.before"

echo "where the firewall cannot be changed"
mount --bind /etc/ufw /etc/ufw && mount -o remount,bind,ro /etc/ufw
make up > "$logs/0.log" 2>&1
echo "rc $?, it $(listens), named $(tr -s '\n ' ' ' < "$logs/0.log" | grep -c 'ufw allow [^:]*8888[^:]* failed: ')"
umount /etc/ufw

echo "up"
make up > "$logs/1.log" 2>&1
echo "rc $?, it $(listens)"
ufw status | grep 8888 | tr -s ' '

echo "typed"
python3 molecule/smoke/typed.py README.md docs/*.md roles/*/README.md 2> "$logs/typed.log"

echo "where no firewall runs"
ufw --force disable > "$logs/ufw.log"
make up > "$logs/2.log" 2>&1
echo "rc $?, it $(listens)"
nft list tables | grep remote_notebooks
