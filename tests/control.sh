#!/bin/bash
# SPDX-License-Identifier: MIT
#
# control.sh [FILE.bats...]: shows that the tests can fail. With an empty library and a
# command that does nothing in place of ours all tests tagged effect must fail, and with the
# empty library alone all tagged harmless pass; with the library that has FAULT, or the
# command that does nothing for "mute", all tagged clumsy:FAULT must fail; with a parser
# that does nothing, all unit tests. A failure counts where it is the test's verdict
# (lib.bash), and not, say, a program that is missing.
#
# Names each test that doesn't do as it must. The last line: N passed, N failed.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
empty=$root/build/tests/libempty.so
clumsy=$root/build/tests/libclumsy.so
mute=/bin/true
passed=0 failed=0

# The tests that have no tag, or both.
untagged() {
    awk '
        FNR == 1 { tags = "" }
        /^@test/ && !(tags ~ /=([^ ]*,)?effect(,|$)/) != !(tags ~ /=([^ ]*,)?harmless(,|$)/) { tags = ""; next }
        /^@test/ { print FILENAME ": neither effect nor harmless, or both: " $0 }
        { tags = /^# bats test_tags=/ ? $0 : "" }' "$@"
}

# The faults that tests are tagged with.
faults() {
    sed -n '/^# bats test_tags=/s/[=,]/\n/gp' "$@" | sed -n 's/^clumsy:\([^ ]*\)$/\1/p' | sort -u
}

# TAP on stdin; a line for each test: ok, skip, or what it failed for, and the name.
outcomes() {
    awk '
        function tell() { if (name != "") print outcome, name }
        /^(not )?ok [0-9]+ / {
            tell()
            outcome = /^ok .* # skip/ ? "skip" : /^ok/ ? "ok" : "error"
            name = $0
            sub(/^(not )?ok [0-9]+ /, "", name)
        }
        outcome == "error" && /^# no effect: / { outcome = "no-effect" }
        outcome == "error" && /^# harm: / { outcome = "harm" }
        END { tell() }'
}

# tap TAG FILE...: runs the tests that have the tag, several files at a time.
tap() {
    local tag=$1 with_tag=()
    shift
    mapfile -t with_tag < <(grep -l "^# bats test_tags=.*\b$tag\b" "$@")
    [ ${#with_tag[@]} -gt 0 ] || return 0
    rm -f "$work"/*.tap
    printf '%s\0' "${with_tag[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c '
        bats --tap --filter-tags "$1" "$2" >"$0/${2##*/}.tap" 2>&1 || :' "$work" "$tag"
    cat "$work"/*.tap
}

# round TITLE LIBRARY TAG OUTCOME FILE...
round() {
    local title=$1 library=$2 tag=$3 must=$4 outcome name good=0 bad=0
    shift 4
    while read -r outcome name; do
        case $outcome in
        "$must") good=$((good + 1)) ;;
        skip) echo "  skipped: $name" ;;
        *)
            bad=$((bad + 1))
            echo "  must end in $must and ends in $outcome: $name"
            ;;
        esac
    done < <(KASHIM_LIB=$library KASHIM_COMMAND=$command tap "$tag" "$@" | outcomes)
    # of some files none may have the tag, but not of all
    if [ $((good + bad)) -eq 0 ] && [ "$all" ]; then
        bad=1
        echo "  no test was run"
    fi
    echo "$title: $good of $((good + bad)) as they must ($must)"
    passed=$((passed + good)) failed=$((failed + bad))
}

# units: the unit tests of a parser that does nothing.
units() {
    local test name
    for test in "$root"/build/tests/empty-unit-*[!.][!d]; do
        while read -r name; do
            case $name in
            not\ ok*) passed=$((passed + 1)) ;;
            *) failed=$((failed + 1)) && echo "  must fail and passes: $name" ;;
            esac
        done < <(CMOCKA_MESSAGE_OUTPUT=TAP "$test" 2>/dev/null | grep -E '^(not )?ok ')
    done
    echo "unit tests, empty parser: $passed of $((passed + failed)) as they must (not ok)"
    [ $passed -gt 0 ] || failed=1
}

main() {
    local fault unlike
    local files=("$root"/tests/*.bats)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    all=''
    [ $# -gt 0 ] || set -- "${files[@]}"
    [ $# -lt ${#files[@]} ] || all=yes
    for library in "$empty" "$clumsy"; do
        [ -e "$library" ] || { echo "missing: $library (make fixtures builds it)" >&2; exit 1; }
    done
    unlike=$(untagged "$@")
    [ -z "$unlike" ] || { echo "$unlike"; failed=$(grep -c . <<<"$unlike"); }

    units
    command=$mute
    round 'tests of effect, empty library and command' "$empty" effect no-effect "$@"
    command=''
    round 'tests of harmlessness, empty library' "$empty" harmless ok "$@"
    for fault in $(faults "$@"); do
        export CLUMSY=$fault
        command=''
        [ "$fault" != mute ] || command=$mute
        round "tests of harmlessness, library with fault '$fault'" "$clumsy" "clumsy:$fault" harm "$@"
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

main "$@"
