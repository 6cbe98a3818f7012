#!/bin/bash
# SPDX-License-Identifier: MIT
#
# lab.sh COMMAND [ARG...]: runs COMMAND on the server of a lab of two network hosts,
#
#     server 192.0.2.1  eth0 ===== cable ===== eth0  192.0.2.2 client
#            2001:db8::1                             2001:db8::2
#
# and ends with its exit status, or with 3 if there can be no lab: stderr says why. Runs
# as root, and as an ordinary user where the system lets one make user namespaces.
#
# Nothing is left behind, however it ends: the hosts have no names, only processes, and
# these live in a PID namespace that dies with this script.
#
# COMMAND finds in its environment
#
#     LAB_SERVER LAB_SERVER6 LAB_CLIENT LAB_CLIENT6    the addresses
#     LAB_DIR                                          an empty directory for its files
#
# and, if it is a bash script, can source this file for
#
#     on_client COMMAND [ARG...]    runs COMMAND on the client
#     cut_link, mend_link           pulls the client's cable, plugs it in again
#     talker PIPE PORT              starts a client that says what is written to PIPE, and
#                                   never reads
#     clients_at PORT               the ports of those connected to this one
#     last_question PIPE PORT CLIENT TEXT    has a talker on port CLIENT say TEXT, and pulls
#                                   its cable, so that no answer gets through
#     wait_for SECONDS COMMAND...   polls until COMMAND succeeds; fails when time is up
#     listening PORT                whether something on the server does
#     capture PORT                  starts tcpdump on the server, into a file
#     story PORT                    what it saw so far, as told by probes.awk
#     in_lab                        whether this is the lab at all

# Where Debian keeps nft and many a server, and an ordinary user's PATH doesn't look.
PATH=$PATH:/usr/sbin:/sbin

# The client's network namespace is held by this descriptor, which all inherit.
lab_client_fd=8

# Put in front of a function of this file, for programs that exec a command.
lab_file=$(realpath "${BASH_SOURCE[0]}")
# shellcheck disable=SC2016
lab_self=(bash -c '. "$1"; shift; "$@"' lab "$lab_file")

in_lab() {
    [[ $(readlink /proc/self/fd/$lab_client_fd) == net:* ]]
}

on_client() {
    nsenter --net=/proc/self/fd/$lab_client_fd -- "$@"
}

# Neighbour discovery goes on, as ARP does, or the server would be told that there is no
# route: a peer that vanishes behind its router looks like this.
cut_link() {
    on_client nft -f - <<'END'
table inet cable {
    chain input {
        type filter hook input priority 0; policy drop;
        meta l4proto 58 accept # ICMPv6; names take /etc/protocols
    }
}
END
}

mend_link() {
    on_client nft delete table inet cable
}

talker() {
    mkfifo "$1"
    # shellcheck disable=SC2016
    on_client bash -c 'exec 3<>"/dev/tcp/$1/$2" && exec cat <>"$0" >&3' "$1" "$LAB_SERVER" "$2" &
}

clients_at() {
    ss -Htn state established "sport = :$1" | sed 's/.*:\([0-9]*\) *$/\1/'
}

last_question() {
    lose input "$3"
    printf %s "$4" >"$1"
    wait_for 10 asked "$2" || return
    lose output "$3"
}

asked() {
    story "$1" | grep -q ' asks '
}

# lose input|output PORT: what comes to that port of the client, or from it.
lose() {
    local end=sport
    [ "$1" = output ] || end=dport
    on_client nft -f - <<END
table inet lost {
    chain $1 {
        type filter hook $1 priority 0;
        tcp $end $2 drop;
    }
}
END
}

listening() {
    [ -n "$(ss -Hltn "sport = :$1")" ]
}

capture() {
    local said=$LAB_DIR/tcpdump.$1
    tcpdump -i eth0 --immediate-mode -l -n -S -tt -vv tcp port "$1" \
        >"$LAB_DIR/packets.$1" 2>"$said" &
    wait_for 10 grep -qs 'listening on' "$said" || { cat "$said" >&2; return 1; }
}

story() {
    awk -v server="$LAB_SERVER.$1" -f "${lab_file%/*}/probes.awk" "$LAB_DIR/packets.$1"
}

wait_for() {
    local deadline=$((SECONDS + $1 + 1)) # SECONDS has no fraction
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

# lab_output FILE: its whole path, if it can be written to; nothing is left of the trial.
lab_output() {
    local there=yes
    [ -e "$1" ] || there=
    { : >>"$1"; } 2>/dev/null || return
    realpath -- "$1"
    [ "$there" ] || rm -f -- "$1"
}

lab_refuse() {
    echo "no lab: $*" >&2
    exit 3
}

lab_check_programs() {
    local program missing=''
    for program in awk ip mount nft nsenter setpriv ss tcpdump unshare; do
        command -v "$program" >/dev/null || missing+=" $program"
    done
    [ -z "$missing" ] || lab_refuse "missing:$missing (scripts/install-deps.sh installs it)"
}

# Sets lab_unshare to the way in which this user may make namespaces. Mapped to root
# instead, tcpdump would try to drop its privileges, and fail.
lab_check_namespaces() {
    local error
    lab_unshare=(unshare --net --mount --pid --fork --kill-child)
    error=$("${lab_unshare[@]}" true 2>&1) && return
    lab_unshare+=(--user --map-current-user --keep-caps)
    error=$("${lab_unshare[@]}" true 2>&1) && return
    lab_refuse "namespaces are refused (${error##*$'\n'}); be root, or have user" \
        "namespaces allowed: sysctl kernel.unprivileged_userns_clone," \
        "kernel.apparmor_restrict_unprivileged_userns, user.max_user_namespaces"
}

# On the client, that is: keeps its namespace by a descriptor, and makes the server's.
lab_inside() {
    mount -t tmpfs -o mode=755 lab "$LAB_DIR" || lab_refuse 'cannot mount a tmpfs'
    mount -t proc proc /proc 2>/dev/null || : # refused in containers, and not missed
    eval "exec $lab_client_fd</proc/self/ns/net"
    exec unshare --net "${lab_self[@]}" lab_serve "$@"
}

lab_serve() {
    ip link add eth0 type veth peer name eth0 netns /proc/self/fd/$lab_client_fd ||
        lab_refuse 'cannot make a veth pair'
    lab_address "$LAB_SERVER" "$LAB_SERVER6"
    on_client "${lab_self[@]}" lab_address "$LAB_CLIENT" "$LAB_CLIENT6" || exit
    { cut_link && mend_link; } || lab_refuse 'cannot make an nft table'
    "$@"
}

lab_address() {
    { ip address add "$1/24" dev eth0 && ip link set lo up && ip link set eth0 up; } ||
        lab_refuse 'cannot set up the interfaces'
    ip address add "$2/64" dev eth0 nodad 2>/dev/null || : # a kernel without IPv6
}

# Disowned, or bash reports the kill.
lab_end() {
    { disown "${lab_pid-}" && kill -KILL "$lab_pid"; } 2>/dev/null || :
    rmdir "$LAB_DIR"
}

lab_main() {
    set -eu
    case $#${1+ $1} in
    0) echo "usage: ${0##*/} COMMAND [ARG...]" >&2; exit 2 ;;
    *' -h' | *' --help') sed -n '4,/^$/s/^# \{0,1\}//p' "$lab_file"; exit ;;
    esac
    lab_check_programs
    lab_check_namespaces

    # The library is copied there, and LD_PRELOAD can't hold a blank or a colon.
    [[ ${TMPDIR-} != *[[:space:]:]* ]] || TMPDIR=/tmp
    LAB_DIR=$(mktemp -d)
    export LAB_DIR
    export LAB_SERVER=192.0.2.1 LAB_SERVER6=2001:db8::1
    export LAB_CLIENT=192.0.2.2 LAB_CLIENT6=2001:db8::2

    # In the background, because bash runs a trap only between commands or in wait, and
    # unshare blocks the signals that would end it.
    trap lab_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    setpriv --pdeathsig KILL "${lab_unshare[@]}" "${lab_self[@]}" lab_inside "$@" <&0 &
    lab_pid=$!
    wait "$lab_pid"
}

[ "${BASH_SOURCE[0]}" != "$0" ] || lab_main "$@"
