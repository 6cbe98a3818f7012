#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim attach --force on a control group: what kashim set, no program there can undo; and
# is told that it has.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/groups.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b')
http=$'GET / HTTP/1.1\r\nHost: x\r\n'

# forced STEP...: on b, an accepted connection.
forced() {
    steps_in "$group" "${accepted[@]}" "$@" 'look b'
}

# bats test_tags=effect
@test "group, force: Go's own 15 seconds, which stand without" {
    attach "$group"
    serve_in "$group" go_server "$port" own
    ask "$port" "$http"
    effect 'without' 'keepalive=1 idle=15' "$(connections_at "$port" | grep -o 'keepalive=1 idle=15')"
    effect 'its listener' "${ours/connected/listening}" "$(listener)"
    kill_started
    attach --force "$group"
    serve_in "$group" go_server "$port" own
    ask "$port" "$http"
    effect 'with --force' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "group, force: each option stays as it is, and success is reported" {
    local change
    attach --force "$group"
    for change in 'keepalive 0' 'keepalive 1' 'idle 1' 'idle 32767' 'intvl 1' 'cnt 1' 'cnt 127' 'idle 5 8'; do
        forced "set b $change"
        effect "set b $change" 0 "$(result "set b $change")"
        has b "$ours"
    done
}

# bats test_tags=effect
@test "group, force: the listener stays as it is, and so does what comes from it" {
    attach --force "$group"
    steps_in "$group" 'tcp4 a' 'listen a' 'set a keepalive 0' 'set a idle 5' 'connect c a' 'accept a b' 'look a' 'look b'
    has a "${ours/connected/listening}"
    has b "$ours"
}

# bats test_tags=effect
@test "group, force: across dup, fork, exec, and for a process that has left the group" {
    attach --force "$group"
    forced 'dup b d' 'set d idle 5' fork 'set d cnt 3'
    has b "$ours"
    steps_in "$group" "${accepted[@]}" 'dup b 9' exec steps "enter ${group%/*}" 'set 9 keepalive 0' 'look 9'
    has 9 "$ours"
}

# bats test_tags=effect
@test "group, force: TCP_RTO_MAX_MS is kept where kashim set it, and only there" {
    need_rto_max
    attach --force -r 3 "$group"
    forced 'set b rto_max 5000' 'set b rto_max 999'
    has b "$ours rto_max=3000"
    effect 'what the program is told' '0 EINVAL' \
        "$(result 'set b rto_max 5000') $(result 'set b rto_max 999')"
    attach --force "$group"
    forced 'set b rto_max 5000'
    has b "$ours rto_max=5000"
}

# bats test_tags=effect
@test "group, force: TCP_USER_TIMEOUT is kept where kashim set it, and only there" {
    attach --force "$group"
    forced 'set b user_timeout 1234'
    has b "${ours/timeout=0/timeout=1234}"
    attach --force -u 9 "$group"
    forced 'set b user_timeout 1234'
    has b "${ours/timeout=0/timeout=9000}"
}

# bats test_tags=effect
@test "group, force: with --connect, outgoing connections too" {
    attach --force --connect "$group"
    steps_in "$group" "${accepted[@]}" 'set c keepalive 0' 'set c idle 5' 'look c'
    has c "$ours"
    steps_in "$group" 'tcp4 a' 'listen a' 'socket c' 'set c idle 33' 'connect-as c a' 'set c idle 44' 'look c'
    effect 'timers of its own' 'idle=44 intvl=75' "$(result 'look c' | grep -o 'idle=.* intvl=75')"
}

# bats test_tags=effect
@test "group, force: sockets that were there before" {
    steps_in "$group" "${accepted[@]}" "run $dir/kashim attach -i 61 -n 11 -c 7 --force $path" \
        'set a idle 5' 'set b idle 5' 'look a' 'look b'
    has a "${ours/connected/listening}"
    has b "$ours"
}

# bats test_tags=effect
@test "group, force: without it, again, the program's own choice stands" {
    attach --force "$group"
    attach "$group"
    forced 'set b idle 5'
    has b "${ours/idle=61/idle=5}"
    effect 'programs' kashim "$(programs_on "$group")"
}

# same_in_group STEP...: they say the same in a group with --force as without.
same_in_group() {
    local bare
    steps_in "$group" "$@"
    bare=$output
    attach --force "${options[@]}" "$group"
    steps_in "$group" "$@"
    harmless 'what it says' "$bare" "$output"
    steps_in "$group" "${accepted[@]}" 'set b idle 5' 'look b'
    harmless 'force' "${ours/timeout=0/timeout=9000}" "$(result 'look b')"
}

# bats test_tags=harmless,clumsy:mute
@test "group, force: what the kernel refuses is refused, with its errno" {
    options=(-u 9)
    same_in_group "${accepted[@]}" \
        'set b idle 0' 'set b idle 32768' 'set b idle -1' 'set b intvl 0' 'set b intvl 32768' \
        'set b cnt 0' 'set b cnt 128' 'set b user_timeout -1' 'set b idle 5 3' \
        'set b keepalive 1 3' 'set b keepalive 1 -1' 'set b idle 5 -1' 'set b idle 5 0' \
        'set-fault b idle' 'set-fault b keepalive' 'set 99 keepalive 1' 'set 99 idle 5'
}

# With a program on the group the kernel takes a page of what is longer.
# bats test_tags=harmless,clumsy:mute
@test "group, force: options that are none of ours, at any length" {
    options=(-u 9 --connect)
    same_in_group "${accepted[@]}" 'set b nodelay 1' 'set b nodelay 1 3' 'set b nodelay 1 4096' 'set b nodelay 1 4097' \
        'set b nodelay 1 8192' 'set b nodelay 1 65536' 'set b tos 16' 'set b tos 16 1' 'set b tos 16 8192' 'set-fault b tos'
}

# bats test_tags=harmless,clumsy:mute
@test "group, force: sockets that aren't kashim's are the program's own" {
    options=(-u 9)
    same_in_group 'socket a' 'set a keepalive 1' 'set a idle 5' 'set a intvl 6' 'set a cnt 7' 'set a user_timeout 8' 'look a' \
        'pair p q' 'set p keepalive 1' 'set p idle 5' 'look p' 'udp u' 'set u keepalive 1' 'set u idle 5' 'look u' \
        'set a idle 5 8192' 'set p keepalive 1 8192' 'set u keepalive 1 8192'
}
