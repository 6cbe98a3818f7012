#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One file for every Linux of its machine: the library under the libcs of old and new systems,
# and on other machines, under qemu. Each serves a probe.c that was built for the same.
#
#   here         glibc of this system
#   old          glibc 2.31, where dlsym lives in libdl, which the program doesn't link
#   old-libdl    the same, with a program that does
#   new          the newest glibc that Debian has
#   musl
#   ARCH         glibc of Debian 12 for that machine
#   ARCH-time64  the same, with a program that calls other names in it
#   i386-musl
#   i386-plain   without a path to that glibc

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"

build=$root/build/compat

# triple ARCH: what compilers call the machine that Debian calls so; fails if it is none.
triple() {
    sed -n "s/^TRIPLE_$1 *= //p" "$root/Makefile" | grep .
}

# libc_of ARCH: where the libc lies for which its programs are built.
libc_of() {
    case $1 in
    loong64) echo "$build/loong64/usr/lib/loongarch64-linux-gnu" ;;
    *) echo "/usr/$(triple "$1")/lib" ;;
    esac
}

# arch_of TARGET
arch_of() {
    if triple "${1%%-*}" >/dev/null; then
        echo "${1%%-*}"
    else
        echo amd64
    fi
}

# library ARCH: the one under test, or what stands for it in make control.
library() {
    case $1 in
    amd64) echo "$KASHIM_LIB" ;;
    *) echo "${KASHIM_LIB/#"$root/build"/"$root/build/$1"}" ;;
    esac
}

# ---- what the tests need -------------------------------------------------------

# need_library ARCH: up to date.
need_library() {
    local library
    case $1 in
    amd64) return ;;
    loong64) need_loong64 ;;
    *) need "$(triple "$1")-gcc" ;;
    esac
    library=$(library "$1")
    make -s -C "$root" "ARCH=$1" "${library#"$root/"}" 3>&-
}

# need_debian SUITE FOLDER PACKAGE...: in $build/FOLDER. Where it can't be had, one test has
# waited for it, and not all. For the machines in $arches.
need_debian() {
    local failed=$BATS_FILE_TMPDIR/no-$2
    [ -e "$failed" ] || fetch_debian "$@" || touch "$failed"
    [ ! -e "$failed" ] || unless_ci "packages of Debian $1 can't be fetched"
}

fetch_debian() {
    (cd "$root" && ARCHES=${arches-} timeout 120 tests/compat/root.sh "$1" "build/compat/$2" "${@:3}" 3>&-)
}

need_old() {
    need clang ld.lld
    need_debian bullseye bullseye libc6 libc6-dev linux-libc-dev libgcc-s1
}

need_new() {
    need_debian sid sid {libc6,libgcc-s1}:{amd64,i386}
}

need_musl() {
    need clang ld.lld
    need_debian bookworm bookworm musl:i386 musl-dev:i386
}

# Debian 12 has no gcc for it.
need_loong64() {
    need clang-19 ld.lld-19
    arches=loong64 need_debian sid loong64 libc6 libc6-dev libgcc-s1 linux-libc-dev '?name(^libgcc-[0-9]+-dev$)'
    export CC_loong64="clang-19 --target=loongarch64-linux-gnu --sysroot=$build/loong64 \
        -fuse-ld=lld -Wno-unused-command-line-argument"
}

# Under Debian 12's own one cancelled threads aren't unwound on ppc64el, and loong64 isn't known.
need_qemu() {
    need_debian trixie trixie qemu-user
}

# need_probe TARGET: as $build/probe-TARGET.
need_probe() {
    local libs=usr/lib/x86_64-linux-gnu
    local old=$build/bullseye new=$build/sid musl=$build/bookworm
    mkdir -p "$build"
    case $1 in
    here) compile "$1" gcc ;;
    old)
        need_old
        compile_against "$1" x86_64 "$old" "$old/$libs" -l:libpthread.so.0
        ;;
    old-libdl)
        need_old
        compile_against "$1" x86_64 "$old" "$old/$libs" -l:libpthread.so.0 -l:libdl.so.2
        ;;
    new)
        need_new
        compile "$1" gcc "$(run_in "$new/$libs")"
        ;;
    musl)
        need musl-gcc
        compile "$1" musl-gcc
        ;;
    static-pie) compile "$1" gcc -static-pie ;;
    i386-plain)
        need i686-linux-gnu-gcc
        compile "$1" i686-linux-gnu-gcc
        ;;
    i386-musl)
        need_musl
        compile "$1" clang --target=i386-linux-gnu -fuse-ld=lld -nostdinc -nostdlib -no-pie \
            "-isystem$musl/usr/include/i386-linux-musl" \
            "$musl"/usr/lib/i386-linux-musl/{crt{1,i,n}.o,libc.so} \
            "-Wl,--dynamic-linker=$musl/usr/lib/i386-linux-musl/libc.so"
        ;;
    loong64)
        need_loong64
        # shellcheck disable=SC2086 # words
        compile "$1" $CC_loong64 "$(run_in "$(libc_of loong64)")"
        ;;
    *-time64) compile_for "$1" -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64 ;;
    *) compile_for "$1" ;;
    esac
}

# compile_for TARGET [FLAG...]: by Debian's cross compiler, with the libc that came with it.
compile_for() {
    local triple
    triple=$(triple "$(arch_of "$1")")
    need "$triple-gcc"
    compile "$1" "$triple-gcc" "${@:2}" "$(run_in "$(libc_of "$(arch_of "$1")")")"
}

# compile TARGET COMPILER [FLAG...]; -fexceptions: cancellation unwinds as in C++.
compile() {
    local program=$build/probe-$1 source=$root/tests/compat/probe.c
    [ "$program" -nt "$source" ] ||
        "${@:2:1}" -std=gnu11 -O2 -g -fexceptions -pthread "$source" "${@:3}" -o "$program"
}

# run_in FOLDER: the flags for a program that runs with the loader and the libc there.
run_in() {
    local loader=("$1"/ld*.so.[0-9])
    echo "-Wl,--dynamic-linker=${loader[0]},--disable-new-dtags,-rpath,$1"
}

# compile_against TARGET MACHINE SYSROOT FOLDER [LIBRARY...]: with the libc in that folder,
# and nothing of this system's.
compile_against() {
    compile "$1" clang "--target=$2-linux-gnu" "--sysroot=$3" -fuse-ld=lld -nostdlib -no-pie \
        "$4"/crt{1,i,n}.o "-L$4" "${@:5}" -l:libc.so.6 -l:libc_nonshared.a -l:libgcc_s.so.1 \
        "$(run_in "$4")"
}

# ---- what the tests do ---------------------------------------------------------

# emulator ARCH: what runs its programs here, if anything has to.
emulator() {
    local triple
    triple=$(triple "$1")
    case $1 in
    amd64 | i386) ;;
    ppc64el) echo "$build/trixie/usr/bin/qemu-ppc64le" ;;
    *) echo "$build/trixie/usr/bin/qemu-${triple%%-*}" ;;
    esac
}

# run_probe TARGET LIBRARY WHAT [VAR=VALUE...]
run_probe() {
    local emulator=()
    mapfile -t emulator < <(emulator "$(arch_of "$1")")
    without_harness "$build/probe-here" hand-over "LD_PRELOAD=$2" "${timers[@]}" "${@:4}" \
        "${emulator[@]}" "$build/probe-$1" "$3" 2>&1
}

# with VALUES: what probe says where every connection has these.
with() {
    printf "%s: $1\n" accept accept4 'handed over, accept' 'handed over, accept4' \
        'handed over, a later client' recvmsg recvmmsg fcntl
}

need_target() {
    [ -z "$(emulator "$(arch_of "$1")")" ] || need_qemu
    need_library "$(arch_of "$1")"
    need_probe here
    need_probe "$1"
}

# serves TARGET: without the library there is no keepalive, with it there is.
serves() {
    need_target "$1"
    local library
    library=$(library "$(arch_of "$1")")
    harmless "$1, without the library" "$(with '0 7200 75 9')" "$(run_probe "$1" '' options)"
    effect "$1" "$(with '1 61 11 7')" "$(run_probe "$1" "$library" options)"
    harmless "$1, KA_FORCE without the library" 'force: 0 7 75 9' \
        "$(run_probe "$1" '' force KA_FORCE=1)"
    effect "$1, KA_FORCE" 'force: 1 61 11 7' "$(run_probe "$1" "$library" force KA_FORCE=1)"
    effect "$1, KA_LOG" 'idle 61 s, intvl 11 s, cnt 7; an idle dead peer is dropped after 138 s, one with data in flight after 925 s' \
        "$(run_probe "$1" "$library" force KA_LOG=stderr | sed -n 's/^kashim: .* listener 0.0.0.0:[0-9]*: //p')"
}

# cancels TARGET: threads that wait in accept end, and leave nothing behind.
cancels() {
    need_target "$1"
    harmless "$1" "$(printf '%s: cancelled, unwound, 0 more descriptors\n' listener stranger)" \
        "$(run_probe "$1" "$(library "$(arch_of "$1")")" cancel)"
}

# ---- the files -----------------------------------------------------------------

# bats test_tags=effect
@test "no library asks for a version, and its six symbols are weak" {
    local arch library wanted=$'w __environ\nw _dl_debug_addr\nw _r_debug\nw dlsym\nw environ\nw getauxval'
    need readelf nm
    sed -n 's/^TRIPLE_\([^ ]*\).*/\1/p' "$root/Makefile" >"$BATS_TEST_TMPDIR/machines"
    while read -r arch; do
        need_library "$arch"
        library=$(library "$arch")
        effect "$arch, symbols" "$wanted" \
            "$(nm -D --undefined-only "$library" | awk '{ print $1, $2 }')"
        harmless "$arch, libraries" 0 "$(readelf -d "$library" | grep -c NEEDED)"
        harmless "$arch, versions" 'No version information found in this file.' \
            "$(readelf -V "$library" | grep .)"
    done <"$BATS_TEST_TMPDIR/machines"
}

# bats test_tags=harmless
@test "other machines: the command is built without a warning, and runs" {
    local arch emulator loader said version
    version=$(sed -n 's/^VERSION = //p' "$root/Makefile")
    for arch in i386 arm64 armhf armel riscv64 ppc64el s390x loong64; do
        need_library "$arch"
        [ -z "$(emulator "$arch")" ] || need_qemu
        said=$(make -s -j2 -C "$root" "ARCH=$arch" 2>&1 3>&-)
        harmless "$arch, warnings" '' "$(grep -i warning <<<"$said" || :)"
        mapfile -t emulator < <(emulator "$arch")
        loader=("$(libc_of "$arch")"/ld*.so.[0-9])
        harmless "$arch" "kashim $version" "$(without_harness "${emulator[@]}" "${loader[0]}" \
            --library-path "$(libc_of "$arch")" "$root/build/$arch/kashim" --version 2>&1)"
    done
}

# ---- glibc ---------------------------------------------------------------------

# bats test_tags=effect
@test "glibc here: connections have the options" {
    serves here
}

# bats test_tags=harmless
@test "glibc here: cancellation" {
    cancels here
}

# bats test_tags=effect
@test "glibc 2.31, without libdl: connections have the options" {
    serves old
    [ "$(run_probe old '' libc)" = 2.31 ]
}

# bats test_tags=harmless
@test "glibc 2.31, without libdl: cancellation" {
    cancels old
}

# bats test_tags=effect
@test "glibc 2.31, with libdl: connections have the options" {
    serves old-libdl
}

# bats test_tags=harmless
@test "glibc 2.31, with libdl: cancellation" {
    cancels old-libdl
}

# bats test_tags=effect
@test "glibc 2.31: another preload that has a resolver choose its dup, without dlsym and with it" {
    local target
    need_target old
    need_target old-libdl
    gcc -shared -fPIC -nostdlib -x c -o "$build/libchosen.so" - <<'END'
#include <asm/unistd.h>
static int by_hand(int fd)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(__NR_dup), "D"(fd) : "rcx", "r11", "memory");
    return (int)result;
}
static int (*choose(void))(int) { return by_hand; }
int dup(int) __attribute__((ifunc("choose")));
END
    for target in old old-libdl; do
        effect "$target" "$(with '1 61 11 7')" "$(run_probe $target "$(library amd64):$build/libchosen.so" options)"
    done
}

# bats test_tags=effect
@test "the newest glibc: connections have the options" {
    serves new
    [ "$(run_probe here '' libc)" != "$(run_probe new '' libc)" ]
}

# bats test_tags=harmless
@test "the newest glibc: cancellation" {
    cancels new
}

# ---- other libcs and machines --------------------------------------------------

# bats test_tags=effect
@test "musl: connections have the options" {
    serves musl
    [ "$(run_probe musl '' libc)" = 'not glibc' ]
}

# bats test_tags=effect
@test "musl: the loader is run by hand, and the kernel tells of it and not of the program" {
    local loader
    need_target musl
    loader=$(readelf -p .interp "$build/probe-musl" | grep -o '/[^ ]*$')
    effect connections "$(with '1 61 11 7')" "$(without_harness "$build/probe-here" hand-over \
        LD_PRELOAD="$KASHIM_LIB" "${timers[@]}" "$loader" "$build/probe-musl" options 2>&1)"
}

# bats test_tags=effect
@test "musl: the command" {
    local includes=/usr/include
    need_target musl
    includes="-idirafter $includes -idirafter $includes/$(gcc -dumpmachine)" # the kernel's
    make -s -j2 -C "$root" B=build/musl CC=musl-gcc CPPFLAGS="$includes" build/musl/kashim 3>&-
    cp "$root/build/musl/kashim" "$KASHIM_LIB" "$BATS_TEST_TMPDIR"
    effect connections "$(with '1 61 11 7')" "$(without_harness "$build/probe-here" hand-over \
        "$BATS_TEST_TMPDIR/kashim" run --idle 61 --intvl 11 --cnt 7 -- "$build/probe-musl" options 2>&1)"
}

# bats test_tags=harmless
@test "musl: cancellation" {
    cancels musl
}

# bats test_tags=effect
@test "i386: connections have the options" {
    serves i386
}

# bats test_tags=harmless
@test "i386: cancellation" {
    cancels i386
}

# bats test_tags=effect
@test "i386, musl: connections have the options" {
    serves i386-musl
}

# bats test_tags=harmless
@test "i386, musl: cancellation" {
    cancels i386-musl
}

# bats test_tags=effect
@test "arm64: connections have the options" {
    serves arm64
}

# bats test_tags=harmless
@test "arm64: cancellation" {
    cancels arm64
}

# bats test_tags=effect
@test "armhf: connections have the options" {
    serves armhf
}

# bats test_tags=harmless
@test "armhf: cancellation" {
    cancels armhf
}

# bats test_tags=effect
@test "armel: connections have the options" {
    serves armel
}

# bats test_tags=harmless
@test "armel: cancellation" {
    cancels armel
}

# bats test_tags=effect
@test "riscv64: connections have the options" {
    serves riscv64
}

# bats test_tags=harmless
@test "riscv64: cancellation" {
    cancels riscv64
}

# bats test_tags=effect
@test "ppc64el: connections have the options" {
    serves ppc64el
}

# bats test_tags=harmless
@test "ppc64el: cancellation" {
    cancels ppc64el
}

# bats test_tags=effect
@test "s390x: connections have the options" {
    serves s390x
}

# bats test_tags=harmless
@test "s390x: cancellation" {
    cancels s390x
}

# bats test_tags=effect
@test "loong64: connections have the options" {
    serves loong64
}

# bats test_tags=effect
@test "32-bit machines, 64-bit time: connections have the options" {
    local arch
    for arch in i386 armhf armel; do
        serves "$arch-time64"
        # otherwise it would be the same test again
        nm -D "$build/probe-$arch-time64" | grep -c ' U __\(recvmm\?sg\|setsockopt\|fcntl_time\)64@' |
            grep -qx 4
    done
}

# bats test_tags=harmless
@test "32-bit machines, 64-bit time: cancellation" {
    local arch
    for arch in i386 armhf armel; do
        cancels "$arch-time64"
    done
}

# bats test_tags=harmless
@test "s390x: another preload with the old kind of hash table, which has 64-bit words there" {
    need_target s390x
    s390x-linux-gnu-gcc -shared -fPIC -nostdlib -Wl,--hash-style=sysv -x c -o "$build/libsysv.so" - <<'END'
#include <sys/syscall.h>
#include <unistd.h>
int accept(int fd, void *address, void *len)
{
    return write(1, "other\n", 6) == 6 ? (int)syscall(SYS_accept4, fd, address, len, 0) : -1;
}
END
    harmless 'calls of its accept' 6 "$(run_probe s390x "$(library s390x):$build/libsysv.so" options | grep -c other)"
}

# ---- which file for which program ----------------------------------------------

# as_root COMMAND...: at least for chroot(2).
as_root() {
    if [ $EUID = 0 ]; then
        "$@"
    else
        unshare --map-root-user "$@"
    fi
}

# serves_both DIR WHAT: DIR is the root of a system.
serves_both() {
    local target
    for target in here i386-plain; do
        effect "$target, $2" "$(with '1 61 11 7')" "$(without_harness as_root chroot "$1" \
            /probe-here hand-over LD_PRELOAD=libkashim.so "${timers[@]}" \
            "/probe-$target" options 2>&1)"
    done
}

# bats test_tags=effect
@test "LD_PRELOAD=libkashim.so serves programs of both classes, where both are installed" {
    local dir=$BATS_TEST_TMPDIR/root
    as_root chroot / true || unless_ci 'neither root nor user namespaces'
    need_new
    need_target here
    need_target i386-plain
    cp -a "$build/sid" "$dir"
    cp "$build"/probe-{here,i386-plain} "$dir"
    install "$(library amd64)" "$dir/usr/lib/x86_64-linux-gnu/libkashim.so"
    install "$(library i386)" "$dir/usr/lib/i386-linux-gnu/libkashim.so"
    serves_both "$dir" 'without ldconfig'
    echo 'include /etc/ld.so.conf.d/*.conf' >"$dir/etc/ld.so.conf"
    as_root ldconfig -r "$dir"
    serves_both "$dir" 'after ldconfig'
}

# bats test_tags=harmless
@test "a program of the other class runs on, and the loader says what it ignored" {
    local said
    need_target i386
    said=$(run_probe i386 "$KASHIM_LIB" options)
    harmless connections "$(with '0 7200 75 9')" "$(grep -v '^ERROR: ld.so' <<<"$said")"
    [[ $said == *"'$KASHIM_LIB'"*'wrong ELF class: ELFCLASS64): ignored.'* ]]
}

# bats test_tags=harmless
@test "a static program is untouched" {
    need_target static-pie
    harmless connections "$(with '0 7200 75 9')" \
        "$(run_probe static-pie "$KASHIM_LIB" options)"
}

# bats test_tags=effect
@test "i386: a function that only another libc has fails with ENOSYS" {
    need_target i386
    i686-linux-gnu-gcc "$(run_in "$(libc_of i386)")" -x c -o "$BATS_TEST_TMPDIR/asks" - <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    int (*musls)(int, void *, unsigned, int, void *);

    *(void **)&musls = dlsym(RTLD_DEFAULT, "__recvmmsg_time64");
    printf("%s\n", !musls ? "none" : musls(-1, 0, 0, 0, 0) == -1 ? strerrorname_np(errno) : "?");
}
END
    effect 'error' ENOSYS "$(LD_PRELOAD=$(library i386) "$BATS_TEST_TMPDIR/asks")"
}
