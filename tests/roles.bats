#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# attach and status: which connections were accepted, and which are outgoing.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port)
}

# accepted N OUTGOING: so $server has, by what attach and status do and say.
accepted() {
    kashim status "$server"
    effect 'status' "$1 accepted, $2 outgoing" \
        "$(sed -n 's/^1 process: \(.*, \)\?\([0-9]*\) accepted connections\?, \([0-9]*\) outgoing$/\2 accepted, \3 outgoing/p' <<<"$output")"
    kashim attach -i 61 -n 11 -c 7 "$server"
    effect 'attach' "connections: $1 changed; outgoing: $2 left alone" \
        "$(tr -s '\n ' ' ' <<<"$output" | grep -o 'connections: .* left alone')"
    effect 'the connections' "$1 $2" \
        "$(sockopts "$server" | grep -c "$ours") $(sockopts "$server" | grep -c "$untouched")"
}

# connected STEP...: a process that has an accepted connection and the other end of it, made by
# these steps, and no listener any more.
connected() {
    without_harness exec steps "$@" 'say b x' 'say c yy' 'close a' hold </dev/null >"$dir/server" 2>&1 &
    server=$!
    started+=("$server")
    wait_for 10 grep -q '^close a' "$dir/server"
}

# bats test_tags=effect
@test "roles: accepted from a port that is no longer listened on" {
    connected 'tcp4 a' 'listen a' 'connect c a' 'accept a b'
    accepted 1 1
}

# bats test_tags=effect
@test "roles: another's socket, which may not be looked into, as sock_diag tells" {
    need strace
    connected 'tcp4 a' 'listen a' 'connect c a' 'accept a b'
    as 'strace -qq -o /dev/null -e inject=pidfd_getfd:error=EPERM' "$dir/kashim" status "$server"
    effect 'status' '1 accepted connection, 1 outgoing' "$(grep -o '1 accepted.*outgoing$' <<<"$output")"
}

# bats test_tags=effect
@test "roles: MPTCP" {
    [ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || unless_ci 'there is no MPTCP'
    connected 'mptcp a' 'listen a' 'mptcp c' 'connect-as c a' 'accept a b'
    kashim status "$server"
    effect 'status' '1 accepted connection, 1 outgoing' "$(grep -o '1 accepted.*outgoing$' <<<"$output")"
}

# bats test_tags=effect
@test "roles: accepted through TPROXY" {
    need nft python3 nsenter
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    # shellcheck disable=SC2016 # for the inner shell
    unshare -n bash -euc 'unshare -n sleep 100 & client=$!
        until [ "$(readlink /proc/$client/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
        ip link set lo up
        ip link add inside type veth peer outside netns $client
        ip address add 192.0.2.1/24 dev inside
        ip link set inside up
        nsenter -n -t $client bash -euc "ip address add 192.0.2.2/24 dev outside
            ip link set outside up; ip route add default via 192.0.2.1"
        nft add table t
        nft add chain t p "{ type filter hook prerouting priority mangle; }"
        nft add rule t p tcp dport 80 tproxy ip to ":$1" meta mark set 1 accept
        ip rule add fwmark 1 lookup 100
        ip route add local default dev lo table 100
        python3 -c "
import socket, time
listener = socket.socket()
listener.setsockopt(socket.SOL_IP, 19, 1)
listener.bind((\"0.0.0.0\", $1))
listener.listen()
connection, _ = listener.accept()
open(\"$2/ready\", \"w\").write(connection.getsockname()[0])
time.sleep(100)" & echo $! >"$2/pid"
        until ss -Htln | grep -q ":$1 "; do sleep 0.02; done
        nsenter -n -t $client bash -c "exec 5<>/dev/tcp/198.51.100.7/80; sleep 100"' - "$port" "$dir" &
    started+=($!)
    wait_for 10 [ -s "$dir/ready" ]
    effect 'the address' 198.51.100.7 "$(cat "$dir/ready")"
    server=$(cat "$dir/pid")
    kashim attach -i 61 -n 11 -c 7 "$server"
    effect 'attach' '1 changed' "$(grep -o 'connections: 1 changed' <<<"$output" | cut -d' ' -f2-)"
    effect 'the connection' "198.51.100.7:80 192.0.2.2 $ours" \
        "$(sockopts "$server" | sed -n 's/^[0-9]* [0-9]* \(198[^ ]* [^:]*\):[0-9]* /\1 /p')"
    kashim status "$server"
    effect 'status' 1 "$(grep -c '1 accepted connection$' <<<"$output" | head -n 1)"
}

# bats test_tags=effect
@test "roles: by the port, where a firewall drops what a connection sends, and the kernel's numbers don't add up" {
    need nft
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    # shellcheck disable=SC2016 # for the inner shell
    unshare -n bash -euc 'ip link set lo up
        nft add table t
        nft add chain t o "{ type filter hook output priority 0; }"
        nft add rule t o "tcp flags & syn == 0 meta length > 52 drop"
        exec steps "tcp a 127.0.0.1 $1" "listen a" "connect c a" "accept a b" "say b xxxxx" "say c yyyyy" hold' - "$port" >"$dir/server" &
    server=$!
    started+=("$server")
    wait_for 10 grep -q '^say c' "$dir/server"
    accepted 1 1
}
