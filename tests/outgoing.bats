#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_CONNECT=1: outgoing connections.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# A listener is a at port $port; a client of it is c.
client=('tcp4 a' 'listen a' 'socket c')

# bats test_tags=effect
@test "an outgoing connection gets the options" {
    shimmed KA_CONNECT=1 "${timers[@]}" steps "${client[@]}" 'connect-as c a' 'look c'
    has c "$ours"
    shimmed KA_CONNECT=1 "${timers[@]}" steps 'tcp6 a' 'listen a' 'connect c a' 'look c'
    has c "$ours"
}

# bats test_tags=harmless
@test "without KA_CONNECT it doesn't" {
    shimmed "${timers[@]}" steps "${client[@]}" 'connect-as c a' 'look c'
    harmless 'options' "$untouched" "$(result 'look c')"
}

# bats test_tags=effect
@test "SO_KEEPALIVE alone, with the kernel's timers, gets ours" {
    shimmed KA_CONNECT=1 "${timers[@]}" steps "${client[@]}" 'set c keepalive 1' \
        'connect-as c a' 'look c'
    has c "$ours"
}

# bats test_tags=effect
@test "timers that the program has set stand, and get SO_KEEPALIVE" {
    local timer
    for timer in 'idle 33' 'intvl 33' 'cnt 3'; do
        shimmed KA_CONNECT=1 "${timers[@]}" steps "${client[@]}" "set c $timer" \
            'connect-as c a' 'look c'
        effect "after $timer" "${timer/ /=}" "$(result 'look c' | grep -o "${timer/ /=}")"
        effect 'keepalive' 'keepalive=1' "$(result 'look c' | grep -o 'keepalive=.')"
    done
}

# bats test_tags=effect
@test "the kernel's timers are those of this host, not Linux's own" {
    output=$(unshare --net bash -c 'ip link set lo up
        echo 500 >/proc/sys/net/ipv4/tcp_keepalive_time
        exec env LD_PRELOAD="$0" KA_CONNECT=1 "$@"' "$KASHIM_LIB" "${timers[@]}" \
        steps "${client[@]}" 'connect-as c a' 'look c' 8<&- 9<&-)
    has c "$ours"
}

# bats test_tags=effect
@test "a TCP_USER_TIMEOUT of the program's stands" {
    shimmed KA_CONNECT=1 KA_USER_TIMEOUT=9 "${timers[@]}" steps "${client[@]}" 'connect-as c a' \
        'look c' 'socket d' 'set d user_timeout 1234' 'connect-as d a' 'look d'
    has c "${ours/user_timeout=0/user_timeout=9000}"
    has d "${ours/user_timeout=0/user_timeout=1234}"
}

# bats test_tags=effect
@test "what the program sets after connecting stands" {
    shimmed KA_CONNECT=1 "${timers[@]}" steps "${client[@]}" 'connect-as c a' 'set c idle 5' \
        'look c'
    has c "${ours/idle=61/idle=5}"
}

# bats test_tags=effect
@test "so it does after a second connect, by which a nonblocking one may be finished" {
    shimmed KA_CONNECT=1 "${timers[@]}" steps "${client[@]}" 'connect-as c a' \
        'set c keepalive 0' 'set c idle 5' 'connect-as c a' 'look c'
    has c "${ours/keepalive=1 idle=61/keepalive=0 idle=5}"
}

# bats test_tags=effect
@test "a connection made in a constructor before the library's" {
    KASHIM_LIB+=:$root/build/tests/libearly.so
    # shellcheck disable=SC2016 # a number in the environment
    shimmed KA_CONNECT=1 "${timers[@]}" steps 'look $EARLY_CLIENT'
    # shellcheck disable=SC2016
    effect 'options' "$ours" "$(result 'look $EARLY_CLIENT')"
}

# bats test_tags=effect
@test "KA_PORTS is about the remote port" {
    local port
    port=$(free_port)
    serve "$port" socat "TCP4-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" PIPE
    for ports in "$port" "$((port + 1))"; do
        env "LD_PRELOAD=$KASHIM_LIB" KA_CONNECT=1 "KA_PORTS=$ports" "${timers[@]}" \
            socat PIPE "TCP4:127.0.0.1:$port" 3>&- &
        started+=($!)
        wait_for 5 connected $!
        if [ "$ports" = "$port" ]; then
            effect 'named port' "$ours" "$(outgoing_of $!)"
        else
            harmless 'another port' "$untouched" "$(outgoing_of $!)"
        fi
    done
}

outgoing_of() {
    sockopts "$1" | sed -n 's/.* \(tcp connected.*\)/\1/p'
}

connected() {
    [ -n "$(outgoing_of "$1")" ]
}

# bats test_tags=effect
@test "a connect costs eight system calls" {
    need strace
    shimmed KA_CONNECT=1 strace -qq -e trace=socket,connect,getsockopt,setsockopt \
        -o "$BATS_TEST_TMPDIR/trace" steps "${client[@]}" 'connect-as c a'
    effect 'what is asked and set' 8 \
        "$(awk '/^socket/ { n = 0 } /sockopt/ { n++ } /^connect/ { print n }' "$BATS_TEST_TMPDIR/trace")"
}

# bats test_tags=harmless
@test "a raw socket that carries TCP's number is left alone" {
    need python3
    local raw='import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.connect(("127.0.0.1", 0))
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))'
    output=$(env "LD_PRELOAD=$KASHIM_LIB" KA_CONNECT=1 python3 -c "$raw" 2>&1) ||
        unless_ci "no raw socket: ${output##*$'\n'}"
    harmless 'SO_KEEPALIVE' 0 "$output"
}

# bats test_tags=effect
@test "MPTCP: once, and what the program sets afterwards stands" {
    [ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || unless_ci 'there is no MPTCP'
    shimmed KA_CONNECT=1 "${timers[@]}" steps 'mptcp a' 'listen a' 'mptcp c' 'connect-as c a' \
        'set c keepalive 0' 'connect-as c a' 'look c'
    effect 'options' 'keepalive=0 idle=61 intvl=11 cnt=7' \
        "$(result 'look c' | grep -o 'keepalive=0 idle=61 intvl=11 cnt=7')"
}

# bats test_tags=harmless,clumsy:errno
@test "what connect answers is what it answers without" {
    unharmed KA_CONNECT=1 KA_PORTS=1-65535 steps "${client[@]}" 'connect-as c a fault' \
        'connect-as c a 0' 'connect-as c a 4' 'connect-as c a 15' 'connect-as c a 16' \
        'connect-as c a 16' 'connect-as 99 a' 'socket d' 'nonblock d' 'connect-as d a' \
        'unix u' 'listen u' 'connect v u' 'look v' 'udp w' 'connect-as w a' 'look w'
}

# hold_client VAR=VALUE... COMMAND...: a client of a server that never answers. Its options,
# when it has connected.
hold_client() {
    local port
    port=$(free_port)
    socat "TCP4-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" EXEC:'sleep 60' 3>&- &
    started+=($!)
    wait_for 5 listens_on "$port"
    env "LD_PRELOAD=$KASHIM_LIB" KA_CONNECT=1 "${timers[@]}" "${@//PORT/$port}" >/dev/null 2>&1 3>&- &
    started+=($!)
    wait_for 5 connected $!
    options=$(outgoing_of $!)
}

# bats test_tags=effect
@test "curl: --keepalive-time 33 stands, --no-keepalive gets ours" {
    need curl
    hold_client curl --keepalive-time 33 http://127.0.0.1:PORT/
    effect 'with --keepalive-time 33' 'keepalive=1 idle=33 intvl=33' \
        "$(grep -o 'keepalive=1 idle=33 intvl=33' <<<"$options")"
    hold_client curl --no-keepalive http://127.0.0.1:PORT/
    effect 'with --no-keepalive' "$ours" "$options"
}

# bats test_tags=effect
@test "socat with SO_KEEPALIVE only gets our timers" {
    hold_client socat PIPE TCP4:127.0.0.1:PORT,keepalive
    effect 'options' "$ours" "$options"
}
