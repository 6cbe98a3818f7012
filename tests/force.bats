#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_FORCE=1: what kashim set, the program can't undo; and is told that it has.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b')

# forced STEP...: on b, an accepted connection.
forced() {
    shimmed KA_FORCE=1 "${timers[@]}" steps "${accepted[@]}" "$@" 'look b'
}

# bats test_tags=effect
@test "each option stays as it is, and success is reported" {
    local change
    for change in 'keepalive 0' 'keepalive 1' 'idle 1' 'idle 32767' 'intvl 1' 'cnt 1' 'cnt 127'; do
        forced "set b $change"
        effect "set b $change" 0 "$(result "set b $change")"
        has b "$ours"
    done
}

# bats test_tags=effect
@test "without KA_FORCE the program's own choice stands" {
    shimmed "${timers[@]}" steps "${accepted[@]}" 'set b idle 5' 'look b'
    has b "${ours/idle=61/idle=5}"
}

# bats test_tags=effect
@test "the listener stays as it is, and so does what comes from it" {
    shimmed KA_FORCE=1 "${timers[@]}" steps 'tcp4 a' 'listen a' 'set a keepalive 0' \
        'set a idle 5' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "it is right across dup, fork and exec" {
    forced 'dup b d' 'set d idle 5' 'fork' 'set d cnt 3'
    has b "$ours"
    output=$(without_harness env "LD_PRELOAD=$KASHIM_LIB" KA_FORCE=1 "${timers[@]}" \
        steps "${accepted[@]}" 'dup b 9' exec steps 'set 9 keepalive 0' 'look 9')
    has 9 "$ours"
}

# bats test_tags=effect
@test "TCP_USER_TIMEOUT is kept where kashim set it, and only there" {
    forced 'set b user_timeout 1234'
    has b "${ours/user_timeout=0/user_timeout=1234}"
    shimmed KA_FORCE=1 KA_USER_TIMEOUT=9 "${timers[@]}" steps "${accepted[@]}" \
        'set b user_timeout 1234' 'look b'
    has b "${ours/user_timeout=0/user_timeout=9000}"
}

# bats test_tags=harmless,clumsy:errno
@test "what the kernel refuses is refused, with its errno" {
    unharmed KA_FORCE=1 KA_USER_TIMEOUT=9 steps "${accepted[@]}" \
        'set b idle 0' 'set b idle 32768' 'set b idle -1' 'set b intvl 0' 'set b intvl 32768' \
        'set b cnt 0' 'set b cnt 128' 'set b user_timeout -1' 'set b idle 5 3' \
        'set b keepalive 1 3' 'set b keepalive 1 -1' 'set b idle 5 -1' 'set b idle 5 0' \
        'set-fault b idle' 'set-fault b keepalive' 'set 99 keepalive 1' 'set 99 idle 5'
}

# bats test_tags=harmless
@test "MPTCP refuses TCP_USER_TIMEOUT, as it does without kashim" {
    [ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || unless_ci 'there is no MPTCP'
    unharmed KA_FORCE=1 KA_USER_TIMEOUT=auto steps 'mptcp a' 'listen a' 'mptcp c' 'connect-as c a' \
        'accept a b' 'set a user_timeout 5' 'set b user_timeout 5'
}

# bats test_tags=harmless
@test "sockets that aren't kashim's are the program's own" {
    unharmed KA_FORCE=1 steps 'socket a' 'set a keepalive 1' 'set a idle 5' 'set a intvl 6' \
        'set a cnt 7' 'look a' 'pair p q' 'set p keepalive 1' 'look p' 'udp u' \
        'set u keepalive 1' 'look u'
}

# bats test_tags=effect
@test "redis-server with tcp-keepalive 300 keeps kashim's timers" {
    need redis-server
    local port
    port=$(free_port)
    serve "$port" KA_FORCE=1 redis-server --port "$port" --bind 127.0.0.1 --tcp-keepalive 300 \
        --save '' --dir "$BATS_TEST_TMPDIR"
    ask "$port" PING
    effect 'options of the client' "$ours" "$(connections_at "$port")"
}

# bats test_tags=harmless
@test "redis-server with tcp-keepalive 300 keeps its own without KA_FORCE" {
    need redis-server
    local port
    port=$(free_port)
    serve "$port" redis-server --port "$port" --bind 127.0.0.1 --tcp-keepalive 300 \
        --save '' --dir "$BATS_TEST_TMPDIR"
    ask "$port" PING
    harmless 'options of the client' \
        'tcp connected keepalive=1 idle=300 intvl=100 cnt=3 user_timeout=0' \
        "$(connections_at "$port")"
}

# bats test_tags=effect
@test "a node server that calls setKeepAlive keeps kashim's timers, and hears no error" {
    need node
    local port server_js="require('net').createServer(s => {
        s.setKeepAlive(true, 1000); s.on('error', e => console.error(e)); s.write('served\\n');
    }).listen(process.argv[1], '127.0.0.1')"
    port=$(free_port)
    serve "$port" KA_FORCE=1 node -e "$server_js" "$port"
    ask "$port" hello
    effect 'options of the client' "$ours" "$(connections_at "$port")"
    kill_started
    serve "$port" node -e "$server_js" "$port"
    ask "$port" hello
    effect 'without KA_FORCE, idle time' idle=1 "$(connections_at "$port" | grep -o idle=1)"
    [ ! -s "$BATS_TEST_TMPDIR/server" ]
}
