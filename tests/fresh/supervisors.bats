#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What else starts servers, in a fresh Debian 12: the lines of the README's table "Elsewhere",
# each in the real thing.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/fresh/tree.bash
. "$BATS_TEST_DIRNAME/tree.bash"

setup_file() {
    export tree=$BATS_FILE_TMPDIR/tree
    make_tree "$tree"
    in_tree "$tree" "apt-get -qq update
        apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends gcc libc6-dev make iproute2 \
            supervisor runit s6 openrc
        make && make install && gcc -o /usr/local/bin/anyserver tests/fresh/anyserver.c" >"$BATS_FILE_TMPDIR/log" 2>&1 ||
        { tail -n 30 "$BATS_FILE_TMPDIR/log"; return 1; }
}

teardown_file() {
    rm -rf --one-file-system "$tree"
}

# line WHERE: the line for it, of the table.
line() {
    local line
    line=$(sed -n "s/^| $1 |.*\`\([^\`]*\)\` |\$/\1/p" "$root/README.md")
    effect "in the README: $1" 1 "$(grep -c . <<<"$line")"
    echo "$line"
}

# file PATH: in the tree, of what is on stdin.
file() {
    mkdir -p "$tree/${1%/*}"
    cat >"$tree/$1"
    chmod +x "$tree/$1"
}

# served SCRIPT: what it starts listens, and its connections have keepalive.
served() {
    local said status=0
    said=$(in_tree "$tree" alone "listens() { [ -n \"\$(ss -Hltn 'sport = :12345')\" ]; }
        started() { for i in \$(seq 500); do listens && return; sleep 0.02; done; return 1; }
        $1
        started; client; has_idle_60; exec {client}>&-
        $2" 2>&1) || status=$?
    effect "$BATS_TEST_DESCRIPTION" 0 "$status$([ $status = 0 ] || printf '\n%s' "$said" | tail -n 30)"
}

# bats test_tags=effect
@test "SysV's init scripts" {
    file etc/default/anyserver <<<"$(line "SysV's init scripts")"
    file etc/init.d/anyserver <<'END'
#!/bin/sh
### BEGIN INIT INFO
# Provides: anyserver
# Default-Start: 2 3 4 5
# Default-Stop:
### END INIT INFO
[ ! -r /etc/default/anyserver ] || . /etc/default/anyserver
case $1 in
start) start-stop-daemon --start --background --make-pidfile --pidfile /run/anyserver.pid --exec /usr/local/bin/anyserver ;;
stop) start-stop-daemon --stop --pidfile /run/anyserver.pid ;;
esac
END
    served 'service anyserver start' 'service anyserver stop'
}

# bats test_tags=effect
@test "supervisord" {
    printf '[supervisord]\n[program:anyserver]\ncommand=/usr/local/bin/anyserver\n%s\n' "$(line supervisord)" |
        file etc/supervisord-test.conf
    served 'supervisord -n -c /etc/supervisord-test.conf &' 'kill $!; wait'
}

# bats test_tags=effect
@test "runit" {
    printf '#!/bin/sh\n%s\n' "$(line 'runit, s6')" | file srv/runit/anyserver/run
    served 'runsvdir /srv/runit &' 'sv -w 5 stop /srv/runit/anyserver'
}

# bats test_tags=effect
@test "s6" {
    printf '#!/bin/sh\n%s\n' "$(line 'runit, s6')" | file srv/s6/anyserver/run
    served 's6-svscan /srv/s6 &' 's6-svc -wD -d /srv/s6/anyserver'
}

# bats test_tags=effect
@test "OpenRC" {
    file etc/conf.d/anyserver <<<"$(line OpenRC)"
    file etc/init.d/anyserver <<'END'
#!/sbin/openrc-run
command=/usr/local/bin/anyserver
command_background=yes
pidfile=/run/anyserver.pid
END
    served 'mkdir -p /run/openrc && touch /run/openrc/softlevel; rc-service anyserver start' 'rc-service anyserver stop'
}
