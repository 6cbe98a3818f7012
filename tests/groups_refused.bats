#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Where control groups can't be had: one line with the cause; and what is there already has
# the options all the same.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/groups.bash"

nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'

# refused_group TEXT 'WRAPPER...' [TARGET]: attach says why, in one line, and leaves no
# program behind.
refused_group() {
    as "$2" "$dir/kashim" attach -i 61 -n 11 -c 7 --force "${3-$path}"
    harmless "exit status for $1" 1 "$status"
    [[ $stderr == kashim:*"$1"* && $stderr != *$'\n'* ]] || harmless 'message' "$1" "$stderr"
    harmless 'programs' "${left-}" "$(programs_on "$group")"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: an ordinary user, root without rights" {
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    refused_group "group $path: kashim's programs can't be put there: it takes root" "$nobody"
    refused_group 'it takes root with CAP_SYS_ADMIN' 'setpriv --bounding-set=-sys_admin,-bpf,-net_admin --inh-caps=-sys_admin,-bpf,-net_admin'
    attach --force "$path"
    harmless 'as root' 'kashim kashim_setopt' "$(programs_on "$group")"
    as "$nobody" "$dir/kashim" detach "$path"
    harmless 'exit status of detach' 1 "$status"
    [[ $stderr == "kashim: group $path: it takes root"* ]] || harmless 'detach' 'it takes root' "$stderr"
    harmless 'afterwards' 'kashim kashim_setopt' "$(programs_on "$group")"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: cgroup v2 isn't mounted" {
    local target
    for target in "$path" "$group" "${group##*/}" self; do
        refused_group "cgroup v2" "$(without_cgroups)" "$target"
    done
}

# To put programs there changes no file.
# bats test_tags=effect
@test "group: cgroup v2 is mounted read-only" {
    as "$(read_only)" "$dir/kashim" attach -i 61 -n 11 -c 7 "$path"
    effect 'exit status' 0 "$status"
    effect 'said' '' "$stderr"
    effect 'programs' kashim "$(programs_on "$group")"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: bpf(2), by a profile; by a kernel that is too old" {
    need strace setarch
    local error
    for error in EPERM EACCES; do
        refused_group 'bpf(2) is refused here' "strace -f -qq -o /dev/null -e inject=bpf:error=$error"
    done
    refused_group 'it takes Linux 5.9' 'setarch --uname-2.6 strace -f -qq -o /dev/null -e inject=bpf:error=ENOSYS'
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: bpf(2), by a seccomp filter" {
    need python3
    refused_group 'bpf(2) is refused here' "python3 $(without_bpf)"
}

# without_bpf: a program that runs another where bpf(2) answers EPERM.
without_bpf() {
    cat >"$dir/without_bpf" <<'END'
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
bpf = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
code = b''.join(struct.pack('HBBI', *i) for i in (
    (0x20, 0, 0, 0), (0x15, 0, 1, bpf), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)))
space = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 4, ctypes.addressof(space)))
if libc.prctl(22, 2, program, 0, 0):
    sys.exit('no filter')
os.execv(sys.argv[1], sys.argv[1:])
END
    echo "$dir/without_bpf"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: somebody else's program that is exclusive, there or above" {
    mkdir "$group/inner"
    left=stranger
    stranger "$group" stranger exclusive
    refused_group "a program of somebody else's on group $path lets no other stand beside it" ''
    refused_group "a program of somebody else's on group $path lets no other stand beside it" '' "$path/inner"
    harmless 'in the inner one' '' "$(programs_on "$group/inner")"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: it isn't there, or none, or its name isn't the only one" {
    mkdir -p "$group/one/same-${group##*/}.service" "$group/two/same-${group##*/}.service"
    refused_group "'$path/gone' is no control group" '' "$path/gone"
    refused_group "'$group/gone' is no control group" '' "$group/gone"
    refused_group "'$dir' is no control group" '' "$dir"
    refused_group 'cgroup.procs' '' "$group/cgroup.procs"
    refused_group "no unit or other control group 'gone.service'" '' gone.service
    refused_group "no unit or other control group ''" '' ''
    refused_group "names more than one control group" '' "same-${group##*/}"
    local one
    for one in one two; do
        [[ $stderr == *" $path/$one/same-${group##*/}.service"* ]] || harmless 'paths' "$one" "$stderr"
    done
    mkdir "$group"/{three,four,five} "$group"/{three,four,five}/"same-${group##*/}.service"
    refused_group "names more than one control group" '' "same-${group##*/}"
    harmless 'paths' 3 "$(grep -o "/same-${group##*/}.service" <<<"$stderr" | wc -l)"
    [[ $stderr == *' and 2 more' ]] || harmless 'the others' 'and 2 more' "$stderr"
    mkdir "$group/one/only-${group##*/}.service"
    attach "same-${group##*/}" "only-${group##*/}"
    refused 1 'names more than one'
}

# Strace stops kashim at one of its calls, of which the first have to do with the group.
# bats test_tags=harmless,clumsy:mute
@test "group refused: it vanishes meanwhile" {
    need strace
    local call attaching
    for call in 1 2 3; do
        mkdir "$group/vanishing"
        without_harness exec strace -qq -o /dev/null -e "inject=bpf:signal=STOP:when=$call" \
            "$dir/kashim" attach "$path/vanishing" >/dev/null 2>"$dir/stderr" &
        attaching=$!
        started+=("$attaching")
        wait_for 10 child_holds "$group/vanishing" "$attaching" ||
            harmless 'attach' 'opens the group' "$(cat "$dir/stderr")"
        rmdir "$group/vanishing"
        wait_for 10 continued "$child"
        status=0
        wait "$attaching" || status=$?
        harmless "exit status, call $call" 1 "$status"
        harmless 'said' yes "$(grep -q "^kashim: group $path/vanishing: .*the group is gone" "$dir/stderr" && echo yes)"
        harmless 'in one line' 1 "$(wc -l <"$dir/stderr")"
    done
}

# child_holds DIRECTORY PID: its child, whose number is $child then, has it open.
child_holds() {
    child=$(ps -o pid= --ppid "$2" | tr -d ' ')
    [ "$(find "/proc/$child/fd" -lname "$1" 2>/dev/null)" ]
}

# Again, for strace may let it stop only after the signal.
continued() {
    kill -CONT "$1" 2>/dev/null
    [ ! -e "/proc/$1" ]
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: limits on open files, locked memory, processes" {
    local n programs
    as 'prlimit --memlock=0' "$dir/kashim" attach "$path"
    says 0 "group $path: idle 120 s"
    kashim detach "$path"
    for n in 4 5 6 7 8 9 10 12 16; do
        as "prlimit --nofile=$n" "$dir/kashim" attach --force "$path"
        [ "$status" = 0 ] || [[ $stderr == kashim:* && $stderr == *'Too many open files'* ]] ||
            harmless "with $n descriptors" 'Too many open files' "$status $stderr"
        programs=$([[ $output != *"group $path: idle"* ]] || echo 'kashim kashim_setopt')
        harmless "programs with $n, as it says" "$programs" "$(programs_on "$group")"
        [ "$programs" ] || harmless "with $n and no programs" refused "$([ "$status" = 0 ] || echo refused)"
        kashim detach "$path"
    done
    harmless 'with 16' 0 "$status"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: what is there already gets the options all the same" {
    need strace
    serve_in "$group" static_server "$port"
    ask "$port" hello
    refused_group 'bpf(2) is refused here' 'strace -f -qq -o /dev/null -e inject=bpf:error=EPERM'
    harmless 'the connection' "$ours" "$(connections_at "$port")"
    harmless 'the listener' "${ours/connected/listening}" "$(listener)"
}

# bats test_tags=harmless,clumsy:mute
@test "group: wrong arguments" {
    local bad
    for bad in --no-children --log=stderr; do
        kashim attach "$bad" "$path"
        refused 2 "${bad%=*} is for the library alone"
    done
    kashim attach -i 0 "$path"
    refused 2 "--idle: '0' is not accepted"
    KA_PORTS=x kashim attach "$path"
    refused 2 "KA_PORTS: 'x' is not accepted"
    kashim attach --port 80 "$path"
    refused 2 'attach: either TARGET... or --port PORT'
    kashim detach --force "$path"
    refused 2 '--force is not for detach'
    KA_OFF=1 kashim attach "$path"
    refused 1 'KA_OFF=1 is set, so nothing was done'
    harmless 'programs' '' "$(programs_on "$group")"
}

# bats test_tags=harmless,clumsy:mute
@test "group refused: what may not be looked at isn't said to be missing" {
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    serve_in "$group" static_server "$port"
    as 'setpriv --reuid=65534 --regid=65534 --clear-groups' "$dir/kashim" attach "$path"
    harmless 'exit status' 1 "$status"
    harmless 'said' '' "$(grep 'nothing listens' <<<"$output$stderr")"
    harmless 'the cause' 2 "$(grep -cE 'takes root|run kashim as root' <<<"$stderr")"
}
