#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the scripts that run in the tree share.

# start COMMAND LINE: as somebody types it, in the background; waits until 12345 is listened
# on.
start() {
    local i
    bash -c "$1" </dev/null >/tmp/server 2>&1 &
    for ((i = 0; i < 500; i++)); do
        [ -z "$(ss -Hltn 'sport = :12345')" ] || return 0
        sleep 0.02
    done
    cat /tmp/server
    return 1
}

# stop: what start has started, and waits until nobody listens.
stop() {
    local i
    exec {client}>&-
    ss -Hltnp 'sport = :12345' | grep -o 'pid=[0-9]*' | cut -d= -f2 | sort -u | xargs -r kill
    for ((i = 0; i < 500; i++)); do
        [ -n "$(ss -Hltn 'sport = :12345')" ] || return 0
        sleep 0.02
    done
    return 1
}

# lock_apt SECONDS: as another apt does that is at work, in the background.
lock_apt() {
    perl -e 'my $all = pack "s s x4 q q i x4", 1, 0, 0, 0, 0; # F_WRLCK
        open my $packages, ">", "/var/lib/dpkg/lock-frontend" or die;
        open my $lists, ">", "/var/lib/apt/lists/lock" or die;
        fcntl $_, 6, $all or die for $packages, $lists; # F_SETLK
        print "locked\n"; close STDOUT; sleep shift; close $lists; sleep 5' "$1" >/tmp/lock &
    until grep -qs locked /tmp/lock; do sleep 0.02; done
}

# client: connects, and waits until that is accepted.
client() {
    exec {client}<>/dev/tcp/127.0.0.1/12345
}

# keepalive: of the server's side of the connection, says the kernel: the seconds until the
# next probe, or off. The timer's granularity may add a little.
keepalive() {
    local i timer
    for ((i = 0; i < 250; i++)); do
        [ -z "$(ss -Htn 'sport = :12345')" ] || break
        sleep 0.02
    done
    timer=$(ss -Htno 'sport = :12345' | grep -o 'timer:(keepalive,[^,]*' | cut -d, -f2) || :
    echo "${timer:-off}"
}

# has_idle_60: within the second that the test has taken, and the timer's eighth.
has_idle_60() {
    local left
    left=$(keepalive)
    case $left in
    5[0-9]sec | 6[0-7]sec | 1min | 1min[0-7]sec | 1min[0-7].*) ;;
    *) echo "the next probe: $left" && return 1 ;;
    esac
}
