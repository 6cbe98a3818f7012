#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Servers as they are in the world.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/servers.bash
. "$BATS_TEST_DIRNAME/servers.bash"

# serves PORT REQUEST [OPTIONS]: it answers, and its connections have the options.
serves() {
    ask "$1" "$2"
    effect "connections on port $1" "${3:-$ours}" "$(connections_at "$1")"
}

get=$'GET / HTTP/1.1\r\nHost: localhost\r\n'

# start_nginx PARAMETERS: of its listen directive.
start_nginx() {
    dir=$BATS_TEST_TMPDIR port=$(free_port)
    server_nginx
    nginx_conf "$port$1"
    serve "$port" "${command[@]}"
}

have_ended() {
    ! kill -0 "$@" 2>/dev/null
}

# bats test_tags=effect
@test "nginx: master and workers, then a reload with a further port" {
    start_nginx ''
    serves "$port" "$get"
    second=$(free_port)
    nginx_conf "$port" "$second"
    mapfile -t workers < <(pgrep -P "$server")
    kill -HUP "$server"
    wait_for 10 listens_on "$second"
    wait_for 10 have_ended "${workers[@]}" # or one of these answers, and hangs up
    serves "$second" "$get"
    serves "$port" "$get"
}

# bats test_tags=effect
@test "nginx with so_keepalive=30m::10 keeps these" {
    start_nginx ' so_keepalive=30m::10'
    serves "$port" "$get" 'tcp connected keepalive=1 idle=1800 intvl=11 cnt=10 user_timeout=0'
}

# ---- many, as servers.bash runs them -----------------------------------------------------

# Some run as users of their own, who can't read the library below /root.
setup() {
    install -m 644 "$KASHIM_LIB" "$BATS_FILE_TMPDIR/libkashim.so"
    KASHIM_LIB=$BATS_FILE_TMPDIR/libkashim.so
}

accepted_at() {
    [ -n "$(connections_at "$1")" ]
}

# talk: to the server, until it has answered.
talk() {
    exec {client}<>"/dev/tcp/127.0.0.1/$port"
    printf '%b' "$request" >&"$client"
    if [ "$silent" ]; then
        wait_for 10 accepted_at "$port"
    else
        LC_ALL=C read -r -N 1 -t 20 <&"$client" || { echo 'no answer'; cat "$dir/server"; return 1; }
    fi
}

# options_of NAME LIBRARY: in $options, those of its connections. In a session of its own,
# since Apache, told to end, ends all of its process group.
options_of() {
    dir=$BATS_TEST_TMPDIR/$1${2:+-shimmed} port=$(free_port) silent='' options=''
    mkdir "$dir"
    "server_$1"
    serve_bare "$port" setsid env ${2:+"LD_PRELOAD=$2"} "${timers[@]}" "${command[@]}"
    talk || return 1
    options=$(connections_at "$port")
    kill_started
    started=()
}

# shown: options as a cell of the table.
shown() {
    sed 's/.*keepalive=0.*/off/; s/.*keepalive=1 idle=\([0-9]*\) intvl=\([0-9]*\) cnt=\([0-9]*\).*/\1, \2, \3/' <<<"$1" | sort -u
}

# is_served NAME TITLE: its connections have the options. With SERVERS_TABLE, a file, it is
# run without the library as well, and gets a row there.
is_served() {
    local without=''
    [ ! "${SERVERS_TABLE-}" ] || { options_of "$1" '' && without=$options; }
    options_of "$1" "$KASHIM_LIB"
    [ ! "${SERVERS_TABLE-}" ] || printf '| %s | %s | %s | %s |\n' "$2" \
        "$("${version[@]}" 2>&1 | grep -oE -m 1 '[0-9]+[0-9.a-z]*' | head -n 1)" \
        "$(shown "$without")" "$(shown "$options")" >>"$SERVERS_TABLE"
    effect "connections of $1" "$ours" "$options"
}

# bats test_tags=effect
@test "nginx" {
    is_served nginx "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "redis-server with tcp-keepalive 0" {
    is_served redis "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "PostgreSQL" {
    is_served postgresql "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "MariaDB" {
    is_served mariadb "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "OpenSSH" {
    is_served openssh "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Dropbear" {
    is_served dropbear "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Apache, event" {
    is_served apache_event "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Apache, prefork" {
    is_served apache_prefork "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "HAProxy" {
    is_served haproxy "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "memcached" {
    is_served memcached "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "vsftpd" {
    is_served vsftpd "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Mosquitto" {
    is_served mosquitto "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Dovecot" {
    is_served dovecot "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "lighttpd" {
    is_served lighttpd "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "socat with fork" {
    is_served socat "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "rsync daemon" {
    is_served rsync "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "git daemon" {
    is_served git "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "busybox httpd" {
    is_served busybox "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Python asyncio" {
    is_served python_asyncio "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "python3 -m http.server" {
    is_served python_http "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Node" {
    is_served node "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Java, blocking" {
    is_served java_blocking "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Java, NIO" {
    is_served java_nio "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Perl" {
    is_served perl "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "PHP" {
    is_served php "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Ruby" {
    is_served ruby "$BATS_TEST_DESCRIPTION"
}

# bats test_tags=effect
@test "Erlang" {
    is_served erlang "$BATS_TEST_DESCRIPTION"
}
