#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# make bench: what is exact in it holds, and the document is one.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# bats test_tags=harmless,clumsy:options
@test "bench: the targets for instructions, system calls and memory" {
    need valgrind strace
    make -s -C "$root" build/tests/bench build/tests/libobvious.so
    BENCH_JSON=$BATS_TEST_TMPDIR/bench.json "$root/tests/bench/bench.sh" 1 >"$BATS_TEST_TMPDIR/table"
    harmless 'targets' '' "$(grep MISSED "$BATS_TEST_TMPDIR/table")"
    harmless 'rows without kashim or without a control' '[]' "$(python3 -c '
import json, sys
rows = json.load(open(sys.argv[1]))["rows"]
print([r["row"] for r in rows if r["variant"] == "none"
    and not {"kashim"} & {s["variant"] for s in rows if s["row"] == r["row"]}])' "$BATS_TEST_TMPDIR/bench.json")"
}
