#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Kinds of sockets and of kernels: io_uring, MPTCP, what isn't TCP, kernels that refuse,
# large numbers, many processes.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')

# bats test_tags=effect
@test "io_uring's accept is covered by listen" {
    [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null)" != 2 ] ||
        unless_ci 'io_uring is switched off'
    without_harness env "LD_PRELOAD=$KASHIM_LIB" "${timers[@]}" uring </dev/null \
        >"$BATS_TEST_TMPDIR/out" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 10 grep -q . "$BATS_TEST_TMPDIR/out"
    effect 'connection' "$ours" "$(sockopts "$server" |
        sed -n "s/^[0-9]* $(sed 's/accepted //' "$BATS_TEST_TMPDIR/out") .* \(tcp connected.*\)/\1/p")"
}

# ---- MPTCP ---------------------------------------------------------------------

need_mptcp() {
    [ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || unless_ci 'there is no MPTCP'
}

# bats test_tags=effect
@test "MPTCP: a listener gets all that MPTCP takes, and what it refuses is said once" {
    need_mptcp
    shimmed KA_USER_TIMEOUT=9 KA_LOG=stderr "${timers[@]}" steps 'mptcp a' 'listen a' \
        'connect c a' 'accept a b' 'look b' 'mptcp d' 'listen d' 'connect e d' 'accept d f' 'look f'
    effect 'first connection' 'keepalive=1 idle=61 intvl=11 cnt=7' \
        "$(result 'look b' | grep -o 'keepalive=1 idle=61 intvl=11 cnt=7')"
    effect 'second' "$(result 'look b')" "$(result 'look f')"
    effect 'refused' 1 "$(grep -c 'refuses TCP_USER_TIMEOUT: ENOPROTOOPT$' <<<"$stderr")"
}

# bats test_tags=effect
@test "MPTCP: a connection that is MPTCP at both ends" {
    need_mptcp
    shimmed KA_USER_TIMEOUT=9 "${timers[@]}" steps 'mptcp a' 'listen a' 'mptcp c' \
        'connect-as c a' 'accept a b' 'look b'
    has b 'mptcp connected keepalive=1 idle=61 intvl=11 cnt=7 user_timeout=-1'
}

# bats test_tags=effect
@test "MPTCP: an inherited listener, its queue, and no check for ever" {
    need_mptcp
    timers+=(KA_USER_TIMEOUT=9) # refused, and the queue is checked all the same
    handed_over 'mptcp 7' 'listen 7' 'connect 20 7' -- 'accept 7 a' 'look a' 'connect c 7' \
        'accept 7 b' 'look b'
    effect 'queued' 'keepalive=1 idle=61 intvl=11 cnt=7' \
        "$(result 'look a' | grep -o 'keepalive=1 idle=61 intvl=11 cnt=7')"
    effect 'next' 'keepalive=1 idle=61 intvl=11 cnt=7' \
        "$(result 'look b' | grep -o 'keepalive=1 idle=61 intvl=11 cnt=7')"
}

# bats test_tags=effect
@test "MPTCP of a kernel that doesn't tell its state" {
    need strace
    need_mptcp
    shimmed "${timers[@]}" strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=getsockopt \
        -e inject=getsockopt:error=EOPNOTSUPP:when=1 steps 'mptcp a' 'listen a' 'connect c a' \
        'accept a b' 'look b'
    effect 'refused' TCP_INFO "$(sed -n '1s/.*\(TCP_INFO\).*INJECTED.*/\1/p' "$BATS_TEST_TMPDIR/trace")"
    effect 'options' 'keepalive=1 idle=61 intvl=11 cnt=7' \
        "$(result 'look b' | grep -o 'keepalive=1 idle=61 intvl=11 cnt=7')"
}

# ---- what isn't TCP ------------------------------------------------------------

# bats test_tags=harmless,clumsy:options
@test "VSOCK: a listener is left alone" {
    [[ $(steps 'vsock a') == 'vsock a: '[0-9]* ]] || unless_ci 'there is no VSOCK'
    shimmed "${timers[@]}" steps 'vsock a' 'listen a' 'options a'
    harmless 'listens' 0 "$(result 'listen a')"
    harmless 'SO_KEEPALIVE' 0 "$(result 'options a' | grep -o 'keepalive=.' | cut -d= -f2)"
}

# bats test_tags=harmless,clumsy:options
@test "SCTP: a listener and its connection are left alone" {
    [[ $(steps 'sctp a') == 'sctp a: '[0-9]* ]] || skip 'there is no SCTP'
    shimmed "${timers[@]}" steps 'sctp a' 'listen a' 'sctp c' 'connect-as c a' 'accept a b' 'options a' 'options b'
    harmless 'accepts' yes "$([[ $(result 'accept a b') == [0-9]* ]] && echo yes)"
    harmless 'SO_KEEPALIVE' '0 0' "$(grep -o 'keepalive=.' <<<"$output" | cut -d= -f2 | paste -sd' ')"
}

# traced INJECTION...: the socket options that are asked and set by a server, under strace,
# which makes the kernel answer as told. SCTP, say, that this kernel may not have.
traced() {
    need strace
    strace -qq -e trace=getsockopt,setsockopt "$@" -o "$BATS_TEST_TMPDIR/trace" \
        -E "LD_PRELOAD=$KASHIM_LIB" -E KA_IDLE=61 -E "KA_LOG=${log-}" steps 'tcp4 a' 'listen a' \
        'connect c a' 'accept a b' 'connect d a' 'accept a e' 3>&- 2>"$BATS_TEST_TMPDIR/stderr"
}

# bats test_tags=effect
@test "a stream socket of another protocol is asked what it is, and nothing is set" {
    local answer
    # 0, and 132, which is SCTP, as bytes on a little-endian machine
    for answer in retval=0 poke_exit=@arg4=84000000; do
        output=$(traced -e "inject=getsockopt:$answer")
        effect 'asked' 'SO_PROTOCOL' "$(grep -om 1 SO_PROTOCOL "$BATS_TEST_TMPDIR/trace")"
        harmless 'set' 0 "$(grep -c setsockopt "$BATS_TEST_TMPDIR/trace")"
        harmless 'accepted' 2 "$(grep -c '^accept.*: [0-9]*$' <<<"$output")"
    done
}

# ---- kernels that refuse -------------------------------------------------------

# bats test_tags=harmless
@test "a kernel that refuses getsockopt or setsockopt: the program doesn't notice" {
    need strace
    local bare call error
    bare=$(KASHIM_LIB='' traced)
    for call in setsockopt getsockopt; do
        for error in EPERM EACCES EINVAL ENOSYS ENOPROTOOPT EOPNOTSUPP ENOMEM ENOBUFS EINTR; do
            harmless "$call fails with $error" "$bare" "$(traced -e "inject=$call:error=$error")"
        done
    done
}

# bats test_tags=effect
@test "with KA_LOG a refusal is one line per option, and none per connection" {
    log=stderr
    traced -e inject=setsockopt:error=EPERM >/dev/null
    effect 'lines' 'SO_KEEPALIVE TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL' \
        "$(sed -n 's/.*the kernel refuses \(.*\): EPERM$/\1/p' "$BATS_TEST_TMPDIR/stderr" | sort | paste -sd ' ')"
}

untouched() {
    grep -o "$1=[0-9]*" <<<"$untouched"
}

# bats test_tags=effect
@test "nor where it is the connections that are refused, behind a listener that wasn't" {
    need strace
    timers+=(KA_LOG=stderr strace -qq -o "$BATS_TEST_TMPDIR/trace" -e trace=setsockopt
        -e inject=setsockopt:error=EPERM:when=5+)
    stderr=$(hand_over "$KASHIM_LIB" 'tcp4 7' 'listen 7' 'connect 20 7' 'connect 21 7' \
        'connect 22 7' -- 'accept 7 a' 'accept 7 b' 'accept 7 c' 2>&1 >/dev/null)
    effect 'refusals' 12 "$(grep -c EPERM "$BATS_TEST_TMPDIR/trace")"
    effect 'lines' 'SO_KEEPALIVE TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL' \
        "$(sed -n 's/.*the kernel refuses \(.*\): EPERM$/\1/p' <<<"$stderr" | sort | paste -sd ' ')"
}

# bats test_tags=effect
@test "one option that is refused doesn't hinder the others" {
    need strace
    local nth option
    for nth in 1=intvl 2=cnt 3=keepalive 4=idle 5=user_timeout; do
        option=${nth#*=}
        strace -qq -o /dev/null -e trace=setsockopt -e "inject=setsockopt:error=EPERM:when=${nth%=*}" \
            -E "LD_PRELOAD=$KASHIM_LIB" -E KA_IDLE=61 -E KA_INTVL=11 -E KA_CNT=7 \
            -E KA_USER_TIMEOUT=5 steps "${accepted[@]}" >"$BATS_TEST_TMPDIR/out" 3>&-
        output=$(cat "$BATS_TEST_TMPDIR/out")
        effect "without $option" \
            "$(sed "s/user_timeout=0/user_timeout=5000/; s/$option=[0-9]*/$(untouched "$option")/" <<<"$ours")" \
            "$(result 'look b')"
    done
}

# ---- many ----------------------------------------------------------------------

# Numbers around the last one that has a mark; where no process may have as many
# descriptors, under a library that has few marks.
high_numbers() {
    numbers=(65535 65536 70000)
    ! ulimit -n 70100 2>/dev/null || return 0
    numbers=(1023 1024 2000)
    KASHIM_LIB=${KASHIM_LIB/#"$root/build/libkashim"/"$root/build/few-marks/libkashim"}
    ulimit -n 4096
}

# bats test_tags=effect
@test "a listener whose number is too high for a mark" {
    local n
    high_numbers
    for n in "${numbers[@]}"; do
        shimmed "${timers[@]}" steps "tcp4 $n" "listen $n" "connect c $n" "accept $n b" \
            'look b' "connect c $n" "accept4 $n d" 'look d' "dup2 $n $((n + 1))" \
            "connect c $n" "accept $((n + 1)) e" 'look e'
        has b d e "$ours"
        handed_over "tcp4 $n" "listen $n" "connect 20 $n" "connect 21 $n" -- "accept $n a" \
            "accept $n b" "connect c $n" "accept $n d" 'look a' 'look b' 'look d'
        has a b d "$ours"
    done
}

# bats test_tags=effect
@test "there an accept costs three system calls, also where the program has retuned the listener" {
    need strace
    local n
    high_numbers
    n=${numbers[-1]}
    shimmed "${timers[@]}" strace -qq -e trace=connect,accept,getsockopt,setsockopt \
        -o "$BATS_TEST_TMPDIR/trace" steps "tcp4 $n" "listen $n" "connect c $n" "accept $n b" \
        "set $n idle 5" "connect d $n" "accept $n e"
    effect 'what is asked and set' '3 3' "$(awk '/^connect/ { i++; n[i] = 0 }
        /sockopt/ && !/TCP_KEEPIDLE, \[5\]/ { n[i]++ } END { print n[1], n[2] }' "$BATS_TEST_TMPDIR/trace")"
}

# bats test_tags=effect
@test "there as well, timers that the program sets later stand" {
    local n
    high_numbers
    for n in "${numbers[@]}"; do
        shimmed "${timers[@]}" steps "tcp4 $n" "listen $n" "set $n idle 5" "listen $n" \
            "connect c $n" "accept $n b" 'look b'
        has b "${ours/idle=61/idle=5}"
    done
}

# bats test_tags=effect
@test "there as well, keepalive that the program turns off later stays off" {
    local n
    high_numbers
    for n in "${numbers[@]}"; do
        shimmed "${timers[@]}" steps "tcp4 $n" "listen $n" "set $n keepalive 0" \
            "connect c $n" "accept $n b" 'look b'
        has b "${ours/keepalive=1/keepalive=0}"
    done
}

# bats test_tags=effect
@test "twenty processes share an inherited listener" {
    local clients=() n
    for ((n = 20; n < 40; n++)); do
        clients+=("connect $n 7")
    done
    handed_over 'tcp4 7' 'listen 7' "${clients[@]}" -- 'fork 20' 'accept 7 b' 'look b'
    effect 'connections with the options' 20 "$(grep -c "^look b: $ours$" <<<"$output")"
}

# shared_by HOW: what the two hundred connections have that twenty processes have accepted at
# the same time, half of them queued before; as lines of COUNT OPTIONS.
shared_by() {
    local prepare=()
    : >"$BATS_TEST_TMPDIR/out"
    [ "$1" = own ] || prepare=(steps 'tcp4 3' 'listen 3' exec)
    without_harness exec "${prepare[@]}" env "LD_PRELOAD=$KASHIM_LIB" "${timers[@]}" \
        workers "$1" 20 200 </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 20 grep -q '^served' "$BATS_TEST_TMPDIR/out"
    output=$(sockopts "$server" |
        sed -n "s/^[^:]*:$(sed -n 's/^served //p' "$BATS_TEST_TMPDIR/out") .* \(tcp connected.*\)/\1/p" |
        sort | uniq -c | sed 's/^ *//')
}

# bats test_tags=effect
@test "twenty processes accept at once: from their parent's listener, an inherited one, and executed afresh" {
    local how
    for how in own inherited exec; do
        shared_by $how
        effect "$how" "200 $ours" "$output"
    done
}
