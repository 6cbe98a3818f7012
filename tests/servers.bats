#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Servers as they are in the world.

load lib

# serves PORT REQUEST [OPTIONS]: it answers, and its connections have the options.
serves() {
    ask "$1" "$2"
    effect "connections on port $1" "${3:-$ours}" "$(connections_at "$1")"
}

http=$'GET / HTTP/1.1\r\nHost: localhost\r\n'

# nginx_conf [LISTEN_PARAMETERS]: $port and $port2, with two workers; the second port only
# where it is asked for.
nginx_conf() {
    cat >"$BATS_TEST_TMPDIR/nginx.conf" <<CONF
$([ "$(id -u)" -ne 0 ] || echo 'user root;')
daemon off;
worker_processes 2;
pid $BATS_TEST_TMPDIR/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    $(printf '%s_temp_path tmp;\n' client_body proxy fastcgi uwsgi scgi)
    server {
        $(printf 'listen 127.0.0.1:%s;\n' "$@")
        return 200 'hello\n';
    }
}
CONF
}

start_nginx() {
    need nginx
    port=$(free_port)
    nginx_conf "$port$1"
    serve "$port" nginx -p "$BATS_TEST_TMPDIR" -e stderr -c nginx.conf
}

# bats test_tags=effect
@test "nginx: master and workers, then a reload with a further port" {
    start_nginx ''
    serves "$port" "$http"
    second=$(free_port)
    nginx_conf "$port" "$second"
    kill -HUP "$server"
    wait_for 10 listens_on "$second"
    serves "$second" "$http"
    serves "$port" "$http"
}

# bats test_tags=effect
@test "nginx with so_keepalive=30m::10 keeps these" {
    start_nginx ' so_keepalive=30m::10'
    serves "$port" "$http" 'tcp connected keepalive=1 idle=1800 intvl=11 cnt=10 user_timeout=0'
}

# bats test_tags=effect
@test "redis-server with tcp-keepalive 0" {
    need redis-server
    port=$(free_port)
    serve "$port" redis-server --port "$port" --bind 127.0.0.1 --tcp-keepalive 0 --save '' \
        --dir "$BATS_TEST_TMPDIR"
    serves "$port" PING
}

accepted_at() {
    [ -n "$(connections_at "$1")" ]
}

# bats test_tags=effect
@test "python3 -m http.server" {
    need python3
    port=$(free_port)
    serve "$port" python3 -m http.server --bind 127.0.0.1 "$port"
    say "$port" 'GET / HTTP/1.0' # it hangs up where it has answered
    wait_for 10 accepted_at "$port"
    effect "connections on port $port" "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "socat with fork" {
    need socat
    port=$(free_port)
    serve "$port" socat "TCP-LISTEN:$port,bind=127.0.0.1,fork" EXEC:cat
    serves "$port" hello
    serves "$port" 'hello again'
}
