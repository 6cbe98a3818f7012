#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Other preload libraries beside this one.

load lib

other=$root/build/tests/libother.so
early=$root/build/tests/libearly.so

# beside_other LIBRARY...: both have their part.
beside_other() {
    output=$(without_harness env "LD_PRELOAD=$*" "${timers[@]}" \
        steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')
    [ "$(grep -c '^listen a: other listen$' <<<"$output")" = 1 ]
    [ "$(grep -c '^accept a b: other accept$' <<<"$output")" = 1 ]
    has b "$ours"
}

# early_beside LIBRARY...: one listens and accepts in its constructor.
early_beside() {
    output=$(without_harness env "LD_PRELOAD=$*" "${timers[@]}" steps 'look $EARLY_CONNECTION' \
        'connect c $EARLY_LISTENER' 'accept $EARLY_LISTENER b' 'look b')
    has '.EARLY_CONNECTION' b "$ours"
}

# bats test_tags=effect
@test "another preload library in front" {
    beside_other "$other" "$KASHIM_LIB"
}

# bats test_tags=effect
@test "another preload library behind" {
    beside_other "$KASHIM_LIB" "$other"
}

# bats test_tags=effect
@test "a library in front listens and accepts in its constructor" {
    early_beside "$early" "$KASHIM_LIB"
}

# bats test_tags=effect
@test "a library behind listens and accepts in its constructor" {
    early_beside "$KASHIM_LIB" "$early"
}

# bats test_tags=effect
@test "a library that complains early does it once" {
    timers+=(KA_OFF=x)
    early_beside "$KASHIM_LIB" "$early" 2>"$BATS_TEST_TMPDIR/stderr"
    effect 'number of lines on stderr' 1 "$(grep -c '^kashim: KA_OFF' "$BATS_TEST_TMPDIR/stderr")"
}

# bats test_tags=effect
@test "preloaded twice" {
    beside_other "$KASHIM_LIB" "$other" "$KASHIM_LIB"
}

# bats test_tags=effect
@test "one behind whose hash table is of the old kind" {
    local old_kind=$BATS_TEST_TMPDIR/libother.so
    gcc -std=gnu11 -fPIC -shared -Wl,--hash-style=sysv -o "$old_kind" "$root/tests/fixtures/libother.c"
    beside_other "$KASHIM_LIB" "$old_kind"
}

# bats test_tags=effect
@test "one behind whose functions have no type, or are chosen by a resolver" {
    local kind
    for kind in '__asm__(".globl listen; listen: jmp other");' \
        'static int (*resolve(void))(int, int) { return other; } int listen(int, int) __attribute__((ifunc("resolve")));' \
        'static int (*resolve(void))(int, int) { close(dup(1)); return other; } int listen(int, int) __attribute__((ifunc("resolve")));'; do
        gcc -std=gnu11 -fPIC -shared -x c -o "$BATS_TEST_TMPDIR/libkind.so" - <<END
#include <sys/syscall.h>
#include <unistd.h>
__attribute__((used, visibility("hidden"))) int other(int fd, int backlog)
{
    return write(1, "other listen\n", 13) == 13 ? (int)syscall(SYS_listen, fd, backlog) : -1;
}
$kind
END
        shimmed "LD_PRELOAD=$KASHIM_LIB:$BATS_TEST_TMPDIR/libkind.so" "${timers[@]}" \
            steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
        effect "$kind" 1 "$(grep -c '^listen a: other listen$' <<<"$output")"
        has b "$ours"
    done
}

# bats test_tags=effect
@test "one behind of which one resolver calls what another chooses" {
    gcc -std=gnu11 -fPIC -shared -Wl,-z,lazy -x c -o "$BATS_TEST_TMPDIR/libkind.so" - <<'END'
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
static int other_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return write(1, "other setsockopt\n", 17) == 17 ? (int)syscall(SYS_setsockopt, fd, level, name, value, len) : -1;
}
static int other_connect(int fd, const struct sockaddr *address, socklen_t len)
{
    return (int)syscall(SYS_connect, fd, address, len);
}
static int (*resolve_setsockopt(void))(int, int, int, const void *, socklen_t) { return other_setsockopt; }
static int (*resolve_connect(void))(int, const struct sockaddr *, socklen_t)
{
    setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, 0, 0);
    return other_connect;
}
int setsockopt(int, int, int, const void *, socklen_t) __attribute__((ifunc("resolve_setsockopt")));
int connect(int, const struct sockaddr *, socklen_t) __attribute__((ifunc("resolve_connect")));
END
    shimmed "LD_PRELOAD=$KASHIM_LIB:$BATS_TEST_TMPDIR/libkind.so" "${timers[@]}" \
        steps 'tcp4 a' 'listen a' 'set a idle 777' 'connect c a' 'accept a b' 'look b'
    effect 'setsockopt' 1 "$(grep -c '^set a idle 777: other setsockopt$' <<<"$output")"
    has b "${ours/idle=61/idle=777}"
}

# bats test_tags=effect
@test "one behind whose hash table is empty" {
    local empty=$BATS_TEST_TMPDIR/libempty.so offset
    cp "$other" "$empty"
    offset=$(readelf -SW "$other" | sed -n 's/.* \.gnu\.hash  *GNU_HASH  *[0-9a-f]* \([0-9a-f]*\) .*/\1/p')
    printf '\0\0\0\0' | dd "of=$empty" bs=1 seek=$((16#$offset)) conv=notrunc status=none # nbuckets
    shimmed "LD_PRELOAD=$KASHIM_LIB:$empty" "${timers[@]}" steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "$ours"
}

# bats test_tags=harmless,clumsy:talk
@test "one behind that gives out wrong lengths of control messages" {
    local length steps=('tcp4 a' 'listen a' 'send a' 'recvmsg b' 'connect c b' 'accept b d')
    beside=$other
    for length in 0 1 15 17 0xffffffff 0xffffffffffffffff; do
        OTHER_LENGTH=$length unharmed steps "${steps[@]}"
    done
}

# bats test_tags=harmless,clumsy:load
@test "opened by a program, behind libc, its functions work" {
    need python3
    output=$(python3 -c '
import ctypes, socket, sys
listen = getattr(ctypes.CDLL(sys.argv[1]), "listen", ctypes.CDLL(None).listen)
s = socket.socket()
print(listen(s.fileno(), 5), s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))' "$KASHIM_LIB" 2>&1)
    harmless 'listen' '0 1' "$output"
}

# bats test_tags=effect
@test "another preload behind ours whose accept calls accept4: all that is queued has the options" {
    output=$(hand_over "$KASHIM_LIB:$root/build/tests/libnested.so" 'tcp4 7' 'listen 7' 'connect 20 7' \
        'connect 21 7' 'connect 22 7' -- 'accept 7 a' 'accept 7 b' 'accept 7 c' 'look a' 'look b' 'look c')
    has a b c "$ours"
}
