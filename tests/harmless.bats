#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the library leaves as it is.

load lib

# ---- not TCP -------------------------------------------------------------------

# bats test_tags=harmless,clumsy:options
@test "UNIX listeners and their connections are untouched" {
    unharmed steps 'unix a' 'listen a' 'connect c a' 'accept a b' 'look a' 'look b' \
        'connect d a' 'accept4 a e' 'look e'
    [[ $(result 'look b') == 'unix connected keepalive=0' ]]
}

# bats test_tags=harmless,clumsy:options
@test "inherited UNIX listeners and their connections are untouched" {
    unharmed_over 'unix 7' 'listen 7' 'connect 20 7' 'connect 21 7' -- 'accept 7 a' 'accept4 7 b' \
        'look 7' 'look a' 'look b'
}

# bats test_tags=harmless,clumsy:options
@test "UDP sockets are untouched" {
    unharmed steps 'udp a' 'listen a' 'accept a b' 'look a'
    [[ $(result 'look a') == 'udp unconnected keepalive=0' ]]
}

# bats test_tags=harmless,clumsy:options
@test "socket pairs are untouched" {
    unharmed steps 'pair a b' 'listen a' 'accept a c' 'look a' 'look b'
}

# bats test_tags=harmless
@test "TCP clients are untouched" {
    unharmed steps 'tcp4 a' 'listen a' 'connect c a' 'look c'
    [[ $(result 'look c') == "$untouched" ]]
}

# bats test_tags=harmless,clumsy:options
@test "a program that sets all timers itself keeps them" {
    all=('set a keepalive 1' 'set a idle 1800' 'set a intvl 12' 'set a cnt 13')
    unharmed steps 'tcp4 a' 'listen a' "${all[@]}" 'listen a' 'connect c a' 'accept a b' 'look b' \
        'connect d a' 'accept4 a e' 'look e'
}

# bats test_tags=harmless,clumsy:options
@test "a program that turns keepalive off on its listener has it off" {
    off=('set a keepalive 0' 'set a idle 7200' 'set a intvl 75' 'set a cnt 9')
    unharmed steps 'tcp4 a' 'listen a' "${off[@]}" 'connect c a' 'accept a b' 'look b'
    [[ $(result 'look b') == "$untouched" ]]
}

# ---- results and errno ----------------------------------------------------------

# Each of these ends the same way, and leaves errno alone unless it fails.

# bats test_tags=harmless,clumsy:errno,clumsy:null
@test "results of listen and accept that succeed" {
    unharmed steps 'tcp4 a' 'listen a' 'listen a' 'connect c a' 'accept a b' 'connect d a' \
        'accept a e null' 'connect f a' 'accept4 a g' 'connect h a' 'accept4 a i null'
}

# bats test_tags=harmless,clumsy:errno,clumsy:null
@test "results of accepts from an inherited listener that succeed" {
    unharmed_over 'tcp4 7' 'listen 7' 'connect 20 7' 'connect 21 7' 'connect 22 7' -- \
        'accept 7 a null' 'accept 7 b' 'accept4 7 c' 'connect d 7' 'accept4 7 e null'
}

# bats test_tags=harmless,clumsy:errno
@test "errors of listen" {
    unharmed steps 'listen 99' 'listen -1' 'open a /dev/null' 'listen a' 'udp b' 'listen b' \
        'tcp4 c' 'listen c' 'connect d c' 'listen d' 'look d' 'pair e f' 'listen e' 'listen 2000000000'
    [[ $output == *'listen 99: EBADF'* && $output == *'listen b: EOPNOTSUPP'* ]]
}

failing_accepts() {
    printf '%s\n' "$1 99 b" "$1 -1 b" 'open a /dev/null' "$1 a b" 'udp c' "$1 c b" 'tcp4 d' \
        "$1 d b" 'listen d' 'connect e d' "$1 d b fault" 'nonblock d' "$1 d b" "$1 d b" \
        'connect f d' "$1 e b" full "$1 d b" "$1 2000000000 b"
}

# bats test_tags=harmless,clumsy:errno
@test "errors of accept" {
    mapfile -t steps < <(failing_accepts accept)
    unharmed steps "${steps[@]}"
    for name in EBADF ENOTSOCK EOPNOTSUPP EINVAL EFAULT EAGAIN EMFILE; do
        [[ $output == *"accept "*": $name"* ]]
    done
}

# bats test_tags=harmless,clumsy:errno
@test "errors of accept4" {
    mapfile -t steps < <(failing_accepts accept4)
    unharmed steps "${steps[@]}" 'accept4-bad-flags d b'
    [[ $output == *'accept4-bad-flags d b: EINVAL'* ]]
}

# bats test_tags=harmless,clumsy:errno
@test "errors of accept from an inherited listener" {
    unharmed_over 'tcp4 7' 'nonblock 7' 'listen 7' -- 'accept 7 a' 'accept4 7 a' 'connect c 7' \
        'accept 7 b fault' 'connect d 7' 'accept4-bad-flags 7 b' full 'accept 7 b'
}

# bats test_tags=harmless
@test "errors of the other functions that are interposed" {
    unharmed steps 'connect c 99' 'tcp4 a' 'connect c a' 'dup 99 b' 'dup2 99 a' 'dup2 a a' \
        'dup2 99 99' 'dup3 a a' 'dup3 99 a' 'dupfd 99 a' 'dupfd a 2000000000' 'recvmsg-of 99' \
        'recvmsg-of a' 'pair d e' 'recvmsg-of d' 'set 99 idle 5' 'set a idle 0' 'set a cnt 128' \
        'set a idle 5 2' 'set d idle 5' prctl-bad full 'dup a b' 'dupfd a 0'
}

# bats test_tags=harmless
@test "the same once there is a listener" {
    unharmed steps 'tcp4 a' 'listen a' 'dup 99 b' 'dup2 99 a' 'dup3 99 a' 'dupfd 99 a' 'recvmsg-of 99' full 'dup a b'
}

# bats test_tags=harmless,clumsy:hold
@test "no descriptor is held" {
    unharmed steps count 'tcp4 a' 'listen a' 'connect c a' 'accept a b' count
    unharmed_over 'tcp4 7' 'listen 7' 'connect 20 7' -- 'accept 7 a' count
}

# ---- stderr that is somebody else's ---------------------------------------------
#
# A message is due: there is a bad value.

# bats test_tags=harmless,clumsy:talk
@test "descriptor 2 has become a TCP client's" {
    timers+=(KA_CNT=x)
    unharmed_over 'tcp4 7' 'listen 7' 'connect 20 7' 'accept 7 21' -- 'dup2 21 2' 'tcp4 a' \
        'listen a' 'connect c a' 'accept a b' 'bytes 20'
    [ "$(result 'bytes 20')" = EAGAIN ]
}

# bats test_tags=harmless,clumsy:talk
@test "descriptor 2 has become a UNIX client's" {
    timers+=(KA_CNT=x)
    unharmed_over 'pair 20 21' -- 'dup2 21 2' 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'bytes 20'
    [ "$(result 'bytes 20')" = EAGAIN ]
}

# bats test_tags=harmless,clumsy:talk
@test "descriptor 2 is the TCP client from the start, as under inetd" {
    timers+=(KA_CNT=x)
    unharmed_over 'tcp4 7' 'listen 7' 'connect 20 7' 'accept 7 2' -- 'tcp4 a' 'listen a' \
        'connect c a' 'accept a b' 'bytes 20'
    [ "$(result 'bytes 20')" = EAGAIN ]
}

# bats test_tags=harmless
@test "descriptor 2 is closed" {
    timers+=(KA_CNT=x)
    unharmed_over 'close 2' -- 'tcp4 a' 'listen a' 'connect c a' 'accept a b'
}

# ---- cost ------------------------------------------------------------------------

# between_marks COMMAND...: its system calls there, by name.
between_marks() {
    without_harness strace -o "$BATS_TEST_TMPDIR/trace" "$@" >/dev/null
    sed '1,/^write(1, "mark\\n"/d; /^write(1, "mark\\n"/,$d; s/(.*//' "$BATS_TEST_TMPDIR/trace"
}

# costs_nothing FUNCTION ARG...: its hundred accepts make no further call.
costs_nothing() {
    need strace
    same_with "$@"
    [ "$(grep -c accept <<<"$output")" = 100 ]
}

own() {
    between_marks env "LD_PRELOAD=$1" "${timers[@]}" steps "$2 a" 'listen a' mark "$3" mark
}

inherited() {
    between_marks steps "$2 7" 'listen 7' 'connect 20 7' exec env "LD_PRELOAD=$1" "${timers[@]}" \
        steps 'accept 7 a' 'loop 7 3' mark "$3" mark
}

# bats test_tags=harmless,clumsy:options
@test "a steady accept loop makes no further system call" {
    costs_nothing own tcp4 'loop a 100'
    costs_nothing own tcp4 'loop a 100 4'
}

# bats test_tags=harmless,clumsy:options
@test "nor does a UNIX listener's" {
    costs_nothing own unix 'loop a 100'
    costs_nothing own unix 'loop a 100 4'
}

# bats test_tags=harmless,clumsy:options
@test "nor does an inherited listener's, once its queue is empty" {
    costs_nothing inherited tcp4 'loop 7 100'
    costs_nothing inherited tcp4 'loop 7 100 4'
    costs_nothing inherited unix 'loop 7 100'
}

forcing() {
    between_marks env "LD_PRELOAD=$1" KA_FORCE=1 steps 'tcp4 a' mark 'set a nodelay 1' 'set a tos 0' mark
}

# bats test_tags=harmless,clumsy:calls
@test "nor does KA_FORCE where another option is set" {
    need strace
    same_with forcing
}

# bats test_tags=harmless
@test "an environment that isn't one: no '=', no value, no end to it" {
    need python3
    bare=$(odd_environment '')
    [[ $bare == *'listen a: 0'* ]]
    harmless 'what it does' "$bare" "$(odd_environment "$KASHIM_LIB")"
}

# odd_environment LIBRARY: a scenario with what execve(2) takes, but env(1) doesn't give
odd_environment() {
    python3 - "$1" "$(command -v steps)" 2>&1 <<'PYTHON'
import ctypes, sys
def strings(*s):
    return (ctypes.c_char_p * (len(s) + 1))(*[x.encode() for x in s], None)
sys.stdout.flush()
ctypes.CDLL(None).execve(sys.argv[2].encode(), strings('steps', 'tcp4 a', 'listen a', 'accept 99 b'),
    strings('KA_IDLE', 'KA_', 'KA_=', '=', '', 'KA_INTVL=', 'KA_X=' + '9' * 100000, 'LD_PRELOAD=' + sys.argv[1]))
PYTHON
}
