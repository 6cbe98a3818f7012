#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim attach: processes that run already, whatever they are.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

setup() {
    install_command
    port=$(free_port)
}

attach=(attach -i 61 -n 11 -c 7)

# attached_before_and_after REQUEST: $server gets the options for a connection that it has,
# and for one that comes later.
attached_before_and_after() {
    ask "$port" "$1"
    effect 'before' "$untouched" "$(connections_at "$port")"
    kashim "${attach[@]}" "$server"
    effect 'exit status' 0 "$status"
    effect 'the connection from before' "$ours" "$(connections_at "$port")"
    ask "$port" "$1"
    effect 'both' "$ours" "$(connections_at "$port")"
    effect 'how many' 2 "$(sockopts "$server" | grep -c ":$port .* tcp connected")"
}

connected_to() {
    [ -n "$(ss -Htn "dport = :$1")" ]
}

has_options() {
    sockopts "$1" | grep -q keepalive=1
}

# bats test_tags=effect
@test "attach: without stdout and stderr, nothing is written into a connection" {
    need strace
    serve_bare "$port" steps "tcp a 127.0.0.1 $port" 'listen a' 'accept a b' 'close a' 'say b served' hold
    ask "$port" hello
    status=0
    strace -qq -o "$BATS_TEST_TMPDIR/calls" -e inject=setsockopt:error=EPERM \
        sh -c "exec '$dir/kashim' attach --connect $server >&- 2>&-" || status=$?
    effect 'exit status' 1 "$status"
    effect 'it is tried' yes "$(grep -q 'setsockopt.*INJECTED' "$BATS_TEST_TMPDIR/calls" && echo yes)"
    effect 'the client gets' '' "$(timeout 0.5 cat <&"$client")"
    status=0
    "$dir/kashim" status "$server" >&- || status=$?
    effect 'status without stdout' 1 "$status"
}

# ---- what it reaches -----------------------------------------------------------

# bats test_tags=effect
@test "attach: redis-server" {
    need redis-server
    serve_bare "$port" redis-server --port "$port" --save '' --tcp-keepalive 0
    attached_before_and_after PING
    local lasting='until it ends: idle 61 s, intvl 11 s, cnt 7;
  an idle dead peer is dropped after 138 s, one with data in flight after 925 s'
    effect 'said' "redis-server ($server): listeners: 2 changed; connections: 1 changed
$lasting
to undo it: kashim detach --idle 61 --intvl 11 --cnt 7 $server" "$output"
    kashim "${attach[@]}" "$server"
    effect 'again, with nothing to undo' "redis-server ($server): listeners: 2 already right; connections: 2 already right
$lasting" "$output"
}

# bats test_tags=effect
@test "attach: a static program" {
    serve_bare "$port" static_server "$port"
    attached_before_and_after hello
}

# bats test_tags=effect
@test "attach: a Go program" {
    serve_bare "$port" go_server "$port"
    attached_before_and_after $'GET / HTTP/1.1\r\nHost: x\r\n'
}

# bats test_tags=effect
@test "attach: a program that accepts by io_uring" {
    [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null)" != 2 ] ||
        unless_ci 'io_uring is switched off'
    serve_bare "$port" uring_server "$port"
    attached_before_and_after ''
}

# bats test_tags=effect
@test "attach: direct descriptors of io_uring are out of reach, which is said" {
    [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null)" != 2 ] ||
        unless_ci 'io_uring is switched off'
    serve_bare "$port" uring_server "$port" direct
    ask "$port" ''
    kashim "${attach[@]}" "$server"
    effect 'exit status' 1 "$status"
    effect 'said' "kashim: uring_server ($server): out of reach: 1 sockets that an io_uring has as direct descriptors" "$stderr"
    effect 'the listener' "${ours/connected/listening}" "$(sockopts "$server" | sed -n 's/.* tcp listening/tcp listening/p')"
    kashim status "$server"
    effect 'status says it too' "kashim: uring_server ($server): out of reach: 1 sockets that an io_uring has as direct descriptors" "$stderr"
    need strace
    as "strace -qq -o $dir/opened -e openat" "$dir/kashim" status "$server"
    effect 'the ring, which has three descriptors, is read once' 1 "$(grep -c fdinfo "$dir/opened")"
}

# bats test_tags=effect
@test "attach: an option that the kernel refuses is named once, and counts as failed" {
    need strace
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    as 'strace -qq -o /dev/null -e inject=setsockopt:error=EPERM' "$dir/kashim" attach -u 9 "$server"
    effect 'exit status' 1 "$status"
    effect 'messages' 'SO_KEEPALIVE TCP_KEEPCNT TCP_KEEPIDLE TCP_KEEPINTVL TCP_USER_TIMEOUT' \
        "$(sed -n "s/^kashim: echo_server ($server): \(.*\) is refused: Operation not permitted$/\1/p" <<<"$stderr" | sort | paste -sd' ')"
    effect 'tally' "echo_server ($server): listeners: 1 failed; connections: 1 failed" "$output"
}

# bats test_tags=effect
@test "attach: a kernel that is too old" {
    need strace setarch
    serve_bare "$port" echo_server "$port"
    as 'setarch --uname-2.6 strace -qq -o /dev/null -e inject=pidfd_getfd:error=ENOSYS' "$dir/kashim" attach "$server"
    effect 'attach' "1 kashim: echo_server ($server): the kernel is older than 5.6 and has no pidfd_getfd(2)" "$status $stderr"
}

# bats test_tags=effect
@test "attach: node" {
    need node
    serve_bare "$port" node -e "require('net').createServer(c => c.on('data', d => c.write(d))).listen($port, '127.0.0.1')"
    attached_before_and_after hello
}

# bats test_tags=effect
@test "attach: MPTCP" {
    [ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || unless_ci 'there is no MPTCP'
    serve_bare "$port" steps "mptcp a $port" 'listen a' 'accept a b' 'say b served' hold
    ask "$port" x
    kashim "${attach[@]}" "$server"
    effect 'exit status' 0 "$status"
    effect 'connection and listener' 2 "$(sockopts "$server" | grep -c ' keepalive=1 idle=61 intvl=11 cnt=7')"
    kashim "${attach[@]}" -u off -r off "$server"
    effect 'what these sockets may not have, turned off' '0 ' "$status $stderr"
    effect 'connection and listener' 2 "$(sockopts "$server" | grep -c ' keepalive=1 idle=61 intvl=11 cnt=7')"
}

# bats test_tags=effect
@test "attach: says what undoes it, and that does" {
    local undo
    serve_bare "$port" echo_server "$port"
    undoes() {
        undo=$(sed -n 's/^to undo it: //p' <<<"$output")
        effect 'said' "kashim detach $1" "$undo"
        # shellcheck disable=SC2086 # words
        $undo
        effect 'done' "0 echo_server ($server): listeners: 1 turned off" "$status $output$stderr"
    }
    KA_CNT=7 kashim attach --idle 2m -u auto --connect -p "$port" --children --port "$port"
    undoes "--idle 2m --cnt 7 --user-timeout auto --ports $port --connect --children --port $port"
    kashim attach "$server"
    undoes "$server"
    kashim attach $$ $PPID 1 "$server"
    effect 'of many' 'to undo it: kashim detach PID...' "$(grep undo <<<"$output")"
}

# bats test_tags=effect
@test "attach: --children takes the workers; without, they are mentioned" {
    need nginx
    cat >"$dir/nginx.conf" <<END
daemon off; worker_processes 2; pid $dir/pid;
events {}
http { access_log off; server { listen 127.0.0.1:$port; } }
END
    serve_bare "$port" nginx -c "$dir/nginx.conf" -e "$dir/error.log"
    ask "$port" $'GET / HTTP/1.1\r\nHost: x\r\n'
    kashim "${attach[@]}" "$server"
    effect 'said' 'kashim: not looked at: 2 processes that these have started (--children takes them)' "$stderr"
    effect 'the connection' "$untouched" "$(connections_at "$port")"
    kashim "${attach[@]}" --children "$server"
    effect 'lines' 3 "$(grep -c '^nginx ' <<<"$output")"
    effect 'the connection' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "attach: a process that has only a connection, whose listener is another's" {
    need socat
    serve_bare "$port" socat "TCP-LISTEN:$port,fork,reuseaddr" EXEC:cat
    ask "$port" hello
    kashim "${attach[@]}" "$(pgrep -P "$server" -x socat)"
    effect 'said' 1 "$(grep -c ': connections: 1 changed$' <<<"$output")"
    effect 'the connection' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "attach: --port finds the processes" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim "${attach[@]}" --port "$port"
    effect 'said' 1 "$(grep -c "^echo_server ($server): listeners: 1 changed.*connections: 1 changed" <<<"$output")"
    effect 'the connection' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "attach: in another network namespace, by the listener of another process there" {
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    need socat
    unshare -n bash -c "ip link set lo up
        socat TCP-LISTEN:$port,fork,reuseaddr EXEC:cat & echo \$! >'$dir/server'
        until exec 5<>/dev/tcp/127.0.0.1/$port; do sleep 0.02; done 2>/dev/null
        echo hello >&5; read -r <&5; : >'$dir/ready'; wait" &
    started+=($!)
    wait_for 10 [ -e "$dir/ready" ]
    server=$(cat "$dir/server")
    started+=("$server")
    kashim "${attach[@]}" "$(pgrep -P "$server" -x socat)"
    effect 'the connection' "$ours" "$(connections_at "$port")"
}

# ---- what it leaves alone -------------------------------------------------------

# bats test_tags=effect
@test "attach: --listeners-only" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim "${attach[@]}" --listeners-only "$server"
    effect 'said' "echo_server ($server): listeners: 1 changed" "$(head -n 1 <<<"$output")"
    effect 'the connection' "$untouched" "$(connections_at "$port")"
    ask "$port" hello
    effect 'the next' 1 "$(connections_at "$port" | grep -cx "$ours")"
}

# bats test_tags=effect
@test "attach: outgoing connections only with --connect" {
    need socat
    serve_bare "$port" echo_server "$port"
    socat -u "TCP:127.0.0.1:$port" - </dev/null &
    local client=$!
    started+=("$client")
    wait_for 10 connected_to "$port"
    kashim "${attach[@]}" "$client"
    effect 'said' "socat ($client): outgoing: 1 left alone" "$output"
    effect 'not' 1 "$(sockopts "$client" | grep -c "$untouched")"
    kashim "${attach[@]}" --connect "$client"
    effect 'with --connect' 1 "$(sockopts "$client" | grep -c "$ours")"
}

# bats test_tags=effect
@test "attach: only the ports that are meant" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim "${attach[@]}" -p 1-5 "$server"
    effect 'the connection' "$untouched" "$(connections_at "$port")"
    KA_PORTS=$port kashim "${attach[@]}" "$server"
    effect 'the connection' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "attach: what had keepalive before is said; TCP_USER_TIMEOUT goes by -u 0 or -u off" {
    local off
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim attach -i 99 -u 9 "$server"
    effect 'before' "${ours/idle=61 intvl=11 cnt=7 user_timeout=0/idle=99 intvl=30 cnt=6 user_timeout=9000}" "$(connections_at "$port")"
    kashim "${attach[@]}" "$server"
    effect 'said' "echo_server ($server): listeners: 1 changed; connections: 1 changed;
  2 sockets had idle 99 s, intvl 30 s, cnt 6, user timeout 9 s before, which detach doesn't bring back
until it ends: idle 61 s, intvl 11 s, cnt 7, user timeout 9 s;
  an idle dead peer is dropped after 72 s, one with data in flight after 9 s
to undo it: kashim detach --idle 61 --intvl 11 --cnt 7 $server" "$output"
    for off in 0 off; do
        kashim attach -u 9 "$server"
        kashim "${attach[@]}" -u $off "$server"
        effect "-u $off" "$ours" "$(connections_at "$port")"
    done
    ask "$port" hello
    kashim attach -i 99 "$server"
    kashim "${attach[@]}" --listeners-only "$server"
    kashim attach "$server"
    effect 'several' 1 "$(grep -c '^  3 sockets had idle .. s, intvl .. s, cnt ., or others, before, ' <<<"$output")"
}

# bats test_tags=effect
@test "attach, detach: where only some ports are meant, what has keepalive on the others is said" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim "${attach[@]}" "$server"
    kashim attach -i 99 -p 1 "$server"
    effect 'attach' "echo_server ($server): other ports: 2 left alone;
  2 of these keep idle 61 s, intvl 11 s, cnt 7" "$output"
    kashim detach -i 61 -n 11 -c 7 -p 1 "$server"
    effect 'detach' "echo_server ($server): other ports: 2 left alone;
  2 of these keep idle 61 s, intvl 11 s, cnt 7" "$output"
}

# bats test_tags=effect
@test "detach: where nothing is turned off, for the timers are others, these are named" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    kashim attach -i 61 -n 11 -c 7 -u 9 "$server"
    kashim detach "$server"
    effect 'exit status' 1 "$status"
    effect 'tally' "echo_server ($server): other timers: 2 left alone (idle 61 s, intvl 11 s, cnt 7, user timeout 9 s)" "$output"
    effect 'said' 'kashim: nothing was turned off: what is on has other timers; detach it with -i 61 -n 11 -c 7 -u 9' "$stderr"
    kashim detach -i 61 -n 11 -c 7 -u 9 "$server"
    effect 'with these' "0 echo_server ($server): listeners: 1 turned off; connections: 1 turned off" "$status $output$stderr"
    effect 'the connection' "${ours/keepalive=1/keepalive=0}" "$(connections_at "$port")"
    kashim detach "$server"
    effect 'again' "0 echo_server ($server): listeners: 1 already off; connections: 1 already off" "$status $output$stderr"
}

# bats test_tags=effect
@test "attach: the environment counts, an option overrides it, TCP_USER_TIMEOUT" {
    serve_bare "$port" echo_server "$port"
    ask "$port" hello
    KA_IDLE=99 KA_INTVL=11 KA_CNT=7 kashim attach -i 61 -u auto "$server"
    effect 'the connection' "${ours/timeout=0/timeout=138000}" "$(connections_at "$port")"
}

# ---- queues and races ------------------------------------------------------------

# bats test_tags=effect
@test "attach: waits until what was queued has been accepted" {
    serve_bare "$port" echo_server "$port" 1
    say "$port" one
    say "$port" two
    kashim "${attach[@]}" "$server"
    effect 'exit status' 0 "$status"
    effect 'said' 1 "$(grep -c 'connections: 2 changed' <<<"$output")"
    effect 'the connections' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "attach: says how many still wait after two seconds" {
    serve_bare "$port" echo_server "$port" never
    say "$port" one
    say "$port" two
    kashim "${attach[@]}" "$server"
    effect 'exit status' 1 "$status"
    effect 'said' "kashim: up to 2 connections were queued before and haven't been accepted in 2 seconds: do this again when they have" "$stderr"
    kashim "${attach[@]}" -p 1 "$server"
    effect 'those of other ports are nothing to wait for' 'kashim: none of the ports asked for: 1 sockets with others were left alone' "$stderr"
}

# bats test_tags=effect
@test "attach: a process that opens and closes sockets as fast as it can, fifty times" {
    serve_bare "$port" churn "$port" 1000
    for _ in {1..50}; do
        kashim "${attach[@]}" "$server"
        effect "exit status, with '$stderr'" 0 "$status"
        effect 'the listener' 1 "$(grep -c ': listeners: . [ac]' <<<"$output")"
    done
    kill "$server"
    wait "$server"
    effect 'what it saw' 'unix 0 outgoing 0' "$(sed 's/^rounds [0-9]* //' "$dir/server")"
}

# bats test_tags=effect
@test "attach: a line of progress on a terminal, when it takes long, and nowhere else" {
    need strace script
    local slow="strace -qq -o /dev/null -e inject=pidfd_getfd:delay_enter=200000 $dir/kashim ${attach[*]}"
    serve_bare "$port" echo_server "$port"
    for _ in 1 2 3 4 5 6 7 8; do
        ask "$port" hello
    done
    as '' script -qec "$slow $server" /dev/null
    effect 'progress' yes "$(grep -q 'kashim: [0-9]* sockets looked at' <<<"$output" && echo yes)"
    as '' script -qec "$slow $server 2>&1 | cat" /dev/null
    effect 'elsewhere' 0 "$(grep -c 'looked at' <<<"$output")"
    effect 'what came of it' 1 "$(grep -c 'connections: 8 ' <<<"$output")"
}

# bats test_tags=effect
@test "attach: a process that ends meanwhile" {
    need strace
    serve_bare "$port" echo_server "$port" never
    say "$port" one
    # between its first pass and the second
    without_harness strace -qq -o /dev/null -e trace=clock_nanosleep \
        -e inject=clock_nanosleep:delay_enter=3000000:when=1 \
        "$dir/kashim" "${attach[@]}" "$server" >"$dir/out" 2>"$dir/stderr" &
    local attaching=$!
    wait_for 10 has_options "$server" || effect 'the options' 'on meanwhile' off
    kill "$server"
    status=0
    wait $attaching || status=$?
    effect 'exit status' 1 "$status"
    effect 'said' "kashim: echo_server ($server): it has ended" "$(cat "$dir/stderr")"
}

# ---- what it costs ------------------------------------------------------------------

# calls_on_sockets ARGUMENT...: how many system calls kashim makes to find sockets and to treat
# them, but for close(2), which other files take as well
calls_on_sockets() {
    as "strace -qq -e signal=none -o $dir/calls" "$dir/kashim" "$@"
    grep -cE '^(readlinkat|pidfd_getfd|(new)?fstat(at)?|[gs]etsockopt|getsockname|getpeername|ioctl)\(' "$dir/calls"
}

# bats test_tags=effect
@test "attach: a connection takes 14 system calls with its close, and 2 to be found" {
    need strace
    local count calls=() clients=()
    for count in 2 12; do
        port=$(free_port)
        serve_bare "$port" echo_server "$port"
        for ((; count; count--)); do
            ask "$port" hello
            clients+=("$client")
        done
        calls+=("$(calls_on_sockets attach "$server")")
        for client in "${clients[@]}"; do exec {client}>&-; done # or the next server has them
        clients=()
    done
    effect 'for 10 more' 150 $((calls[1] - calls[0]))
}

# bats test_tags=effect
@test "attach, status: sock_diag is asked once for each network namespace" {
    need strace
    local servers=() command
    for _ in 1 2 3; do
        port=$(free_port)
        serve_bare "$port" echo_server "$port"
        servers+=("$server")
    done
    for command in attach status; do
        as "strace -qq -e trace=sendto -o $dir/calls" "$dir/kashim" $command "${servers[@]}"
        effect "$command: TCP, MPTCP by IPv4, and by IPv6" 3 "$(wc -l <"$dir/calls")"
    done
}

# ---- refusals ---------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "attach: wrong arguments" {
    kashim attach
    refused 2 'attach: either TARGET... or --port PORT (kashim help attach)'
    kashim attach --port 80 1
    refused 2 'attach: either TARGET... or --port PORT'
    kashim attach -p 80
    refused 2 'TARGET... or --port PORT; -p, --ports, picks among their sockets'
    local bad
    for bad in 0 65536 x ''; do
        kashim attach --port "$bad"
        refused 2 "--port: '$bad' is not accepted (1 to 65535)"
    done
    kashim attach --port 1 --port 2
    refused 2 "--port: '2' is one too many (one port, or TARGET...)"
    for bad in --no-children --log=stderr; do
        kashim attach "$bad" 1
        refused 2 "${bad%=*} is for the library alone"
    done
    kashim attach --force 1
    refused 2 '--force takes a control group: with a process nothing stays that could keep it on'
    kashim attach -i 0 1
    refused 2 "--idle: '0' is not accepted"
    KA_CNT=x kashim attach 1
    refused 2 "KA_CNT: 'x' is not accepted"
    kashim attach --nonsense 1
    refused 2 '--nonsense'
}

# bats test_tags=harmless,clumsy:mute
@test "attach, status: what names neither a process nor a control group" {
    local bad command
    for command in attach detach status; do
        for bad in no-such-unit 1x '' ' 1' .. .; do
            kashim $command -- "$bad"
            refused 1 "no unit or other control group '$bad' runs here"
        done
        for bad in 0 -1 99999999999; do
            kashim $command -- "$bad"
            refused 1 "'$bad' is no process number"
        done
        for bad in /proc /no/such/group ./x /../etc; do
            kashim $command -- "$bad"
            refused 1 "'$bad' is no control group"
        done
    done
}

# bats test_tags=harmless,clumsy:mute
@test "attach: no such process, a thread, no sockets, nobody there, KA_OFF" {
    kashim attach 4194304
    refused 1 'there is no process 4194304'
    kashim attach --port "$port"
    refused 1 "nobody listens on port $port here"
    sleep 60 &
    started+=($!)
    kashim attach $!
    refused 1 'no TCP listener and no connection was found'
    KA_OFF=1 kashim attach $!
    refused 1 'KA_OFF=1 is set, so nothing was done'
    serve_bare "$port" go_server "$port"
    kashim attach "$(ps -L -o lwp= -p "$server" | tr -d ' ' | grep -vx "$server" | head -n 1)"
    refused 1 ' is the number of a thread, not of a process'
}

# bats test_tags=harmless,clumsy:mute
@test "attach: what a name may mean that no unit has" {
    local name=tried-$$
    cp "$root/build/tests/static_server" "$dir/$name"
    serve_bare "$port" "$dir/$name" "$port"
    kashim attach "$name"
    refused 1 "no unit '$name' runs here; processes of that name: $server"
    local i
    for i in 1 2 3 4; do
        port=$(free_port)
        serve_bare "$port" "$dir/$name" "$port"
    done
    kashim status "$name"
    harmless 'many' 1 "$(grep -c "processes of that name: [0-9]*, [0-9]*, [0-9]* and 2 more$" <<<"$stderr")"
    unshare -m true 2>/dev/null || unless_ci 'mount namespaces are refused'
    mkdir -p "$dir/units" /etc/systemd/system
    touch "$dir/units/kashim-$$.service"
    for name in "kashim-$$" "kashim-$$.service"; do
        # shellcheck disable=SC2016
        as 'unshare -m sh -c' 'mount --bind "$0" /etc/systemd/system && exec "$@"' "$dir/units" "$dir/kashim" attach "$name"
        refused 1 "'$name' isn't running"
    done
    kashim attach "kashim-$$.socket"
    refused 1 "the sockets of kashim-$$.socket are systemd's: kashim enable kashim-$$.socket gives them keepalive, kashim status --port PORT shows them"
}

# bats test_tags=harmless,clumsy:mute
@test "attach: a thread of the kernel's" {
    local thread
    thread=$(ps -eo pid=,vsz= --ppid 2 --pid 2 | awk '$2 == 0 { print $1; exit }')
    [ "$thread" ] || unless_ci "the kernel's threads aren't seen here"
    kashim attach "$thread"
    refused 1 "($thread) is a thread of the kernel's and has no sockets"
}

# bats test_tags=harmless,clumsy:mute
@test "attach: another user's process, as an ordinary user" {
    [ $EUID = 0 ] || unless_ci 'two users take root'
    serve_bare "$port" echo_server "$port"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    local nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
    as "$nobody" "$dir/kashim" "${attach[@]}" "$server"
    refused 1 "echo_server ($server): it is root's: run kashim as root"
    as "$nobody" "$dir/kashim" "${attach[@]}" --port "$port"
    refused 1 "the process that listens on port $port can't be seen: run kashim as root"
    sh -c 'sleep 60 & wait' & # whose child isn't worth a word then
    started+=($!)
    wait_for 10 pgrep -P $! sleep >/dev/null
    as "$nobody" "$dir/kashim" "${attach[@]}" $!
    refused 1 "sh ($!): it is root's: run kashim as root"
    as 'setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace' "$dir/kashim" "${attach[@]}" "$server"
    refused 1 "echo_server ($server): it has more rights than you, or had: run kashim as root"
}

# refusing ERROR [WHEN]: strace, which has pidfd_getfd(2) fail.
refusing() {
    echo "strace -qq -o /dev/null -e inject=pidfd_getfd:error=$1${2+:when=$2}"
}

# bats test_tags=harmless,clumsy:mute
@test "attach: pidfd_getfd(2) refused: by an old kernel, a profile, Yama, a security module" {
    need strace
    serve_bare "$port" echo_server "$port"
    as "$(refusing ENOSYS)" "$dir/kashim" "${attach[@]}" "$server"
    refused 1 "pidfd_getfd(2) is refused to every program here, by a container's profile"
    as "$(refusing EPERM)" "$dir/kashim" "${attach[@]}" "$server"
    refused 1 "pidfd_getfd(2) is refused to every program here, by a container's profile"
    as "$(refusing EPERM 1)" "$dir/kashim" "${attach[@]}" "$server"
    refused 1 'refused, by a security module or since its user namespace is another'
    unshare -m true 2>/dev/null || unless_ci 'mount namespaces are refused'
    port=$(free_port)
    serve_bare "$port" setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace echo_server "$port"
    # shellcheck disable=SC2016,SC2046
    as "unshare -m sh -c" 'mount -t tmpfs none /proc/sys/kernel && mkdir /proc/sys/kernel/yama &&
        echo 2 >/proc/sys/kernel/yama/ptrace_scope &&
        exec setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace "$@"' - $(refusing EPERM 1) "$dir/kashim" "${attach[@]}" "$server"
    refused 1 "echo_server ($server): Yama forbids it (kernel.yama.ptrace_scope = 2): run kashim as root"
}

# bats test_tags=harmless,clumsy:mute
@test "attach, status: without /proc" {
    unshare -m true 2>/dev/null || unless_ci 'mount namespaces are refused'
    local command
    serve_bare "$port" echo_server "$port"
    for command in "${attach[*]} $server" "${attach[*]} --port $port" "status $server" status; do
        # shellcheck disable=SC2086 # words
        as 'unshare -m sh -c' 'mount -t tmpfs none /proc && exec "$@"' - "$dir/kashim" $command
        refused 1 "/proc isn't mounted here, or is another PID namespace's"
    done
}

# bats test_tags=harmless,clumsy:mute
@test "attach: other calls that fail" {
    need strace
    serve_bare "$port" echo_server "$port"
    as "$(refusing EMFILE)" "$dir/kashim" "${attach[@]}" "$server"
    refused 1 "echo_server ($server): Too many open files"
    as 'strace -qq -o /dev/null -e inject=pidfd_open:error=ESRCH:when=1' "$dir/kashim" attach --port "$port"
    says 0 "echo_server ($server): listeners: 1 changed"
}
