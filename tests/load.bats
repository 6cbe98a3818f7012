#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# load.sh: with fewer connections than make load has.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# bats test_tags=effect
@test "load: the dead half of 1,000 connections is dropped in time, the other half stays" {
    run "$root/scripts/load.sh" --connections 1000 --svg "$BATS_TEST_TMPDIR/load.svg"
    echo "$output"
    effect 'exit status' 0 "$status"
    effect 'verdicts' 6 "$(grep -c ' ok$' <<<"$output")"
    effect 'curves' 2 "$(grep -c '<polyline' "$BATS_TEST_TMPDIR/load.svg")"
    effect 'height of its letters at 360 pixels' 9 "$(letters "$BATS_TEST_TMPDIR/load.svg")"
}

# bats test_tags=harmless
@test "load: bad arguments end in 2 and one line" {
    local bad
    for bad in --nonsense '--connections 0' '--connections x' --connections '--svg /no/such/folder/x'; do
        # shellcheck disable=SC2086 # words
        run "$root/scripts/load.sh" $bad
        harmless "$bad" 2 "$status"
        harmless "lines for $bad" 1 "${#lines[@]}"
    done
}
