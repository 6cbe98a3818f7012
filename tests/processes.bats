#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Forks and threads.

load lib

# bats test_tags=effect
@test "the child of a fork accepts" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' fork 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "three workers share the listener" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'connect d a' 'connect e a' \
        'fork 3' 'accept a b' 'look b'
    effect 'connections with the options' 3 "$(grep -c "^look b: $ours$" <<<"$output")"
}

# bats test_tags=effect
@test "three workers share an inherited listener" {
    handed_over 'tcp4 7' 'listen 7' 'connect 20 7' 'connect 21 7' 'connect 22 7' -- \
        'fork 3' 'accept 7 b' 'look b'
    effect 'connections with the options' 3 "$(grep -c "^look b: $ours$" <<<"$output")"
}

# bats test_tags=effect
@test "threads wait in accept before there are clients" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'threads a blocked b c d' 'look b' 'look c' 'look d'
    has b c d "$ours"
}

# bats test_tags=harmless
@test "a thread is cancelled where it waits in accept, and unwinds its stack" {
    unharmed steps 'tcp4 a' 'listen a' count 'cancel a' count 'connect c a' 'accept a b'
    [[ $output == *'cancelled, unwound: 0'* ]]
}

# bats test_tags=harmless
@test "a thread is cancelled where it waits for an inherited listener" {
    unharmed_over 'tcp4 7' 'listen 7' 'connect 20 7' -- 'accept 7 a' count 'cancel 7' count \
        'connect c 7' 'accept 7 b'
    [[ $output == *'cancelled, unwound: 0'* ]]
}

# The other library leaves the cancellation pending behind the real accept. Whatever is a
# cancellation point from there to the program would lose the connection's descriptor.
# bats test_tags=harmless,clumsy:talk
@test "a thread that is cancelled right behind accept has its connection" {
    beside=$root/build/tests/libother.so
    timers+=(OTHER_CANCEL=1)
    unharmed steps 'tcp4 a' 'listen a' 'connect c a' 'thread a b'
    unharmed_over 'tcp4 7' 'listen 7' 'connect 20 7' -- 'thread 7 b'
    [[ $output == *'cancelled, unwound: '* ]]
}

# bats test_tags=harmless
@test "a signal interrupts accept" {
    unharmed steps 'tcp4 a' 'listen a' 'interrupt a'
    unharmed_over 'tcp4 7' 'listen 7' -- 'interrupt 7'
    [[ $output == *'interrupt 7: EINTR'* ]]
}
