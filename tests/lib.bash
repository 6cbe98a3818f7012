#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the scenario tests share. Each test has directly above it
#
#     # bats test_tags=effect      it shows what the library brings about, or
#     # bats test_tags=harmless    it shows that the library does no harm
#
# and tests/control.sh holds them to it: with an empty library the first must fail, the
# second pass; and a harmless test that is tagged clumsy:FAULT as well must fail with the
# library in fixtures/libclumsy.c that has this fault. So that a test can't fail there for
# another reason, a missing fixture say, it must do so in effect() or harmless().

bats_require_minimum_version 1.8.0

root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
KASHIM_LIB=${KASHIM_LIB:-$root/build/libkashim.so}
[ -e "$KASHIM_LIB" ] || { echo "missing: $KASHIM_LIB" >&2; exit 1; }
KASHIM_LIB=$(realpath "$KASHIM_LIB")
PATH=$root/build/tests:$PATH:/usr/sbin:/sbin
export LC_ALL=C
unset MAKEFLAGS MAKELEVEL LD_PRELOAD LISTEN_FDS LISTEN_PID NOTIFY_SOCKET "${!KA_@}"

# Told apart from the kernel's defaults and kashim's.
timers=(KA_IDLE=61 KA_INTVL=11 KA_CNT=7)
ours='tcp connected keepalive=1 idle=61 intvl=11 cnt=7 user_timeout=0'
untouched='tcp connected keepalive=0 idle=7200 intvl=75 cnt=9 user_timeout=0'

# ---- verdicts ------------------------------------------------------------------

# effect WHAT EXPECTED ACTUAL: the library has brought this about.
effect() {
    [ "$2" = "$3" ] || verdict 'no effect' "$@"
}

# harmless WHAT EXPECTED ACTUAL: the library hasn't disturbed this.
harmless() {
    [ "$2" = "$3" ] || verdict harm "$@"
}

verdict() {
    printf '%s: %s\nexpected: %s\nfound:    %s\n' "$@"
    return 1
}

# unless_ci REASON: the test can't be run here, which CI doesn't put up with.
unless_ci() {
    [ "${CI-}" != true ] || { echo "cannot be skipped in CI: $1"; return 1; }
    skip "$1"
}

# need COMMAND...: what the test needs besides the project's own programs.
need() {
    local command
    for command; do
        command -v "$command" >/dev/null || unless_ci "$command is missing"
    done
}

need_ipv6() {
    [ "$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 2>/dev/null)" = 0 ] ||
        unless_ci 'there is no IPv6'
}

has_rto_max() {
    [ "$(steps 'tcp4 a' 'set a rto_max 1000' | sed -n 's/^set a rto_max 1000: //p')" = 0 ]
}

need_rto_max() {
    has_rto_max || unless_ci 'the kernel has no TCP_RTO_MAX_MS'
}

# ---- scenarios in one process: fixtures/steps.c ----------------------------------

# without_harness COMMAND...: with no descriptor beyond stderr.
without_harness() {
    "$@" 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
}

# shimmed [VAR=VALUE...] COMMAND...: runs it under the library, its output in $output, what
# it says on stderr in $stderr. That it ends well is part of the test.
shimmed() {
    output=$(without_harness timeout 60 env "LD_PRELOAD=$KASHIM_LIB" "$@" 2>"$BATS_TEST_TMPDIR/stderr") ||
        { echo "status $?: $output"; cat "$BATS_TEST_TMPDIR/stderr"; return 1; }
    stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
}

# hand_over LIBRARY STEP... -- STEP...: the first steps without the library,
# the others, after an exec that inherits all descriptors, with it and the timers.
hand_over() {
    local library=$1 first=()
    shift
    while [ "$1" != -- ]; do
        first+=("$1")
        shift
    done
    shift
    without_harness timeout 60 steps "${first[@]}" exec env "LD_PRELOAD=$library" "${timers[@]}" steps "$@"
}

handed_over() {
    output=$(hand_over "$KASHIM_LIB" "$@")
}

# result STEP: the last word on that step.
result() {
    sed -n "s/^$1: \(.*: \)\?//p" <<<"$output" | tail -n 1
}

# has DESCRIPTOR... OPTIONS: `look` has seen these on each.
has() {
    local options=${*: -1}
    while [ $# -gt 1 ]; do
        effect "options of $1" "$options" "$(result "look $1")"
        shift
    done
}

# unharmed [VAR=VALUE...] COMMAND...: output, errors and exit status are the same with the
# library, whose timers are $timers, as without, where it ends well.
unharmed() {
    same_with run_under "$@"
}

# unharmed_over STEP... -- STEP...: the same for steps that are handed over.
unharmed_over() {
    same_with hand_over "$@"
}

run_under() {
    without_harness timeout 60 env "LD_PRELOAD=$1" "${timers[@]}" "${@:2}"
}

# same_with FUNCTION ARG...: FUNCTION is given a library, or none; both beside $beside.
same_with() {
    local bare beside=${beside-}
    bare=$("$1" "$beside" "${@:2}" 2>&1) || { echo "without the library, status $?: $bare"; return 1; }
    output=$("$1" "$KASHIM_LIB${beside:+:$beside}" "${@:2}" 2>&1) || output+=" status $?"
    harmless 'what it does and says' "$bare" "$output"
}

# ---- the command -------------------------------------------------------------------

# install_command: into $dir, with the library under test beside it.
install_command() {
    dir=$BATS_TEST_TMPDIR
    cp "${KASHIM_COMMAND:-$root/build/kashim}" "$dir/kashim"
    cp "$KASHIM_LIB" "$dir/libkashim.so"
}

# kashim ARGUMENT...: $output, $stderr and $status.
kashim() {
    as '' "$dir/kashim" "$@"
}

# as 'WRAPPER...' COMMAND...: the same for any command, under another.
as() {
    status=0
    # shellcheck disable=SC2086 # words
    output=$(without_harness timeout 60 $1 "${@:2}" 2>"$dir/stderr") || status=$?
    stderr=$(cat "$dir/stderr")
}

# says STATUS TEXT: on stdout, among others.
says() {
    harmless "exit status for $2" "$1" "$status"
    [[ $output == *"$2"* ]] || harmless 'result' "$2" "$output$stderr"
}

# refused STATUS TEXT: with nothing on stdout, and one line.
refused() {
    harmless 'exit status' "$1" "$status"
    harmless 'output' '' "$output"
    [[ $stderr == kashim:*"$2"* && $stderr != *$'\n'* ]] || harmless 'message' "$2" "$stderr"
}

# letters FILE.svg: how high its letters are where it is 360 pixels wide.
letters() {
    sed -n 's/.*viewBox="[0-9]* [0-9]* \([0-9]*\) .*font-size="\([0-9]*\)".*/\2 \1/p' "$1" |
        awk '{ print int($1 * 360 / $2) }'
}

# ---- servers in the background -----------------------------------------------------

started=()

# wait_for SECONDS COMMAND...: polls until it succeeds; fails when time is up.
wait_for() {
    local deadline=$((SECONDS + $1 + 1)) # SECONDS has no fraction
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || { echo "in vain: $*"; return 1; }
        sleep 0.02
    done
}

# free_port: below the range from which the kernel takes clients' ports.
free_port() {
    local port
    while port=$((10000 + RANDOM % 20000)); do
        [ -n "$(ss -Htan "sport = :$port")" ] || break
    done
    echo $port
}

listens_on() {
    [ -n "$(ss -Htln "sport = :$1")" ]
}

# serve_bare PORT COMMAND...: starts it and waits until it listens. Its process is $server.
serve_bare() {
    local port=$1
    shift
    without_harness exec "$@" </dev/null >"$BATS_TEST_TMPDIR/server" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 10 listens_on "$port" || { cat "$BATS_TEST_TMPDIR/server"; return 1; }
}

# serve PORT [VAR=VALUE...] COMMAND...: the same under the library, with $timers.
serve() {
    serve_bare "$1" env "LD_PRELOAD=$KASHIM_LIB" "${timers[@]}" "${@:2}"
}

# say PORT LINE: connects and sends it. The connection, on descriptor $client, stays open.
say() {
    exec {client}<>"/dev/tcp/127.0.0.1/$1"
    printf '%s\r\n' "$2" >&"$client"
}

# ask PORT REQUEST: the same, and waits for a line in $answer: the server has accepted.
ask() {
    say "$@"
    read -r -t 10 answer <&"$client" || { echo "no answer to '$2'"; return 1; }
}

# connections_at PORT: the options of those that $server's processes have accepted there.
connections_at() {
    sockopts "$server" | sed -n "s/^[0-9]* [0-9]* [^ ]*:$1 \(.* tcp connected.*\)/\1/p" |
        sed 's/^[^ ]* //' | sort -u
}

# kill_started: all that serve has started, and what these have.
kill_started() {
    local pid
    for pid in "${started[@]}"; do
        kill_tree "$pid"
        wait "$pid" || :
    done 2>/dev/null
}

kill_tree() {
    local child
    for child in $(ps -o pid= --ppid "$1"); do
        kill_tree "$child"
    done
    kill "$1" || :
}

teardown() {
    kill_started
}
