#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The library as a file, and how it is built.

load lib

# make_in TREE [VAR=VALUE...] [TARGET...]
make_in() {
    GOCACHE=$root/build/go-cache make -C "$1" --no-print-directory -j2 "${@:2}" 2>&1
}

copy_to() {
    mkdir -p "$1"
    cp -r "$root"/{Makefile,shim,demo,tests,scripts} "$1"
}

# build [VAR=VALUE...] [TARGET...]: in a copy of the tree. What make says is in $output, the
# library in $built.
build() {
    local tree
    tree=$(mktemp -d "$BATS_TEST_TMPDIR/XXXXXX")
    copy_to "$tree"
    output=$(make_in "$tree" "$@") || { echo "$output"; return 1; }
    built=$tree/build/libkashim.so
}

# What suffices for most: everything, by gcc, in $tree.
setup_file() {
    export tree=$BATS_FILE_TMPDIR/tree
    copy_to "$tree"
    make_in "$tree" CC=gcc all fixtures >"$BATS_FILE_TMPDIR/log"
}

# ---- the file ------------------------------------------------------------------

exported() {
    nm -D --defined-only "$1" | sed 's/.* //' | sort | xargs
}

# What every program that is started with it pays for, or fails on.
undefined() {
    nm -D --undefined-only "$1" | sed 's/^ *//' | sort -k 2 | xargs
}

# dynamic FILE: what the loader is to do.
dynamic() {
    readelf -dW "$1" | grep -Eo '\((NEEDED|TEXTREL|RUNPATH|RPATH|INIT|RELR)\)|BIND_NOW|soname: .*' | xargs
}

# versions FILE: the symbol versions that a libc has to have.
versions() {
    readelf -VW "$1" | xargs
}

# segments FILE: what is mapped, as few as can be, and nothing both writable and executable;
# that its tables become read-only, and that the stack isn't executable.
segments() {
    readelf -lW "$1" | awk '/GNU_RELRO/ { print "relro" } /GNU_STACK/ { print "stack", $7 }
        / LOAD / { print "load", $7 $8 }' | sed 's/0x.*//' | sort | xargs
}

# unwound FILE FUNCTION: its code has unwind tables.
unwound() {
    local start pc
    start=$(nm -D "$1" | awk -v f="$2" '$3 == f { print $1 }')
    pc=$(readelf --debug-dump=frames "$1" 2>/dev/null | grep -o "FDE.*pc=$start")
    [ -n "$start" ] && [ -n "$pc" ]
}

# sound FILE: all that one file for every Linux needs.
sound() {
    local hook
    effect 'exported symbols' \
        'accept accept4 connect dup dup2 dup3 fcntl fcntl64 listen prctl recvmmsg recvmsg setsockopt' \
        "$(exported "$1")"
    effect 'undefined symbols' 'w __environ w _dl_debug_addr w _r_debug w dlsym w environ w getauxval' "$(undefined "$1")"
    effect 'needed symbol versions' 'No version information found in this file.' "$(versions "$1")"
    effect 'dynamic section' 'soname: [libkashim.so] BIND_NOW' "$(dynamic "$1")"
    effect 'segments' 'load RE load RW relro stack RW' "$(segments "$1")"
    for hook in listen accept accept4 connect recvmsg recvmmsg; do
        effect "unwind tables of $hook" yes "$(unwound "$1" $hook && echo yes)"
    done
}

# bats test_tags=effect
@test "the library: exports, needs, hardening, unwind tables" {
    need readelf nm
    sound "$KASHIM_LIB"
}

# bats test_tags=harmless
@test "the same with the flags of Debian's packages" {
    need readelf nm dpkg-buildflags
    build "CFLAGS=$(dpkg-buildflags --get CFLAGS)" "CPPFLAGS=$(dpkg-buildflags --get CPPFLAGS)" \
        "LDFLAGS=$(dpkg-buildflags --get LDFLAGS)" build/libkashim.so
    sound "$built"
}

# bats test_tags=harmless
@test "the same with flags that bring in helpers" {
    need readelf nm
    build CFLAGS='-O2 -D_FORTIFY_SOURCE=3 -fstack-protector-all -fno-asynchronous-unwind-tables' \
        build/libkashim.so
    sound "$built"
}

# bats test_tags=harmless
@test "a 32-bit library with 64-bit files and times has both names of fcntl" {
    need nm i686-linux-gnu-gcc
    build ARCH=i386 CPPFLAGS='-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64' build/i386/libkashim.so
    [ "$(exported "${built%/*}/i386/libkashim.so" | tr ' ' '\n' | grep -c '^fcntl\(64\)\?$')" = 2 ]
}

# bats test_tags=harmless
@test "for MIPS the compiler says why it is refused" {
    need clang
    local none=$BATS_TEST_TMPDIR/none
    mkdir -p "$none/asm"
    touch "$none"/{asm/unistd,errno,stdbool,stdint}.h
    output=$(clang --target=mips64el-linux-gnuabi64 -nostdinc "-I$none" -fsyntax-only -x c "$root/shim/sys.h" 2>&1) && return 1
    [[ $output == *'error: "MIPS:'*DT_MIPS_XHASH* ]]
}

# bats test_tags=harmless
@test "the same with -O0, -O3 and -flto" {
    need readelf nm
    local flags
    for flags in -O0 -O3 '-O2 -flto'; do
        build "CFLAGS=$flags" build/libkashim.so
        sound "$built"
    done
}

# bats test_tags=harmless
@test "the same with clang, -O0 and -O2" {
    need readelf nm clang
    local flags
    for flags in -O0 -O2; do
        build CC=clang "CFLAGS=$flags" build/libkashim.so
        sound "$built"
    done
}

# bats test_tags=harmless
@test "the same where the caller packs relocations" {
    need readelf nm
    build LDFLAGS=-Wl,-z,pack-relative-relocs build/libkashim.so
    sound "$built"
}

# bats test_tags=harmless
@test "x86-64: fit for control-flow enforcement" {
    need readelf
    [ "$(uname -m)" = x86_64 ] || skip 'another machine'
    [[ $(readelf -nW "$tree/build/libkashim.so") == *'x86 feature: IBT, SHSTK'* ]]
}

# ---- make ------------------------------------------------------------------------

no_warning() {
    ! grep -i warning <<<"$1"
}

# bats test_tags=harmless
@test "gcc has nothing to warn of" {
    no_warning "$(cat "$BATS_FILE_TMPDIR/log")"
    [ -e "$tree/build/libkashim.so" ]
    [ -x "$tree/build/demo-server" ] && [ -x "$tree/build/demo-client" ]
}

# bats test_tags=harmless
@test "clang has nothing to warn of" {
    need clang
    build CC=clang CFLAGS=-O0 all fixtures
    no_warning "$output"
}

# bats test_tags=harmless
@test "CFLAGS, CPPFLAGS and LDFLAGS of the caller are used, and V=1 shows it" {
    build V=1 CFLAGS='-O1 -g3' CPPFLAGS=-DMY_OWN LDFLAGS=-Wl,-z,max-page-size=0x10000 build/{libkashim.so,demo-server}
    [[ $output == *'-DMY_OWN -O1 -g3'*'-c -o build/shim/hooks.o shim/hooks.c'* ]]
    [[ $output == *'-Wl,-z,max-page-size=0x10000'*'-o build/libkashim.so'* ]]
    [[ $output == *'-Wl,-z,max-page-size=0x10000'*'-o build/demo-server'* ]]
    readelf -lW "$built" | grep -q 'LOAD.* 0x10000$'
}

# bats test_tags=harmless
@test "a library path that LD_PRELOAD can't hold is refused" {
    local path
    for path in /a:b '/a b' ''; do
        output=$(make_in "$tree" LIBDIR="$path" 2>&1) && return 1
        [[ $output == *"LIBDIR=$path: blanks and colons are"* ]]
    done
}

# bats test_tags=harmless
@test "without V=1 a line for each file" {
    output=$(cat "$BATS_FILE_TMPDIR/log")
    [[ $output != *-fPIC* && $output == *'CC    shim/hooks.c'* && $output == *'LD    build/libkashim.so'* ]]
}

# bats test_tags=harmless
@test "make bench and load build nothing for which install-deps.sh bench brings no library" {
    output=$(make_in "$tree" CC=gcc -nB bench load)
    [[ $output == *tests/bench.c* || $output == *tests/bench/bench.c* ]]
    [[ $output != *tests/fixtures/uring* && $output != *go_server* && $output != *musl-gcc* ]]
}

# bats test_tags=harmless
@test "make again does nothing" {
    [[ $(make_in "$tree" CC=gcc) == *'Nothing to be done'* ]]
}

# bats test_tags=harmless
@test "in an empty folder, whatever is made first" {
    local target b=$BATS_TEST_TMPDIR/b
    for target in demo-server shim/init.o command/config.o tests/steps tests/libempty.so tests/static_server \
        tests/empty-unit-config tests/bench tests/libobvious.so; do
        make_in "$tree" "B=$b" "$b/$target"
        rm -r "$b"
    done
}

# bats test_tags=harmless
@test "without the packages each target names the argument of install-deps.sh" {
    local argument target variable bin=$BATS_TEST_TMPDIR/bin
    mkdir "$bin"
    ln -s "$(command -v make)" "$bin"
    while read -r argument target variable; do
        run env "PATH=$bin" make -C "$tree" "$target" ${variable:+"$variable"}
        echo "$output"
        harmless "exit status of make $target" 2 "$status"
        [[ $output == *"make $target: missing: "*" (scripts/install-deps.sh ${argument#none}"*'installs it)'* ]] ||
            harmless "make $target" "$argument" "$output"
    done <<'END'
none all
none install
none demo
compat all ARCH=i386
test test
test control
test servers
test sanitize
test fuzz
test coverage
test lint
compat compat
kernels kernels
systemd systemd
bench bench
bench load
deb deb
deb fresh
END
}

# to ARG...: make ARG..., and the files that are at the destination then
to() {
    make_in "$tree" CC=gcc "DESTDIR=$BATS_TEST_TMPDIR/to" "$@" >/dev/null
    (cd "$BATS_TEST_TMPDIR/to" && find . -type f | sort | xargs && rm -r ./*)
}

# installed BINDIR LIBDIR MANDIR COMPLETIONDIR ZSHDIR FISHDIR: what is installed there, in order.
installed() {
    printf '.%s\n' "$1/kashim" "$2/libkashim.so" "$3/man1/kashim.1" "$3/man7/libkashim.7" "$4/kashim" "$5/_kashim" \
        "$6/kashim.fish" | sort | xargs
}

# bats test_tags=harmless
@test "make install: DESTDIR, PREFIX, BINDIR, LIBDIR, MANDIR, COMPLETIONDIR, ZSHDIR, FISHDIR" {
    local share=(share/{bash-completion/completions,zsh/site-functions,fish/vendor_completions.d})
    [ "$(to install)" = "$(installed /usr/local/bin /usr/local/lib /usr/local/share/man "${share[@]/#//usr/local/}")" ]
    [ "$(to PREFIX=/usr install)" = "$(installed /usr/bin /usr/lib /usr/share/man "${share[@]/#//usr/}")" ]
    [ "$(to LIBDIR=/lib/x86_64-linux-gnu BINDIR=/bin MANDIR=/man COMPLETIONDIR=/complete ZSHDIR=/z FISHDIR=/f install)" = \
        "$(installed /bin /lib/x86_64-linux-gnu /man /complete /z /f)" ]
}

# bats test_tags=harmless
@test "make install: everybody can use it, whatever the umask" {
    umask 077
    make_in "$tree" CC=gcc "DESTDIR=$BATS_TEST_TMPDIR/to" install >/dev/null
    harmless 'closed to others' '' "$(find "$BATS_TEST_TMPDIR/to" -mindepth 1 ! -perm -u=rw,go=r -o -type d ! -perm -755)"
}

# bats test_tags=harmless
@test "make install, uninstall: a blank in DESTDIR is part of it" {
    local to="$BATS_TEST_TMPDIR/a b" other=$BATS_TEST_TMPDIR/a
    mkdir "$other"
    make_in "$tree" CC=gcc "DESTDIR=$other" install >/dev/null
    make_in "$tree" CC=gcc "DESTDIR=$to" install >/dev/null
    harmless 'installed' "$(cd "$other" && find . -type f)" "$(cd "$to" && find . -type f)"
    make_in "$tree" CC=gcc "DESTDIR=$to" uninstall >/dev/null
    harmless 'left' '' "$(find "$to" -type f)"
    harmless 'the other folder' 7 "$(find "$other" -type f | wc -l)"
}

# bats test_tags=harmless
@test "make uninstall, the package's removal: what kashim enable wrote is named" {
    local to=$BATS_TEST_TMPDIR/to script=$root/scripts/debian/kashim.prerm
    local file=/etc/systemd/system/x.service.d/kashim.conf
    make_in "$tree" CC=gcc "DESTDIR=$to" install >/dev/null
    install -D /dev/null "$to$file"
    harmless 'uninstall' "  LEFT  $to$file (written by kashim enable)" \
        "$(make_in "$tree" CC=gcc "DESTDIR=$to" uninstall | grep -v '^  RM ')"
    unshare -m true 2>/dev/null || unless_ci 'mount namespaces are refused'
    mkdir -p /etc/systemd/system
    harmless 'removal' "kashim: left: $file (written by kashim enable)" \
        "$(unshare -m sh -c 'mount --bind "$0" /etc/systemd/system && sh "$1" remove' "$to/etc/systemd/system" "$script")"
    harmless 'an upgrade' '' \
        "$(unshare -m sh -c 'mount --bind "$0" /etc/systemd/system && sh "$1" upgrade' "$to/etc/systemd/system" "$script")"
}

# bats test_tags=harmless
@test "make: a blank or a colon in a folder's name is refused before anything is done" {
    local folder path b=$BATS_TEST_TMPDIR/b
    for folder in BINDIR MANDIR COMPLETIONDIR ZSHDIR FISHDIR; do
        for path in '/a b' '/a:b' ''; do
            run make_in "$tree" "B=$b" "$folder=$path" install "DESTDIR=$BATS_TEST_TMPDIR/to"
            harmless "exit status for $folder=$path" 2 "$status"
            [[ $output == *"$folder=$path: it may have no blank and no colon"* ]] || harmless 'message' "$folder" "$output"
        done
    done
    run make_in "$tree" "B=$b" 'PREFIX=/a b'
    [[ $output == *'DIR=/a b/'* ]] || harmless 'message' PREFIX "$output"
    harmless 'nothing is made' '' "$(cd "$BATS_TEST_TMPDIR" && ls -d b to 2>/dev/null)"
}

# bats test_tags=harmless
@test "make install: of another machine's library it takes a LIBDIR" {
    local target
    for target in install uninstall; do
        output=$(make_in "$tree" ARCH=i386 CC_i386=gcc "$target") && return 1
        [[ $output == *'ARCH=i386 needs a LIBDIR of its own'* ]]
    done
    [ "$(to ARCH=i386 CC_i386=gcc CFLAGS=-O0 LIBDIR=/lib32 install)" = ./lib32/libkashim.so ]
}

# bats test_tags=harmless
@test "make install: a library that is in use is replaced, never written to" {
    local to=$BATS_TEST_TMPDIR/to library=$BATS_TEST_TMPDIR/to/usr/local/lib/libkashim.so old
    make_in "$tree" CC=gcc "DESTDIR=$to" install >/dev/null
    exec {old}<"$library"
    make_in "$tree" CC=gcc "DESTDIR=$to" install >/dev/null
    [ "$(stat -L -c %i "/proc/self/fd/$old")" != "$(stat -c %i "$library")" ]
    [ "$(stat -L -c %h "/proc/self/fd/$old")" = 0 ]
    [ -z "$(find "$to" -name '*.new')" ]
    exec {old}<&-
}

# bats test_tags=harmless
@test "make uninstall leaves nothing, but of another machine's library all the rest" {
    local installed
    [ "$(to -j1 install uninstall)" = '' ]
    installed=$(to install)
    make_in "$tree" CC=gcc "DESTDIR=$BATS_TEST_TMPDIR/to" install >/dev/null
    [ "$(to ARCH=i386 CC_i386=gcc CFLAGS=-O0 LIBDIR=/lib32 -j1 install uninstall)" = "$installed" ]
}

# bats test_tags=harmless
@test "a package depends on the libc that its command needs" {
    need dpkg-architecture objdump
    local package=$BATS_TEST_TMPDIR/package version
    mkdir -p "$package/debian/kashim/usr/bin"
    cp "$root/scripts/debian/rules" "$package/debian"
    for version in '' 2.36; do # as it is, and with what is newer
        build CFLAGS=-O0 ${version:+LDFLAGS=-Wl,-u,arc4random} build/kashim
        cp "${built%/*}/kashim" "$package/debian/kashim/usr/bin"
        version=$(objdump -T "${built%/*}/kashim" | sed -n 's/.*(GLIBC_\([0-9.]*\)).*/\1/p' | sort -V | tail -n 1)
        rm -f "$package/debian/kashim.substvars"
        (cd "$package" && make -s -f debian/rules override_dh_shlibdeps)
        harmless 'needs' "shlibs:Depends=libc6 (>= $version)" "$(cat "$package/debian/kashim.substvars")"
    done
    harmless 'the newer one' 2.36 "$(printf '%s\n' 2.36 "$version" | sort -V | head -n 1)"
}

# bats test_tags=harmless
@test "make dist: the same bytes again, also from itself, and without git" {
    local again=$BATS_TEST_TMPDIR/again archive
    make_in "$tree" CC=gcc dist >/dev/null
    archive=$(echo "$tree"/build/kashim-*.tar.gz)
    mkdir "$again"
    tar -xzf "$archive" -C "$again" --strip-components=1
    touch "$again/shim/init.c"
    make_in "$again" CC=gcc dist >/dev/null
    cmp "$archive" "$again/build/${archive##*/}"
    make_in "$again" CC=gcc CFLAGS=-O0 all >/dev/null
    [ -x "$again/build/kashim" ]
}
