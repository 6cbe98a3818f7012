#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The library and the loader: how it finds what it stands in front of.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# bats test_tags=harmless,clumsy:lookup
@test "a first call keeps what dlerror is to tell" {
    unharmed loader dlerror
}

# bats test_tags=harmless,clumsy:lookup
@test "the child of a fork that has inherited the loader's lock" {
    unharmed loader fork
}

# serves_patched COMMAND...: the scenario in a program that was linked without the entry by
# which debuggers find the loader's list
serves_patched() {
    need python3
    python3 - "$(command -v steps)" "$BATS_TEST_TMPDIR/steps" <<'PYTHON'
import struct, sys
elf = bytearray(open(sys.argv[1], 'rb').read())
offset, = struct.unpack_from('<Q', elf, 32)
count, = struct.unpack_from('<H', elf, 56)
for i in range(count):
    kind, _, start, _, _, size = struct.unpack_from('<IIQQQQ', elf, offset + 56 * i)
    if kind == 2:
        for at in range(start, start + size, 16):
            if struct.unpack_from('<Q', elf, at)[0] == 21:
                struct.pack_into('<Q', elf, at, 0x6000000e)
open(sys.argv[2], 'wb').write(elf)
PYTHON
    chmod +x "$BATS_TEST_TMPDIR/steps"
    harmless 'entries DEBUG' 0 "$(readelf -d "$BATS_TEST_TMPDIR/steps" | grep -cw DEBUG)"
    "$@" "$BATS_TEST_TMPDIR/steps" 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
}

# bats test_tags=effect
@test "a program without DT_DEBUG" {
    need readelf
    serves_patched shimmed "${timers[@]}"
    has b "$ours"
}

# bats test_tags=effect
@test "the loader is run by hand" {
    local loader
    loader=$(readelf -p .interp "$(command -v steps)" | grep -o '/[^ ]*$')
    shimmed "${timers[@]}" "$loader" "$(command -v steps)" 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# patched EXPRESSION: the library with other strings in it, of the same length; its path
patched() {
    perl -0777 -pe "$1" "$KASHIM_LIB" >"$BATS_TEST_TMPDIR/libpatched.so"
    echo "$BATS_TEST_TMPDIR/libpatched.so"
}

# bats test_tags=effect
@test "a libc that doesn't tell where its list is" {
    need perl
    KASHIM_LIB=$(patched 's/\0_(r|dl)_debug/\0_$1_dEbug/g')
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "a function that libc hasn't fails with ENOSYS, and the others do their work" {
    need perl
    KASHIM_LIB=$(patched 's/(?<=\0)dup3(?=\0{9})/dup9/')
    shimmed "${timers[@]}" steps 'tcp4 a' 'dup3 a 20' 'listen a' 'connect c a' 'accept a b' 'look b'
    effect dup3 ENOSYS "$(result 'dup3 a 20')"
    has b "$ours"
}

# bats test_tags=harmless
@test "an IFUNC resolver calls before the library is relocated: whoever comes later is served" {
    beside=$root/build/tests/libresolver.so unharmed true
}

# bats test_tags=effect
@test "and with the settings" {
    KASHIM_LIB+=:$root/build/tests/libresolver.so
    shimmed "${timers[@]}" steps 'tcp4 a' 'listen a' 'look a'
    has a "${ours/connected/listening}"
}

# bats test_tags=harmless
@test "an object that is loaded below the address it was linked for" {
    echo 'int high;' | gcc -shared -fPIC -Wl,-Ttext-segment=0x900000000000 -x c - -o "$BATS_TEST_TMPDIR/libhigh.so"
    shimmed "LD_PRELOAD=$KASHIM_LIB:$BATS_TEST_TMPDIR/libhigh.so" true
}
