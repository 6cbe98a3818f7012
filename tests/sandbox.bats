#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Programs that put themselves under a seccomp filter.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# sandboxed [VAR=VALUE...] HOW LISTENER CLIENTS: what its accepted connections have, as lines
# of COUNT OPTIONS; or how it ended.
sandboxed() {
    local out=$BATS_TEST_TMPDIR/out variables=() port
    while [[ $1 == *=* ]]; do
        variables+=("$1")
        shift
    done
    rm -f "$out" # of an earlier one, which would count as served
    without_harness env "LD_PRELOAD=$KASHIM_LIB" "${timers[@]}" "${variables[@]}" \
        sandboxed "$@" </dev/null >"$out" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 30 served_or_dead "$out"
    port=$(sed -n 's/^served //p' "$out")
    output=$(sockopts "$server" | sed -n "s/^[0-9]* [0-9]* [^ ]*:${port:-none} .* \(tcp connected.*\)/\1/p" |
        sort | uniq -c | sed 's/^ *//')
    [ -n "$port" ] || output=dead
}

served_or_dead() {
    grep -qs ^served "$1" || ! kill -0 "$server" 2>/dev/null
}

# bats test_tags=effect
@test "a thousand connections of a listener that was there before the filter" {
    local how
    for how in prctl syscall; do
        sandboxed $how known 1000
        effect "filter by $how" "1000 $ours" "$output"
    done
}

# bats test_tags=harmless,clumsy:options
@test "a listener that is met under the filter: not a system call more" {
    local listener
    for listener in unmet late; do
        sandboxed prctl $listener 10
        harmless "$listener" "10 $untouched" "$output"
    done
}

# bats test_tags=harmless,clumsy:options
@test "while another thread tries in vain" {
    for _ in 1 2 3 4 5; do
        sandboxed beside unmet 10
        harmless 'connections' "10 $untouched" "$output"
    done
}

# bats test_tags=effect
@test "the filter comes while accept waits for the first client" {
    sandboxed prctl waiting 10
    effect 'connections' "10 $ours" "$output"
}

# bats test_tags=harmless,clumsy:options
@test "neither for KA_CONNECT and KA_FORCE, nor for a line that is due" {
    sandboxed KA_CONNECT=1 KA_FORCE=1 KA_LOG=stderr KA_CNT=rubbish prctl late 10
    harmless 'connections' "10 $untouched" "$output"
    harmless 'lines' 1 "$(wc -l <"$BATS_TEST_TMPDIR/out")"
}

# bats test_tags=effect
@test "a filter that was only tried doesn't silence the library" {
    local listener
    for listener in known unmet late; do
        sandboxed failed $listener 10
        effect "$listener" "10 $ours" "$output"
    done
}

# ---- vsftpd --------------------------------------------------------------------

# ftp_server SECCOMP
ftp_server() {
    need vsftpd
    [ $EUID = 0 ] || unless_ci 'vsftpd wants to be started by root'
    local dir=$BATS_TEST_TMPDIR/ftp
    port=$(free_port)
    mkdir -p "$dir/empty" "$dir/files"
    echo 'hello from the server' >"$dir/files/file"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_TEST_TMPDIR" "$dir" "$dir"/*
    cat >"$dir/conf" <<END
listen=YES
listen_address=127.0.0.1
listen_port=$port
background=NO
anonymous_enable=YES
anon_root=$dir/files
ftp_username=ftp
nopriv_user=nobody
secure_chroot_dir=$dir/empty
seccomp_sandbox=$1
pasv_address=127.0.0.1
END
}


ask_ftp() {
    [ -z "$1" ] || printf '%s\r\n' "$1" >&"$control"
    read -r -t 10 answer <&"$control" || answer="no answer to '$1'"
}

# log_in: and into passive mode; the answers, but for the port.
log_in() {
    local command
    for command in '' 'USER anonymous' 'PASS me@' PASV; do
        ask_ftp "$command"
        sed 's/,[0-9]*,[0-9]*)/,PORT)/' <<<"${answer%$'\r'}"
    done
}

# bats test_tags=harmless,clumsy:options
@test "vsftpd with its sandbox: login and passive mode are answered as without the library" {
    local bare shim
    ftp_server YES
    KASHIM_LIB='' serve "$port" vsftpd "$BATS_TEST_TMPDIR/ftp/conf"
    exec {control}<>"/dev/tcp/127.0.0.1/$port"
    bare=$(log_in)
    [[ $bare == *'230 '*'227 '* ]] || { echo "without the library: $bare"; return 1; }
    exec {control}>&-
    kill_started
    started=()
    serve "$port" vsftpd "$BATS_TEST_TMPDIR/ftp/conf"
    exec {control}<>"/dev/tcp/127.0.0.1/$port"
    shim=$(log_in)
    harmless 'answers' "$bare" "$shim"
}

# bats test_tags=effect
@test "vsftpd without its sandbox: a passive transfer, with the options on both connections" {
    ftp_server NO
    # large enough for the server to wait in the middle
    truncate -s 50M "$BATS_TEST_TMPDIR/ftp/files/file"
    serve "$port" vsftpd "$BATS_TEST_TMPDIR/ftp/conf"
    exec {control}<>"/dev/tcp/127.0.0.1/$port"
    local command numbers data_port
    for command in '' 'USER anonymous' 'PASS me@' PASV; do
        ask_ftp "$command"
    done
    IFS=, read -r -a numbers <<<"$(sed 's/.*(\(.*\)).*/\1/' <<<"$answer")"
    data_port=$((numbers[4] * 256 + numbers[5]))
    exec {data}<>"/dev/tcp/127.0.0.1/$data_port"
    ask_ftp 'RETR file'
    [[ $answer == 150* ]] || { echo "RETR: $answer"; return 1; }
    effect 'control connection' "$ours" "$(connections_at "$port")"
    effect 'data connection' "$ours" "$(connections_at "$data_port")"
    harmless 'bytes' $((50 * 1024 * 1024)) "$(wc -c <&"$data")"
}

# ---- tor -----------------------------------------------------------------------

# In a network of its own: it must not look for relays.
# bats test_tags=effect
@test "tor with its sandbox starts, and serves its SocksPort with the options" {
    need tor unshare
    local dir=$BATS_TEST_TMPDIR
    printf '%s\n' 'SocksPort 127.0.0.1:9050' "DataDirectory $dir/tor" 'Sandbox 1' \
        "Log notice file $dir/log" >"$dir/torrc"
    output=$(without_harness timeout 60 unshare --net --pid --mount-proc --fork --kill-child bash -c '
        ip link set lo up
        env "LD_PRELOAD=$0" "${@:2}" tor -f "$1" >/dev/null 2>&1 &
        for (( i = 0; i < 300; i++ )); do
            exec 5<>/dev/tcp/127.0.0.1/9050 && break
            sleep 0.1
        done 2>/dev/null
        printf "\5\1\0" >&5
        head -c 2 <&5 | od -An -tx1
        sockopts $! | sed -n "s/.*:9050 .* \(tcp connected.*\)/\1/p"' \
        "$KASHIM_LIB" "$dir/torrc" "${timers[@]}") || { cat "$dir/log"; return 1; }
    harmless 'what it answers' ' 05 00' "$(head -n 1 <<<"$output")"
    effect 'options' "$ours" "$(tail -n 1 <<<"$output")"
}

# bats test_tags=effect
@test "children that are forked while another thread asks whether there are filters" {
    need python3
    shimmed "${timers[@]}" python3 -c "
import ctypes, os, socket, threading
prctl = ctypes.CDLL(None).prctl
def ask():
    while True:
        prctl(22, 2, None, 0, 0)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
threading.Thread(target=ask, daemon=True).start()
served = 0
for _ in range(100):
    pid = os.fork()
    if not pid:
        s = socket.create_server(('127.0.0.1', 0))
        os._exit(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
    served += os.waitpid(pid, 0)[1] >> 8
print(served, flush=True)
os._exit(0)"
    effect 'served' 100 "$output"
}
