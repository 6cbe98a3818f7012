#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_RTO_MAX: the cap on the retransmission timeout, which Linux has since 6.15. What it
# does on the wire: in_flight.bats.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')

# bats test_tags=effect
@test "off, auto, a time, in milliseconds on the socket" {
    need_rto_max
    local value
    for value in off auto=13000 1=1000 2s=2000 120; do
        shimmed "KA_RTO_MAX=${value%=*}" "${timers[@]}" steps "${accepted[@]}"
        has b "$ours$(sed -n 's/.*=/ rto_max=/p' <<<"$value")"
    done
}

# bats test_tags=effect
@test "a connection queued before the listener was inherited gets it as well" {
    need_rto_max
    output=$(without_harness steps 'tcp4 3' 'listen 3' 'connect c 3' exec env \
        "LD_PRELOAD=$KASHIM_LIB" KA_RTO_MAX=3 "${timers[@]}" steps 'accept 3 b' 'look b')
    has b "$ours rto_max=3000"
}

# bats test_tags=effect
@test "KA_FORCE=1 keeps it where kashim set it, and only there" {
    need_rto_max
    shimmed KA_FORCE=1 "${timers[@]}" steps "${accepted[@]}" 'set b rto_max 5000' 'look b'
    has b "$ours rto_max=5000"
    shimmed KA_FORCE=1 KA_RTO_MAX=3 "${timers[@]}" steps "${accepted[@]}" 'set b rto_max 5000' 'look b'
    effect 'what the program is told' 0 "$(result 'set b rto_max 5000')"
    has b "$ours rto_max=3000"
}

# bats test_tags=harmless
@test "KA_FORCE=1 lets the kernel refuse what it refuses" {
    need_rto_max
    unharmed KA_FORCE=1 KA_RTO_MAX=3 steps "${accepted[@]:0:4}" 'set b rto_max 999' \
        'set b rto_max 120001' 'set b rto_max 0' 'set b rto_max -1' 'set b rto_max 5000 3'
}

# bats test_tags=effect
@test "KA_CONNECT=1: an outgoing connection gets it, a program's own cap stands" {
    need_rto_max
    local client=('tcp4 a' 'listen a' 'socket c')
    shimmed KA_CONNECT=1 KA_RTO_MAX=3 "${timers[@]}" steps "${client[@]}" 'connect-as c a' 'look c'
    has c "$ours rto_max=3000"
    shimmed KA_CONNECT=1 KA_RTO_MAX=3 "${timers[@]}" steps "${client[@]}" 'set c rto_max 5000' \
        'connect-as c a' 'look c'
    has c "$ours rto_max=5000"
}

# bats test_tags=effect
@test "a kernel that refuses it is told of once, with its release, and the others stand" {
    need strace
    output=$(without_harness strace -qq -o /dev/null -e trace=setsockopt \
        -e inject=setsockopt:error=ENOPROTOOPT:when=6+6 -E "LD_PRELOAD=$KASHIM_LIB" \
        -E KA_LOG=stderr -E KA_RTO_MAX=3 -E KA_USER_TIMEOUT=9 -E KA_IDLE=61 -E KA_INTVL=11 -E KA_CNT=7 \
        steps 'tcp4 a' 'listen a' 'look a' 'tcp4 b' 'listen b' 2>&1)
    effect 'the line' 1 "$(grep -c 'refuses TCP_RTO_MAX_MS: ENOPROTOOPT (it came with Linux 6.15; KA_USER_TIMEOUT' <<<"$output")"
    has a "$(sed 's/connected/listening/; s/user_timeout=0/user_timeout=9000/' <<<"$ours")"
}

# ---- the command ---------------------------------------------------------------

# bats test_tags=effect
@test "attach: -r on a listener and a connection, and detach" {
    need_rto_max
    install_command
    local port
    port=$(free_port)
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim attach -i 61 -n 11 -c 7 -r 3 "$server"
    effect 'the connection' "$ours rto_max=3000" "$(connections_at "$port")"
    kashim detach -i 61 -n 11 -c 7 -r 3 "$server"
    effect 'after detach' "${ours/keepalive=1/keepalive=0}" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "run: -r, in the group and by the library" {
    need_rto_max
    install_command
    kashim run -i 61 -n 11 -c 7 -r 3 -- steps "${accepted[@]}"
    has b "$ours rto_max=3000"
}

# bats test_tags=effect
@test "status: the cap, and when a dead peer with data in flight is dropped" {
    need_rto_max
    install_command
    local port
    port=$(free_port)
    serve "$port" KA_RTO_MAX=3 echo_server "$port"
    kashim status --port "$port"
    effect 'the row' '3 138/39 -' "$(awk '$2 == "listening" { print $7, $8, $9 }' <<<"$output")"
    kashim status --json --port "$port"
    effect 'JSON' '"rto_max": 3.000, "drop": 138, "drop_in_flight": 39' \
        "$(grep -o '"rto_max.*_flight": [0-9]*' <<<"$output")"
}

# bats test_tags=effect
@test "the command goes by the namespace's tcp_retries2: auto, and when a dead peer is dropped" {
    need unshare
    need_rto_max
    [ $EUID = 0 ] || unless_ci 'a network namespace takes root'
    install_command
    printf '#!/bin/sh\n%s attach -i 61 -n 11 -c 7 -r auto $PPID && exec %s status $PPID\n' \
        "$dir/kashim" "$dir/kashim" >"$dir/from_child"
    chmod +x "$dir/from_child"
    # shellcheck disable=SC2016 # the inner shell's
    as '' unshare -n sh -c 'echo 30 >/proc/sys/net/ipv4/tcp_retries2 && exec "$@"' - \
        steps 'tcp4 a' 'listen a' "run $dir/from_child" 'look a'
    has a "${ours/connected/listening} rto_max=6000"
    effect 'the row' '6 138/163' "$(awk '$2 == "listening" { print $7, $8 }' <<<"$output")"
}

# bats test_tags=effect
@test "a kernel without it: one line that names the release, and the others are put on" {
    need strace
    install_command
    [ "${KASHIM_COMMAND-}" ] || cp "$root/build/tests/static_kashim" "$dir/kashim"
    local port
    port=$(free_port)
    serve_bare "$port" echo_server "$port"
    as 'strace -qq -o /dev/null -e trace=getsockopt -e inject=getsockopt:error=ENOPROTOOPT:when=4' \
        "$dir/kashim" attach -i 61 -n 11 -c 7 -r 3 "$server"
    effect 'the line' 'kashim: KA_RTO_MAX has no effect on this kernel: it came with Linux 6.15' \
        "$(sed -n '1s/; KA_USER_TIMEOUT .*//p' <<<"$stderr")"
    effect 'its listener' "${ours/connected/listening}" "$(sockopts "$server" | sed -n 's/.* \(tcp listening.*\)/\1/p')"
}

# bats test_tags=effect
@test "attach says what it has set, and of no socket what that one alone has; detach names the cap that it has found" {
    need_rto_max
    install_command
    without_harness exec steps 'tcp4 b' 'listen b' 'set b user_timeout 5000' 'tcp4 a' 'listen a' hold >"$dir/server" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 10 grep -q '^listen a' "$dir/server"
    kashim attach -i 61 -r 3 "$server"
    effect 'attach' 'until it ends: idle 61 s, intvl 30 s, cnt 6, rto max 3 s; an idle dead peer is dropped after 241 s, one with data in flight after 39 s' \
        "$(sed '1d;$d' <<<"$output" | paste -sd' ' | tr -s ' ')"
    kashim detach -i 61 -r 4 "$server"
    effect 'detach' 1 "$status"
    effect 'the timers' '-i 61 -n 30 -c 6 -r 3' "$(sed 's/ -u [0-9]*//; s/.*detach it with //' <<<"$stderr")"
}
