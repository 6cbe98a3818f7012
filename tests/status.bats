#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim status: what it shows is what is there.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port) other=$port
    while [ "$other" = "$port" ]; do
        other=$(free_port)
    done
    [ "$other" -gt "$port" ] || read -r port other <<<"$other $port"
}

# rows: those of the sockets on $port, each blank alone, the peer by name.
rows() {
    tr -s ' ' <<<"$output" | grep ":$port " | sed "s/:$port [0-9.]*:[0-9]* /:$port PEER /"
}

# the_end: the last two lines.
the_end() {
    tail -n 2 <<<"$output" | sed 'N; s,\n, / ,'
}

# json EXPRESSION: of the document d in $output, which is too long for an argument where many
# sockets are.
json() {
    python3 -c 'import json, sys; d = json.load(sys.stdin); p = d["processes"]; eval("print(" + sys.argv[1] + ")")' "$1" <<<"$output"
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

1 process: 1 listener, 1 accepted connection
unprotected: 1 listener, 1 accepted connection" \
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
    effect 'verdict' '1 process: 1 listener, 1 accepted connection / unprotected: none' "$(the_end)"
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
    effect 'a listener for IPv4 alone' '1 accepted connection' "$(grep -o -m 1 '[0-9]* accepted connections\?' <<<"$output")"
}

# bats test_tags=effect
@test "status: link-local addresses, the same on two interfaces" {
    need_ipv6
    need python3 strace
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    # shellcheck disable=SC2016 # for the inner shell
    unshare -n bash -euc 'ip link set lo up
        ip link add one type veth peer two
        for link in one two; do
            ip link set "$link" addrgenmode none up
            ip address add fe80::1/64 dev "$link" nodad
        done
        exec python3 -c "
import socket, time
def listen(link):
    s = socket.socket(socket.AF_INET6)
    s.bind((\"fe80::1\", $1, 0, socket.if_nametoindex(link)))
    s.listen()
    return s
both = [listen(link) for link in (\"one\", \"two\")]
print(*sorted(socket.if_nametoindex(link) for link in (\"one\", \"two\")), flush=True)
time.sleep(100)"' - "$port" >"$dir/interfaces" &
    server=$!
    started+=("$server")
    wait_for 10 [ -s "$dir/interfaces" ]
    local expected
    expected=$(sed "s/\([0-9]*\) \([0-9]*\)/[fe80::1%\1]:$port [fe80::1%\2]:$port/" "$dir/interfaces")
    kashim status "$server"
    effect 'by the sockets' "$expected" "$(grep -o '\[fe80[^ ]*' <<<"$output" | sort | paste -sd' ')"
    as 'strace -qq -o /dev/null -e inject=pidfd_getfd:error=EPERM' "$dir/kashim" status "$server"
    effect 'by sock_diag' "$expected" "$(grep -o '\[fe80[^ ]*' <<<"$output" | sort | paste -sd' ')"
    kashim status --json "$server"
    effect 'in JSON' "$(tr -d '[]' <<<"${expected//:$port/}")" "$(grep -o 'fe80[^"]*' <<<"$output" | sort | paste -sd' ')"
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
    effect 'by port' '3 processes: 1 listener, 1 accepted connection / unprotected: none' "$(the_end)"
    kashim status --children "$server"
    effect 'workers' 3 "$(grep -c '^nginx ([0-9]*): libkashim is loaded$' <<<"$output")"
    kashim status
    effect 'all' 3 "$(grep -c "^ 127.0.0.1:$port *listening on" <<<"$(tr -s ' ' <<<"$output")")"
}

# As nginx's old worker does after a reload.
# bats test_tags=effect
@test "status, attach --port: who has a connection accepted there, and listens no more" {
    need socat
    serve_bare "$port" socat "TCP4-LISTEN:$port,fork" EXEC:cat
    ask "$port" hello
    kashim status --port "$port"
    effect 'found' '2 processes: 1 listener, 1 accepted connection / unprotected: 1 listener, 1 accepted connection' "$(the_end)"
    effect 'not seen' '' "$(grep seen <<<"$output")"
    kashim attach --idle 61 --intvl 11 --cnt 7 --port "$port"
    kashim status --port "$port"
    effect 'attached' '2 processes: 1 listener, 1 accepted connection / unprotected: none' "$(the_end)"
}

# bats test_tags=effect
@test "status: what a process has started is mentioned" {
    sh -c 'sleep 60 & sleep 60 & wait' &
    started+=($!)
    wait_for 10 sh -c '[ $(pgrep -cP "$0" sleep) = 2 ]' $!
    kashim status $!
    effect 'two' "0 kashim: not looked at: 2 processes that these have started (--children takes them)" "$status $stderr"
    kashim status --children $!
    effect '--children' "0 " "$status $stderr"
    kashim status --check $!
    effect '--check' '0 unprotected: none; nothing listens' "$status $output$stderr"
}

# bats test_tags=effect
@test "status: outgoing connections" {
    need socat
    serve_bare "$port" echo_server "$port"
    socat -u "TCP:127.0.0.1:$port" - </dev/null &
    started+=($!)
    wait_for 10 connected_to "$port"
    kashim status $!
    effect 'verdict' '1 process: 1 outgoing / unprotected: none' "$(the_end)"
    effect 'not marked' 1 "$(grep -c " 127.0.0.1:$port *off " <<<"$output")"
    effect 'not marked' 0 "$(grep -c '^!' <<<"$output")"
    kashim status --connect $!
    effect 'with --connect' '1 process: 1 outgoing / unprotected: 1 outgoing' "$(the_end)"
    effect 'marked' 1 "$(grep -c '^!' <<<"$output")"
    kashim status --check --connect $!
    effect '--check --connect' "1 unprotected: 1 outgoing: socat ($!)" "$status $output"
    kashim status --check $!
    effect '--check' '0 unprotected: none; nothing listens' "$status $output"
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
    effect 'verdict' '1 process: 1 listener, 1 accepted connection / unprotected: none' "$(the_end)"
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
    NO_COLOR=1 kashim status --color=always "$server"
    effect '--color=always' 1 "$(grep -c $'^\033.*!0.0.0.0' <<<"$output")"
    kashim status --summary --color always "$server"
    effect '--color=always --summary' 1 "$(grep -c $'^\033.*!echo_server' <<<"$output")"
    effect '--color=never' 0 "$(script -qec "$dir/kashim status --color=never $server" /dev/null </dev/null | grep -c $'\033')"
    effect '--color=auto' 1 "$(script -qec "$dir/kashim status --color=auto $server" /dev/null </dev/null | grep -c $'\033.*!0.0.0.0')"
}

# bats test_tags=effect
@test "status: 200 connections: the verdict is the last line; the order" {
    local i
    serve_bare "$port" echo_server "$port"
    for ((i = 0; i < 200; i++)); do
        ask "$port" hello
    done
    kashim status "$server"
    effect 'verdict' 'unprotected: 1 listener, 200 accepted connections' "$(tail -n 1 <<<"$output")"
    effect 'the listener first' 1 "$(sed -n 3p <<<"$output" | grep -c listening)"
    effect 'sorted by peer' "$(sed -n 's/^!127.0.0.1:[0-9]* 127.0.0.1:\([0-9]*\) .*/\1/p' <<<"$output" | sort -n)" \
        "$(sed -n 's/^!127.0.0.1:[0-9]* 127.0.0.1:\([0-9]*\) .*/\1/p' <<<"$output")"
}

# bats test_tags=effect
@test "status: by name and number of the process, by port, listeners before what they accepted" {
    local first second third
    third=$(free_port)
    serve_bare "$port" steps "tcp a 127.0.0.1 $other" 'listen a' "tcp b 127.0.0.1 $port" 'listen b' \
        'connect c b' 'accept b d' 'connect e a' 'accept a f' hold
    second=$server
    serve_bare "$third" echo_server "$third"
    first=$server
    wait_for 10 grep -q '^accept a f: ' "$dir/server" || :
    kashim status "$second" "$first"
    effect 'processes' "echo_server ($first) steps ($second)" "$(sed -n 's/^\([a-z_]* ([0-9]*)\): .*/\1/p' <<<"$output" | paste -sd' ')"
    effect 'ports' "$port listening $port 127.0.0.1 $other listening $other 127.0.0.1" \
        "$(sed -n "/^steps/,/^$/s/^!127.0.0.1:\\([0-9]*\\) *\\([a-z0-9.]*\\).*/\\1 \\2/p" <<<"$output" | paste -sd' ')"
    effect 'outgoing last' 2 "$(sed -n "/^steps/,/^$/p" <<<"$output" | grep -v '^$' | tail -n 2 | grep -c '^ ')"
}

# bats test_tags=effect
@test "status: the rows of one process don't widen those of another" {
    need_ipv6
    [ $EUID = 0 ] || unless_ci 'addresses are given by root'
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    local long=2001:db8:1111:2222:3333:4444:5555:6666
    without_harness exec unshare -n bash -c "ip link set lo up; ip addr add $long/128 dev lo nodad
        steps 'tcp a 127.0.0.1 $port' 'listen a' hold & echo \$! >'$dir/one'
        steps 'tcp a $long $port' 'listen a' hold & echo \$! >'$dir/two'
        : >'$dir/ready'; wait" >/dev/null &
    started+=($!)
    wait_for 10 [ -e "$dir/ready" ]
    started+=("$(cat "$dir/one")" "$(cat "$dir/two")")
    both_listen() {
        [ "$(nsenter -n -t "$(cat "$dir/one")" ss -Htln | grep -c ":$port")" = 2 ]
    }
    wait_for 10 both_listen
    kashim status "$(cat "$dir/one")" "$(cat "$dir/two")"
    effect 'both' 2 "$(grep -c listening <<<"$output")"
    effect 'IPv4' "!127.0.0.1:$port listening" "$(grep -o "^!127.0.0.1:$port *listening" <<<"$output")"
}

# two_servers: $bare without the library and $server with it, each with a client.
two_servers() {
    serve_bare "$port" echo_server "$port"
    bare=$server
    serve "$other" echo_server "$other"
    ask "$port" hello
    ask "$other" hello
}

# bats test_tags=effect
@test "status --unprotected: only what should have keepalive and hasn't" {
    two_servers
    kashim status --unprotected "$bare" "$server"
    effect 'processes' "echo_server ($bare)" "$(sed -n 's/^\([a-z_]* ([0-9]*)\): .*/\1/p' <<<"$output")"
    effect 'rows' 2 "$(grep -c '^!' <<<"$output")"
    effect 'verdict' '2 processes: 2 listeners, 2 accepted connections / unprotected: 1 listener, 1 accepted connection' "$(the_end)"
    kashim status --unprotected "$server"
    effect 'none' '0 1 process: 1 listener, 1 accepted connection
unprotected: none' "$status $output"
    kashim status --unprotected --json "$bare" "$server"
    effect 'as JSON' "[$bare]" "$(json '[one["pid"] for one in p]')"
    kashim status --unprotected --summary "$bare" "$server"
    effect 'summary' 1 "$(grep -c '^.echo_server' <<<"$output")"
}

# bats test_tags=effect
@test "status --summary: a line for each process" {
    two_servers
    ask "$other" hello
    kashim status --summary "$bare" "$server"
    effect 'exit status' 0 "$status"
    effect 'table' " PROCESS LISTENERS ACCEPTED OUTGOING UNPROTECTED
!echo_server ($bare) 1 1 0 2
 echo_server ($server) 1 2 0 0

2 processes: 2 listeners, 3 accepted connections
unprotected: 1 listener, 1 accepted connection" "$(tr -s ' ' <<<"$output")"
}

# ---- for monitoring --------------------------------------------------------------

# bats test_tags=effect
@test "status --check: one line, and an exit status for an agent" {
    local bare
    serve "$port" echo_server "$port"
    ask "$port" hello
    kashim status --check "$server"
    effect 'all have it' '0 unprotected: none of 1 listener, 1 accepted connection' "$status $output$stderr"
    serve_bare "$other" echo_server "$other"
    bare=$server
    ask "$other" hello
    ask "$other" hello
    kashim status --check --port "$other"
    effect 'none has it' "1 unprotected: 1 listener, 2 accepted connections: echo_server ($bare)" "$status $output$stderr"
    kashim attach --listeners-only "$bare"
    kashim status --check "$bare"
    effect 'connections without' "1 unprotected: 2 accepted connections: echo_server ($bare)" "$status $output$stderr"
    kashim status --check
    effect 'of all' '1 1' "$status $(grep -c '^unprotected: .* accepted connection' <<<"$output")"
    effect 'of all, lines' '1 0' "$(wc -l <<<"$output") $(grep -c . <<<"$stderr")"
    kashim status --check --nonsense
    effect 'wrong arguments' 2 "$status"
    kashim status --check no-such-unit
    effect 'no such unit' "3 not known: no unit or other control group 'no-such-unit' runs here" "$status $output$stderr"
    kashim status --check 4194304
    effect 'no such process' '3 not known: there is no process 4194304' "$status $output$stderr"
    port=$(free_port)
    kashim status --check --port "$port"
    effect 'nobody there' 3 "$status"
    effect 'nobody there' "not known: nobody listens on port $port here" "$(grep -o "^not known: nobody listens on port [0-9]* here" <<<"$output$stderr")"
}

# bats test_tags=effect
@test "status --check: what can't be told is no success" {
    [ $EUID = 0 ] || unless_ci 'two users take root'
    serve_bare "$other" echo_server "$other" # of the same user
    ask "$other" hello
    serve "$port" echo_server "$port"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    as 'setpriv --reuid=65534 --regid=65534 --clear-groups' "$dir/kashim" status --check "$server"
    effect "another user's" "3 not known: echo_server ($server): it is root's: run kashim as root" "$status $output$stderr"
    need strace
    as 'strace -qq -o /dev/null -e inject=pidfd_getfd:error=EPERM' "$dir/kashim" status --check "$server"
    effect 'duplicates refused' '3 not known: echo_server' "$status $(grep -o '^not known: echo_server' <<<"$output")"
    as 'strace -qq -o /dev/null -e inject=pidfd_getfd:error=EBADF' "$dir/kashim" status --check --port "$port"
    effect 'not seen' '3 not known: 1 listener: process not seen' "$status $output$stderr"
    as 'strace -qq -o /dev/null -e inject=pidfd_getfd:error=EBADF' "$dir/kashim" status --check --unprotected --port "$port"
    effect 'not seen, --unprotected' '3 not known: 1 listener: process not seen' "$status $output$stderr"
}

# bats test_tags=effect
@test "status: of a group only processes with sockets; of processes that are named, all" {
    sleep 60 &
    started+=($!)
    kashim status $!
    effect 'named' "sleep ($!): libkashim isn't loaded; no TCP sockets

1 process: no TCP sockets
unprotected: none" "$output"
    [ -e /sys/fs/cgroup/cgroup.procs ] || [ -e /sys/fs/cgroup/unified/cgroup.procs ] || unless_ci 'cgroup v2 is not mounted'
    kashim status /
    effect 'in the group' 0 "$(grep -c "^sleep ($!)" <<<"$output")"
}

# bats test_tags=effect
@test "status: secure execution, in which the loader ignores a preload, is named" {
    [ $EUID = 0 ] || unless_ci 'setuid programs are made by root'
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    cp "$root/build/tests/echo_server" "$dir/server-of-root"
    chmod 4755 "$dir/server-of-root"
    serve "$port" setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/server-of-root" "$port"
    [ "$(awk '/^Uid:/ { print $2, $3 }' "/proc/$server/status")" = '65534 0' ] ||
        unless_ci "$dir is mounted nosuid"
    kashim status "$server"
    effect 'said' "server-of-root ($server): libkashim isn't loaded: secure execution; kashim attach helps" "$(head -n 1 <<<"$output")"
    kashim status --json "$server"
    effect 'as JSON' True "$(json 'p[0]["secure"]')"
}

# bats test_tags=effect
@test "status: which file is the library" {
    need strace
    local file
    mkdir "$dir/libkashim.so.d" "$dir/y"
    for file in libkashim.so.bak libkashim.so.d/libx.so; do
        cp "$root/build/tests/libempty.so" "$dir/$file"
        port=$(free_port)
        serve_bare "$port" env "LD_PRELOAD=$dir/$file" echo_server "$port"
        kashim status "$server"
        effect "$file" "echo_server ($server): libkashim isn't loaded" "$(head -n 1 <<<"$output")"
    done
    cp "$KASHIM_LIB" "$dir/y/libkashim.so"
    port=$(free_port)
    serve_bare "$port" env "LD_PRELOAD=$dir/y/libkashim.so" echo_server "$port"
    for file in there removed; do
        kashim status "$server"
        effect "$file" "echo_server ($server): libkashim is loaded" "$(head -n 1 <<<"$output")"
        rm -f "$dir/y/libkashim.so"
    done
    as "strace -qq -o /dev/null -P /proc/$server/maps -e inject=read:error=EIO" "$dir/kashim" status --json "$server"
    effect 'not known' 1 "$(grep -c '"library": null' <<<"$output")"
}

# ---- JSON ----------------------------------------------------------------------------

# bats test_tags=effect
@test "status --json: one document, as kashim(1) describes it" {
    serve "$port" KA_USER_TIMEOUT=100 echo_server "$port"
    ask "$port" hello
    kashim status --json "$server"
    effect 'exit status' 0 "$status"
    [ -n "$output" ] || effect 'document' some none
    effect 'top' 'version complete asked groups processes totals' "$(json '*d')"
    effect 'process' 'pid name library secure group all_of_user sockets' "$(json '*p[0]')"
    effect 'its values' "2 True [] [] $server echo_server True False None False" "$(json 'd["version"], d["complete"], d["asked"], d["groups"], *(p[0][k] for k in ("pid", "name", "library", "secure", "group", "all_of_user"))')"
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
    effect 'title' "echo_server ($server): may not be looked into; its user's sockets, not only its own:" "$(head -n 1 <<<"$output")"
    effect 'whose' 1 "$(grep -c '^1 process, with others of the same user: [0-9]* listener' <<<"$output")"
    effect 'verdict' 1 "$(grep -Ec '^unprotected: (none known|[0-9]+ .*); .*[0-9]+ listeners? not known; not all was looked at$' <<<"$output")"
    as "$nobody" "$dir/kashim" status --summary "$server"
    effect 'summary' 1 "$(grep -c "^.echo_server ($server) .* with its user's$" <<<"$output")"
    as "$nobody" "$dir/kashim" status --json "$server"
    effect 'as JSON' 'False True' "$(json 'd["complete"], p[0]["all_of_user"]')"
    as "$nobody" "$dir/kashim" status --port "$port"
    effect 'by port' 2 "$(rows | wc -l)"
    effect 'verdict, by port' '0 processes: 1 listener, 1 accepted connection / unprotected: none known; 1 listener not known; not all was looked at' "$(the_end)"
    effect 'missing' "kashim: the process that listens on port $port can't be seen: run kashim as root" "$stderr"
    as "$nobody" "$dir/kashim" status
    effect 'all' 1 "$(grep -c '^Of processes that aren.t seen:' <<<"$output")"
    effect 'missing' 1 "$(grep -Ec "processes that may not be looked into: [0-9]*; the last, .* \([0-9]*\): it is (root's|another user's, [0-9]*): run kashim as root" <<<"$stderr")"
}

# with_capabilities LIST COMMAND...: as an ordinary user's agent that has these.
with_capabilities() {
    local sets=${1//cap_/+}
    as "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=$sets --ambient-caps=$sets" "${@:2}"
}

# bats test_tags=effect
@test "status: the capabilities that an agent needs which isn't root, and which one is missing" {
    [ $EUID = 0 ] || unless_ci 'two users take root'
    serve "$port" echo_server "$port"
    ask "$port" hello
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    with_capabilities cap_sys_ptrace,cap_dac_read_search "$dir/kashim" status --check "$server"
    effect 'both' '0 unprotected: none of 1 listener, 1 accepted connection' "$status $output$stderr"
    with_capabilities cap_sys_ptrace,cap_dac_read_search "$dir/kashim" status --check --port "$port"
    effect 'by port' '0 unprotected: none of 1 listener, 1 accepted connection' "$status $output$stderr"
    with_capabilities cap_sys_ptrace "$dir/kashim" status --check "$server"
    effect 'the first' "3 not known: echo_server ($server): it takes CAP_DAC_READ_SEARCH, too, besides CAP_SYS_PTRACE" "$status $output$stderr"
    with_capabilities cap_dac_read_search "$dir/kashim" status --check "$server"
    effect 'the second' "3 not known: echo_server ($server): it is root's: run kashim as root" "$status $output$stderr"
    as 'setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace' "$dir/kashim" status --check "$server"
    effect 'root without' "3 not known: echo_server ($server): it has more rights than you, or had: run kashim as root with CAP_SYS_PTRACE" "$status $output$stderr"
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
    kashim status --color=red
    refused 2 "--color: 'red' is not accepted (auto, always or never)"
    kashim status --json --check
    refused 2 'status: only one of --summary, --json and --check'
    kashim status 4194304
    harmless 'exit status' 1 "$status"
    harmless 'message' 'kashim: there is no process 4194304' "$stderr"
    harmless 'table' '' "$output"
}
