#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Connections that accept returns have the options, whichever way they came.

load lib

# accepts VERB... : a listener made by these steps, a client, and accept
accepts() {
    shimmed "${timers[@]}" steps "$1 a" 'listen a' "connect c a" "$2" 'look a' 'look b'
    has a "${ours/connected/listening}"
    has b "$ours"
}

# bats test_tags=effect
@test "accept, IPv4" {
    accepts tcp4 'accept a b'
}

# bats test_tags=effect
@test "accept4, IPv4" {
    accepts tcp4 'accept4 a b'
}

# bats test_tags=effect
@test "accept, IPv6" {
    need_ipv6
    accepts tcp6 'accept a b'
}

# bats test_tags=effect
@test "accept4, IPv6" {
    need_ipv6
    accepts tcp6 'accept4 a b'
}

# bats test_tags=effect
@test "a listener for both families" {
    need_ipv6
    shimmed "${timers[@]}" steps 'dual a' 'listen a' 'connect c a' 'accept a b' 'look b' \
        'connect4 d a' 'accept a e' 'look e'
    has b e "$ours"
}

# bats test_tags=effect
@test "a listener without an address" {
    shimmed "${timers[@]}" steps 'socket a' 'listen a' 'connect4 c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "nobody asks for the peer's address" {
    accepts tcp4 'accept a b null'
    accepts tcp4 'accept4 a b null'
}

# bats test_tags=effect
@test "descriptor 0 is the listener" {
    shimmed "${timers[@]}" steps 'close 0' 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    [ "$(result 'tcp4 a')" = 0 ]
    has b "$ours"
}

# bats test_tags=effect
@test "descriptor 0 is the connection" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'close 0' 'accept a b' 'look b'
    [ "$(result 'accept a b')" = 0 ]
    has b "$ours"
}

# bats test_tags=effect
@test "a listener that doesn't block" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'nonblock a' 'listen a' 'accept a b' 'connect c a' \
        'accept a b' 'look b'
    [[ $output == *'accept a b: EAGAIN'* ]]
    has b "$ours"
}

# bats test_tags=effect
@test "a client that came before the first accept, and one after" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'connect d a' 'accept a x' \
        'connect e a' 'accept a y' 'accept a z' 'look x' 'look y' 'look z'
    has x y z "$ours"
}

# bats test_tags=effect
@test "the kernel's own view: ss shows the timer" {
    need ss
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'ss a'
    effect 'a keepalive timer' 'timer:(keepalive,' "$(grep -o 'timer:(keepalive,' <<<"$output")"
}

# bats test_tags=effect
@test "what the program sets on a connection stands, the rest is kashim's" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'set b idle 1800' \
        'look b'
    has b "${ours/idle=61/idle=1800}"
}

# bats test_tags=effect
@test "what the program sets on its listener after listen stands" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'set a intvl 75' 'connect c a' 'accept a b' 'look b'
    has b "${ours/intvl=11/intvl=75}"
}

# bats test_tags=effect
@test "what stood on the listener before listen is overwritten" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'set a idle 1800' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "listen again changes nothing that was set in between" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'set a idle 1800' 'listen a' 'connect c a' \
        'accept a b' 'look b'
    has b "${ours/idle=61/idle=1800}"
}
