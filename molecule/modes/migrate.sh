# shellcheck shell=bash
# From an old configuration to a running server: migrate.sh FOLDER-OF-THE-CONTROL-NODE INVENTORY-ARGUMENT ...
set -uo pipefail
state=$1; shift
cd "$state" || exit 1
export ANSIBLE_NOCOLOR=1 ANSIBLE_FORCE_COLOR=0
ansible-playbook -vvvv remote.notebooks.migrate "$@" --limit trixie -e migrate_user=jupyter > migrate.log 2>&1
echo "migrate, rc $?"
file=credentials/trixie/migrated.yml
sed 's/\(hash: \)sha1:0123456789ab:[0-9a-f]\{40\}$/\1kept/; /^---/d' "$file"
echo "secrets in the output, $(grep -c 'sha1:0123' migrate.log)"
ansible-playbook remote.notebooks.site "$@" --limit trixie -e "@$file" > site.log 2>&1
echo "site, rc $?"
tr '\n' ' ' < site.log | sed 's/  */ /g' | grep -o 'the plan wins over it in: [A-Za-z_, .]*NotebookApp.port'
ask() { curl --silent --max-time 20 --noproxy '*' --cacert pki/ca/certs/ca.cert.pem --cookie jar --cookie-jar jar \
  -o /dev/null "$@"; }
login() {
    rm -f jar
    ask https://10.99.12.12:9999/login
    ask -w '%{http_code}\n' --data-urlencode "password=$1" --data-urlencode "_xsrf=$(awk '$6 == "_xsrf" { print $7 }' jar)" https://10.99.12.12:9999/login
}
echo "old password $(login 'old passwörd')"
echo "another password $(login 'old password')"
