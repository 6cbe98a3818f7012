#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_RTO_MAX: the cap on the retransmission timeout, which Linux has since 6.15.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')

need_rto_max() {
    [ "$(steps 'tcp4 a' 'set a rto_max 1000' | sed -n 's/^set a rto_max 1000: //p')" = 0 ] ||
        unless_ci 'the kernel has no TCP_RTO_MAX_MS'
}

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
