# shellcheck shell=bash
# An ordinary account on its own machine: verify.yml compares standard output, the logs are beside the checkout.
set -uo pipefail
cd "/home/ann/my notebooks/remote.notebooks" || exit 1
# Its Python has no pip, and the lists of packages are root's.
make up > ../1.log 2>&1
echo "up: rc $?"
curl --silent --output /dev/null --write-out 'answers %{http_code}\n' http://localhost:8888/login
make up > ../2.log 2>&1
echo "again: rc $?, $(grep -oE 'changed=[0-9]+ +unreachable=0 +failed=0' ../2.log | tr -s ' ')"

# Any program of this environment starts, with any name of the folder.
. .venv/bin/activate
ansible-playbook --version > ../version.log 2>&1
echo "ansible-playbook: rc $?"
deactivate

echo 'a line of mine' > ~/notebooks/mine.txt
make down > ../down.log 2>&1
echo "down: rc $?, $(ss --no-header --listening --numeric --tcp 'sport = :8888' | wc -l) listen"
# The manifest of the remaining resources stays with them.
find ~/.config ~/.local/share/remote-notebooks ! -type d ! -name manifest.json 2> /dev/null
cat ~/notebooks/mine.txt
