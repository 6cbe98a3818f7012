#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What somebody does at three in the morning, with the documents alone, in a real systemd: see
# who is unprotected, mend it while it runs, make it last, prove it, undo it.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/systemd/container.bash
. "$BATS_TEST_DIRNAME/container.bash"
# shellcheck source=tests/systemd/judge.bash
. "$BATS_TEST_DIRNAME/judge.bash"

# check STATUS WORDS [ARGUMENT...]: of status --check, in one line.
check() {
    kashim status --check "${@:3}"
    effect "--check ${*:3}" "$1 $2" "$status $(head -c "${#2}" <<<"$output")"
    effect 'lines' '1 0' "$(wc -l <<<"$output") $(grep -c . <<<"$stderr")"
}

# bats test_tags=effect
@test "see, mend, make it last, prove, undo" {
    runs nginx.service 80
    hold 80 "$get"
    hold 80 "$get"
    check 1 'unprotected: '
    check 1 'unprotected: 2 listeners, 2 accepted connections: nginx' nginx
    kashim status --summary --unprotected
    tells '!nginx ('
    kashim status nginx
    effect 'connections that are marked' 2 "$(grep -c '^![0-9.]*:80 *[0-9]' <<<"$output")"
    effect 'rows that are not' 0 "$(grep -c '^ [^ ]*:80 ' <<<"$output")"

    kashim attach "${timers[@]}" nginx
    done_well attach
    tells 'idle 61 s, intvl 11 s, cnt 7' 'until kashim detach'
    check 0 'unprotected: none of 2 listeners, 2 accepted connections' nginx
    served 80 "$get" attached

    restart nginx.service 80
    hold 80 "$get"
    check 1 'unprotected: 2 listeners, 1 accepted connection: nginx' nginx
    kashim enable "${timers[@]}" --now nginx
    done_well enable
    effect 'said of an end' '' "$(grep until <<<"$output")"
    check 0 'unprotected: none of 2 listeners, 1 accepted connection' nginx
    restart nginx.service 80
    served 80 "$get" restarted
    check 0 'unprotected: none' --port 80
    kashim enable
    tells nginx.service '--idle 61 --intvl 11 --cnt 7'
    effect 'the next probe, says ss' 1 \
        "$(inside ss -Htno state established '( sport = :80 )' | grep -cE 'timer:\(keepalive,(5[0-9]|6[0-9])sec|1min')"

    kashim disable --now nginx
    done_well disable
    check 1 'unprotected: 2 listeners, 1 accepted connection: nginx' nginx
    kashim enable
    effect 'enabled' 'no unit is enabled with kashim' "$output"
    restart nginx.service 80
    hold 80 "$get"
    effect 'as it was' "$untouched" "$(options_at 80 connected)"
    let_go 80
}

# bats test_tags=effect
@test "names: of what doesn't run, of what there is no unit, of a process; misspelt ones" {
    inside systemctl stop nginx.service
    check 3 "not known: 'nginx' isn't running" nginx
    check 3 "not known: no unit or other control group 'ngnix' runs here" ngnix
    runs memcached.service 11211
    kashim attach memcache
    tells "no unit or other control group 'memcache' runs here; memcached.service?"
    kashim attach init.scop
    tells "init.scope?"
    inside systemctl start nginx.service
}

# agent 'PROPERTY=VALUE...' ARGUMENT...: kashim as a service that isn't root, with its capabilities
# and these properties.
agent() {
    local property properties=(-p User=nobody -p 'AmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH')
    for property in $1; do
        properties+=(-p "$property")
    done
    dir=$BATS_TEST_TMPDIR
    as "nsenter -t $leader -a systemd-run -q --wait --pipe --collect" "${properties[@]}" "$command" "${@:2}" </dev/null
}

# bats test_tags=effect
@test "an agent that isn't root: what it needs, and what /proc hides from it" {
    runs nginx.service 80
    agent '' status --check nginx
    effect 'with capabilities' '1 unprotected: 2 listeners: nginx' "$status $(grep -o '^unprotected: 2 listeners: nginx' <<<"$output")"
    agent 'AmbientCapabilities= ProtectProc=invisible' status --check nginx
    effect 'without, and hidden' '3 not known: process' "$status $(grep -o '^not known: process.*/proc hides it' <<<"$output" | cut -d' ' -f-3)"
    agent 'AmbientCapabilities=' status --check nginx
    effect 'without' '3 not known: nginx' "$status $(grep -o '^not known: nginx' <<<"$output")"
}

# bats test_tags=effect
@test "a socket unit: its sockets are systemd's" {
    inside systemctl start proxy.socket
    check 3 'not known: the sockets of proxy.socket are systemd' proxy.socket
    check 1 'unprotected: 1 listener: systemd (1)' --port 7004
}

# bats test_tags=effect
@test "nginx reloads: its old worker's connections are seen" {
    runs nginx.service 80
    without_harness exec nsenter -t "$leader" -n bash -c 'exec 3<>/dev/tcp/127.0.0.1/80 && printf "GET / HTTP/1.1\r\n" >&3 && exec sleep 600' &
    started+=($!)
    wait_for 20 accepts_at 80
    inside systemctl reload nginx.service
    wait_for 20 is_leaving
    check 1 'unprotected: 2 listeners, 1 accepted connection: nginx' --port 80
    kashim status --port 80
    effect 'not seen' '' "$(grep seen <<<"$output")"
    let_go 80
}

accepts_at() {
    [ "$(options_at "$1" connected)" ]
}

# is_leaving: one of nginx's workers has closed its listeners.
is_leaving() {
    inside pgrep -f 'worker process is shutting down' >/dev/null
}

# bats test_tags=effect
@test "secure execution: squid's worker, with --preload, and what helps" {
    runs squid.service 3128
    kashim enable --preload squid
    effect 'exit status' 1 "$status"
    tells 'squid.service: not enabled: ' 'secure execution' 'without --preload it works'
    kashim status squid
    effect 'said besides' '' "$stderr"
    tells "libkashim isn't loaded: secure execution; kashim attach helps"
    kashim enable --preload postgresql@15-main
    tells 'pg_ctlcluster: it wipes the environment'
    kashim enable --preload postfix@-
    tells 'postmulti: its daemons'
}

# ---- EXAMPLES of kashim(1) ---------------------------------------------------------------

# example COMMAND: it stands in the manual just so, and ends well in the servers' folder.
example() {
    effect "in the manual: $1" 1 "$(grep -cFx -- ".Dl $1" "$root/shim/kashim/kashim.1")"
    echo "$1" >>"$BATS_TEST_TMPDIR/examples"
    as "nsenter -t $leader -a systemd-run -q --collect -p WorkingDirectory=/srv $2" \
        sh -c "PATH=${command%/*}:\$PATH exec $1" </dev/null
    done_well "$1"
}

# example_server COMMAND PORT: what it starts has keepalive.
example_server() {
    example "$1" --unit=example
    wait_for 20 listens_there "$2"
    effect "$1" 'keepalive=1 idle=60' "$(options_at "$2" listening | grep -o 'keepalive=1 idle=60')"
    inside systemctl stop example
}

# becomes PORT VALUES: of listener and connection.
becomes() {
    effect "port $1" "$2 $2" "$(both_at "$1" | grep -o 'keepalive=. idle=[0-9]*' | xargs)"
}

# bats test_tags=effect
@test "kashim(1): EXAMPLES" {
    local on='keepalive=1 idle=60' off='keepalive=0 idle=60' file=/proc/$leader/root/srv/static-server
    inside ln -sf /usr/bin/redis-server /srv/anyserver
    inside systemctl stop redis-server
    printf '#!/bin/sh\nexec /usr/local/bin/static_server 7101\n' >"$file" && chmod +x "$file"
    example 'kashim check ./anyserver' '--wait --pipe'
    tells yes
    example 'kashim check' '--wait --pipe'
    tells 'control groups'
    example_server 'kashim run --idle 60 --intvl 10 -- ./anyserver' 6379
    example_server 'kashim run --cgroup --idle 60 -- ./static-server' 7101

    inside cp /etc/systemd/system/echo@.service /etc/systemd/system/anyserver.service
    inside sed -i s/%i/7102/ /etc/systemd/system/anyserver.service
    inside systemctl daemon-reload
    runs anyserver 7102
    hold 7102 'hello\n'
    example 'kashim enable -i 60 --now anyserver' '--wait --pipe'
    becomes 7102 "$on"
    example 'kashim enable' '--wait --pipe'
    tells anyserver.service
    example 'kashim disable --now anyserver' '--wait --pipe'
    becomes 7102 "$off"

    inside systemd-run -q --scope --unit=docker-1f1e43ad -- sh -c '/usr/local/bin/static_server 7103 >/dev/null 2>&1 &'
    wait_for 20 listens_there 7103
    hold 7103 'hello\n'
    example 'kashim attach -i 60 docker-1f1e43ad.scope' '--wait --pipe'
    becomes 7103 "$on"
    example 'kashim detach docker-1f1e43ad.scope' '--wait --pipe'
    becomes 7103 "$off"

    runs postgresql@15-main 5432
    hold 5432 "$ssl_request"
    example 'kashim attach -i 60 --children --port 5432' '--wait --pipe'
    becomes 5432 "$on"
    example 'kashim status --children --port 5432' '--wait --pipe'
    tells 'unprotected: none'
    example 'kashim detach -i 60 --children --port 5432' '--wait --pipe'
    becomes 5432 "$off"

    example 'kashim status --check' '--wait --pipe -p SuccessExitStatus=1'
    effect 'examples without a test' '' \
        "$(sed -n 's/^\.Dl \(kashim .*\)/\1/p' "$root/shim/kashim/kashim.1" | grep -vFx -f "$BATS_TEST_TMPDIR/examples")"
}
