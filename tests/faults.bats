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
        grep -vxE 'name|close|fstat64|socketcall' | sort -u
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
    says 0 '1 process, 1 listener'
}

# bats test_tags=harmless,clumsy:mute
@test "faults: run and check" {
    need strace
    ends_well '0 125 126 127' run true
    ends_well '0 125 126 127' run --supervise true
    ends_well '0 1' check steps
    kashim check steps
    says 0 yes
}

# bats test_tags=harmless,clumsy:mute
@test "faults: enable and disable: done, or nothing" {
    need strace
    local drop_in=$dir/etc/systemd/system/x.service.d/kashim.conf library
    library=$dir/$(cat "$root/build/libdir")/libkashim.so
    mkdir -p "$dir/etc/systemd/system" "${library%/*}"
    cp "$KASHIM_LIB" "$library"
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
    need python3 prlimit
    local kib
    serve_bare "$port" python3 -c "import socket, time
many = [socket.create_server(('127.0.0.1', 0)) for _ in range(900)] + [socket.create_server(('127.0.0.1', $port))]
time.sleep(100)"
    # with less, libc doesn't start; with more, there is enough
    for kib in {1200..2400..50}; do
        as "prlimit --as=$((kib * 1024))" "$dir/kashim" status "$server"
        [[ $stderr != *'no memory'* ]] || break
    done
    refused 1 'no memory'
    kashim status "$server"
    says 0 '1 process, 901 listeners (901 unprotected)'
}
