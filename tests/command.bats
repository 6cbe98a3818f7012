#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim run and kashim check.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
}

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')

# program NAME [FLAG...]: compiles one that does nothing.
program() {
    need gcc
    echo 'int main(void) { return 0; }' | gcc -x c "${@:2}" -o "$dir/$1" -
}

# noted NAME NOTES: one that has these in its ELF file
noted() {
    printf '%s\n' "__asm__(\".pushsection .note.x, \\\"a\\\", @note; $2; .popsection\");" 'int main(void) { return 0; }' |
        gcc -x c -o "$dir/$1" -
}

# ---- run -----------------------------------------------------------------------

# bats test_tags=effect
@test "run: the options become the library's settings" {
    kashim run -i 61 -n 11 -c 7 -- steps "${accepted[@]}"
    has b "$ours"
    kashim run --idle=61s --intvl 11 --cnt 7 --user-timeout 9 steps "${accepted[@]}"
    has b "${ours/user_timeout=0/user_timeout=9000}"
    kashim run -i 61 -n 11 -c 7 --connect steps 'tcp4 a' 'listen a' 'connect c a' 'look c'
    has c "$ours"
    kashim run -i 61 -n 11 -c 7 --force steps "${accepted[@]:0:4}" 'set b idle 5' 'look b'
    has b "$ours"
    kashim run --log stderr steps 'tcp4 a' 'listen a'
    effect 'lines' 1 "$(grep -c '^kashim: steps\[.*listener' <<<"$stderr")"
}

# bats test_tags=effect
@test "run: the environment counts, and an option overrides it" {
    export KA_IDLE=99 KA_INTVL=11 KA_CNT=7
    kashim run -i 61 steps "${accepted[@]}"
    has b "$ours"
}

# bats test_tags=effect
@test "run: KA_OFF=1 leaves the program without, which is said" {
    local said='kashim: run: KA_OFF=1 is set: '"'steps'"' runs without keepalive'
    KA_OFF=1 kashim run steps 'tcp4 a' 'listen a' 'look a'
    effect 'said' "0 $said" "$status $stderr"
    has a "${untouched/connected/listening}"
    KA_OFF=1 kashim run --cgroup steps 'tcp4 a' 'listen a' 'look a'
    effect 'said' "0 $said" "$status $stderr"
    has a "${untouched/connected/listening}"
}

# bats test_tags=effect
@test "misspelt variables are named by run, attach and enable; others are left alone" {
    local subcommand
    for subcommand in 'run true' 'attach no-such-unit' "enable --root $dir x"; do
        # shellcheck disable=SC2086 # words
        KA_IDEL=5 KA_INTERVAL=5 KA_COUNT=5 KA_PORT=5 KA_ODD=1 KAFFEE=1 kashim $subcommand
        effect "said by $subcommand" 'KA_COUNT is no setting; KA_CNT?
KA_IDEL is no setting; KA_IDLE?
KA_INTERVAL is no setting; KA_INTVL?
KA_PORT is no setting; KA_PORTS?' "$(grep 'is no setting' <<<"$stderr" | sed 's/^kashim: //' | sort)"
    done
    KA_IDEL=5 kashim run true
    effect 'exit status' 0 "$status"
}

# bats test_tags=effect
@test "run: a preload that is there is kept, and ours added once" {
    local other=$root/build/tests/libother.so
    LD_PRELOAD=$other kashim run sh -c 'echo "$LD_PRELOAD"'
    effect 'LD_PRELOAD' "$other:$dir/libkashim.so" "$output"
    kashim run "$dir/kashim" run sh -c 'echo "$LD_PRELOAD"'
    effect 'twice' "$dir/libkashim.so" "$output"
    kashim run -i 61 -n 11 -c 7 steps "${accepted[@]}"
    has b "$ours"
}

# bats test_tags=effect
@test "run: same process, descriptors and name; its exit status" {
    kashim run -i 61 -n 11 -c 7 steps "${accepted[@]}"
    has b "$ours"
    output=$(without_harness bash -c 'echo $$; exec 5<&0; exec "$0" run -i 61 -- bash -c "
        echo \$\$; [ -e /proc/self/fd/5 ] && echo 5; echo \$LD_PRELOAD; exit 42"' "$dir/kashim") || status=$?
    harmless 'status' 42 "$status"
    harmless 'process' "$(sed -n 1p <<<"$output")" "$(sed -n 2p <<<"$output")"
    harmless 'descriptor' 5 "$(sed -n 3p <<<"$output")"
}

# bats test_tags=effect
@test "run: a script, but not with --no-children" {
    printf '#!/bin/sh\nsteps "$@"\n' >"$dir/script"
    chmod +x "$dir/script"
    kashim run -i 61 -n 11 -c 7 "$dir/script" "${accepted[@]}"
    has b "$ours"
    kashim run --no-children "$dir/script" "${accepted[@]}"
    refused 125 'with --no-children it would go bare'
}

# bats test_tags=harmless,clumsy:mute
@test "run: what can't be run is refused, with env's exit status" {
    kashim run nosuchprogram
    refused 127 "'nosuchprogram': it is in no directory of PATH"
    kashim run "$dir"
    refused 126 'it is a directory'
    kashim run .
    refused 126 "'.': it is a directory"
    kashim run /dev/null
    refused 126 'it is no regular file'
    kashim run /etc/passwd
    refused 126 "'/etc/passwd': it isn't executable"
    kashim run ''
    refused 127 "'': it is in no directory of PATH"
    kashim run
    refused 125 'which PROGRAM?'
    program static -static
    kashim run "$dir/static"
    refused 125 'linked statically: there is no loader to preload anything. What can help: kashim run --cgroup, or kashim attach once it runs'
}

# bats test_tags=harmless,clumsy:mute
@test "run: another class or machine, and setuid, are refused" {
    need setpriv
    [ $EUID = 0 ] || unless_ci 'setuid programs are made by root'
    program other
    printf '\377' | dd of="$dir/other" bs=1 seek=18 conv=notrunc status=none # e_machine
    kashim run "$dir/other"
    refused 125 'for another machine than the library'
    printf '\177ELF\1\1\1' | dd of="$dir/other" bs=1 conv=notrunc status=none
    kashim run "$dir/other"
    harmless 'exit status' 125 "$status"
    program special
    chmod u+s "$dir/special"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    as 'setpriv --reuid=65534 --regid=65534 --clear-groups' "$dir/kashim" run "$dir/special"
    refused 125 'setuid: the loader ignores a preload. What can help: as root, kashim run --cgroup, or kashim attach once it runs'
}

# bats test_tags=harmless,clumsy:mute
@test "run: a bad value is refused before anything starts" {
    local bad
    for bad in '-i 0' '-i x' '--idle=32768' '-n 1d' '-c 128' '-u never' '-p 0' '--log file' '-i'; do
        # shellcheck disable=SC2086
        kashim run $bad -- touch "$dir/started"
        harmless "$bad" 125 "$status"
        [ ! -e "$dir/started" ] || harmless "$bad" 'not started' started
    done
    kashim run -i '' true
    refused 125 "--idle: '' is not accepted (1 to 32767 seconds"
    kashim run --idle 1x true
    refused 125 "--idle: '1x' is not accepted (1 to 32767 seconds"
    KA_CNT=999 kashim run -i 5 true
    refused 125 "KA_CNT: '999' is not accepted (1 to 127)"
    KA_CNT=999 kashim run -c 5 true
    says 0 ''
    kashim run --nonsense true
    refused 125 '--nonsense'
}

# bats test_tags=effect
@test "run: the library that is installed, where none lies beside the command" {
    [ $EUID = 0 ] || unless_ci 'mounts take root'
    unshare -m true || unless_ci 'mount namespaces are refused'
    local libdir
    libdir=$(cat "$root/build/libdir")
    [ -d "$libdir" ] || unless_ci "there is no $libdir"
    mkdir "$dir/alone"
    cp "$dir/kashim" "$dir/alone"
    # shellcheck disable=SC2016
    as 'unshare -m sh -c' 'mount -t tmpfs none "$0" && cp "$1" "$0" && shift && exec "$@"' "$libdir" \
        "$dir/libkashim.so" "$dir/alone/kashim" run -i 61 -n 11 -c 7 steps "${accepted[@]}"
    has b "$ours"
}

# bats test_tags=harmless,clumsy:mute
@test "run: a library that is missing, or whose path LD_PRELOAD can't hold" {
    mkdir "$dir/a b"
    cp "$dir/kashim" "$dir/libkashim.so" "$dir/a b"
    kashim_in "a b" run true
    refused 125 "can't stand in LD_PRELOAD"
    [ ! -e /usr/local/lib/libkashim.so ] || unless_ci 'kashim is installed'
    rm "$dir/a b/libkashim.so"
    kashim_in "a b" run true
    refused 125 'the library is missing'
}

kashim_in() {
    status=0
    output=$("$dir/$1/kashim" "${@:2}" 2>"$dir/stderr") || status=$?
    stderr=$(cat "$dir/stderr")
}

# bats test_tags=harmless,clumsy:mute
@test "run: what the kernel can't execute, and names that are too long" {
    need strace
    as 'strace -qq -o /dev/null -e inject=execve:error=ENOEXEC' "$dir/kashim" run steps
    refused 126 'steps: Exec format error'
    as 'strace -qq -o /dev/null -e inject=execve:error=ENOENT' "$dir/kashim" run steps
    refused 127 'steps: No such file or directory'
    kashim run "/$(printf 'x%.0s' {1..5000})"
    refused 126 'File name too long'
}

# bats test_tags=harmless,clumsy:mute
@test "check: neither program nor library" {
    kashim check /no/such/program
    refused 1 "'/no/such/program': No such file or directory"
    echo garbage >"$dir/libkashim.so"
    kashim check steps
    says 1 "the library can't be read: $dir/libkashim.so"
    rm "$dir/libkashim.so"
    if [ ! -e "$(cat "$root/build/libdir")/libkashim.so" ]; then
        kashim check steps
        refused 1 'the library is missing'
    fi
}

# bats test_tags=harmless,clumsy:mute
@test "check: a 32-bit program; one that may be executed and not read" {
    need python3 setpriv
    python3 - "$dir/narrow" <<'PYTHON'
import struct, sys
open(sys.argv[1], 'wb').write(b'\x7fELF\x01\x01\x01' + bytes(9) +
    struct.pack('<HHIIIIIHHHHHH', 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0) +
    struct.pack('<8I', 3, 84, 84, 84, 2, 2, 4, 1) + b'/\0')
PYTHON
    chmod +x "$dir/narrow"
    kashim check "$dir/narrow"
    says 1 "a 32-bit program, and the library is for 64-bit ones ($dir/libkashim.so)"
    printf '/x' | dd of="$dir/narrow" bs=1 seek=84 conv=notrunc status=none
    kashim check "$dir/narrow"
    says 1 'ELF file with a damaged interpreter'
    chmod 711 "$dir/narrow"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    as 'setpriv --reuid=65534 --regid=65534 --clear-groups' "$dir/kashim" check "$dir/narrow"
    says 1 "it can't be read: Permission denied"
}

# ---- check ---------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "check: what can be served, and a setting of its own" {
    kashim check steps
    says 0 '/steps: yes'
    kashim check redis-server
    says 0 'tcp-keepalive 60'
    kashim check ldd
    says 0 "yes: kashim run; a script, and what it starts isn't looked at"
    kashim check -- steps
    says 0 '/steps: yes'
}

# without CALL ERROR: what this host says of its ways where it has no such call, in $output.
without() {
    as "strace -f -qq -o /dev/null -e inject=$1:error=$2" "$dir/kashim" check
    harmless "exit status without $1" 1 "$status"
    harmless "the ways without $1" 'library control groups attach to processes status by sock_diag KA_RTO_MAX' \
        "$(sed 's/  *\(yes\|no: .*\)$//' <<<"$output" | paste -sd' ')"
}

# bats test_tags=harmless,clumsy:mute
@test "check: which ways this host allows, and what forbids the others" {
    need strace
    without bpf EPERM
    says 1 'control groups       no: '
    says 1 'library              yes'
    without socket EAFNOSUPPORT
    says 1 "control groups       no: it can't be tried: Address family not supported by protocol"
    without mkdir EROFS
    says 1 "control groups       no: it can't be tried"
    without statfs EIO
    says 1 "control groups       no: cgroup v2 isn't mounted here"
    without pidfd_getfd ENOSYS
    says 1 'attach to processes  no: pidfd_getfd(2) is refused to every program here'
    without sendto EPERM
    says 1 'status by sock_diag  no: Operation not permitted'
    rm "$dir/libkashim.so"
    if [ ! -e "$(cat "$root/build/libdir")/libkashim.so" ]; then
        kashim check
        says 1 "library              no: it isn't installed"
    fi
}

# bats test_tags=harmless,clumsy:mute
@test "check: static, Go, AddressSanitizer, another machine" {
    program static -static
    kashim check "$dir/static"
    says 1 'no: linked statically: there is no loader to preload anything
what can help: kashim run --cgroup, or kashim attach once it runs; if it starts another program: static ... kashim run PROGRAM'
    noted go '.long 4, 4, 4; .asciz \"Go\"; .byte 0; .long 0'
    kashim check "$dir/go"
    says 1 'a Go program makes its system calls itself (and turns keepalive on itself'
    noted notes '.rept 1000; .long 4, 0, 1; .asciz \"abc\"; .endr'
    kashim check "$dir/notes"
    says 0 yes
    printf '%s\n' '__attribute__((aligned(16))) char mark[] = "\377 Go buildinf:"; int main(void) { return 0; }' |
        gcc -x c -o "$dir/nameless" -
    kashim check "$dir/nameless"
    says 1 'a Go program'
    python3 - "$dir/nameless" <<'PYTHON' # at the end of a 64 KiB piece
import struct, sys
open(sys.argv[1], 'wb').write(b'\x7fELF\2\1\1' + bytes(9) +
    struct.pack('<HHIQQQIHHHHHH', 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0) +
    struct.pack('<IIQQQQQQ', 1, 6, 120, 8, 0, 70000, 70000, 8) +
    bytes(65528) + b'\xff Go buildinf:' + bytes(5000))
PYTHON
    kashim check "$dir/nameless"
    says 1 'a Go program'
    program asan -fsanitize=address
    kashim check "$dir/asan"
    says 1 "gcc's AddressSanitizer"
    program other
    printf '\377' | dd of="$dir/other" bs=1 seek=18 conv=notrunc status=none # e_machine
    kashim check "$dir/other"
    says 1 'another machine'
    program lost -Wl,--dynamic-linker=/no/such/ld.so
    kashim check "$dir/lost"
    says 1 'no: its loader, /no/such/ld.so: No such file or directory'
    kashim run "$dir/lost"
    refused 125 'its loader, /no/such/ld.so: No such file or directory'
    printf '\1' | dd of="$dir/other" bs=1 seek=4 conv=notrunc status=none # EI_CLASS
    kashim check "$dir/other"
    harmless 'exit status' 1 "$status"
    printf '\3' | dd of="$dir/other" bs=1 seek=5 conv=notrunc status=none # EI_DATA
    kashim check "$dir/other"
    says 1 'ELF file of the other byte order'
}

# bats test_tags=effect
@test "run, check: starters that are static, and loaders: what they start counts" {
    local loader
    program tini-static -static
    kashim run "$dir/tini-static" -- steps
    effect 'static' 1 "$(grep -c 'tini-static: not run: linked statically.*; if it starts another program: tini-static ... kashim run PROGRAM$' <<<"$stderr")"
    kashim check "$dir/tini-static"
    effect 'check' 1 "$(grep -c '; if it starts another program: tini-static ... kashim run PROGRAM$' <<<"$output")"
    loader=$(readelf -l "$root/build/tests/steps" | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
    kashim run -i 61 -n 11 -c 7 "$loader" --library-path /x --argv0 y "$root/build/tests/steps" "${accepted[@]}"
    has b "$ours"
    kashim run "$loader" "$dir/tini-static"
    effect 'a static one' 1 "$(grep -c "what it loads, $dir/tini-static: linked statically" <<<"$stderr")"
    kashim run "$loader" nosuchprogram
    effect 'none' 1 "$(grep -c 'what it loads, nosuchprogram: it is in no directory of PATH' <<<"$stderr")"
}

# bats test_tags=effect
@test "run, check: launchers whose servers don't get the environment" {
    local name
    for name in pg_ctlcluster postfix postmulti squid; do
        cp "$root/build/tests/steps" "$dir/$name"
        kashim check "$dir/$name"
        effect "check $name" "1 what can help: kashim enable its unit; kashim run --cgroup, or kashim attach once it runs" "$status $(tail -n 1 <<<"$output")"
        kashim run "$dir/$name"
        effect "run $name" "125 kashim: $dir/$name: not run" "$status $(grep -o "^kashim: $dir/$name: not run" <<<"$stderr")"
    done
}

# bats test_tags=effect
@test "run: an ordinary user is sent to what an ordinary user may do" {
    [ $EUID = 0 ] || unless_ci 'two users take root'
    local nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    program static -static
    program dynamic
    as "$nobody" "$dir/kashim" run "$dir/static"
    effect 'by the library' ': as root, kashim run --cgroup, or kashim attach once it runs;' "$(grep -o ': as root, kashim run --cgroup, .*runs;' <<<"$stderr")"
    as "$nobody" "$dir/kashim" run --cgroup "$dir/static"
    effect 'in a group' 'What can help: root' "$(grep -o 'What can help: .*' <<<"$stderr")"
    as "$nobody" "$dir/kashim" run --cgroup "$dir/dynamic"
    effect 'in a group, a dynamic one' 'What can help: root, or kashim run without --cgroup' "$(grep -o 'What can help: .*' <<<"$stderr")"
}

# bats test_tags=harmless,clumsy:mute
@test "check: setuid, setgid, file capabilities, as an ordinary user" {
    [ $EUID = 0 ] || unless_ci 'setuid programs are made by root'
    need setpriv setcap
    local make why
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    for make in 'chmod u+s=setuid' 'chmod g+s=setgid' 'setcap cap_net_bind_service+ep=file capabilities'; do
        why=${make##*=}
        rm -f "$dir/special"
        program special
        ${make%=*} "$dir/special"
        status=0
        output=$(setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/kashim" check "$dir/special") || status=$?
        says 1 "no: $why"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "check: scripts of what can't be served, of nothing, of themselves" {
    program static -static
    printf '#!%s\n' "$dir/static" >"$dir/a"
    printf '#!/no/such/interpreter -x\n' >"$dir/b"
    printf '#!%s\n' "$dir/c" >"$dir/c"
    printf '#!/usr/bin/env nosuchprogram\n' >"$dir/d"
    printf 'just text\n' >"$dir/e"
    : >"$dir/f"
    printf '#!\n' >"$dir/g"
    printf '#!steps\n' >"$dir/h"
    printf '#!/usr/bin/env steps -x\n' >"$dir/i"
    printf '#!/usr/bin/env steps \t\n' >"$dir/j"
    printf '#!%0300d\n' 1 >"$dir/k"
    printf '#!%s %0300d\n' "$(command -v steps)" 1 >"$dir/l"
    chmod +x "$dir"/[a-l]
    kashim check "$dir/a"
    says 1 "its interpreter, $dir/static: linked statically"
    kashim check "$dir/b"
    says 1 'its interpreter, /no/such/interpreter: No such file'
    kashim check "$dir/c"
    says 1 'a script of a script, too often'
    kashim check "$dir/d"
    says 1 'its interpreter, nosuchprogram: it is in no directory of PATH'
    kashim check "$dir/e"
    says 1 'neither an ELF file nor a script'
    kashim check "$dir/f"
    says 1 'neither an ELF file nor a script'
    kashim check "$dir/g"
    says 1 'no: '
    kashim check "$dir/h" # the kernel doesn't search
    says 1 'its interpreter, ./steps: No such file'
    kashim check "$dir/i" # and gives env one argument
    says 1 'its interpreter, steps -x: it is in no directory of PATH'
    kashim check "$dir/j"
    says 0 'yes: kashim run; a script'
    kashim check "$dir/k"
    says 1 'neither an ELF file nor a script'
    kashim check "$dir/l"
    says 0 'yes: kashim run; a script'
}

# answered WHAT: yes or no, in one line.
answered() {
    [[ $status -le 1 && $output =~ ^[^$'\n']*:\ (yes|no) ]] || harmless "$1" 'yes or no' "$status $output$stderr"
}

# bats test_tags=harmless,clumsy:mute
@test "check: a damaged file gets an answer, never a crash" {
    local at value
    program whole
    cp "$dir/whole" "$dir/part"
    for at in 3 4 15 16 17 40 63 64 65 100 119 120 500 600 1000; do
        head -c "$at" "$dir/whole" >"$dir/part"
        kashim check "$dir/part"
        answered "cut at $at"
    done
    for ((at = 4; at < 700; at += 7)); do
        cp "$dir/whole" "$dir/part"
        printf '\377\377\377\377\377\377\377' | dd of="$dir/part" bs=1 seek=$at conv=notrunc status=none
        kashim check "$dir/part"
        answered "damaged at $at"
    done
}

# ---- habits --------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "help, version, and wrong words" {
    kashim --version
    says 0 'kashim '
    kashim help
    says 0 'kashim run'
    says 0 'kashim detach'
    kashim help run
    says 0 'KA_USER_TIMEOUT'
    kashim help attach
    says 0 'A TARGET is'
    kashim run --help
    says 0 '--idle'
    kashim check --help
    says 0 'kashim check PROGRAM'
    kashim -V
    says 0 'kashim '
    kashim
    says 2 'kashim run'
    kashim nonsense
    refused 2 "no such subcommand: 'nonsense'"
    kashim help nonsense
    refused 2 "no such subcommand: 'nonsense'"
    kashim statsu
    refused 2 "no such subcommand: 'statsu'; status?"
    kashim help enabel
    refused 2 "no such subcommand: 'enabel'; enable?"
    kashim check a b
    refused 2 "check: one PROGRAM at a time, and 'b' is one too many"
    kashim check -x
    refused 2 "no such option: '-x'"
    status=0
    stderr=$("$dir/kashim" help 2>&1 >/dev/full) || status=$?
    output=''
    refused 1 "can't write to the standard output"
}

# bats test_tags=effect
@test "run: variables that stand in the environment more than once count once" {
    need python3
    effect 'the environment' "LD_PRELOAD=/last.so:$dir/libkashim.so KA_IDLE=60" "$(python3 -c '
import ctypes, sys
words = lambda *w: (ctypes.c_char_p * (len(w) + 1))(*[x.encode() for x in w], None)
ctypes.CDLL(None).execve(sys.argv[1].encode(), words("kashim", "run", "--idle", "60", "--", "env"),
    words("PATH=/usr/bin:/bin", "LD_PRELOAD=/first.so", "LD_PRELOAD=/last.so", "KA_IDLE=1", "KA_IDLE=2"))' \
        "$dir/kashim" 2>/dev/null | grep -E '^(LD_|KA_)' | sort -r | paste -sd' ')"
}

# bats test_tags=effect
@test "help: within 80 columns" {
    local subcommand
    for subcommand in '' run check attach detach status enable disable; do
        kashim help $subcommand
        effect "lines of help $subcommand" some "${output:+some}"
        effect "long lines of help $subcommand" '' "$(awk 'length > 80' <<<"$output")"
    done
}
