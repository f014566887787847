# shellcheck shell=bash
# The files of root's `make up` are removed again: verify.yml compares standard output.
set -uo pipefail
cd "/root/my notebooks/remote.notebooks" || exit 1
echo 'a line of mine' > /home/jupyter/notebooks/mine.txt
make down > ../down.log 2>&1
echo "rc $?, $(ss --no-header --listening --numeric --tcp 'sport = :8888' | wc -l) listen"
nft list tables | grep remote_notebooks
ufw --force enable > ../ufw.log
ufw status numbered | diff ../ufw.before - && echo "ufw is as it was"
# The manifest of the remaining resources stays with them.
find /etc/remote-notebooks /opt/remote-notebooks /etc/systemd/system/jupyter@* ! -type d ! -name manifest.json 2> \
  /dev/null
cat /home/jupyter/notebooks/mine.txt
