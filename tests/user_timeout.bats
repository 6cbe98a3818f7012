#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_USER_TIMEOUT: what it sets. What that does on the wire: in_flight.bats.

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
