#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Hooks in signal handlers.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# bats test_tags=effect
@test "a handler accepts, whichever instruction of accept it has interrupted" {
    shimmed "${timers[@]}" interrupt accept
    effect 'verdict' 'many instructions, 0 wrong' "$output"
}

# bats test_tags=effect
@test "a handler accepts, whichever instruction of listen it has interrupted" {
    shimmed "${timers[@]}" interrupt listen
    effect 'verdict' 'many instructions, 0 wrong' "$output"
}

# bats test_tags=effect
@test "a handler accepts, whichever instruction of the very first accept it has interrupted" {
    KASHIM_LIB+=:$root/build/tests/libinterrupt.so
    shimmed "${timers[@]}" true
    effect 'verdict' 'many instructions, 0 wrong' "$output"
}
