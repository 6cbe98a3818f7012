#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_CHILDREN=0: programs that this one starts are not shimmed.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# preload_of_child LD_PRELOAD [VAR=VALUE...]: what a shell's child finds there.
preload_of_child() {
    local preload=$1
    shift
    # the shell is shimmed, env is its child
    output=$(env "$@" "LD_PRELOAD=$preload" sh -c 'env; :' 2>&1 | sed -n 's/^LD_PRELOAD=//p')
}

other() {
    echo "$root/build/tests/libother.so"
}

# bats test_tags=effect
@test "children of a program with KA_CHILDREN=0 don't inherit the preload" {
    preload_of_child "$KASHIM_LIB" KA_CHILDREN=0
    effect 'preload of the child' '' "$output"
}

# bats test_tags=effect
@test "other libraries in LD_PRELOAD are kept, wherever ours stands" {
    local list
    for list in "$KASHIM_LIB:$(other)" "$(other):$KASHIM_LIB" "$(other) $KASHIM_LIB" \
        "$KASHIM_LIB:$(other):$KASHIM_LIB"; do
        preload_of_child "$list" KA_CHILDREN=0
        effect "child of $list" "$(other)" "$output"
    done
    preload_of_child "$(other):$KASHIM_LIB:$root/build/tests/libearly.so" KA_CHILDREN=0
    effect 'child of three' "$(other):$root/build/tests/libearly.so" "$output"
}

# bats test_tags=effect
@test "every LD_PRELOAD is cut, where there are several" {
    need python3
    output=$(python3 -c '
import ctypes, sys
words = lambda *w: (ctypes.c_char_p * (len(w) + 1))(*[x.encode() for x in w], None)
ours, other = sys.argv[1:]
ctypes.CDLL(None).execve(b"/bin/cat", words("cat", "/proc/self/environ"),
    words("LD_PRELOAD=" + ours, "KA_CHILDREN=0", "LD_PRELOAD=" + other + ":" + ours))' \
        "$KASHIM_LIB" "$(other)" | tr '\0' '\n' | grep ^LD_PRELOAD=)
    effect 'its own environment' "LD_PRELOAD="$'\n'"LD_PRELOAD=$(other)" "$output"
}

# bats test_tags=effect
@test "the environment that /proc shows has it cut out in place" {
    output=$(env KA_CHILDREN=0 "LD_PRELOAD=$KASHIM_LIB" AFTER=it \
        sh -c 'tr "\0" "\n" </proc/$$/environ' | grep -a -e ^LD_PRELOAD= -e ^AFTER=)
    effect 'its own environment' $'LD_PRELOAD=\nAFTER=it' "$output"
}

# bats test_tags=effect
@test "the program itself is shimmed all the same" {
    shimmed KA_CHILDREN=0 "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "a script in front of the server leaves it bare" {
    printf '#!/bin/sh\nsteps "$@"\n' >"$BATS_TEST_TMPDIR/start"
    chmod +x "$BATS_TEST_TMPDIR/start"
    local steps=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')
    shimmed "${timers[@]}" "$BATS_TEST_TMPDIR/start" "${steps[@]}"
    has b "$ours"
    shimmed KA_CHILDREN=0 "${timers[@]}" "$BATS_TEST_TMPDIR/start" "${steps[@]}"
    has b "$untouched"
}

# bats test_tags=harmless
@test "without KA_CHILDREN=0 the preload is inherited as it was" {
    local value
    for value in '' 1; do
        preload_of_child "$(other):$KASHIM_LIB" KA_CHILDREN=$value
        harmless 'preload of the child' "$(other):$KASHIM_LIB" "$output"
    done
}

# bats test_tags=harmless
@test "KA_OFF=1 leaves it alone" {
    preload_of_child "$KASHIM_LIB" KA_CHILDREN=0 KA_OFF=1
    harmless 'preload of the child' "$KASHIM_LIB" "$output"
}

# bats test_tags=harmless
@test "a library of another name is kept" {
    cp "$(other)" "$BATS_TEST_TMPDIR/notlibkashim.so"
    preload_of_child "$BATS_TEST_TMPDIR/notlibkashim.so:$KASHIM_LIB" KA_CHILDREN=0
    harmless 'the first entry' "$BATS_TEST_TMPDIR/notlibkashim.so" "${output%%:*}"
}

# bats test_tags=harmless,clumsy:load
@test "a preload that another library has put there meanwhile is kept" {
    local early=$root/build/tests/libearly.so
    shimmed KA_CHILDREN=0 EARLY_PRELOAD=1 "LD_PRELOAD=$KASHIM_LIB:$early" sh -c 'echo "$LD_PRELOAD"'
    harmless 'preload' /nowhere/libkashim.so "$output"
    harmless 'said' '' "$stderr"
}
