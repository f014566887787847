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

# The packages that would go with "$1", itself included. One that others need goes with them.
with() {
    if command -v apt-get >/dev/null; then
        apt-get --simulate purge "$1" | sed -nE 's/^(Purg|Remv) ([^ :]+).*/\2/p'
    else
        echo "$1"
        rpm --query --whatrequires --queryformat '%{NAME}\n' "$1" | grep -v '^no package' || true
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
    set --
    for package in $(list | comm -12 - "$ours"); do
        others=$(with "$package" | comm -23 - "$ours")
        if [ -z "$others" ]; then
            set -- "$@" "$package"
        else
            echo "$package stays: $(echo "$others" | tr '\n' ' ')need it"
        fi
    done
    [ $# -gt 0 ] || exit 0
    if command -v apt-get >/dev/null; then
        apt-get -qq --yes -o DPkg::Lock::Timeout=300 purge "$@" >&2
    else
        rpm --erase "$@" >&2
    fi
    ;;
esac
