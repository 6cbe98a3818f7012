#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_PORTS: only some listeners, by their local port. Connections: outgoing.bats.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    port=$(free_port)
}

# accepted_with KA_PORTS: the options of what a server on $port has accepted.
accepted_with() {
    serve "$port" "KA_PORTS=$1" socat "TCP4-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" PIPE
    ask "$port" hello
    connections_at "$port"
    kill_started
}

# bats test_tags=effect
@test "a listener whose port is named is served" {
    local ports
    for ports in "$port" "1,$port" "$port-$port" "1-65535" "$((port - 1))-$((port + 1)),1"; do
        effect "KA_PORTS=$ports" "$ours" "$(accepted_with "$ports")"
    done
}

# bats test_tags=harmless,clumsy:options
@test "a listener whose port isn't named is left alone" {
    local ports
    for ports in 1 "$((port - 1)),$((port + 1))" "1-$((port - 1))" "$((port + 1))-65535"; do
        harmless "KA_PORTS=$ports" "$untouched" "$(accepted_with "$ports")"
    done
}

# bats test_tags=effect
@test "each listener of a process is judged by itself, inherited ones as well" {
    output=$(without_harness steps 'tcp4 3' 'listen 3' 'tcp4 4' 'listen 4' \
        exec bash -c '
            port=$(ss -Htlnp | sed -n "s/.*127.0.0.1:\([0-9]*\) .*pid=$$,fd=3).*/\1/p")
            KA_PORTS=$port exec env LD_PRELOAD="$0" "$@"' "$KASHIM_LIB" "${timers[@]}" \
        steps 'connect c 3' 'accept 3 e' 'look e' 'connect c 4' 'accept 4 f' 'look f')
    has f "$untouched"
    has e "$ours"
}

# bats test_tags=effect
@test "a port that the kernel chooses in listen() is judged like any other" {
    shimmed KA_PORTS=1-65535 "${timers[@]}" steps 'socket a' 'listen a' 'connect4 c a' \
        'look a' 'accept a b' 'look b' 'connect4 c a' 'accept a d' 'look d'
    has b d "$ours"
    has a "${ours/connected/listening}"
    shimmed KA_PORTS=1 "${timers[@]}" steps 'socket a' 'listen a' 'connect4 c a' 'accept a b' 'look b'
    has b "$untouched"
}
