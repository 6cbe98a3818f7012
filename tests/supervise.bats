#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim run --supervise: what no preload reaches, from its first listen.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port)
}

supervise=(run --supervise -i 61 -n 11 -c 7)
accepted=(steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')
no_sys_admin=(setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin)

# supervised PORT [OPTION...] -- COMMAND...: starts it so, and waits until it listens.
supervised() {
    serve_bare "$1" "$dir/kashim" "${supervise[@]}" "${@:2}"
}

# supervised_from_the_first REQUEST -- COMMAND...: all connections to $port have the options.
supervised_from_the_first() {
    supervised "$port" "${@:2}" || effect 'server' listens "$(cat "$dir/server")"
    ask "$port" "$1"
    effect 'the first' "$ours" "$(connections_at "$port")"
    ask "$port" "$1"
    effect 'both' "$ours" "$(connections_at "$port")"
}

# supervisors: those of this test, by the copy of the command that they run.
supervisors() {
    local pid
    for pid in $(pgrep -x kashim-watch); do
        [ "$(readlink "/proc/$pid/exe")" != "$dir/kashim" ] || echo "$pid"
    done
}

no_supervisor() {
    [ -z "$(supervisors)" ]
}

teardown() {
    kill_started
    local pid
    wait_for 10 no_supervisor || for pid in $(supervisors); do kill -KILL "$pid"; done
}

# ---- what it reaches ---------------------------------------------------------------------

# bats test_tags=effect
@test "supervise: a static program" {
    supervised_from_the_first hello -- static_server "$port"
}

# bats test_tags=effect
@test "supervise: a Go program" {
    supervised_from_the_first $'GET / HTTP/1.1\r\nHost: x\r\n' -- go_server "$port"
}

# bats test_tags=effect
@test "supervise: a static 32-bit program, which calls socketcall(2)" {
    need gcc strace
    gcc -m32 -static -O2 -o "$dir/server32" "$root/tests/fixtures/echo_server.c" 2>/dev/null ||
        unless_ci 'gcc -m32 is missing'
    supervised_from_the_first hello -- "$dir/server32" "$port"
}

# bats test_tags=effect
@test "supervise: 32-bit calls of listen(2) itself" {
    need musl-gcc gcc
    gcc -m32 -static -O2 -Dlisten=listen_itself -o "$dir/server32" -x c - "$root/tests/fixtures/echo_server.c" 2>"$dir/gcc" <<'END' ||
#include <sys/syscall.h>
#include <unistd.h>
int listen_itself(int fd, int backlog)
{
    syscall(SYS_socketcall, 4 /* SYS_LISTEN */, 1); /* EFAULT */
    return syscall(SYS_listen, fd, backlog);
}
END
        unless_ci "gcc -m32 is missing: $(cat "$dir/gcc")"
    supervised_from_the_first hello -- "$dir/server32" "$port"
}

# bats test_tags=effect
@test "supervise: nginx, its workers, and its binary upgrade" {
    need nginx
    cat >"$dir/nginx.conf" <<END
worker_processes 2; pid $dir/pid;
events {}
http { access_log off; server { listen 127.0.0.1:$port; } }
END
    supervised "$port" -- "$(command -v nginx)" -c "$dir/nginx.conf" -e "$dir/error.log" ||
        effect 'server' listens "$(cat "$dir/server")"
    wait_for 10 [ -s "$dir/pid" ]
    server=$(cat "$dir/pid")
    started+=("$server")
    ask "$port" $'GET / HTTP/1.1\r\nHost: x\r\n'
    effect 'the first' "$ours" "$(connections_at "$port")"
    kill -USR2 "$server"
    wait_for 10 [ -s "$dir/pid.oldbin" ]
    wait_for 10 differ "$dir/pid" "$dir/pid.oldbin"
    kill -QUIT "$server"
    wait_for 10 ended "$server" # its workers could accept once more
    server=$(cat "$dir/pid")
    started+=("$server")
    ask "$port" $'GET / HTTP/1.1\r\nHost: x\r\n'
    effect 'after the upgrade' "$ours" "$(connections_at "$port")"
}

ended() {
    ! grep -qs '^State:.[^ZX]' "/proc/$1/status"
}

differ() {
    [ -s "$1" ] && ! cmp -s "$1" "$2"
}

# bats test_tags=effect
@test "supervise: a tree of processes that outlives the first one" {
    serve_bare "$port" "$dir/kashim" "${supervise[@]}" -- \
        sh -c "setsid env -i $(command -v static_server) $port & exit 0" ||
        effect 'server' listens "$(cat "$dir/server")"
    server=$(ss -Htlnp "sport = :$port" | sed 's/.*pid=\([0-9]*\).*/\1/')
    started+=("$server")
    ask "$port" hello
    effect 'the first' "$ours" "$(connections_at "$port")"
    effect 'a supervisor' 1 "$(supervisors | wc -l)"
    kill "$server"
    wait_for 10 no_supervisor || effect 'supervisor' ended "$(supervisors)"
}

# bats test_tags=effect
@test "supervise: 1,000 listens in a loop, also where signals interrupt them" {
    local signals
    for signals in '' signals; do
        # shellcheck disable=SC2086 # none, if it is empty
        without_harness "$dir/kashim" "${supervise[@]}" -- listens 1000 $signals >"$dir/out$signals" 2>&1 &
        started+=($!)
        wait_for 30 [ -s "$dir/out$signals" ] || effect 'said' something nothing
        effect "result $signals" 'good 1000' "$(cat "$dir/out$signals")"
        effect "options $signals" "1000 ${ours/connected/listening}" "$(sockopts $! | sed 's/^[^ ]* [^ ]* [^ ]* - //' | sort | uniq -c | sed 's/^ *//')"
    done
}

# bats test_tags=effect
@test "supervise: listens in threads" {
    supervised "$port" -- python3 -c "
import socket, threading, time
def serve():
    s = socket.socket(); s.bind(('127.0.0.1', $port)); s.listen()
    while True:
        c, _ = s.accept(); c.send(c.recv(10)); kept.append(c)
kept = []
threading.Thread(target=serve).start()" || effect 'server' listens "$(cat "$dir/server")"
    ask "$port" hello
    effect 'the first' "$ours" "$(connections_at "$port")"
}

# ---- the settings ------------------------------------------------------------------------

# bats test_tags=effect
@test "supervise: --connect, --user-timeout, --ports, --log" {
    steps_supervised() {
        as '' "$dir/kashim" "${supervise[@]}" "$@"
    }
    steps_supervised -u 9 --connect --log stderr -- steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b' 'look c'
    has b c "${ours/timeout=0/timeout=9000}"
    effect 'log' 1 "$(grep -c '^kashim: steps\[[0-9]*\]: listener 127.0.0.1:[0-9]*: idle 61 s, intvl 11 s, cnt 7, user timeout 9 s; an idle dead peer is dropped after [0-9]* s$' <<<"$stderr")"
    steps_supervised -- steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b' 'look c'
    has b "$ours"
    has c "$untouched"
    steps_supervised --connect -p 1-5 -- steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b' 'look c'
    has b c "$untouched"
    KA_IDLE=99 KA_PORTS=6-65535 as '' "$dir/kashim" run --supervise -n 11 -c 7 -- steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "${ours/idle=61/idle=99}"
}

# bats test_tags=effect
@test "supervise: what the program sets afterwards stands, also over a second listen" {
    as '' "$dir/kashim" "${supervise[@]}" -- steps 'tcp4 a' 'listen a' 'set a idle 99' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "${ours/idle=61/idle=99}"
}

# bats test_tags=effect
@test "supervise: timers that the program has set before it connects stand" {
    as '' "$dir/kashim" "${supervise[@]}" --connect -- steps 'tcp4 a' 'listen a' 'tcp4 c' 'set c idle 99' 'connect-as c a' 'look c'
    [ -n "$output" ] || effect 'steps' run none
    effect 'idle' 1 "$(result 'look c' | grep -c 'keepalive=1 idle=99 intvl=75 cnt=9')"
}

# ---- what the program sees ------------------------------------------------------------------

# bats test_tags=effect
@test "supervise: same process, parent, descriptors, session; no child; its exit status" {
    supervised "$port" -- static_server "$port" || effect 'server' listens "$(cat "$dir/server")"
    effect 'options' "${ours/connected/listening}" "$(sockopts "$server" | sed 's/^[^ ]* [^ ]* [^ ]* - //')"
    effect 'it is the server' static_server "$(ps -o comm= -p "$server")"
    effect 'its children' '' "$(pgrep -P "$server")"
    local watch original=$server
    watch=$(supervisors)
    port=$(free_port)
    serve_bare "$port" static_server "$port"
    effect 'its descriptors' "$(find "/proc/$server/fd" -printf '%f ')" "$(find "/proc/$original/fd" -printf '%f ')"
    effect 'holds nothing' '/dev/null /dev/null /dev/null /' \
        "$(readlink "/proc/$watch/fd"/{0,1,2} "/proc/$watch/cwd" | xargs)"
    effect 'its files' 0 "$(find "/proc/$watch/fd" -lname "*$dir*" | wc -l)"
    effect 'session' "$watch" "$(ps -o sid= -p "$watch" | tr -d ' ')"
    effect 'not found by the program'\''s command line' '' "$(pgrep -f "static_server $port" | grep -x "$watch")"
    as '' "$dir/kashim" "${supervise[@]}" -- sh -c 'exit 42'
    effect 'exit status' 42 "$status"
    as '' "$dir/kashim" "${supervise[@]}" -- sh -c 'kill -SEGV $$'
    effect 'end by a signal' 139 "$status"
}

# bats test_tags=effect
@test "supervise: processes that end while they listen leave no descriptor behind" {
    need python3
    serve_bare "$port" "$dir/kashim" "${supervise[@]}" -- python3 -c "
import ctypes, os, socket, sys, threading, time
s = socket.create_server(('127.0.0.1', 0))
gone = os.dup(1)
for i in range(300):
    if not os.fork():
        for j in range(20):
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
        s.listen()
        os._exit(0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
s = socket.create_server(('127.0.0.1', int(sys.argv[1])))
time.sleep(100)" "$port" || effect 'server' listens "$(cat "$dir/server")"
    effect 'options' "${ours/connected/listening}" "$(sockopts "$server" | sed -n "/:$port /s/^[^ ]* [^ ]* [^ ]* - //p")"
    effect 'pidfds' 0 "$(find "/proc/$(supervisors)/fd" -lname '*pidfd*' | wc -l)"
}

# bats test_tags=effect
@test "supervise: what is set after connect stands at the next one" {
    need python3
    output=$(without_harness timeout 20 "$dir/kashim" "${supervise[@]}" --connect -- python3 -c "
import socket
s = socket.create_server(('127.0.0.1', 0))
c = socket.create_connection(s.getsockname())
print(c.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
c.connect_ex(s.getsockname())
print(c.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))")
    effect 'SO_KEEPALIVE' '1 0' "$(xargs <<<"$output")"
}

# bats test_tags=effect
@test "supervise: listeners from systemd, and a connection on descriptor 0" {
    need systemd-socket-activate python3
    serve_bare "$port" systemd-socket-activate -l "127.0.0.1:$port" -E "PATH=$PATH" "$dir/kashim" "${supervise[@]}" -- python3 -c "
import socket, time
s = socket.socket(fileno=3)
kept = []
while True:
    kept.append(s.accept()[0])
    kept[-1].send(b'x\n')"
    ask "$port" hello || effect 'server' answers no
    ask "$port" again
    effect 'the second connection' "$ours" "$(connections_at "$port" | grep idle=61)"
    output=$(without_harness timeout 20 python3 -c "
import socket, subprocess, sys
s = socket.create_server(('127.0.0.1', 0))
c = socket.create_connection(s.getsockname())
a = s.accept()[0]
subprocess.run([*sys.argv[1:], '--', 'true'], stdin=a)
print(a.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))" "$dir/kashim" "${supervise[@]}")
    effect 'descriptor 0' 1 "$output"
}

# bats test_tags=effect
@test "supervise: a root without /dev/null" {
    need unshare
    unshare -m true || unless_ci 'mount namespaces are refused'
    without_harness unshare -m sh -c 'mount -t tmpfs none /dev && exec "$@"' - "$dir/kashim" "${supervise[@]}" \
        -- "$root/build/tests/static_server" "$port" <"$BATS_TEST_FILENAME" >"$dir/out" 2>&1 &
    started+=($!)
    wait_for 10 listens_on "$port" || effect 'server' listens "$(cat "$dir/out")"
    effect 'options' "${ours/connected/listening}" "$(sockopts $! | sed 's/^[^ ]* [^ ]* [^ ]* - //')"
    local watch
    watch=$(supervisors)
    effect 'holds nothing' '/ / /' "$(readlink "/proc/$watch/fd"/{0,1,2} | xargs)"
}

# bats test_tags=effect
@test "supervise: as process 1 and as a subreaper, a program that waits for all its children" {
    need unshare python3
    unshare -pf --mount-proc true || unless_ci 'PID namespaces are refused'
    local waits="
import os, socket
s = socket.create_server(('127.0.0.1', 0))
if not os.fork():
    os._exit(0)
try:
    while True:
        os.wait()
except ChildProcessError:
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))"
    as 'timeout -s KILL 20 unshare -pf --mount-proc --kill-child' "$dir/kashim" run --supervise -- python3 -c "$waits"
    effect 'process 1' '0 1' "$status $output"
    # shellcheck disable=SC2016
    as 'timeout -s KILL 20 unshare -pf --mount-proc --kill-child' "$dir/kashim" run --supervise -- \
        sh -c '"$0" status 1 | head -n 1' "$dir/kashim"
    effect 'its status' "sh (1): libkashim isn't loaded, supervised" "$output"
    as 'timeout 20' python3 -c "
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
os.execv(sys.argv[1], ['kashim', 'run', '--supervise', '--', 'python3', '-c', sys.argv[2]])" "$dir/kashim" "$waits"
    effect 'subreaper' '0 1' "$status $output"
    serve_bare "$port" python3 -c "
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
os.execv(sys.argv[1], ['kashim', 'run', '--supervise', '--', *sys.argv[2:]])" "$dir/kashim" echo_server "$port"
    kashim attach "$server"
    effect 'no child to be looked at' '0 ' "$status $stderr"
}

# bats test_tags=effect
@test "supervise: no_new_privs only where it is needed, and that is said" {
    [ $EUID = 0 ] || unless_ci 'takes root'
    kashim "${supervise[@]}" -- grep NoNewPrivs /proc/self/status
    effect 'as root' $'NoNewPrivs:\t0' "$output"
    effect 'said' '' "$stderr"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    as 'setpriv --reuid=65534 --regid=65534 --clear-groups' "$dir/kashim" "${supervise[@]}" -- \
        bash -c 'grep NoNewPrivs /proc/self/status; exec steps "$@"' - 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    effect 'as nobody' $'NoNewPrivs:\t1' "$(head -n 1 <<<"$output")"
    has b "$ours"
    effect 'said' "kashim: --supervise without CAP_SYS_ADMIN sets no_new_privs: a setuid program, this one or one that it starts, gains no rights" "$stderr"
}

# bats test_tags=effect
@test "supervise: a server that gives up root" {
    [ $EUID = 0 ] || unless_ci 'takes root'
    supervised_from_the_first hello -- setpriv --reuid=65534 --regid=65534 --clear-groups static_server "$port"
}

# bats test_tags=harmless,clumsy:mute
@test "supervise: what isn't TCP, and what fails, does as it does without" {
    local bare what=('unix a' 'listen a' 'connect c a' 'accept a b' 'listen 99' 'udp u' 'listen u' 'open f /dev/null' 'listen f' 'tcp4 t' 'listen t')
    bare=$(without_harness steps "${what[@]}" 2>&1)
    as '' "$dir/kashim" "${supervise[@]}" --connect -- steps "${what[@]}"
    harmless 'what it does and says' "$bare" "$output$stderr"
}

# bats test_tags=effect
@test "supervise: a supervisor that is killed: listen fails with ENOSYS, the rest goes on" {
    supervised "$port" -- static_server "$port" || effect 'server' listens "$(cat "$dir/server")"
    local watch
    watch=$(supervisors)
    kill -TERM "$watch"
    kill -INT "$watch"
    effect 'survives what can be blocked' "$watch" "$(supervisors)"
    kill -KILL "$watch"
    ask "$port" hello
    effect 'goes on' "$ours" "$(connections_at "$port")"
    without_harness "$dir/kashim" "${supervise[@]}" -- bash -c "until [ -e '$dir/go' ]; do sleep 0.02; done; steps 'tcp4 a' 'listen a'" >"$dir/out" 2>&1 &
    local waiting=$!
    started+=("$waiting")
    wait_for 10 has_supervisor
    kill -KILL "$(supervisors)"
    : >"$dir/go"
    wait $waiting || :
    effect 'a later listen' 1 "$(grep -c '^listen a: ENOSYS' "$dir/out")"
    need strace
    as 'strace -f -qq -o /dev/null -e inject=ioctl:error=EINVAL:when=9' "$dir/kashim" "${supervise[@]}" -- "${accepted[@]}"
    effect 'a supervisor that gives up' 1 "$(grep -c '^listen a: ENOSYS' <<<"$output")"
}

has_supervisor() {
    [ -n "$(supervisors)" ]
}

# bats test_tags=effect
@test "supervise: status shows it, also of a worker" {
    need socat
    supervised "$port" -- socat "TCP-LISTEN:$port,fork" EXEC:cat || effect 'server' listens "$(cat "$dir/server")"
    ask "$port" hello
    kashim status --children "$server"
    effect 'server' 1 "$(grep -c "^socat ($server): libkashim isn't loaded, supervised" <<<"$output")"
    effect 'worker' 2 "$(grep -c '^socat .*, supervised' <<<"$output")"
    kashim status --json "$server"
    effect 'JSON' 1 "$(grep -c '"supervised": true' <<<"$output")"
    kashim status $$
    effect 'another' 0 "$(grep -c supervised <<<"$output")"
    without_harness exec sandboxed prctl known 1 >"$dir/sandboxed" &
    started+=($!)
    wait_for 10 grep -q served "$dir/sandboxed"
    kashim status --json $!
    effect 'one with a filter of its own' 1 "$(grep -c '"supervised": null' <<<"$output")"
}

# ---- refusals ---------------------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "supervise: what can't be had is refused" {
    kashim run --supervise --force true
    refused 125 "--supervise: not run: --force can't be had, it takes the library"
    kashim run --supervise --no-children true
    refused 125 "--no-children can't be had"
    kashim run --supervise -i 0 true
    refused 125 "--idle: '0' is not accepted"
    kashim run --supervise nosuchprogram
    refused 127 'nosuchprogram: No such file'
    kashim run --supervise "$dir/kashim" run --supervise true
    refused 125 'a filter above it notifies already'
}

# bats test_tags=harmless,clumsy:mute
@test "supervise: seccomp(2) or pidfd_getfd(2) refused, by a profile or Yama" {
    need strace
    local inject='strace -f -qq -o /dev/null -e inject='
    as "${inject}seccomp:error=EPERM" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 "seccomp(2) is refused, by a container's profile perhaps"
    as "${inject}pidfd_getfd:error=EPERM" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 'pidfd_getfd(2) is refused to every program here'
    as "${inject}pidfd_open:error=ENOSYS" "$dir/kashim" run --supervise -- touch "$dir/started"
    harmless 'exit status' 125 "$status"
    as "${inject}pidfd_getfd:error=EMFILE" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 'not run: Too many open files'
    as "${inject}listen:retval=0" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 "listen() was not intercepted"
    as "${no_sys_admin[*]} ${inject}prctl:error=EINVAL" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 'not run: Invalid argument'
    [ ! -e "$dir/started" ] || harmless 'program' 'not started' started
}

# bats test_tags=harmless,clumsy:mute
@test "supervise: a supervisor that doesn't come to serve" {
    need strace
    local fault
    as "strace -f -qq -o /dev/null -e inject=socketpair:error=EMFILE" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 "not run: the supervisor can't be started: Too many open files"
    as "strace -f -qq -o /dev/null -e inject=clone:error=EAGAIN" "$dir/kashim" run --supervise -- touch "$dir/started"
    refused 125 "not run: the supervisor can't be started: Resource temporarily unavailable"
    for fault in sendto:error=EPERM sendmsg:error=EPIPE chdir:error=EACCES recvmsg:error=ENOMEM; do
        as "strace -f -qq -o /dev/null -e inject=$fault" "$dir/kashim" run --supervise -- touch "$dir/started"
        refused 125 'not run: the supervisor has ended'
    done
    [ ! -e "$dir/started" ] || harmless 'program' 'not started' started
}

# bats test_tags=harmless,clumsy:mute
@test "supervise: a supervisor for which there is no process left" {
    need setpriv prlimit
    [ $EUID = 0 ] || unless_ci 'another user takes root'
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    # of a user with no other: the launcher, its child, and none more
    as 'setpriv --reuid=54321 --regid=54321 --clear-groups prlimit --nproc=2:2' "$dir/kashim" run --supervise -- true
    refused 125 "not run: the supervisor can't be started: Resource temporarily unavailable"
}

# bats test_tags=effect
@test "supervise: only the first process is reached: that is said, and it is" {
    need strace
    local fault
    for fault in pidfd_getfd:error=EPERM clone:error=EAGAIN; do
        as "strace -f -qq -o /dev/null -e inject=$fault:when=2" "$dir/kashim" "${supervise[@]}" -- "${accepted[@]}"
        has b "$ours"
        effect 'said' 1 "$(grep -c '^kashim: --supervise: only the first process is served, none that it starts: ' <<<"$stderr")"
    done
}

# with_fault FAULT: a server whose first listen is the third that the supervisor has a notice
# of; each takes it four calls of ioctl.
with_fault() {
    need strace
    port=$(free_port)
    serve_bare "$port" strace -f -qq -o /dev/null -e "inject=$1" "$dir/kashim" "${supervise[@]}" --log=stderr \
        -- echo_server "$port" || effect "server with $1" listens "$(cat "$dir/server")"
}

# bats test_tags=effect
@test "supervise: a listener that can't be prepared listens all the same, and that is said" {
    local fault
    for fault in pidfd_open:error=EMFILE:when=5 pidfd_getfd:error=EMFILE:when=3 ioctl:error=ENOENT:when=10 \
        ioctl:error=ENOENT:when=11 setsockopt:error=EPERM:when=12; do
        with_fault $fault
        wait_for 10 grep -q '^kashim: echo_server\[[0-9]*\]: not prepared: ' "$dir/server" ||
            effect "said of $fault" 'not prepared' "$(cat "$dir/server")"
    done
}

# bats test_tags=effect
@test "supervise: what fails beside the listener costs it nothing" {
    local fault
    for fault in pidfd_open:error=EINVAL:when=5 ioctl:error=EINTR:when=12 ioctl:error=EINTR:when=4 ioctl:error=EINTR:when=9 \
        memfd_create:error=EMFILE; do
        with_fault $fault
        ask "$port" hello
        effect "with $fault" "$ours" "$(connections_at "$port")"
    done
}

# bats test_tags=effect
@test "supervise: where nobody reads the log, nothing waits for it" {
    mkfifo "$dir/pipe"
    # shellcheck disable=SC2094
    output=$(
        exec 9<>"$dir/pipe" 8>"$dir/pipe" 9<&-
        without_harness timeout 10 "$dir/kashim" "${supervise[@]}" --log=stderr -- "${accepted[@]}" 2>&8
    )
    has b "$ours"
}

# bats test_tags=effect
@test "supervise: an ordinary user's, with stderr closed" {
    need setpriv
    [ $EUID = 0 ] || unless_ci 'it takes root to become another user'
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    status=0
    setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/kashim" run --supervise -- sh -c 'exit 7' 2>&- || status=$?
    effect 'exit status' 7 "$status"
}
