#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Kinds of units in a real systemd, and what kashim enable makes of them.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/systemd/container.bash
. "$BATS_TEST_DIRNAME/container.bash"
# shellcheck source=tests/systemd/judge.bash
. "$BATS_TEST_DIRNAME/judge.bash"

# not_enabled UNIT WORD...: refused with these words, and nothing is written.
not_enabled() {
    kashim enable "${timers[@]}" --now "$1"
    effect 'exit status' 1 "$status"
    tells "${@:2}"
    effect 'drop-in' gone "$(state_of "$(drop_in "$1")")"
}

# has STATE IDLE INTVL CNT: all of webhook's sockets of that state.
has() {
    effect "webhook, $1" "tcp $1 keepalive=1 idle=$2 intvl=$3 cnt=$4 user_timeout=0" "$(options_at 9000 "$1")"
}

# bats test_tags=effect
@test "a hardened service" {
    is_served hardened.service 7001 'hello\n'
}

# bats test_tags=effect
@test "an instance of a template" {
    is_served echo@7010.service 7010 'hello\n'
}

# bats test_tags=effect
@test "a template: its instances that run, and those that start" {
    local port
    inside systemctl start echo@7011 echo@7012
    wait_for 20 listens_there 7011
    wait_for 20 listens_there 7012
    kashim enable "${timers[@]}" --now echo@
    done_well enable
    inside systemctl start echo@7013
    wait_for 20 listens_there 7013
    for port in 7011 7012 7013; do
        served $port 'hello\n' enabled
    done
    kashim disable --now echo@
    done_well disable
    inside systemctl stop 'echo@*'
}

# bats test_tags=effect
@test "another name of a service" {
    runs redis-server.service 6379
    kashim enable "${timers[@]}" --now redis
    done_well enable
    effect 'listener' "$listening" "$(options_at 6379 listening)"
    effect 'drop-in' there "$(state_of "$(drop_in redis-server.service)")"
    kashim disable --now redis
    done_well disable
    effect 'drop-in' gone "$(state_of "$(drop_in redis-server.service)")"
}

# bats test_tags=effect
@test "a service with Delegate=, whose server runs in a group below" {
    is_served delegated.service 7003 'hello\n'
}

# bats test_tags=effect
@test "a service with RootDirectory= is refused" {
    install -D "$root/build/tests/static_server" "/proc/$leader/root/srv/rooted/static_server"
    runs rooted.service 7002
    not_enabled rooted.service RootDirectory=
    restart rooted.service 7002
}

# bats test_tags=effect
@test "units that only stand for others are refused, and those are named" {
    not_enabled postgresql.service postgresql@15-main.service
    not_enabled postfix.service postfix@-.service
}

# socket_is_served SOCKET SERVICE PORT REQUEST: by systemd's own settings.
socket_is_served() {
    local socket=$1 service=$2 port=$3 request=$4
    inside systemctl start "$socket"
    hold "$port" "$request"
    harmless 'by itself' "${untouched/connected/listening}"$'\n'"$untouched" "$(both_at "$port")"
    kashim enable "${timers[@]}" --now "$socket"
    done_well enable
    served "$port" "$request" enabled
    effect 'settings' 'KeepAlive=yes KeepAliveIntervalUSec=11s KeepAliveProbes=7 KeepAliveTimeUSec=1min 1s' \
        "$(inside systemctl show "$socket" | grep ^KeepAlive | sort | paste -sd' ')"
    without_complaint "$socket"

    let_go "$port"
    inside systemctl stop "$socket" "$service"
    restart "$socket" "$port"
    served "$port" "$request" 'socket restarted'
    kashim disable --now "$socket"
    done_well disable
    let_go "$port"
    inside systemctl stop "$socket" "$service"
    restart "$socket" "$port"
    effect 'listener, disabled' "${untouched/connected/listening}" "$(options_at "$port" listening)"
    without_complaint "$socket"
}

# bats test_tags=effect
@test "a socket unit" {
    socket_is_served proxy.socket proxy.service 7004 "$get"
}

# bats test_tags=effect
@test "a socket unit with Accept=yes" {
    socket_is_served accepting.socket 'accepting@*.service' 7005 'hello\n'
}

# bats test_tags=effect
@test "a service whose listener comes from a socket unit" {
    inside systemctl stop proxy.service proxy.socket
    inside systemctl start proxy.socket
    hold 7004 "$get"
    harmless 'by itself' "$untouched" "$(options_at 7004 connected)"
    kashim enable "${timers[@]}" --now proxy.service
    done_well enable
    served 7004 "$get" enabled
    restart proxy.service 7004
    served 7004 "$get" restarted
    kashim disable --now proxy.service
    done_well disable
}

# bats test_tags=effect
@test "enabled again, with other timers and with --force, which a Go server's own give way to" {
    runs webhook.service 9000
    kashim enable "${timers[@]}" --now webhook.service
    done_well enable
    has listening 61 11 7
    hold 9000 "$get"
    has connected 15 15 7
    let_go 9000
    kashim enable -i 62 -n 12 -c 8 --force --now webhook.service
    done_well 'enable --force'
    has listening 62 12 8
    hold 9000 "$get"
    has connected 62 12 8
    kashim enable -i 63 --force --now webhook.service
    done_well 'enable again'
    hold 9000 "$get"
    has listening 63 30 6
    has connected 63 30 6
    let_go 9000
    kashim disable --now webhook.service
    done_well disable
    hold 9000 "$get"
    has connected 15 15 6
}

# bats test_tags=effect
@test "a stopped service stays stopped" {
    inside systemctl stop nginx.service
    kashim enable "${timers[@]}" --now nginx.service
    effect 'drop-in' there "$(state_of "$(drop_in nginx.service)")"
    harmless 'state' inactive "$(inside systemctl is-active nginx.service)"
    runs nginx.service 80
    served 80 "$get" started
    inside systemctl stop nginx.service
    kashim disable --now nginx.service
    done_well disable
    harmless 'state' inactive "$(inside systemctl is-active nginx.service)"
    inside systemctl start nginx.service
}

# bats test_tags=effect
@test "--preload: from the next start on" {
    local start
    install -D <(printf '[Service]\nEnvironment="A=b c" LD_PRELOAD=/other.so\n') \
        "/proc/$leader/root/etc/systemd/system/memcached.service.d/a.conf"
    inside systemctl daemon-reload
    runs memcached.service 11211
    start=$(start_of memcached.service)
    kashim enable "${timers[@]}" --preload memcached.service
    done_well enable
    harmless 'start' "$start" "$(start_of memcached.service)"
    inside systemctl daemon-reload
    restart memcached.service 11211
    served 11211 'version\r\n' restarted
    effect 'LD_PRELOAD' "/other.so:$(cat "$root/build/libdir")/libkashim.so" \
        "$(inside systemctl show -P Environment memcached.service | grep -o 'LD_PRELOAD=[^ ]*' | cut -d= -f2)"
    let_go 11211
    kashim disable --now memcached.service
    done_well disable
    wait_for 20 listens_there 11211
    effect 'listener, disabled' 'tcp listening keepalive=1 idle=7200 intvl=75 cnt=9 user_timeout=0' \
        "$(options_at 11211 listening)"
}

# bats test_tags=effect
@test "attach and detach by the name of a unit" {
    runs nginx.service 80
    hold 80 "$get"
    kashim attach "${timers[@]}" nginx
    done_well attach
    served 80 "$get" attached
    kashim status nginx
    done_well status
    tells /system.slice/nginx.service
    kashim detach nginx
    done_well detach
    effect 'detached' '' "$(both_at 80 | grep keepalive=1)"
    let_go 80
    hold 80 "$get"
    effect 'detached, a new connection' '' "$(both_at 80 | grep keepalive=1)"
}

# bats test_tags=effect
@test "attach by the name of a slice: what starts in it later, too" {
    runs postgresql@15-main.service 5432
    kashim attach "${timers[@]}" system-postgresql.slice
    done_well attach
    served 5432 "$ssl_request" attached
    restart postgresql@15-main.service 5432
    served 5432 "$ssl_request" restarted
    kashim detach system-postgresql.slice
    done_well detach
    effect 'detached' '' "$(options_at 5432 listening | grep keepalive=1)"
}

# bats test_tags=effect
@test "enable without a unit lists what is enabled" {
    kashim enable "${timers[@]}" nginx.service
    kashim enable -i 90 redis-server.service
    kashim enable
    done_well 'the list'
    effect 'nginx' 1 "$(grep nginx.service <<<"$output" | grep 61 | grep 11 | grep -c 7)"
    effect 'redis' 1 "$(grep redis-server.service <<<"$output" | grep -c 90)"
    kashim disable nginx.service
    kashim disable redis-server.service
    kashim enable
    done_well 'the list'
    effect 'disabled' '' "$(grep -E 'nginx|redis' <<<"$output")"
}

# bats test_tags=effect
@test "a drop-in that somebody has changed is left alone" {
    local drop_in before
    drop_in=$(drop_in nginx.service)
    kashim enable "${timers[@]}" nginx.service
    effect 'drop-in' there "$(state_of "$drop_in")"
    echo 'Nice=1' >>"$drop_in"
    before=$(cat "$drop_in")
    kashim enable -i 90 nginx.service
    effect 'exit status of enable' 1 "$status"
    tells kashim.conf
    kashim disable --now nginx.service
    effect 'exit status of disable' 1 "$status"
    harmless 'drop-in' "$before" "$(cat "$drop_in")"
    rm -r "${drop_in%/*}"
    inside systemctl daemon-reload
}

# bats test_tags=effect
@test "services start when kashim is gone" {
    local file=/proc/$leader/root$command
    kashim enable "${timers[@]}" --now hardened.service
    kashim enable "${timers[@]}" --now nginx.service
    effect 'drop-in' there "$(state_of "$(drop_in nginx.service)")"
    mv "$file" "$file.away"
    runs hardened.service 7001
    restart hardened.service 7001
    restart nginx.service 80
    harmless 'state' 'active active' "$(inside systemctl is-active nginx.service hardened.service | paste -sd' ')"
    mv "$file.away" "$file"
    restart nginx.service 80
    served 80 "$get" 'kashim is back'
    kashim disable --now hardened.service
    kashim disable --now nginx.service
}
