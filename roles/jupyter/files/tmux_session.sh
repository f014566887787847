#!/bin/sh
# Stop, start or ask a tmux session: sh tmux_session.sh stop|start|ask TMUX-COMMAND [WORD ...]
#
# In the environment: session; server, the process id of its server or 0; uid, the number of the account of that
# process; account, the account of the tmux. Both accounts are empty where they are the caller's own. start: the command
# of the server.
#
# The tmux belongs to another account and may answer anything, so that
# - each signal is sent with the account's rights: a number may by now belong to another process
# - each command has its time: the account may stop its processes
# - tmux gets no descriptor of the caller, which it could keep, and its answer has a limit.
verb=$1
shift

as() { timeout --kill-after=1 "$@" </dev/null; }
asked() { as "$@" 2>&1 | timeout --kill-after=1 "$1" head -c 4000; }
is_number() { case $1 in '' | 0* | *[!0-9]*) false ;; esac; }
signal() {
    of=$1
    shift
    [ -z "$account" ] || is_number "$of" || return 0
    # shellcheck disable=SC2016 # the inner shell expands it
    as 5 ${of:+setpriv --reuid="$of" --clear-groups} sh -c 'kill "$@"' sh "$@" 2>/dev/null
}

stop_session() {
    : "${session:?}" "${server:?}" "${uid?}" "${account?}"
    # The shell in the pane passes TERM on to the server and waits for it: kernels end, and the port is free.
    pane=$(asked 10 "$@" list-panes -t "=$session" -F '#{pane_pid}' | head -n 1)
    is_number "$pane" && signal "${account:+$(id -u "$account")}" -TERM "$pane"
    for _try in $(seq 40); do
        { is_number "$server" && signal "$uid" -0 "$server" || as 5 "$@" has-session -t "=$session"; } \
            >/dev/null 2>&1 || break
        sleep 0.5
    done
    is_number "$server" && signal "$uid" -KILL "$server"
    as 10 "$@" kill-session -t "=$session" >/dev/null 2>&1
}

start_session() {
    # Every account may create the folder of its sockets in /tmp first; such a folder is moved aside by its name.
    if [ -n "$account" ]; then
        number=$(id -u "$account")
        folder=/tmp/tmux-$number
        [ "$(stat -c %u "$folder" 2>/dev/null || echo "$number")" = "$number" ] || mv -T "$folder" "$folder.$(date +%s)"
    fi
    : "${start:?}"
    said=$(asked 30 "$@" new-session -d -s "$session" "exec $start")
    as 10 "$@" has-session -t "=$session" >/dev/null 2>&1 && exit
    echo "$said" >&2
    exit 1
}

case $verb in
stop)
    stop_session "$@"
    exit 0
    ;;
start)
    stop_session "$@"
    start_session "$@"
    ;;
ask)
    # A tmux that does not answer ends no run: the other servers have still to be started.
    as 30 "$@" 2>&1 | timeout --kill-after=1 30 head -c 20000
    exit 0
    ;;
esac
