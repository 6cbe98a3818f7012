#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim status: what it shows is what is there.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port)
}

# rows: those of the sockets on $port, each blank alone, the peer by name.
rows() {
    tr -s ' ' <<<"$output" | grep ":$port " | sed "s/:$port [0-9.]*:[0-9]* /:$port PEER /"
}

# json EXPRESSION: of the document d in $output.
json() {
    python3 -c 'import json, sys; d = json.loads(sys.argv[1]); p = d["processes"]; eval("print(" + sys.argv[2] + ")")' "$output" "$1"
}

# ---- the table --------------------------------------------------------------------

# bats test_tags=effect
@test "status: without the library, marked" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim status "$server"
    effect 'exit status' 0 "$status"
    effect 'table' "echo_server ($server): libkashim isn't loaded
 LOCAL PEER KA IDLE INTVL CNT DROP NEXT
!0.0.0.0:$port listening off 7200 75 9 never/925 -
!127.0.0.1:$port PEER off 7200 75 9 never/925 -

1 process, 1 listener (1 unprotected), 1 accepted connection (1 unprotected), 0 outgoing connections" \
        "$(tr -s ' ' <<<"$output" | sed "s/:$port [0-9.]*:[0-9]* /:$port PEER /")"
}

# bats test_tags=effect
@test "status: with the library" {
    serve "$port" KA_USER_TIMEOUT=100 echo_server "$port"
    ask "$port" hello
    kashim status "$server"
    effect 'title' "echo_server ($server): libkashim is loaded" "$(head -n 1 <<<"$output")"
    effect 'listener' " 0.0.0.0:$port listening on 61 11 7 100 105/100 -" "$(rows | sed -n 1p)"
    effect 'connection' " 127.0.0.1:$port PEER on 61 11 7 100 105/100" "$(rows | sed -n '2s/ [0-9.]*$//p')"
    local next
    next=$(rows | sed -n '2s/.* //p')
    effect "next probe in $next" yes "$(awk -v n="$next" 'BEGIN { print (n > 50 && n <= 65 ? "yes" : "no") }')"
    effect 'count' '1 process, 1 listener, 1 accepted connection, 0 outgoing connections' "$(tail -n 1 <<<"$output")"
}

# bats test_tags=effect
@test "status: 80 columns are enough for IPv4" {
    need socat
    serve_bare "$port" env "LD_PRELOAD=$KASHIM_LIB" KA_IDLE=999 KA_INTVL=999 KA_CNT=9 KA_USER_TIMEOUT=999 \
        socat "TCP-LISTEN:$port,bind=127.100.100.100,fork" EXEC:cat
    exec {client}<>"/dev/tcp/127.100.100.100/$port"
    echo >&"$client"
    read -r -t 10 _ <&"$client"
    kashim status --children "$server"
    effect 'rows' 2 "$(grep -c "127.100.100.100:$port" <<<"$output")"
    effect 'wider' '' "$(head -n -1 <<<"$output" | grep -E '^.{81}')"
}

# bats test_tags=effect
@test "status: IPv6, and IPv4 by way of it" {
    need_ipv6
    need socat
    serve_bare "$port" socat "TCP6-LISTEN:$port,ipv6only=0,fork" EXEC:cat
    exec {client}<>"/dev/tcp/::1/$port"
    ask "$port" hello
    kashim status --children "$server"
    effect 'IPv6' 1 "$(rows | grep -c "^!\[::1\]:$port \[::1\]:")"
    effect 'IPv4' 1 "$(rows | grep -c "^!127.0.0.1:$port PEER off")"
    port=$(free_port)
    serve_bare "$port" socat "TCP6-LISTEN:$port,bind=[::ffff:0.0.0.0],ipv6only=0,fork" EXEC:cat
    ask "$port" hello
    kashim status --children "$server"
    effect 'a listener for IPv4 alone' '1 accepted connection' "$(grep -o '[0-9]* accepted connections\?' <<<"$output")"
}

# bats test_tags=effect
@test "status: all processes, by port, workers, shared sockets once" {
    need nginx
    cat >"$dir/nginx.conf" <<END
daemon off; worker_processes 2; pid $dir/pid;
events {}
http { access_log off; server { listen 127.0.0.1:$port; } }
END
    serve "$port" nginx -c "$dir/nginx.conf" -e "$dir/error.log"
    ask "$port" $'GET / HTTP/1.1\r\nHost: x\r\n'
    kashim status --port "$port"
    effect 'by port' '3 processes, 1 listener, 1 accepted connection, 0 outgoing connections' "$(tail -n 1 <<<"$output")"
    kashim status --children "$server"
    effect 'workers' 3 "$(grep -c '^nginx ([0-9]*): libkashim is loaded$' <<<"$output")"
    kashim status
    effect 'all' 3 "$(grep -c "^ 127.0.0.1:$port *listening on" <<<"$(tr -s ' ' <<<"$output")")"
}

# bats test_tags=effect
@test "status: outgoing connections" {
    need socat
    serve_bare "$port" echo_server "$port"
    socat -u "TCP:127.0.0.1:$port" - </dev/null &
    started+=($!)
    wait_for 10 connected_to "$port"
    kashim status $!
    effect 'count' '1 process, 0 listeners, 0 accepted connections, 1 outgoing connection (1 unprotected)' "$(tail -n 1 <<<"$output")"
}

connected_to() {
    [ -n "$(ss -Htn "dport = :$1")" ]
}

# bats test_tags=effect
@test "status: in another network namespace" {
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    unshare -n bash -c "ip link set lo up
        env LD_PRELOAD='$KASHIM_LIB' ${timers[*]} echo_server $port & echo \$! >'$dir/server'
        until exec 5<>/dev/tcp/127.0.0.1/$port; do sleep 0.02; done 2>/dev/null
        echo hello >&5; read -r <&5; : >'$dir/ready'; wait" &
    started+=($!)
    wait_for 10 [ -e "$dir/ready" ]
    server=$(cat "$dir/server")
    started+=("$server")
    kashim status "$server"
    effect 'count' '1 process, 1 listener, 1 accepted connection, 0 outgoing connections' "$(tail -n 1 <<<"$output")"
    effect 'next probe' 1 "$(rows | grep -c 'PEER on 61 11 7 138/925 [0-9]')"
    need strace
    as 'strace -qq -o /dev/null -e inject=setns:error=EPERM' "$dir/kashim" status "$server"
    effect 'refused' '0 PEER on' "$status$stderr $(rows | grep -o 'PEER on')"
    effect 'next probe by /proc' 1 "$(rows | grep -c 'PEER on .* [0-9]')"
    as 'strace -qq -o /dev/null -e inject=setns:error=EPERM:when=2' "$dir/kashim" status "$server"
    effect 'no way back' "1 kashim: can't get back to its own network namespace: Operation not permitted" "$status $stderr"
}

# bats test_tags=effect
@test "status: colour only on a terminal, and never with NO_COLOR" {
    need script
    serve_bare "$port" echo_server "$port"
    kashim status "$server"
    effect 'into a pipe' 0 "$(grep -c $'\033' <<<"$output")"
    effect 'the mark' 1 "$(grep -c '^!' <<<"$output")"
    effect 'on a terminal' 1 "$(script -qec "$dir/kashim status $server" /dev/null </dev/null | grep -c $'\033.*!0.0.0.0')"
    effect 'NO_COLOR' 0 "$(NO_COLOR=1 script -qec "$dir/kashim status $server" /dev/null </dev/null | grep -c $'\033')"
}

# ---- JSON ----------------------------------------------------------------------------

# bats test_tags=effect
@test "status --json: one document, as kashim(1) describes it" {
    serve "$port" KA_USER_TIMEOUT=100 echo_server "$port"
    ask "$port" hello
    kashim status --json "$server"
    effect 'exit status' 0 "$status"
    [ -n "$output" ] || effect 'document' some none
    effect 'top' 'version groups processes totals' "$(json '*d')"
    effect 'process' 'pid name library group all_of_user sockets' "$(json '*p[0]')"
    effect 'its values' "2 [] $server echo_server True None False" "$(json 'd["version"], d["groups"], *(p[0][k] for k in ("pid", "name", "library", "group", "all_of_user"))')"
    local names='role protocol inode local peer keepalive idle intvl cnt user_timeout rto_max drop drop_in_flight next_probe'
    effect 'socket' "$names" "$(json '*p[0]["sockets"][0]')"
    effect 'listener' "listener tcp {'address': '0.0.0.0', 'port': $port} None True 61 11 7 100.0 0.0 105 100 None" \
        "$(json '*(v for k, v in p[0]["sockets"][0].items() if k != "inode")')"
    effect 'connection' "accepted {'address': '127.0.0.1', 'port': $port} 127.0.0.1 True" \
        "$(json '*(lambda s: (s["role"], s["local"], s["peer"]["address"], 50 < s["next_probe"] <= 65))(p[0]["sockets"][1])')"
    effect 'inode' "socket:[$(json 'p[0]["sockets"][0]["inode"]')]" \
        "$(readlink "/proc/$server/fd"/* | grep -m 1 socket)"
    effect 'totals' "{'processes': 1, 'listener': {'sockets': 1, 'unprotected': 0, 'unknown': 0}, 'accepted': {'sockets': 1, 'unprotected': 0, 'unknown': 0}, 'outgoing': {'sockets': 0, 'unprotected': 0, 'unknown': 0}}" \
        "$(json 'd["totals"]')"
}

# bats test_tags=effect
@test "status --json: a name that JSON or a terminal might obey" {
    cp "$root/build/tests/echo_server" "$dir/a\"b\\"$'\033'
    serve_bare "$port" "$dir/a\"b\\"$'\033' "$port"
    kashim status --json "$server"
    [ -n "$output" ] || effect 'document' some none
    effect 'name' 'a"b\?' "$(json 'p[0]["name"]')"
}

# ---- what may not be seen ---------------------------------------------------------------

# bats test_tags=effect
@test "status: another user's process, as an ordinary user: what sock_diag tells" {
    [ $EUID = 0 ] || unless_ci 'two users take root'
    serve "$port" echo_server "$port"
    ask "$port" hello
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    local nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
    as "$nobody" "$dir/kashim" status "$server"
    effect 'exit status' 1 "$status"
    effect 'missing' "kashim: echo_server ($server): it is root's: run kashim as root" "$stderr"
    effect 'listener' " 0.0.0.0:$port listening ? - - - - -" "$(rows | sed -n 1p)"
    effect 'connection' " 127.0.0.1:$port PEER on - - - -" "$(rows | sed -n '/PEER/s/ [0-9.]*$//p')"
    as "$nobody" "$dir/kashim" status --port "$port"
    effect 'by port' 2 "$(rows | wc -l)"
    effect 'missing' "kashim: the process that listens on port $port can't be seen: run kashim as root" "$stderr"
    as "$nobody" "$dir/kashim" status
    effect 'all' 1 "$(grep -c '^Of processes that aren.t seen:' <<<"$output")"
    effect 'missing' 1 "$(grep -Ec "processes that may not be looked into: [0-9]*; the last, .* \([0-9]*\): it is (root's|another user's, [0-9]*): run kashim as root" <<<"$stderr")"
}

# bats test_tags=effect
@test "status: where duplicates are refused, sock_diag tells what it knows" {
    need strace
    serve "$port" echo_server "$port"
    ask "$port" hello
    as 'strace -qq -o /dev/null -e inject=pidfd_getfd:error=EPERM' "$dir/kashim" status "$server"
    effect 'exit status' 1 "$status"
    effect 'connection' " 127.0.0.1:$port PEER on - - - -" "$(rows | sed -n '/PEER/s/ [0-9.]*$//p')"
    effect 'said' 1 "$(grep -c "^kashim: echo_server ($server): pidfd_getfd(2) is refused to every program here" <<<"$stderr")"
}

# ---- refusals -----------------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "status: wrong arguments" {
    kashim status --port 80 1
    refused 2 'either TARGET... or --port PORT'
    kashim status --port 0
    refused 2 "--port: '0' is not accepted (1 to 65535)"
    kashim status --port 1 --port 2
    refused 2 "--port: '2' is one too many (one port, or TARGET...)"
    kashim status --idle 1
    refused 2 '--idle'
    kashim status 4194304
    harmless 'exit status' 1 "$status"
    harmless 'message' 'kashim: there is no process 4194304' "$stderr"
}
