# shellcheck shell=bash
# README from its first line to its last, as a new user types it: verify.yml compares standard output. The clone comes
# from this machine. All else is as on a bare one: no pip, no venv.
set -uo pipefail
logs="$HOME/my notebooks/logs"
mkdir -p "$logs" ~/notebooks
echo 'a line of mine' > ~/notebooks/mine.txt
# A fresh system has no lists of packages.
[ "$(id -u)" != 0 ] || rm -rf /var/lib/apt/lists/*
git config --global url."file://$HOME/source".insteadOf https://github.com/remote-notebooks/remote.notebooks
git -C ~/source init --quiet && git -C ~/source add --all
git -C ~/source -c user.name=a -c user.email=a@example.org commit --quiet --message clone
script="$HOME/my notebooks/readme.script"
cd "$HOME/my notebooks" || exit 1
python3 ~/source/molecule/smoke/readme.py ~/source/README.md > "$script"
. "$script"

# The second `make up` follows `make new`, whose defaults are the settings of the first, which has a terminal.
number=$(grep -n '^{ make up$' "$script" | sed -n 1p | cut -d: -f1)
echo "again: $(grep -oE 'changed=[0-9]+ +unreachable=0 +failed=0' "$logs/$(((number + 1) / 2)).log" | tr -s ' ')"
timer=$([ -d /run/systemd/system ] && echo systemd || echo cron)
grep --quiet "every day at 03:30: renew, check, report ($timer, remote-notebooks-" "$logs"/*.log && echo "every night"
crontab -l 2> /dev/null
# The manifest of the remaining resources stays with them.
find ~/.config ~/.local/share/remote-notebooks /etc/remote-notebooks /opt/remote-notebooks \
  ! -type d ! -name manifest.json 2> /dev/null
cat ~/notebooks/mine.txt
