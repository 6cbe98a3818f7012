#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_USER_TIMEOUT: what it sets, and on the wire what it cures and what it breaks.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')

# bats test_tags=effect
@test "off, auto, a time, in milliseconds on the socket" {
    local value
    for value in off= auto=138000 9=9000 2m=120000; do
        shimmed "KA_USER_TIMEOUT=${value%=*}" "${timers[@]}" steps "${accepted[@]}"
        effect "KA_USER_TIMEOUT=${value%=*}" "${value#*=}" \
            "$(result 'look b' | sed 's/^tcp connected keepalive=1 idle=61.*user_timeout=//; s/^0$//')"
    done
}

# bats test_tags=effect
@test "a connection queued before the listener was inherited gets it as well" {
    output=$(without_harness steps 'tcp4 3' 'listen 3' 'connect c 3' exec env \
        "LD_PRELOAD=$KASHIM_LIB" KA_USER_TIMEOUT=9 "${timers[@]}" steps 'accept 3 b' 'look b')
    has b "${ours/user_timeout=0/user_timeout=9000}"
}

# ---- on the wire ---------------------------------------------------------------

lab() {
    need unshare nft socat
    output=$("$root/scripts/lab.sh" bash "$BATS_TEST_DIRNAME/user_timeout.sh" \
        "$root" "$KASHIM_LIB" "$1") 2>&1 || { echo "$output"; return 1; }
}

# bats test_tags=effect
@test "a dead peer with unacknowledged data in flight is dropped at the timeout, and hangs without" {
    lab dead
    effect 'after twice the time' $'with 4 s: gone\nwith off: there' "$output"
}

# bats test_tags=effect
@test "a live peer with a closed window lives with off, and not with a timeout" {
    lab closed-window
    effect 'after twice the time' $'with 4 s: gone\nwith off: there' "$output"
}
