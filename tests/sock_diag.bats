#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The sockets that the kernel lists: by sock_diag, whose answers nobody else may give, and
# where there is none by /proc/PID/net/tcp.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port)
}

# ---- forged answers ------------------------------------------------------------------

# forged 'WRAPPER...' ARGUMENT...: $dir/kashim, by a user in namespaces of their own where a
# server listens on $port, and somebody else answers that $forged is listened on.
forged() {
    local user='unshare -Urn bash -c'
    $user true 2>/dev/null || unless_ci 'user namespaces are refused'
    # shellcheck disable=SC2016 # for the inner shell
    as "$user" 'ip link set lo up; echo_server "$2" >/dev/null & server=$!; trap "kill $server" EXIT
        until [ "$(ss -Htln)" ]; do sleep 0.02; done
        (until [ -e "$1/forging" ]; do sleep 0.02; done; exec "${@:4}") & victim=$!
        forger $victim "$3" >"$1/forger" & forger=$!
        until grep -qs forging "$1/forger"; do sleep 0.02; done; : >"$1/forging"
        wait $victim; status=$?; wait $forger; exit $status' - "$dir" "$port" "$forged" "$@"
}

# forger_was VERDICT: most of what it sent was taken, or hardly any.
forger_was() {
    local taken
    taken=$(sed -n 's/^taken //p' "$dir/forger")
    effect "the forger, of whose answers ${taken:-none} were taken" "$1" "$([ "${taken:-0}" -lt 100 ] && echo refused || echo heard)"
}

# bats test_tags=effect
@test "sock_diag: what others answer in the kernel's place isn't believed" {
    need strace
    local only='unprotected: 1 listener'
    forged=$(free_port)
    # Before the socket is connected to the kernel there is a moment; here it never is.
    forged strace -D -qq -o /dev/null -e inject=connect:retval=0 -e inject=sendto:delay_enter=100000 \
        "$dir/kashim" attach --port "$forged"
    effect 'not connected' "kashim: nobody listens on port $forged here (in a container? give the PID)" "$stderr"
    forger_was heard
    rm "$dir/forging"
    forged "$dir/kashim" status --port "$port"
    effect 'connected' "0 $only" "$status $(tail -n 1 <<<"$output")$stderr"
    forger_was refused
}

# ---- without sock_diag ---------------------------------------------------------------

# without_sock_diag ARGUMENT...: a kernel that has no tcp_diag ends its list with ENOENT.
without_sock_diag() {
    need strace
    as "strace -qq -o /dev/null -e inject=recvfrom:poke_exit=@arg2=14000000030002000100000000000000feffffff" \
        "$dir/kashim" "$@"
}

# bats test_tags=effect
@test "without sock_diag: /proc/PID/net/tcp tells who listens, and when probes come" {
    serve "$port" echo_server "$port"
    ask "$port" hello
    without_sock_diag attach --port "$port"
    effect 'attach --port' "0 echo_server ($server): listeners: 1 changed; connections: 1 changed" "$status $(sed -n '1s/;$//p' <<<"$output")$stderr"
    without_sock_diag status --port "$port"
    effect 'status --port' '0 unprotected: none' "$status $(tail -n 1 <<<"$output")$stderr"
    effect 'next probe' yes "$(awk '$1 ~ /:'"$port"'$/ && $2 != "listening" { print ($NF > 100 && $NF <= 136 ? "yes" : $0) }' <<<"$output")"
}

# blind FAULT ARGUMENT...: with that fault, and with no /proc/PID/net of the server and of kashim.
blind() {
    need strace
    unshare -m true 2>/dev/null || unless_ci 'mount namespaces are refused'
    # shellcheck disable=SC2016 # for the inner shell
    as 'unshare -m bash -c' 'mount -t tmpfs none "/proc/$$/net" && mount -t tmpfs none "/proc/$1/net" &&
        exec strace -D -qq -o /dev/null -e "inject=$2" "$3/kashim" "${@:4}"' - "$server" "$1" "$dir" "${@:2}"
}

# bats test_tags=effect
@test "without sock_diag and /proc/PID/net: the process tells what it knows" {
    serve "$port" echo_server "$port"
    ask "$port" hello
    local fault why
    while read -r fault why; do
        blind "$fault" status "$server"
        effect "status, $fault" "1 kashim: the kernel doesn't list the sockets of process $server's network namespace (sock_diag): $why. When the next probes come isn't known" "$status $stderr"
        effect 'connection' "1 $port on 61 11 7" "$(awk -v p="$port" '$1 ~ ":" p "$" && $2 != "listening" { n++; print n, p, $3, $4, $5, $6 }' <<<"$output")"
        blind "$fault" status --port "$port"
        effect "status --port, $fault, which doesn't count what it can't read" '1 ' "$status $output"
        blind "$fault" attach --port "$port"
        effect "attach --port, $fault" "1 kashim: --port: the kernel doesn't tell its listeners (sock_diag): $why. Or give the PID" "$status $output$stderr"
    done <<'TABLE'
socket:error=EACCES Permission denied
connect:error=EPERM Operation not permitted
sendto:error=ENOBUFS No buffer space available
recvfrom:error=ENOMEM Cannot allocate memory
recvfrom:poke_exit=@arg2=14000000030002000100000000000000feffffff the kernel has no tcp_diag (modprobe tcp_diag loads it)
recvfrom:poke_exit=@arg2=24000000020000000100000000000000f3ffffff Permission denied
recvfrom:poke_exit=@arg2=2400000002000000010000000000000000000000 Protocol error
TABLE
}
