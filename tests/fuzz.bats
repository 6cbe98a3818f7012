#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The parsers of what others write; make fuzz gives each ten minutes.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# bats test_tags=harmless
@test "fuzz: settings, ELF, /proc and sock_diag, a few seconds each" {
    need clang python3
    run "$root/tests/fuzz/fuzz.sh" 3
    echo "$output"
    harmless 'exit status' 0 "$status"
    harmless 'targets' 4 "$(grep -c 'nothing found in [1-9][0-9][0-9]' <<<"$output")"
}
