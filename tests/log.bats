#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# KA_LOG=stderr, and what must never come of a line to a descriptor that isn't ours.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'connect d a' 'accept a e')

# The lines of kashim, with the process and the port made plain.
said() {
    sed -n 's/^\(kashim: .*\)$/\1/p' <<<"$stderr" | sed 's/\[[0-9]*\]:/[PID]:/; s/:[0-9]*: idle/:PORT: idle/'
}

timers_said='idle 61 s, intvl 11 s, cnt 7'

# bats test_tags=effect
@test "one line per listener, and none per connection" {
    shimmed KA_LOG=stderr "${timers[@]}" steps "${accepted[@]}" 'listen a'
    effect 'what it says' \
        "kashim: steps[PID]: listener 127.0.0.1:PORT: $timers_said; an idle dead peer is dropped after 138 s, one with data in flight after 925 s" \
        "$(said)"
    shimmed KA_LOG=stderr "${timers[@]}" steps 'tcp6 a' 'listen a' 'dual b' 'listen b'
    effect 'IPv6' $'listener [::1]:PORT\nlistener [::]:PORT' \
        "$(said | grep -o 'listener [^ ]*' | sed 's/:$//')"
}

# bats test_tags=effect
@test "the process and the port are the real ones" {
    local port pid
    port=$(free_port)
    serve "$port" KA_LOG=stderr socat "TCP4-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" PIPE
    pid=$(ss -Hltnp "sport = :$port" | sed 's/.*pid=\([0-9]*\).*/\1/')
    effect 'what it says' "kashim: socat[$pid]: listener 127.0.0.1:$port" \
        "$(grep -o '^kashim: .*: idle' "$BATS_TEST_TMPDIR/server" | sed 's/: idle//')"
}

# bats test_tags=effect
@test "an inherited listener is told as such, once" {
    output=$(without_harness steps 'tcp4 3' 'listen 3' 'connect c 3' exec env \
        "LD_PRELOAD=$KASHIM_LIB" KA_LOG=stderr "${timers[@]}" \
        steps 'accept 3 b' 'connect c 3' 'accept 3 d' 2>&1)
    effect 'lines' 1 "$(grep -c 'kashim: steps\[.*\]: inherited listener 127.0.0.1:' <<<"$output")"
    effect 'all lines' 1 "$(grep -c 'kashim:' <<<"$output")"
}

# bats test_tags=effect
@test "it warns where intvl is longer than idle, and only there" {
    shimmed KA_LOG=stderr KA_IDLE=10 KA_INTVL=11 steps 'tcp4 a' 'listen a'
    effect 'warning' 'warning: intvl > idle, a live peer is probed only every 11 s' \
        "$(grep -o 'warning.*' <<<"$stderr")"
    shimmed KA_LOG=stderr KA_IDLE=11 KA_INTVL=11 steps 'tcp4 a' 'listen a'
    effect 'no warning' '' "$(grep -o 'warning.*' <<<"$stderr")"
}

# bats test_tags=effect
@test "a variable that is no setting is named, but without KA_LOG passed over" {
    shimmed KA_LOG=stderr KA_INTERVAL=5 KA_IDLE=x KAFFEE=1 steps 'tcp4 a' 'listen a'
    effect 'lines' 'kashim: KA_IDLE="x" is not accepted
kashim: KA_INTERVAL is no setting' "$(grep -o -e '^kashim: KA_.* is not accepted' -e '^kashim: KA.* is no setting' <<<"$stderr")"
    shimmed KA_INTERVAL=5 steps 'tcp4 a' 'listen a'
    harmless 'without' '' "$stderr"
}

# bats test_tags=effect
@test "the user timeout is part of it" {
    shimmed KA_LOG=stderr KA_USER_TIMEOUT=auto "${timers[@]}" steps 'tcp4 a' 'listen a'
    effect 'line' "$timers_said, user timeout 138 s; an idle dead peer is dropped after 138 s, one with data in flight after 138 s" \
        "$(grep -o 'idle 61.*' <<<"$stderr")"
}

# bats test_tags=effect
@test "what the kernel refused isn't claimed" {
    need strace
    strace -qq -o /dev/null -e trace=setsockopt -e inject=setsockopt:error=EPERM:when=1 \
        -E "LD_PRELOAD=$KASHIM_LIB" -E KA_LOG=stderr -E KA_IDLE=61 -E KA_INTVL=11 -E KA_CNT=7 \
        steps 'tcp4 a' 'listen a' >"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
    effect 'timers' 'idle 61 s, intvl 75 s, cnt 7; an idle dead peer is dropped after 586 s, one with data in flight after 925 s' \
        "$(grep -o 'idle 61.* after [0-9]* s' "$BATS_TEST_TMPDIR/out")"
}

# bats test_tags=effect
@test "a refusal is told once for each option, with the error's name" {
    need strace
    local error
    for error in EPERM EACCES EINVAL ENOSYS ENOPROTOOPT EOPNOTSUPP 'error 12'; do
        output=$(without_harness strace -qq -o /dev/null -e "inject=setsockopt:error=${error/error 12/ENOMEM}" \
            -E "LD_PRELOAD=$KASHIM_LIB" -E KA_LOG=stderr -E KA_USER_TIMEOUT=9 \
            steps 'tcp4 a' 'listen a' 'tcp4 b' 'listen b' 2>&1)
        effect "lines about $error" 'SO_KEEPALIVE TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_USER_TIMEOUT' \
            "$(sed -n "s/.*kashim: .*: the kernel refuses \(.*\): $error$/\1/p" <<<"$output" | sort | paste -sd' ')"
    done
}

# bats test_tags=effect
@test "what a terminal would obey in the program's name isn't printed" {
    local evil=$BATS_TEST_TMPDIR/$'a\e[Jb\nkashim'
    cp "$(command -v steps)" "$evil"
    shimmed KA_LOG=stderr "$evil" 'tcp4 a' 'listen a'
    effect 'the name' 'a?[Jb?kashim' "$(sed -n 's/^kashim: \(.*\)\[[0-9]*\]: listener .*/\1/p' <<<"$stderr")"
}

# bats test_tags=effect
@test "IPv6 addresses are told as in RFC 5952" {
    need ip unshare
    unshare -rn true || unless_ci 'no namespaces here'
    output=$(unshare -rn bash -c '
        ip link set lo up
        for address in 2001:db8::5:0:1 2001:0:0:1::1 2001:1:2:3:4:5:6:7; do
            ip -6 address add "$address/128" dev lo nodad
            env "LD_PRELOAD=$0" KA_LOG=stderr steps "tcp a $address 12345" "listen a" 2>&1
        done' "$KASHIM_LIB")
    effect 'addresses' '[2001:db8::5:0:1]:12345 [2001:0:0:1::1]:12345 [2001:1:2:3:4:5:6:7]:12345' \
        "$(grep -o '\[[0-9a-f:]*\]:12345:' <<<"$output" | sed 's/:$//' | paste -sd' ')"
}

# with_refused CALL WHEN: what is said of a listener where the kernel refuses CALL
with_refused() {
    without_harness strace -qq -o /dev/null -e "inject=$1:error=EPERM:when=$2" -E "LD_PRELOAD=$KASHIM_LIB" \
        -E KA_LOG=stderr -E KA_IDLE=61 steps 'tcp4 a' 'listen a' 2>&1 | sed -n 's/^.*kashim: .*: listener //p'
}

# bats test_tags=effect
@test "what the kernel doesn't tell isn't claimed" {
    need strace
    local when said=
    effect 'address' '?: idle 61 s' "$(with_refused getsockname 1+ | cut -d, -f1)"
    for when in {1..12}; do
        said+=$(with_refused getsockopt "$when+")$'\n'
    done
    effect 'timers' 1 "$(grep -c "keepalive on, with timers that the kernel doesn't tell" <<<"$said" | sed 's/[1-9][0-9]*/1/')"
}

# bats test_tags=effect
@test "a line that would be too long is cut, and ends" {
    local long
    long=$BATS_TEST_TMPDIR/$(printf 'x%.0s' {1..250})
    cp "$(command -v steps)" "$long"
    shimmed KA_LOG=stderr "$long" 'tcp4 a' 'listen a' 'tcp4 b' 'listen b'
    effect 'lines' 2 "$(grep -c '^kashim: xxx' <<<"$stderr")"
    effect 'length of each' 319 "$(awk '{ print length }' <<<"$stderr" | sort -u)"
}

# bats test_tags=harmless,clumsy:talk
@test "nothing is said unless asked for, nor of listeners that are none of ours" {
    shimmed steps "${accepted[@]}"
    harmless 'without KA_LOG' '' "$stderr"
    shimmed KA_LOG=stderr KA_PORTS=1 steps "${accepted[@]}"
    harmless 'outside KA_PORTS' '' "$stderr"
    shimmed KA_LOG=stderr steps 'unix a' 'listen a' 'connect c a' 'accept a b'
    harmless 'UNIX' '' "$stderr"
    shimmed KA_LOG=stderr KA_OFF=1 KA_IDLE=x steps "${accepted[@]}"
    harmless 'switched off' '' "$stderr"
}

# Each of these ends as it does without a line to write.

# talking COMMAND...: under the library, which has two lines to say.
talking() {
    without_harness env "LD_PRELOAD=$KASHIM_LIB" KA_LOG=stderr KA_CNT=rubbish KA_IDLE=61 KA_INTVL=11 \
        "$@"
}
ends='tcp connected keepalive=1 idle=61 intvl=11 cnt=6 user_timeout=0'

# bats test_tags=effect
@test "stderr is a full pipe" {
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    exec {full}<>"$BATS_TEST_TMPDIR/pipe"
    dd if=/dev/zero "of=/dev/fd/$full" bs=4096 count=16 oflag=nonblock status=none
    output=$(talking timeout 10 steps "${accepted[@]}" 'look b' 2>&"$full")
    has b "$ends"
}

# bats test_tags=effect
@test "stderr is a file at RLIMIT_FSIZE" {
    printf '%1024s' '' >"$BATS_TEST_TMPDIR/file"
    output=$(ulimit -f 1; talking steps "${accepted[@]}" 'look b' 2>>"$BATS_TEST_TMPDIR/file")
    has b "$ends"
    harmless 'size' 1024 "$(stat -c %s "$BATS_TEST_TMPDIR/file")"
}

# bats test_tags=effect
@test "stderr is on a full disk" {
    output=$(talking steps "${accepted[@]}" 'look b' 2>/dev/full)
    has b "$ends"
}

# with_broken_pipe STEP...
with_broken_pipe() {
    [ -p "$BATS_TEST_TMPDIR/pipe" ] || mkfifo "$BATS_TEST_TMPDIR/pipe"
    output=$(
        # shellcheck disable=SC2094
        exec 9<>"$BATS_TEST_TMPDIR/pipe" 8>"$BATS_TEST_TMPDIR/pipe" 9<&-
        trap - PIPE
        talking steps "$@" 2>&8
    )
}

# bats test_tags=effect
@test "stderr is a pipe without a reader" {
    with_broken_pipe "${accepted[@]}" 'look b'
    has b "$ends"
}

# bats test_tags=effect
@test "stderr is a pipe whose reader goes in that very moment" {
    need strace
    : >"$BATS_TEST_TMPDIR/file"
    # shellcheck disable=SC2094
    output=$(talking strace -qq -o /dev/null -P "$BATS_TEST_TMPDIR/file" -e inject=write:error=EPIPE:signal=PIPE \
        steps 'block-pipe' "${accepted[@]}" 'look b' 'pending-pipe' 2>>"$BATS_TEST_TMPDIR/file")
    has b "$ends"
    effect 'SIGPIPE pending' 0 "$(result pending-pipe)"
}

# bats test_tags=harmless,clumsy:talk
@test "no SIGPIPE is left pending, and one that was pending stays" {
    with_broken_pipe 'block-pipe' "${accepted[@]}" 'pending-pipe'
    harmless 'SIGPIPE pending' 0 "$(result pending-pipe)"
    with_broken_pipe 'block-pipe' 'raise-pipe' "${accepted[@]}" 'pending-pipe'
    harmless 'SIGPIPE pending' 1 "$(result pending-pipe)"
}

# bats test_tags=harmless,clumsy:talk
@test "stderr is a TCP socket: the peer gets no byte" {
    shimmed steps 'tcp4 9' 'listen 9' 'connect c 9' 'accept 9 d' 'dup2 d 2' exec \
        env KA_LOG=stderr KA_CNT=rubbish steps "${accepted[@]}" 'bytes 3'
    harmless 'bytes that the peer has' EAGAIN "$(result 'bytes 3')"
}

# bats test_tags=harmless,clumsy:talk
@test "descriptors 0 and 2 are one UNIX socket: the peer gets no byte" {
    shimmed steps 'pair 8 9' 'dup2 8 0' 'dup2 8 2' exec \
        env KA_LOG=stderr KA_CNT=rubbish steps "${accepted[@]}" 'bytes 9'
    harmless 'bytes that the peer has' EAGAIN "$(result 'bytes 9')"
}

# bats test_tags=harmless,clumsy:talk
@test "stderr was closed and its number is a file of the program's: it stays as it is" {
    : >"$BATS_TEST_TMPDIR/data"
    shimmed KA_LOG=stderr KA_CNT=rubbish steps 'close 2' "open f $BATS_TEST_TMPDIR/data" \
        "${accepted[@]}"
    harmless 'number' 2 "$(sed -n 's/^open f .*: //p' <<<"$output")"
    harmless 'the file' '' "$(cat "$BATS_TEST_TMPDIR/data")"
}
