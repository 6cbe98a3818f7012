#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Sockets that the process was born with: socket activation, inetd, and neither.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

listening=${ours/connected/listening}

setup() {
    port=$(free_port)
    out=$BATS_TEST_TMPDIR/out
}

# ---- systemd -------------------------------------------------------------------

# activated [OPTION...] -- STEP...: what the steps say when a client has come. It stays.
activated() {
    local options=() variable
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    for variable in "LD_PRELOAD=$KASHIM_LIB" "PATH=$PATH" "${timers[@]}"; do
        options+=(-E "$variable")
    done
    need systemd-socket-activate
    without_harness systemd-socket-activate -l "127.0.0.1:$port" "${options[@]}" \
        steps "${@:2}" 'open z /dev/null' </dev/null >"$out" 2>&1 &
    started+=($!)
    wait_for 10 listens_on "$port"
    exec {client}<>"/dev/tcp/127.0.0.1/$port"
    wait_for 10 grep -q '^open z' "$out"
    output=$(cat "$out")
}

# bats test_tags=effect
@test "a listener from systemd is prepared at load, and its queue isn't forgotten" {
    activated -- 'look 3' 'accept 3 a' 'look a' 'connect c 3' 'accept 3 b' 'look b'
    has 3 "$listening"
    has a b "$ours"
}

# bats test_tags=effect
@test "a connection from systemd has the options" {
    activated --accept -- 'look 3'
    has 3 "$ours"
}

# bats test_tags=effect
@test "a connection from systemd on descriptor 0, as under inetd" {
    printf '#!/bin/sh\nexec steps "look 0" "open z /dev/null" >%s\n' "$out" >"$BATS_TEST_TMPDIR/run"
    chmod +x "$BATS_TEST_TMPDIR/run"
    need systemd-socket-activate
    without_harness systemd-socket-activate -l "127.0.0.1:$port" --accept --inetd \
        -E "LD_PRELOAD=$KASHIM_LIB" -E "PATH=$PATH" -E KA_IDLE=61 -E KA_INTVL=11 -E KA_CNT=7 \
        "$BATS_TEST_TMPDIR/run" </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 &
    started+=($!)
    wait_for 10 listens_on "$port"
    exec {client}<>"/dev/tcp/127.0.0.1/$port"
    wait_for 10 grep -qs '^open z' "$out"
    output=$(cat "$out")
    has 0 "$ours"
}

# bats test_tags=harmless
@test "LISTEN_FDS of another process, or that is rubbish, is none of ours" {
    local fds pid
    for fds in 1 x -1 0 99999999 99999999999999999999 '' ' 1'; do
        output=$(without_harness steps 'tcp4 3' 'listen 3' exec env "LD_PRELOAD=$KASHIM_LIB" \
            "LISTEN_FDS=$fds" LISTEN_PID=1 "${timers[@]}" steps 'look 3')
        harmless "LISTEN_FDS=$fds" "${untouched/connected/listening}" "$(result 'look 3')"
    done
    for fds in x -1 0 '' ' 1' 99999999 99999999999999999999; do
        output=$(without_harness steps 'tcp4 3' 'listen 3' exec sh -c '
            LISTEN_FDS=$1 LISTEN_PID=$$ LD_PRELOAD=$2 exec steps "look 3"' - "$fds" "$KASHIM_LIB")
        harmless "LISTEN_FDS=$fds" "${untouched/connected/listening}" "$(result 'look 3')"
    done
    for pid in '' x 0 -1 '+$$' '$$x' ' $$' 4294967296; do
        output=$(without_harness steps 'tcp4 3' 'listen 3' exec sh -c \
            "LISTEN_FDS=1 LISTEN_PID=\"$pid\" LD_PRELOAD=\$0 exec steps 'look 3'" "$KASHIM_LIB")
        harmless "LISTEN_PID=$pid" "${untouched/connected/listening}" "$(result 'look 3')"
    done
}

# bats test_tags=effect
@test "of what systemd passes TCP alone is touched, tuned or not, and nothing beyond" {
    output=$(without_harness steps 'tcp4 3' 'set 3 idle 33' 'listen 3' 'unix 4' 'listen 4' 'udp 5' \
        'connect 6 3' 'set 6 idle 33' 'tcp4 7' 'listen 7' exec sh -c '
        LISTEN_FDS=4 LISTEN_PID=$$ exec env "LD_PRELOAD=$0" "$@"' "$KASHIM_LIB" "${timers[@]}" \
        steps 'look 3' 'look 4' 'look 5' 'look 6' 'look 7')
    has 3 "$listening"
    has 6 "$ours"
    harmless 'UNIX' 'unix listening keepalive=0' "$(result 'look 4')"
    harmless 'UDP' 'udp unconnected keepalive=0' "$(result 'look 5')"
    harmless 'the next number' "${untouched/connected/listening}" "$(result 'look 7')"
}

# stored NAMES [VAR=VALUE...]: what a connection has that is passed as the second descriptor.
stored() {
    local names=$1
    shift
    output=$(without_harness steps 'tcp4 3' 'listen 3' 'connect 4 3' exec sh -c '
        LISTEN_FDS=2 LISTEN_PID=$$ exec env "$@"' - "LD_PRELOAD=$KASHIM_LIB" \
        "LISTEN_FDNAMES=$names" "${timers[@]}" "$@" steps 'look 4')
}

# bats test_tags=harmless
@test "a connection from systemd's fd store is the program's own" {
    local names
    for names in http:upstream http:connections http:connectio http: connection; do
        stored "$names"
        harmless "LISTEN_FDNAMES=$names" "$untouched" "$(result 'look 4')"
    done
}

# bats test_tags=effect
@test "a connection that systemd has accepted has the options, one from the store with KA_CONNECT" {
    stored http:connection
    has 4 "$ours"
    stored http:upstream KA_CONNECT=1
    has 4 "$ours"
}

# bats test_tags=harmless
@test "a connection from systemd that has keepalive on already is left alone" {
    output=$(without_harness steps 'tcp4 9' 'listen 9' 'connect 3 9' 'set 3 keepalive 1' 'set 3 idle 33' \
        exec sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec env "$@" steps "look 3"' - \
        "LD_PRELOAD=$KASHIM_LIB" "${timers[@]}")
    harmless 'its timers' 'keepalive=1 idle=33' "$(result 'look 3' | grep -o 'keepalive=. idle=[0-9]*')"
}

# bats test_tags=effect
@test "LISTEN_FDS may be larger than what there is" {
    output=$(without_harness steps 'tcp4 3' 'listen 3' exec sh -c '
        LISTEN_FDS=1000 LISTEN_PID=$$ LD_PRELOAD=$0 exec env "$@" steps "look 3"' \
        "$KASHIM_LIB" "${timers[@]}")
    effect 'the first of them' keepalive=1 "$(result 'look 3' | grep -o keepalive=.)"
}

# ---- inetd ---------------------------------------------------------------------

# inetd_runs WAIT SCRIPT-LINE: the line, run by inetd under the library for a client. The
# connection is $client.
inetd_runs() {
    need inetd
    [ $EUID = 0 ] || unless_ci 'inetd wants to be started by root'
    printf '#!/bin/sh\nexport %s PATH="%s"\n%s\n' "${timers[*]}" "$PATH" "$2" >"$BATS_TEST_TMPDIR/run"
    chmod +x "$BATS_TEST_TMPDIR/run"
    echo "127.0.0.1:$port stream tcp4 $1 root $BATS_TEST_TMPDIR/run run" >"$BATS_TEST_TMPDIR/conf"
    without_harness inetd -i "$BATS_TEST_TMPDIR/conf" </dev/null >"$BATS_TEST_TMPDIR/log" 2>&1 &
    started+=($!)
    wait_for 10 listens_on "$port"
    exec {client}<>"/dev/tcp/127.0.0.1/$port"
    wait_for 10 grep -qs '^open z' "$out"
    output=$(cat "$out")
}

# bats test_tags=effect
@test "inetd, nowait: the connection on descriptor 0" {
    inetd_runs nowait "exec env LD_PRELOAD=$KASHIM_LIB steps 'look 0' 'open z /dev/null' >$out"
    has 0 "$ours"
}

# bats test_tags=effect
@test "inetd, wait: the listener on descriptor 0, and what waits in its queue" {
    inetd_runs wait "exec env LD_PRELOAD=$KASHIM_LIB steps 'look 0' 'accept 0 a' 'look a' \
        'connect c 0' 'accept 0 b' 'look b' 'open z /dev/null' >$out"
    has 0 "$listening"
    has a b "$ours"
}

# bats test_tags=harmless,clumsy:talk
@test "inetd: a line that is due doesn't go to the client" {
    inetd_runs nowait "exec env LD_PRELOAD=$KASHIM_LIB KA_LOG=stderr KA_CNT=rubbish \
        steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'open z /dev/null' >$out"
    harmless 'what the client got' '' "$(timeout 10 cat <&"$client")"
}

# bats test_tags=harmless
@test "a connected descriptor 0 that is tuned already is left alone" {
    output=$(without_harness steps 'tcp4 a' 'listen a' 'connect c a' 'accept a 0' 'set 0 keepalive 1' \
        'set 0 idle 33' exec env "LD_PRELOAD=$KASHIM_LIB" "${timers[@]}" steps 'look 0')
    harmless 'options' 'tcp connected keepalive=1 idle=33 intvl=75 cnt=9 user_timeout=0' \
        "$(result 'look 0')"
}

# bats test_tags=effect
@test "KA_PORTS and KA_OFF count for them as well" {
    local steps=('tcp4 a' 'listen a' 'connect c a' 'accept a 0' exec env "LD_PRELOAD=$KASHIM_LIB")
    output=$(without_harness steps "${steps[@]}" "${timers[@]}" KA_PORTS=1 steps 'look 0')
    has 0 "$untouched"
    output=$(without_harness steps "${steps[@]}" "${timers[@]}" KA_OFF=1 steps 'look 0')
    has 0 "$untouched"
    output=$(without_harness steps "${steps[@]}" "${timers[@]}" KA_PORTS=1-65535 steps 'look 0')
    has 0 "$ours"
}

# ---- neither -------------------------------------------------------------------

# calls_of LIBRARY: the system calls of true with it, with their first arguments; without
# those by which the loader maps one file or another.
calls_of() {
    strace -qq -E "LD_PRELOAD=$1" true 2>&1 </dev/null | sed 's/[,)].*//' |
        grep -v -e '^m\(map\|unmap\|protect\)(' -e '^execve('
}

# bats test_tags=effect
@test "a program that has none pays one fstat" {
    need strace
    effect 'what is new' '> fstat(0' "$(diff \
        <(calls_of "$root/build/tests/libempty.so" | sed 's/0x[0-9a-f]*//') \
        <(calls_of "$KASHIM_LIB" | sed 's/0x[0-9a-f]*//') | grep '^[<>]')"
}
