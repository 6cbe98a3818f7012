#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Each system call that the library or the command makes fails, with whatever error: the
# program does as it does without, the command says what failed and ends as documented.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

errors=(EPERM EACCES EINVAL ENOSYS ENOPROTOOPT EOPNOTSUPP EBADF ENOTSOCK EFAULT ENOMEM ENOBUFS
    EMFILE EIO EINTR EAGAIN)

# ---- the library -------------------------------------------------------------------------

# with_fault LIBRARY FAULT STEP...: what the scenario prints, and how it ends
with_fault() {
    local fault=(-e "inject=$2") said=$BATS_TEST_TMPDIR/said
    [[ $2 != write:* ]] || fault+=(-P "$said") # not the scenario's own
    without_harness timeout -k 1 30 strace -f -qq -o /dev/null ${1:+-E LD_PRELOAD="$1"} -E KA_IDLE=61 -E KA_CONNECT=1 \
        -E KA_FORCE=1 -E KA_PORTS=1-65535 -E KA_LOG=stderr -E KA_USER_TIMEOUT=9 "${fault[@]}" steps "${@:3}" 2>"$said"
    echo "status $?"
}

# unharmed_by CALL STEP...: whichever error it is
unharmed_by() {
    local error bare
    for error in "${errors[@]}"; do
        bare=$(with_fault '' "$1:error=$error" "${@:2}")
        harmless "$1 fails with $error" "$bare" "$(with_fault "$KASHIM_LIB" "$1:error=$error" "${@:2}")"
    done
}

# No accept waits where the client couldn't connect.
scenario=('tcp4 a' 'listen a' 'nonblock a' 'connect c a' 'accept a b' 'listen a' 'dup2 a 20' 'connect d 20' 'accept4 20 e')

# calls_of_library: by its source. Without its one close, after which there is no descriptor
# whatever the kernel says; with those of other machines, which do nothing here.
calls_of_library() {
    sed -n 's/.*\(__NR_\|KA_SOCKET_CALL([A-Z]*, \)\([a-z][a-z0-9_]*\).*/\2/p' "$root"/shim/*.[ch] |
        grep -vxE 'name|close|fstat64|statx|socketcall' | sort -u
}

# bats test_tags=harmless,clumsy:errno
@test "faults: each call of the library on a socket" {
    need strace
    local call
    for call in $(calls_of_library | grep sock | grep -vx socket); do
        unharmed_by "$call" "${scenario[@]}"
    done
}

# bats test_tags=harmless,clumsy:errno
@test "faults: each call of the library for a message" {
    need strace
    local call
    for call in $(calls_of_library | grep -v sock); do
        unharmed_by "$call" "${scenario[@]:0:5}"
    done
}

# As the first of the process, so that without the library it is the scenario's own.
# bats test_tags=effect
@test "faults: the library's socket, from which it learns the kernel's timers" {
    need strace
    local error bare
    bare=$(with_fault '' socket:error=EIO:when=999 "${scenario[@]}")
    for error in "${errors[@]}"; do
        effect "socket fails with $error" "$bare" "$(with_fault "$KASHIM_LIB" "socket:error=$error:when=1" "${scenario[@]}")"
    done
}

# ---- the command --------------------------------------------------------------------------

# Statically linked: the loader has calls of its own, whose failure isn't the command's.
setup() {
    install_command
    [ "${KASHIM_COMMAND-}" ] || cp "$root/build/tests/static_kashim" "$dir/kashim"
    port=$(free_port)
}

# A control group for this test: what it runs is there, and the groups that it makes are below.
enter_group() {
    local mount own top
    [ $EUID = 0 ] || unless_ci 'control groups take root'
    mount=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
    [ "$mount" ] || unless_ci 'cgroup v2 is not mounted'
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    top=$(findmnt -rno FSROOT "$mount")
    before=$mount${own#"${top%/}"}
    group=$(mktemp -d "$before/tested-XXXXXX")
    echo $BASHPID >"$group/cgroup.procs"
}

# below: the groups in it
below() {
    find "$group" -mindepth 1 -type d
}

# leave_group: and remove it, with those below.
leave_group() {
    [ -d "${group-}" ] || return 0
    echo $BASHPID >"$before/cgroup.procs"
    wait_for 10 find "$group" -depth -type d -exec rmdir {} +
}

teardown() {
    kill_started
    leave_group
}

# calls ARGUMENT...: those that the command makes, but for the ones by which it starts and ends
calls() {
    timeout -k 1 30 strace -f -b execve -qq -o "$dir/calls" "$dir/kashim" "$@" >/dev/null 2>&1 || :
    sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$dir/calls" | sort -u |
        grep -vxE 'execve|brk|arch_prctl|set_tid_address|set_robust_list|rseq|prlimit64|mprotect|getrandom|exit_group|exit|write|munmap'
}

# ends_well STATUSES ARGUMENT...: whatever call fails, with one of these; where it isn't 0, it
# says why, in lines that begin as they should.
ends_well() {
    local call error
    for call in $(calls "${@:2}"); do
        for error in EPERM ENOSYS EMFILE ENOMEM EIO EINTR:when=1..2; do
            status=0
            output=$(without_harness timeout -k 1 30 strace -f -b execve -qq -o /dev/null -e "inject=$call:error=$error" \
                "$dir/kashim" "${@:2}" 2>"$dir/stderr") || status=$?
            [[ " $1 " == *" $status "* ]] ||
                harmless "exit status of $2 where $call fails with $error" "one of $1" "$status $(cat "$dir/stderr")"
            [ $status -eq 0 ] || [ -n "$output$(cat "$dir/stderr")" ] ||
                harmless "$2 where $call fails with $error" 'a message' "status $status"
            harmless "other lines of $2 where $call fails with $error" '' "$(grep -v '^kashim: ' "$dir/stderr")"
        done
    done
}

# bats test_tags=harmless,clumsy:mute
@test "faults: attach" {
    need strace
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    ends_well '0 1' attach --port "$port"
    kashim attach --port "$port"
    says 0 'already right'
}

# bats test_tags=harmless,clumsy:mute
@test "faults: status" {
    need strace
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    ends_well '0 1' status --json --port "$port"
    kashim status "$server"
    says 0 '1 process: 1 listener'
}

# bats test_tags=harmless,clumsy:mute
@test "faults: run and check" {
    need strace
    ends_well '0 125 126 127' run true
    ends_well '0 1' check steps
    kashim check steps
    says 0 yes
}

# What has succeeded leaves its group for the next to remove.
# bats test_tags=harmless,clumsy:mute
@test "faults: run --cgroup" {
    need strace
    enter_group
    ends_well '0 125 126 127' run --cgroup true
    kashim run --cgroup true
    says 0 ''
    harmless 'groups' "$(below | grep -c '/kashim-run-[0-9]*$')" "$(below | wc -l)"
    kashim run --cgroup cat /proc/self/cgroup
    says 0 "/${group##*/}/kashim-run-"
    harmless 'groups' 1 "$(below | wc -l)"
}

# bats test_tags=harmless,clumsy:mute
@test "faults: attach to a group, detach from it" {
    need strace
    enter_group
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    ends_well '0 1' attach self
    ends_well '0 1' detach self
    kashim attach -i 61 self
    says 0 'connections: 1 changed'
    kashim status "$server"
    says 0 "group $(sed -n 's/^0:://p' /proc/self/cgroup): idle 61 s"
    harmless 'groups' '' "$(below)"
}

# refused_by CALL ERROR ARGUMENT...: one line, and no group is left.
refused_by() {
    as "strace -f -qq -o /dev/null -e inject=$1:error=$2" "$dir/kashim" "${@:3}"
    refused 125 'true: not run: '
    harmless "groups where $1 fails with $2" '' "$(below)"
}

# bats test_tags=harmless,clumsy:mute
@test "faults: run --cgroup, refused" {
    need strace
    enter_group
    local error
    for error in EPERM EACCES ENOSYS ENOMEM EINVAL; do
        refused_by bpf $error run --cgroup true
    done
    refused_by mkdir EROFS run --cgroup true
    refused_by statfs EIO run --cgroup true
}

# bats test_tags=harmless,clumsy:mute
@test "faults: check of this host" {
    need strace
    enter_group
    ends_well '0 1' check
    kashim run --cgroup true # what couldn't be removed then
    harmless 'groups' kashim-run "$(below | sed 's,.*/\(.*\)-[0-9]*$,\1,')"
    kashim check
    says 0 'control groups       yes'
}

# bats test_tags=harmless,clumsy:mute
@test "faults: enable and disable: done, or nothing" {
    need strace
    local drop_in=$dir/etc/systemd/system/x.service.d/kashim.conf command
    command=$dir/$(cat "$root/build/bindir")/kashim
    mkdir -p "$dir/etc/systemd/system" "${command%/*}"
    touch "$command"
    printf '[Service]\nExecStart=/bin/x\n' >"$dir/etc/systemd/system/x.service"
    ends_well '0 1' enable --root "$dir" x
    kashim enable --root "$dir" -i 60 x
    says 0 wrote
    cp "$drop_in" "$dir/before"
    ends_well '0 1' enable --root "$dir" -i 60 x
    harmless 'the drop-in' '' "$(diff "$dir/before" "$drop_in")"
    ends_well '0 1' disable --root "$dir" x
}

# bats test_tags=harmless,clumsy:mute
@test "faults: no memory" {
    need prlimit
    local kib
    serve_bare "$port" steps 'listeners 900' "tcp a 127.0.0.1 $port" 'listen a' hold
    # with less, libc doesn't start; with more, there is enough
    for kib in {1200..4000..50}; do
        as "prlimit --as=$((kib * 1024))" "$dir/kashim" status "$server"
        [[ $stderr != *'no memory'* ]] || break
    done
    refused 1 'no memory'
    kashim status "$server"
    says 0 'unprotected: 901 listeners'
}
