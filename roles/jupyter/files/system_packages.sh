#!/bin/sh
# Copyright: remote.notebooks contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Store which packages came to this system with us, and remove those again:
# system_packages.sh note|remember|remove FOLDER
#   note      before an installation: the installed packages
#   remember  after it: add the new packages, dependencies included, to FOLDER/packages
#   remove    the packages in FOLDER/packages that nothing else here needs; prints the others
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
before=$2/packages.before
ours=$2/packages

list() {
    if command -v dpkg-query >/dev/null; then
        dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p'
    else
        rpm --query --all --queryformat '%{NAME}\n'
    fi | sort -u
}

# The packages that would go with those on standard input, without them: others that need them.
others() {
    if command -v apt-get >/dev/null; then
        xargs apt-get --simulate purge | sed -nE 's/^(Purg|Remv) ([^ :]+).*/\2/p'
    else
        xargs rpm --query --whatrequires --queryformat '%{NAME}\n' | grep -v '^no package' || true
    fi | sort -u | comm -23 - "$ours"
}

# The packages that those on standard input need, directly or not.
needed() {
    if command -v apt-cache >/dev/null; then
        xargs apt-cache --installed --recurse --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
            depends |
            sed -nE 's/^ *\|?[A-Za-z]+: *<?([^ :<>]+)>?.*/\1/p'
    else
        xargs rpm --query --requires | sed 's/ .*//' | xargs rpm --query --whatprovides --queryformat '%{NAME}\n'
    fi | sort -u
}

case $1 in
note)
    # A run that was cut off leaves its installation running. The module that installs next does not wait for it.
    if command -v apt-get >/dev/null; then apt-get -qq -o DPkg::Lock::Timeout=300 install >&2; fi
    # The notes of an interrupted run still count.
    [ -e "$before" ] || { list >"$before.new" && mv "$before.new" "$before"; }
    ;;
remember)
    touch "$ours"
    { cat "$ours" && list | comm -13 "$before" -; } | sort -u >"$ours.new"
    mv "$ours.new" "$ours"
    rm "$before"
    ;;
remove)
    [ -e "$ours" ] || exit 0
    # One question for all of them, and one more for each that turns out to be needed.
    list | comm -12 - "$ours" >"$ours.going"
    while [ -s "$ours.going" ]; do
        others=$(others <"$ours.going")
        [ -n "$others" ] || break
        echo "$others" | needed | comm -12 - "$ours.going" >"$ours.staying"
        # Where nothing tells which of them is needed, all stay.
        [ -s "$ours.staying" ] || cp "$ours.going" "$ours.staying"
        echo "$(paste -sd' ' "$ours.staying") stay: $(echo "$others" | paste -sd' ' -) would be removed with them"
        comm -23 "$ours.going" "$ours.staying" >"$ours.new"
        mv "$ours.new" "$ours.going"
    done
    # shellcheck disable=SC2046 # a word is a package
    set -- $(cat "$ours.going")
    rm -f "$ours.going" "$ours.staying"
    [ $# -gt 0 ] || exit 0
    if command -v apt-get >/dev/null; then
        apt-get -qq --yes -o DPkg::Lock::Timeout=300 purge "$@" >&2
    else
        rpm --erase "$@" >&2
    fi
    ;;
esac
