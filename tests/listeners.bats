#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Listeners that the process did not make itself, and descriptor numbers that come back.

load lib

# A listener with three clients in its queue, made before the library comes in.
queued=('tcp4 7' 'listen 7' 'connect 20 7' 'connect 21 7' 'connect 22 7')

# A second one, for others to take over.
another=('tcp4 8' 'listen 8' 'connect 23 8')

four_accepts() {
    printf '%s\n' "$1 7 a" "$1 7 b" "$1 7 c" 'connect d 7' "$1 7 e" \
        'look a' 'look b' 'look c' 'look e' 'look 7'
}

# ---- duplicates ----------------------------------------------------------------

# bats test_tags=effect
@test "a duplicate of a listener has what the program has set since, and the queue isn't forgotten" {
    local dup
    for dup in 'dup a d' 'dup2 a 60' 'dup3 a 60' 'dupfd a d' 'dupfd-cloexec a d'; do
        shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'set a idle 15' "$dup" 'connect c a' \
            "accept ${dup##* } b" 'look b'
        has b "${ours/idle=61/idle=15}"
        handed_over "${queued[@]}" -- 'accept 7 x' "${dup/ a / 7 }" "accept ${dup##* } b" 'look b'
        has b "$ours"
    done
}

# bats test_tags=effect
@test "a number that a duplicate of another socket takes is forgotten" {
    handed_over "${another[@]}" -- 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'dup2 8 60' 'accept 60 d' 'look d' \
        'unix u' 'listen u' 'dup2 u 61' 'dup2 8 61' 'connect e 8' 'accept 61 f' 'look f'
    has d f "$ours"
}

# ---- inherited -----------------------------------------------------------------

# bats test_tags=effect
@test "an inherited listener: three clients in its queue, and the fourth" {
    mapfile -t steps < <(four_accepts accept)
    handed_over "${queued[@]}" -- "${steps[@]}"
    has a b c e "$ours"
    has 7 "${ours/connected/listening}"
}

# bats test_tags=effect
@test "an inherited listener, with accept4" {
    mapfile -t steps < <(four_accepts accept4)
    handed_over "${queued[@]}" -- "${steps[@]}"
    has a b c e "$ours"
}

# bats test_tags=effect
@test "an inherited listener that doesn't block and is polled in vain first" {
    mapfile -t steps < <(four_accepts accept)
    handed_over 'tcp4 7' 'nonblock 7' 'listen 7' -- 'accept 7 a' 'accept 7 a' 'connect x 7' \
        'connect y 7' 'connect z 7' "${steps[@]}"
    has a b c e "$ours"
}

# bats test_tags=effect
@test "clients that come while an inherited queue is emptied" {
    handed_over "${queued[@]}" -- 'accept 7 a' 'connect x 7' 'accept 7 b' 'connect y 7' \
        'accept 7 c' 'accept 7 d' 'accept 7 e' 'look a' 'look b' 'look c' 'look d' 'look e'
    has a b c d e "$ours"
}

# bats test_tags=effect
@test "two inherited listeners, each with a queue, by turns" {
    handed_over "${queued[@]}" "${another[@]}" 'connect 24 8' -- 'accept 7 a' 'accept 8 b' \
        'accept 7 c' 'accept 8 d' 'accept 7 e' 'look a' 'look b' 'look c' 'look d' 'look e'
    has a b c d e "$ours"
}

# bats test_tags=effect
@test "an inherited listener, shared by two threads" {
    handed_over "${queued[@]}" -- 'threads 7 a b c' 'look a' 'look b' 'look c' 'connect x 7' \
        'accept 7 d' 'look d'
    has a b c d "$ours"
}

# bats test_tags=effect
@test "an inherited listener, for which two threads wait" {
    handed_over 'tcp4 7' 'listen 7' -- 'threads 7 blocked a b' 'look a' 'look b'
    has a b "$ours"
}

# bats test_tags=effect
@test "an inherited listener on descriptor 0" {
    handed_over 'tcp4 0' 'listen 0' 'connect 20 0' -- 'accept 0 a' 'look a' 'connect x 0' \
        'accept 0 b' 'look b'
    has a b "$ours"
}

# bats test_tags=effect
@test "listen on an inherited listener: its queue isn't forgotten" {
    handed_over "${queued[@]}" -- 'listen 7' 'accept 7 a' 'look a' 'connect x 7' 'accept 7 b' \
        'accept 7 c' 'accept 7 d' 'look b' 'look c' 'look d'
    has a b c d "$ours"
}

# bats test_tags=effect
@test "a listener that came over a UNIX socket" {
    handed_over "${queued[@]}" -- 'send 7' 'recvmsg a' 'accept a b' 'accept a c' 'look b' 'look c'
    has b c "$ours"
}

# bats test_tags=effect
@test "a prepared listener goes through exec to the next program" {
    shimmed "${timers[@]}" steps 'tcp4 7' 'listen 7' 'connect 20 7' \
        exec steps 'accept 7 a' 'look a' 'connect x 7' 'accept 7 b' 'look b'
    has a b "$ours"
}

# ---- a prepared listener's number comes back as another -------------------------
#
# Descriptor a is a listener that the library has prepared; its number goes, and comes
# back as listener 8, that it hasn't met, with a client in the queue.

# comes_back STEP...
comes_back() {
    handed_over "${another[@]}" -- 'tcp4 a' 'listen a' 'connect x a' 'accept a y' "$@" \
        'accept a b' 'connect z a' 'accept a c' 'look y' 'look b' 'look c'
    has y b c "$ours"
}

# bats test_tags=effect
@test "recycled: closed, and a new one made" {
    local way
    for way in close fclose close_range close-raw; do
        shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' "$way a" 'tcp4 b' 'listen b' \
            'connect c b' 'accept b d' 'look d'
        [ "$(result 'tcp4 a')" = "$(result 'tcp4 b')" ]
        has d "$ours"
    done
}

# bats test_tags=effect
@test "recycled: dup2 over it" {
    comes_back 'dup2 8 a'
}

# bats test_tags=effect
@test "recycled: dup2 over it, and an accept before and after, before dup2 returns" {
    KASHIM_LIB+=:$root/build/tests/libother.so
    export OTHER_ACCEPT=40
    handed_over "${another[@]}" -- 'tcp4 7' 'listen 7' 'connect c 7' 'dup2 8 7' 'look 40'
    has 40 "$ours"
}

# bats test_tags=effect
@test "recycled: what the program has set stands until dup2 replaces it" {
    KASHIM_LIB+=:$root/build/tests/libother.so
    export OTHER_ACCEPT=40
    handed_over "${another[@]}" -- 'tcp4 7' 'listen 7' 'set 7 idle 777' 'connect c 7' 'dup2 8 7' 'look 41'
    has 41 "${ours/idle=61/idle=777}"
}

# bats test_tags=effect
@test "recycled: dup3 over it" {
    comes_back 'dup3 8 a'
}

# bats test_tags=effect
@test "recycled: closed in whatever way, then dup" {
    local way
    for way in close fclose close_range close-raw; do
        comes_back "$way a" 'dup 8 e'
        [ "$(result 'tcp4 a')" = "$(result 'dup 8 e')" ]
    done
}

# bats test_tags=effect
@test "recycled: closed, then fcntl's F_DUPFD" {
    comes_back 'close a' 'dupfd 8 a'
}

# bats test_tags=effect
@test "recycled: closed, then fcntl's F_DUPFD_CLOEXEC" {
    comes_back 'close a' 'dupfd-cloexec 8 a'
}

# bats test_tags=effect
@test "recycled: closed, then received by recvmsg" {
    comes_back 'send 8' 'close a' 'recvmsg e'
    [ "$(result 'tcp4 a')" = "$(result 'recvmsg e')" ]
}

# bats test_tags=effect
@test "recycled: closed, then received by recvmmsg" {
    comes_back 'send 8' 'close a' 'recvmmsg e'
    [ "$(result 'tcp4 a')" = "$(result 'recvmmsg e')" ]
}

# bats test_tags=effect
@test "recycled: the number of a UNIX listener" {
    handed_over "${another[@]}" -- 'unix a' 'listen a' 'connect x a' 'accept a y' 'close a' \
        'dup 8 e' 'accept a b' 'look b'
    [ "$(result 'unix a')" = "$(result 'dup 8 e')" ]
    has b "$ours"
}

# bats test_tags=effect
@test "recycled: what was a listener is a connection, and a listener again" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect x a' 'tcp4 b' 'listen b' \
        'close b' 'accept a y' 'close y' 'tcp4 c' 'listen c' 'connect d c' 'accept c e' 'look e'
    [ "$(result 'accept a y')" = "$(result 'tcp4 c')" ]
    has e "$ours"
}

# ---- vfork: a child in our memory ----------------------------------------------

# bats test_tags=effect
@test "a vfork child closes the listener" {
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'vfork-close a' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "a vfork child redirects over the listener" {
    shimmed "${timers[@]}" steps 'open d /dev/null' 'tcp4 a' 'listen a' 'vfork-dup2 d a' \
        'connect c a' 'accept a b' 'connect e a' 'accept a f' 'look b' 'look f' 'look a'
    has b f "$ours"
    has a "${ours/connected/listening}"
}

# bats test_tags=effect
@test "a vfork child puts a prepared listener over an inherited one" {
    handed_over "${queued[@]}" -- 'tcp4 a' 'listen a' 'vfork-dup2 a 7' 'accept 7 b' 'accept 7 c' \
        'look b' 'look c'
    has b c "$ours"
}

# bats test_tags=effect
@test "so does one of clone(CLONE_VM | CLONE_VFORK)" {
    shimmed "${timers[@]}" steps 'open d /dev/null' 'tcp4 a' 'listen a' 'clone a' 'clone d a' \
        'connect c a' 'accept a b' 'connect e a' 'accept a f' 'look b' 'look f'
    has b f "$ours"
    handed_over "${queued[@]}" -- 'tcp4 a' 'listen a' 'clone a 7' 'clone 7' 'accept 7 b' \
        'accept 7 c' 'look b' 'look c'
    has b c "$ours"
}
