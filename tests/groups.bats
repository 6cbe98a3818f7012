#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim attach on a control group: whoever listens there has keepalive.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/groups.bash"

accepted=('tcp4 a' 'listen a' 'connect c a' 'accept a b')

# served_in_group REQUEST COMMAND...: a server that starts after the group was attached to.
served_in_group() {
    attach "$group"
    serve_in "$group" "${@:2}"
    ask "$port" "$1"
    effect 'the first connection' "$ours" "$(connections_at "$port")"
}

# connected_in_group OPTION... -- STEP...: steps after the group was attached to.
connected_in_group() {
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    attach "${options[@]}" "$group"
    steps_in "$group" "${@:2}"
}

# ---- what it reaches ---------------------------------------------------------------------

# bats test_tags=effect
@test "group: a static program" {
    served_in_group hello static_server "$port"
    effect 'its listener' "${ours/connected/listening}" "$(listener)"
}

# bats test_tags=effect
@test "group: a static 32-bit program" {
    need i686-linux-gnu-gcc
    i686-linux-gnu-gcc -static -O2 -o "$dir/server32" "$root/tests/fixtures/echo_server.c"
    served_in_group hello "$dir/server32" "$port"
}

# bats test_tags=effect
@test "group: a Go program" {
    served_in_group $'GET / HTTP/1.1\r\nHost: x\r\n' go_server "$port"
}

# bats test_tags=effect
@test "group: a program that accepts by io_uring" {
    [ "$(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null)" != 2 ] ||
        unless_ci 'io_uring is switched off'
    served_in_group '' uring_server "$port"
}

# bats test_tags=effect
@test "group: a set-user-ID program" {
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    cp "$root/build/tests/static_server" "$dir/server-of-root"
    chmod 4755 "$dir/server-of-root"
    attach "$group"
    serve_in "$group" setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/server-of-root" "$port"
    [ "$(awk '/^Uid:/ { print $2, $3 }' "/proc/$server/status")" = '65534 0' ] ||
        unless_ci "$dir is mounted nosuid"
    ask "$port" hello
    effect 'the first connection' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "group: a server without environment, behind two shells and in a session of its own" {
    attach "$group"
    serve_in "$group" sh -c 'sh -c "setsid -f env -i \"$0\" \"$1\"" "$@"; exec sleep 60' \
        "$root/build/tests/static_server" "$port"
    server=$(ss -Htlnp "sport = :$port" | sed 's/.*pid=\([0-9]*\).*/\1/')
    ask "$port" hello
    effect 'the first connection' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "group: workers that are forked and executed" {
    local how
    attach "$group"
    for how in own inherited exec; do
        without_harness "${inside[@]}" "$group" steps 'tcp4 3' 'listen 3' exec workers "$how" 4 20 >"$dir/$how" &
        started+=($!)
        wait_for 10 grep -qs served "$dir/$how"
        effect "accepted, $how" "20 $ours" "$(sockopts $! | grep -F ":$(sed -n 's/^served //p' "$dir/$how") 127.0.0.1:" |
            grep -v "^$! " | sed 's/.* \(tcp connected\)/\1/' | sort | uniq -c | xargs)"
    done
}

# bats test_tags=effect
@test "group: IPv4, IPv6, and both on one listener" {
    need_ipv6
    local family
    for family in tcp4 tcp6 dual; do
        connected_in_group -- "$family a" "${accepted[@]:1}" 'look a' 'look b'
        effect "$family" "$ours" "$(result 'look b')"
        has a "${ours/connected/listening}"
    done
    connected_in_group -- 'dual a' 'listen a' 'connect4 c a' 'accept a b' 'look b'
    has b "$ours"
}

# The options are on the connection's subflows, and getsockopt doesn't tell of these.
# bats test_tags=effect
@test "group: MPTCP, by the timer that the kernel has set" {
    [ "$(cat /proc/sys/net/mptcp/enabled 2>/dev/null)" = 1 ] || unless_ci 'there is no MPTCP'
    kashim attach -i 50 "$group"
    steps_in "$group" 'mptcp a' 'listen a' 'mptcp c' 'connect-as c a' 'accept a b' 'ss a' 'look b'
    effect 'it is MPTCP' mptcp "$(result 'look b' | cut -d' ' -f1)"
    effect 'the timer' keepalive "$(result 'ss a' | sed -n 's/.*timer:(\(keepalive\),[1-5][0-9]*sec,0).*/\1/p')"
}

# bats test_tags=effect
@test "group: in a network namespace" {
    unshare -n true 2>/dev/null || unless_ci 'network namespaces are refused'
    attach "$group"
    as '' "${inside[@]}" "$group" unshare -n sh -c 'ip link set lo up; exec steps "$@"' sh "${accepted[@]}" 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "group: in a cgroup namespace, as a container has it" {
    unshare -Cm true 2>/dev/null || unless_ci 'cgroup namespaces are refused'
    mkdir "$group/inner"
    in_container() {
        as '' "${inside[@]}" "$group" unshare -Cm sh -c 'umount "$0"; mount -t cgroup2 none "$0"; exec "$@"' "$cgroups" "$dir/kashim" "$@"
    }
    in_container attach -i 61 -n 11 -c 7 /inner
    effect 'said' "group /inner: idle 61 s" "$(grep -o '^group /inner: idle 61 s' <<<"$output")"
    effect 'programs' kashim "$(programs_on "$group/inner")"
    in_container detach "$cgroups/inner"
    effect 'none' '' "$(programs_on "$group/inner")"
    in_container run --cgroup -i 61 -n 11 -c 7 steps "${accepted[@]}" 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "group: in a cgroup namespace with the mount of another, what to do is said" {
    unshare -C true 2>/dev/null || unless_ci 'cgroup namespaces are refused'
    local target
    for target in self "$group" tested; do
        as '' "${inside[@]}" "$group" unshare -C "$dir/kashim" attach "$target"
        effect "attach $target" 1 "$status"
        effect "attach $target" 'enter that (nsenter --cgroup --target 1)' "$(grep -o 'enter that .*' <<<"$stderr")"
    done
    as '' "${inside[@]}" "$group" unshare -C nsenter --cgroup --target $$ "$dir/kashim" attach -i 61 self
    effect 'as it says' "0 group $path: idle 61 s" "$status $(grep -o "^group $path: idle 61 s" <<<"$output")"
}

# bats test_tags=effect
@test "group: that nothing listens is said where something runs" {
    local lasting="group $path: idle 61 s, intvl 11 s, cnt 7; an idle dead peer is dropped after 138 s, one with data in flight after 925 s; until kashim detach, or the end of the group"
    said() {
        paste -sd' ' <<<"$output" | tr -s ' '
    }
    as '' "${inside[@]}" "$group" "$dir/kashim" attach -i 61 -n 11 -c 7 self
    effect 'by what starts first' "$lasting" "$(said)"
    without_harness "${inside[@]}" "$group" sleep 60 &
    started+=($!)
    wait_for 10 grep -q . "$group/cgroup.procs"
    attach "$group"
    effect 'sleep' "$lasting nothing listens there yet" "$(said)"
}

# ---- what it leaves alone ------------------------------------------------------------------

# bats test_tags=harmless,clumsy:mute
@test "group: UNIX and UDP sockets, outgoing connections, programs outside" {
    local others=('unix u' 'listen u' 'connect v u' 'accept u w' 'pair p q' 'udp x' 'udp y' 'connect-as x y'
        'set p keepalive 1' 'set x keepalive 1' 'look u' 'look v' 'look w' 'look p' 'look q' 'look x' 'look y')
    local bare
    steps_in "$group" "${others[@]}"
    bare=$output
    attach --force "$group"
    steps_in "$group" "${others[@]}"
    harmless 'UNIX and UDP' "$bare" "$output"
    steps_in "$group" "${accepted[@]}" 'look b' 'look c'
    harmless 'a TCP server' "$ours" "$(result 'look b')"
    harmless 'its client' "$untouched" "$(result 'look c')"
    as '' steps "${accepted[@]}" 'look b'
    harmless 'outside' "$untouched" "$(result 'look b')"
}

# bats test_tags=effect
@test "group: what the program sets after listen and after accept stands" {
    connected_in_group -- 'tcp4 a' 'listen a' 'set a idle 99' 'connect c a' 'accept a b' 'set b cnt 3' 'look b'
    has b "${ours/idle=61 intvl=11 cnt=7/idle=99 intvl=11 cnt=3}"
    connected_in_group -- "${accepted[@]}" 'set b keepalive 0' 'look b'
    has b "${ours/keepalive=1/keepalive=0}"
}

# bats test_tags=effect
@test "group: what the program sets before listen is overwritten" {
    connected_in_group -- 'tcp4 a' 'set a keepalive 1' 'set a idle 99' "${accepted[@]:1}" 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "group: a second listen sets nothing" {
    connected_in_group -- 'tcp4 a' 'listen a' 'set a idle 99' 'listen a' 'connect c a' 'accept a b' 'look b'
    has b "${ours/idle=61/idle=99}"
}

# ---- the settings --------------------------------------------------------------------------

# bats test_tags=effect
@test "group: -p, and the environment" {
    attach -p "$port" "$group"
    serve_in "$group" static_server "$port"
    ask "$port" hello
    effect 'this port' "$ours" "$(connections_at "$port")"
    steps_in "$group" "${accepted[@]}" 'look a' 'look b'
    has a "${untouched/connected/listening}"
    has b "$untouched"
    KA_PORTS=1-9,10000-65535 KA_IDLE=99 kashim attach -n 11 -c 7 "$group"
    steps_in "$group" "${accepted[@]}" 'look b'
    has b "${ours/idle=61/idle=99}"
}

# bats test_tags=effect
@test "group: -u" {
    connected_in_group -u 9 -- "${accepted[@]}" 'look a' 'look b'
    has b "${ours/timeout=0/timeout=9000}"
    connected_in_group -u auto -- "${accepted[@]}" 'look a' 'look b'
    has b "${ours/timeout=0/timeout=138000}"
    has a "${ours/connected keepalive=1 idle=61 intvl=11 cnt=7 user_timeout=0/listening keepalive=1 idle=61 intvl=11 cnt=7 user_timeout=138000}"
}

# bats test_tags=effect
@test "group: -r, what it is without, and what of the program's own stands" {
    need_rto_max
    connected_in_group -r 3 -- "${accepted[@]}" 'look a' 'look b' 'dup b d' 'set d rto_max 5000' 'look d'
    has a "${ours/connected/listening} rto_max=3000"
    has b "$ours rto_max=3000"
    effect "the program's own afterwards" "$ours rto_max=5000" "$(result 'look d')"
    connected_in_group -r auto --connect -- 'tcp4 a' 'listen a' 'socket c' 'connect-as c a' 'look c' \
        'socket d' 'set d rto_max 5000' 'connect-as d a' 'look d'
    has c "$ours rto_max=13000"
    has d "$ours rto_max=5000"
    connected_in_group -- "${accepted[@]}" 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "group: -r of a server that runs, taken back by attach and by detach" {
    need_rto_max
    serve_in "$group" echo_server "$port"
    ask "$port" hello
    attach -r 3 "$group"
    effect 'the connection' "$ours rto_max=3000" "$(connections_at "$port")"
    attach "$group"
    effect 'without -r' "$ours" "$(connections_at "$port")"
    attach -r 3 "$group"
    kashim detach "$group"
    effect 'after detach' 'tcp listening keepalive=0 idle=61 intvl=11 cnt=7 user_timeout=0' "$(listener)"
}

# bats test_tags=effect
@test "group: --connect" {
    local client=('tcp4 a' 'listen a' 'socket c')
    connected_in_group --connect -- "${client[@]}" 'connect-as c a' 'look c'
    has c "$ours"
    connected_in_group --connect -- "${client[@]}" 'set c keepalive 1' 'connect-as c a' 'look c'
    has c "$ours"
    connected_in_group --connect -- "${client[@]}" 'connect-as c a' 'set c idle 5' 'look c'
    has c "${ours/idle=61/idle=5}"
    connected_in_group --connect -u 9 -- "${client[@]}" 'connect-as c a' 'look c' \
        'socket d' 'set d user_timeout 1234' 'connect-as d a' 'look d'
    has c "${ours/timeout=0/timeout=9000}"
    has d "${ours/timeout=0/timeout=1234}"
    connected_in_group --connect -- 'tcp6 a' 'listen a' 'connect c a' 'look c'
    has c "$ours"
}

# bats test_tags=effect
@test "group: --connect: timers that the program has set before it connects stand" {
    local timer
    for timer in 'idle 33' 'intvl 33' 'cnt 3'; do
        connected_in_group --connect -- 'tcp4 a' 'listen a' 'socket c' "set c $timer" 'connect-as c a' 'look c'
        effect "after $timer" "keepalive=1 ${timer/ /=}" \
            "$(result 'look c' | grep -oE "keepalive=.|\b${timer/ /=}\b" | xargs)"
        effect 'the other timers' 2 "$(result 'look c' | grep -oE 'idle=7200|intvl=75|cnt=9' | wc -l)"
    done
}

# bats test_tags=effect
@test "group: --connect: existing connections with timers of the program's own keep them" {
    steps_in "$group" "${accepted[@]}" 'socket d' 'set d idle 33' 'connect-as d a' 'accept a e' \
        "run $dir/kashim attach -i 61 -n 11 -c 7 --connect $group" 'look c' 'look d'
    effect 'a bare one' "$ours" "$(result 'look c')"
    effect 'one that is tuned' 'tcp connected keepalive=1 idle=33 intvl=75 cnt=9 user_timeout=0' "$(result 'look d')"
}

# bats test_tags=effect
@test "group: --connect: a socket that was tuned before attach, and connects afterwards" {
    steps_in "$group" 'tcp4 a' 'listen a' 'socket c' 'set c idle 33' \
        "run $dir/kashim attach -i 61 -n 11 -c 7 --connect $group" 'connect-as c a' 'look c' 'connect d a' 'look d'
    effect 'tuned' 'tcp connected keepalive=1 idle=33 intvl=75 cnt=9 user_timeout=0' "$(result 'look c')"
    has d "$ours"
}

# bats test_tags=effect
@test "group: without --force no program sees the calls of setsockopt" {
    attach --connect "$group"
    effect 'programs' kashim "$(programs_on "$group")"
    attach --force "$group"
    effect 'with it' 'kashim kashim_setopt' "$(programs_on "$group")"
}

# bats test_tags=effect
@test "group: --connect with -p is about the remote port" {
    serve_bare "$port" static_server "$port"
    local client=(sh -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; exec sockopts $$ 3' "$port")
    client[0]=bash
    attach --connect -p "$port" "$group"
    as '' "${inside[@]}" "$group" "${client[@]}"
    effect 'this port' "$ours" "$output"
    attach --connect -p "$((port + 1))" "$group"
    as '' "${inside[@]}" "$group" "${client[@]}"
    effect 'another' "$untouched" "$output"
}

# ---- more than one group --------------------------------------------------------------------

# bats test_tags=effect
@test "group: the nearest counts, as a whole" {
    mkdir "$group/inner"
    kashim attach -i 300 -n 100 -c 9 -u 50 "$group"
    attach "$group/inner"
    steps_in "$group/inner" "${accepted[@]}" 'look a' 'look b'
    has a "${ours/connected/listening}"
    has b "$ours"
    steps_in "$group" "${accepted[@]}" 'look b'
    has b 'tcp connected keepalive=1 idle=300 intvl=100 cnt=9 user_timeout=50000'
    attach -p 1 "$group/inner"
    steps_in "$group/inner" "${accepted[@]}" 'look a' 'look b'
    has a "${untouched/connected/listening}"
    has b "$untouched"
}

# bats test_tags=effect
@test "group: --force of the outer one isn't for a group that has its own settings" {
    mkdir "$group/inner"
    kashim attach -i 300 -n 100 -c 9 --force "$group"
    attach "$group/inner"
    steps_in "$group/inner" "${accepted[@]}" 'set b idle 5' 'look b'
    has b "${ours/idle=61/idle=5}"
}

# bats test_tags=effect
@test "group: those below are reached, what is there too" {
    mkdir -p "$group/below/deeper"
    serve_in "$group/below/deeper" static_server "$port"
    ask "$port" hello
    effect 'before' "$untouched" "$(connections_at "$port")"
    attach "$group"
    effect 'the connection from before' "$ours" "$(connections_at "$port")"
    ask "$port" hello
    effect 'both' "$ours" "$(connections_at "$port")"
    steps_in "$group/below" "${accepted[@]}" 'look b'
    has b "$ours"
}

# bats test_tags=effect
@test "group: those below with settings of their own are left alone, what is there too" {
    mkdir "$group/inner"
    attach "$group/inner"
    serve_in "$group/inner" static_server "$port"
    ask "$port" hello
    kashim attach -i 300 -n 100 -c 9 "$group"
    effect 'the connection' "$ours" "$(connections_at "$port")"
    effect 'said' "left alone, since it has settings of its own: group $path/inner" "$(grep left <<<"$output")"
    kashim detach "$group"
    effect 'after detach of the outer' "$ours" "$(connections_at "$port")"
    effect 'said' "left alone, since it has settings of its own: group $path/inner" "$(grep left <<<"$output")"
    ask "$port" hello
    effect 'a new one' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "group: after detach of the inner one the outer one counts" {
    mkdir "$group/inner"
    kashim attach -i 300 -n 100 -c 9 "$group"
    attach "$group/inner"
    steps_in "$group/inner" "${accepted[@]}" "run $dir/kashim detach $path/inner" 'connect d a' 'accept a e' 'look e'
    has e 'tcp connected keepalive=1 idle=300 intvl=100 cnt=9 user_timeout=0'
}

# bats test_tags=effect
@test "group: what the inner one served gets the settings of the outer one when that is detached" {
    mkdir "$group/inner"
    attach "$group/inner"
    serve_in "$group/inner" static_server "$port"
    ask "$port" hello
    effect 'by the inner one' "$ours" "$(connections_at "$port")"
    kashim attach -i 300 -n 100 -c 9 "$group"
    kashim detach "$group/inner"
    effect 'by the outer one' '300 100 9' \
        "$(connections_at "$port" | sed 's/.*keepalive=1 idle=\(.*\) intvl=\(.*\) cnt=\(.*\) user.*/\1 \2 \3/')"
}

# bats test_tags=effect
@test "group: an inner one that comes later takes over from a forced outer one" {
    mkdir "$group/inner"
    kashim attach --force -i 300 -n 100 -c 9 "$group"
    steps_in "$group/inner" "${accepted[@]}" \
        "run $dir/kashim attach -i 61 -n 11 -c 7 $group/inner" 'look b' 'set b idle 99' 'look b' 'connect d a' 'accept a e' 'look e'
    effect 'the program has set' "${ours/61/99}" "$(result 'look b')"
    has e "$ours"
}

# bats test_tags=effect
@test "group: --connect of the outer one isn't for a group without it" {
    mkdir "$group/inner"
    kashim attach --connect -i 300 -n 100 -c 9 "$group"
    attach "$group/inner"
    steps_in "$group/inner" "${accepted[@]}" 'look b' 'look c'
    has b "$ours"
    harmless 'an outgoing one' "$untouched" "$(result 'look c')"
}

# bats test_tags=effect
@test "group: detach of the inner one hands over what the outer one means, and nothing else" {
    mkdir "$group/inner"
    kashim attach --force -i 300 -n 100 -c 9 -p 1 "$group"
    attach "$group/inner"
    steps_in "$group/inner" "${accepted[@]}" 'look b' "run $dir/kashim detach $group/inner" 'look b'
    effect 'attached' 1 "$(grep -c "^look b: $ours" <<<"$output")"
    effect 'detached' "${ours/keepalive=1/keepalive=0}" "$(result 'look b')"
}

# bats test_tags=effect
@test "group: a threaded one, which tells threads and not processes" {
    mkdir "$group/threaded"
    echo threaded >"$group/threaded/cgroup.type"
    serve_in "$group/threaded" static_server "$port"
    ask "$port" hello
    attach "$group/threaded"
    effect 'a connection from before' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "group: two at the same time" {
    mkdir "$group/one" "$group/two"
    attach "$group/one"
    kashim attach -i 300 -n 100 -c 9 "$group/two"
    steps_in "$group/one" "${accepted[@]}" 'look b'
    has b "$ours"
    steps_in "$group/two" "${accepted[@]}" 'look b'
    has b 'tcp connected keepalive=1 idle=300 intvl=100 cnt=9 user_timeout=0'
}

# ---- what is there already -----------------------------------------------------------------

# bats test_tags=effect
@test "group: attach again changes what is there, in place" {
    attach "$group"
    serve_in "$group" static_server "$port"
    ask "$port" hello
    kashim attach -i 300 -n 100 -c 9 "$group"
    effect 'said' yes "$(grep -q "^group $path: idle 300 s, intvl 100 s, cnt 9" <<<"$output" && echo yes)"
    ask "$port" hello
    effect 'both connections' 'tcp connected keepalive=1 idle=300 intvl=100 cnt=9 user_timeout=0' "$(connections_at "$port")"
    effect 'the programs' kashim "$(programs_on "$group")"
    kashim attach -i 400 --force "$group"
    kashim attach -i 500 -u 9 --force "$group"
    effect 'over --force' 'tcp connected keepalive=1 idle=500 intvl=30 cnt=6 user_timeout=9000' "$(connections_at "$port")"
    effect 'exit status' 0 "$status"
    attach "$group"
    ask "$port" hello
    effect 'without -u' "$ours" "$(connections_at "$port")"
}

# bats test_tags=effect
@test "group: a listener and a connection from before" {
    serve_in "$group" static_server "$port"
    ask "$port" hello
    effect 'before' "$untouched" "$(connections_at "$port")"
    attach "$group"
    effect 'the connection from before' "$ours" "$(connections_at "$port")"
    effect 'exit status' 0 "$status"
    effect 'said' "group $path: idle 61 s, intvl 11 s, cnt 7;
  an idle dead peer is dropped after 138 s, one with data in flight after 925 s;
  until kashim detach, or the end of the group
static_server ($server): connections: 1 changed
listener 0.0.0.0:$port of static_server ($server): idle 61 s, intvl 11 s, cnt 7" "$output"
    ask "$port" hello
    effect 'both' "$ours" "$(connections_at "$port")"
}

# Its sockets are not the group's.
# bats test_tags=effect
@test "group: a listener that was made outside" {
    as '' steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' "enter $group" \
        "run $dir/kashim attach -i 61 -n 11 -c 7 $path" 'look a' 'look b' 'connect d a' 'accept a e' 'look e'
    has a "${ours/connected/listening}"
    has b e "$ours"
}

# bats test_tags=effect
@test "group: a listener that no process has while kashim attaches" {
    steps_in "$group" 'tcp4 a' 'listen a' 'send a' 'close a' "run $dir/kashim attach -i 61 -n 11 -c 7 $path" \
        'recvmsg b' 'look b' 'connect c b' 'accept b d' 'look d'
    has d "$ours"
}

# bats test_tags=effect
@test "group: a program that turns keepalive off again and again is named" {
    serve_in "$group" steps "tcp a 127.0.0.1 $port" 'listen a' 'set-again a keepalive 0'
    attach "$group"
    effect 'exit status' 1 "$status"
    effect 'said' 1 "$(grep -c "127.0.0.1:$port of steps ($server).*--force" <<<"$stderr")"
    attach --force "$group"
    effect 'exit status with --force' 0 "$status"
    effect 'its listener' "${ours/connected/listening}" "$(listener)"
}

# traced_attach STRACE-OPTION...: attach --force; what isn't traced is as fast as ever.
traced_attach() {
    as "strace -f --seccomp-bpf -qq $*" "$dir/kashim" attach -i 61 -n 11 -c 7 --force "$group"
}

# The mark is what keeps the options on: it comes after them, late here.
# bats test_tags=effect
@test "group: a program that turns keepalive off before the mark is there" {
    need strace
    local mark
    serve_in "$group" steps "tcp a 127.0.0.1 $port" 'listen a' 'set-again a keepalive 0'
    traced_attach -o "$dir/calls" -e trace=bpf
    mark=$(awk '{ sub(/^[0-9]* */, "") } /^bpf/ { n++ } /PROG_ATTACH|LINK_CREATE/ { mark = 0 }
        /MAP_UPDATE/ && !mark { mark = n } END { print mark }' "$dir/calls")
    kashim detach "$group"
    traced_attach -o /dev/null -e trace=bpf -e "inject=bpf:delay_enter=100000:when=$mark"
    effect 'exit status' '0 ' "$status $stderr"
    effect 'its listener' "${ours/connected/listening}" "$(listener)"
}

# ---- detach --------------------------------------------------------------------------------

off=${ours/keepalive=1/keepalive=0}

# bats test_tags=effect
@test "group: detach undoes it" {
    attach -u 9 --force "$group"
    serve_in "$group" static_server "$port"
    ask "$port" hello
    effect 'before' "${ours/timeout=0/timeout=9000}" "$(connections_at "$port")"
    kashim detach "$path"
    effect 'exit status' 0 "$status"
    effect 'the connection' "$off" "$(connections_at "$port")"
    effect 'the listener' "${off/connected/listening}" "$(listener)"
    effect 'said' 1 "$(grep -c "^static_server ($server): listeners: 1 turned off; connections: 1 turned off$" <<<"$output")"
    effect 'the programs' '' "$(programs_on "$group")"
    ask "$port" hello
    effect 'a new connection' "$off" "$(connections_at "$port")"
    steps_in "$group" "${accepted[@]}" 'look b'
    has b "$untouched"
}

# bats test_tags=effect
@test "group: detach leaves other timers alone, and counts them" {
    attach "$group"
    steps_in "$group" "${accepted[@]}" 'connect d a' 'accept a e' 'set e idle 99' \
        "run $dir/kashim detach $path" 'look a' 'look b' 'look e'
    has a "${off/connected/listening}"
    has b "$off"
    has e "${ours/idle=61/idle=99}"
    effect 'said' 1 "$(grep -c 'other timers: 1 left alone (idle 99 s, intvl 11 s, cnt 7)$' <<<"$output")"
}

# bats test_tags=effect
@test "group: where only some ports are meant, what keeps earlier settings is said" {
    attach "$group"
    serve_in "$group" static_server "$port"
    ask "$port" hello
    kashim attach -i 99 -p 1 "$group"
    effect 'attach' "static_server ($server): other ports: 2 left alone;
  2 of these keep idle 61 s, intvl 11 s, cnt 7" "$(grep -A 1 '^static_server' <<<"$output")"
    kashim detach -p 1 "$group"
    effect 'detach' "static_server ($server): other ports: 2 left alone;
  2 of these keep idle 61 s, intvl 11 s, cnt 7" "$(grep -A 1 '^static_server' <<<"$output")"
    kashim detach -i 5 "$group"
    effect 'other timers' '1 kashim: nothing was turned off: what is on has other timers; detach it with -i 61 -n 11 -c 7' "$status $stderr"
}

# bats test_tags=effect
@test "group: detach on a process, with its timers" {
    serve_bare "$port" static_server "$port"
    ask "$port" hello
    attach "$server"
    effect 'before' "$ours" "$(connections_at "$port")"
    kashim detach -i 60 -n 11 -c 7 "$server"
    effect 'with others' "$ours" "$(connections_at "$port")"
    kashim detach -i 61 -n 11 -c 7 "$server"
    effect 'with these' "$off" "$(connections_at "$port")"
}

# bats test_tags=harmless,clumsy:mute
@test "group: detach where nothing is" {
    kashim detach "$path"
    says 0 "group $path: kashim has no programs there"
}

# bats test_tags=harmless,clumsy:mute
@test "group: a program of another's with the name of ours is never touched" {
    stranger "$group" kashim beside
    kashim detach "$path"
    says 0 'no programs there'
    attach "$path"
    harmless 'beside it' 'kashim kashim' "$(programs_on "$group")"
    steps_in "$group" "${accepted[@]}" 'look b'
    harmless 'the connection' "$ours" "$(result 'look b')"
    kashim detach "$path"
    harmless 'afterwards' kashim "$(programs_on "$group")"
}

# ---- names ---------------------------------------------------------------------------------

# bats test_tags=effect
@test "group: named by its unit, by its directory, by its path, and as self" {
    local name
    make_unit "unit-${group##*-}.service"
    mkdir "$unit/.control"
    for name in "${unit##*/}" "$(basename "$unit" .service)" "$unit" "$unit/" "$unit_path"; do
        attach "$name"
        effect "programs, $name" kashim "$(programs_on "$unit")"
        kashim detach "$name"
        effect "none, $name" '' "$(programs_on "$unit")"
    done
    for name in "$unit" "$unit/.control"; do
        as '' "${inside[@]}" "$name" "$dir/kashim" attach self
        effect "self in $name" kashim "$(programs_on "$unit")"
        as '' "${inside[@]}" "$name" "$dir/kashim" detach self
        effect "self in $name" '' "$(programs_on "$unit")"
    done
}

# bats test_tags=effect
@test "group: several targets, of both kinds" {
    mkdir "$group/one" "$group/two"
    serve_bare "$port" static_server "$port"
    ask "$port" hello
    attach "$group/one" "$server" "$path/two"
    effect 'exit status' 0 "$status"
    effect 'the process' "$ours" "$(connections_at "$port")"
    effect 'one' kashim "$(programs_on "$group/one")"
    effect 'two' kashim "$(programs_on "$group/two")"
}

# ---- status --------------------------------------------------------------------------------

# in_status FIELD: of one group with one process, from `status --json`.
in_status() {
    kashim status --json "$path"
    python3 -c "
import json, sys
d = json.load(sys.stdin)
groups, processes = d['groups'], d['processes']
print($1)" <<<"$output"
}

# joined: lines that go on are one.
joined() {
    sed -e ':a' -e '$!N; s/\n  / /; ta' -e 'P; D' <<<"$output"
}

# bats test_tags=effect
@test "group: status shows its settings, and which group serves a process" {
    mkdir "$group/below"
    attach -u 9 -p "80,$port,8000-8002" --connect --force "$group"
    serve_in "$group/below" static_server "$port"
    local settings="group $path: idle 61 s, intvl 11 s, cnt 7, user timeout 9 s; an idle dead peer is dropped after 72 s, one with data in flight after 9 s; ports 80,8000-8002,$port; outgoing connections too; forced" target
    [ "$port" -gt 8002 ]
    for target in "$group" "$group/below" "$server"; do
        kashim status "$target"
        effect "settings, by $target" "$settings" "$(joined | grep '^group .*idle')"
        effect "process, by $target" "static_server ($server): served by group $path" "$(grep '^static_server' <<<"$output")"
    done
    kashim status
    effect 'among all' 1 "$(joined | grep -cxF "$settings")"
    effect 'wide lines' '' "$(grep '^  ' <<<"$output" | grep -E '^.{81}')"
    kashim detach "$path"
    kashim status "$server"
    effect 'afterwards' "static_server ($server): libkashim isn't loaded" "$(grep '^static_server' <<<"$output")"
}

# bats test_tags=effect
@test "group: status --json" {
    attach -u 9 -p "8000-8002" --connect --force "$group"
    serve_in "$group" static_server "$port"
    effect 'the group' "[('cnt', 7), ('connect', True), ('empty', False), ('force', True), ('idle', 61), ('intvl', 11), ('known', True), ('path', '$path'), ('ports', '8000-8002'), ('rto_max', 0.0), ('user_timeout', 9.0)]" \
        "$(in_status 'sorted(groups[0].items())')"
    effect 'the process' "[($server, '$path')]" "$(in_status "[(p['pid'], p['group']) for p in processes]")"
    attach "$group"
    effect 'all ports' None "$(in_status "groups[0]['ports']")"
    kashim detach "$path"
    effect 'afterwards' '[] [None]' "$(in_status "groups, [p['group'] for p in processes]" | tr -d '()' | sed 's/,//')"
}

# bats test_tags=effect
@test "group: status --check of a group whose processes come and go" {
    serve_in "$group" echo_server "$port"
    attach "$group"
    # shellcheck disable=SC2016 # the inner shell's
    "${inside[@]}" "$group" bash -c 'while [ -e "$1" ]; do /bin/true; done' - "$dir/kashim" 3>&- &
    started+=($!)
    local verdicts=''
    for _ in {1..20}; do
        kashim status --check "$group"
        verdicts+="$status$output;"
    done
    effect 'verdicts' '0unprotected: none of 1 listener' "$(tr ';' '\n' <<<"$verdicts" | sort -u | grep .)"
}
