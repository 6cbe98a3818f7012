#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guest.sh: the first process of the kernel under test. Each scenario is a function; what it
# prints goes to the console behind "> " and its name, and kernels.bats judges it:
#
#     > attach_process: connected on 61 11 7
#
# The first command that fails ends a scenario.
set -eu

export PATH=/bin

start_system() {
    busybox mount -t proc proc /proc
    busybox --install -s /bin
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mount -t cgroup2 cgroup /sys/fs/cgroup
    ip link set lo up
    exec </dev/null >/dev/console 2>&1
    dmesg -n 1
}

scenario() {
    echo "$1"
    (group=/sys/fs/cgroup/$1; "$1") 2>&1 | sed "s/^/> $1: /"
}

# ---- servers and clients -------------------------------------------------------

now() {
    cut -d. -f1 /proc/uptime
}

# wait_for COMMAND...: polls until it succeeds; fails when time is up.
wait_for() {
    deadline=$(($(now) + 10))
    until "$@"; do
        [ "$(now)" -lt $deadline ] || { echo "in vain: $*" && return 1; }
        sleep 0.02
    done
}

# serve PORT COMMAND...: starts it as $server, and waits until it listens. What it says goes to
# the file $log, if there is to be one.
serve() {
    port=$1
    shift
    "$@" >"${log:-/dev/console}" 2>&1 &
    server=$!
    wait_for listens
}

listens() {
    grep -q "$(printf ':%04X [0-9:]* 0A' "$port")" /proc/net/tcp
}

# ask: starts a client that stays connected, and waits for its answer. $client has it.
ask() {
    answer=$(mktemp)
    { { echo hello && tail -f /dev/null; } | nc 127.0.0.1 "$port" >"$answer"; } >/dev/console 2>&1 &
    client=$!
    wait_for grep -q hello "$answer"
}

# look [PID]: prints what the sockets of the process and its descendants have, from outside.
look() {
    sockopts "${1-$server}" | cut -d' ' -f5- | brief
}

# brief: shortens what sockopts prints to "connected on 61 11 7".
brief() {
    sed 's/tcp //; s/keepalive=0/off/; s/keepalive=1/on/; s/idle=\|intvl=\|cnt=//g; s/ user_timeout=0//'
}

# results: of the steps `look` and `set` alone.
results() {
    brief | grep -E '^(look|set) '
}

do_steps() {
    steps "$@" | results
}

# attach [OPTION...] TARGET
attach() {
    kashim attach -i 61 -n 11 -c 7 "$@" >/dev/console
}

# ---- the library ---------------------------------------------------------------

preload='env LD_PRELOAD=/bin/libkashim.so KA_IDLE=61 KA_INTVL=11 KA_CNT=7'

preload() {
    # shellcheck disable=SC2086 # words
    serve 1001 $preload echo_server 1001
    ask
    look
}

# Of a server its own port counts, of a client the port that it connects to.
preload_ports() {
    log=/tmp/preload_ports
    for port in 1014 1015; do
        # shellcheck disable=SC2086 # words
        serve $port $preload KA_PORTS=1014 KA_LOG=stderr demo-server 127.0.0.1 "$port"
        $preload KA_PORTS=1014 KA_CONNECT=1 demo-client 127.0.0.1 "$port" >/dev/console 2>&1 &
        client=$!
        wait_for connected
        look
        look $client
        grep -o 'listener [0-9.]*:[0-9]*' $log || echo 'no listener'
    done
}

preload_force() {
    # shellcheck disable=SC2086 # words
    $preload KA_FORCE=1 steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' \
        'set b idle 15' 'look b' 'set b keepalive 0' 'look b' 'set c idle 15' 'look c' | results
}

run() {
    serve 1002 kashim run -i 61 -n 11 -c 7 -- echo_server 1002
    ask
    look
}

probes() {
    awk '/^TcpExt/ && !n { n = split($0, name); next }
         /^TcpExt/ { for (i = 1; i <= split($0, value); i++) if (name[i] == "TCPKeepAlive") print value[i] }' \
        /proc/net/netstat
}

probed_since() {
    [ "$(probes)" -gt "$1" ]
}

# The kernel counts the probes it sends.
demo() {
    before=$(probes)
    serve 12345 env LD_PRELOAD=/bin/libkashim.so KA_IDLE=1 KA_INTVL=1 KA_CNT=10 demo-server 127.0.0.1
    demo-client 127.0.0.1 >/dev/console 2>&1 &
    wait_for connected
    look
    wait_for probed_since "$before" && echo probed
}

connected() {
    look | grep -q connected
}

check() {
    kashim check | tr -s ' ' | grep -v KA_RTO_MAX
}

# The cap is on both sockets, or the command has said why not, in one line.
rto_max() {
    serve 1030 static_server 1030
    ask
    attach -r 3 "$server" 2>/tmp/said
    look
    sed 's/ KA_USER_TIMEOUT.*//' /tmp/said
}

check_without_sock_diag() {
    check
}

# ---- processes -----------------------------------------------------------------

# status: prints the rows without the peer.
status() {
    kashim status "$server" 2>&1 | sed "s/process $server's/process N's/" | awk '
        /^kashim: /
        /^[ !][0-9]/ { print $1, $2 == "listening" ? $2 : "connected", $3, $4, $5, $6 }'
}

attach_process() {
    serve 1003 static_server 1003
    ask
    look
    attach "$server"
    ask
    look
}

attach_port() {
    serve 1016 static_server 1016
    ask
    attach --port 1016
    look
}

# Nobody listens any more: the port can't tell which end was accepted.
attach_accepted() {
    steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'say b x' 'close a' hold >/tmp/steps 2>&1 &
    server=$!
    wait_for grep -q '^close a' /tmp/steps
    attach "$server"
    look
}

status_without_sock_diag() {
    serve 1004 static_server 1004
    ask
    attach --port 1004
    status
}

status_with_sock_diag() {
    serve 1005 static_server 1005
    ask
    attach "$server"
    status
}

# ---- groups --------------------------------------------------------------------

# new_group [OPTION...]: makes $group with our settings, and joins it.
new_group() {
    mkdir "$group"
    attach "$@" "$group"
    join
}

# join: moves the scenario to $group, and so what it starts later. 0 stands for the writer.
join() {
    echo 0 >"$group/cgroup.procs"
}

attach_group() {
    new_group
    serve 1006 static_server 1006
    ask
    look
}

# The server is in the group before the programs are.
attach_running() {
    mkdir "$group"
    join
    serve 1010 static_server 1010
    ask
    attach "$group"
    ask
    look
}

# jit 0|1: off or on, where the kernel has one.
jit() {
    [ ! -e /proc/sys/net/core/bpf_jit_enable ] || echo "$1" >/proc/sys/net/core/bpf_jit_enable
}

without_jit() {
    new_group
    jit 0
    attach --force "$group"
    jit 1
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'set b idle 15' 'look b'
}

# Each combination makes different programs. The verifier must take them all.
every_option() {
    mkdir "$group"
    for ports in '' '-p 1011'; do
        for timeout in '' '-u 100'; do
            for connect in '' --connect; do
                for force in '' --force; do
                    # shellcheck disable=SC2086 # words
                    attach $ports $timeout $connect $force "$group"
                done
            done
        done
    done
    join
    serve 1011 static_server 1011
    ask
    look
}

# Of a server its own port counts, of a client the port that it connects to.
ports() {
    new_group --connect -p 1012
    for port in 1012 1013; do
        serve $port static_server $port
        ask
        look
        look "$client"
    done
}

ipv6() {
    new_group
    do_steps 'tcp6 a' 'listen a' 'connect c a' 'accept a b' 'look b' \
        'dual d' 'listen d' 'connect4 f d' 'accept d e' 'look e'
}

own_choice() {
    new_group
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'set b idle 15' 'look b' 'look c'
}

force() {
    new_group --force
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' \
        'set b idle 15' 'look b' 'set b keepalive 0' 'look b' 'set c idle 15' 'look c'
}

# A program on the group sees only the first page of a value.
large_option() {
    new_group --force
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'set b nodelay 1 8192'
}

connect() {
    new_group --connect
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'look c' \
        'socket d' 'set d keepalive 1' 'set d idle 15' 'connect-as d a' 'look d'
}

nested() {
    mkdir "$group"
    kashim attach -i 300 -n 100 -c 9 "$group" >/dev/console
    outer=$group group=$group/inner
    new_group
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
    group=$outer
    join
    do_steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
}

attach_again() {
    new_group
    serve 1007 static_server 1007
    ask
    look
    kashim attach -i 62 -n 12 -c 8 "$group" >/dev/console
    ask
    look
}

counted() {
    [ "$(bpf_count)" = "$1" ]
}

# The kernel frees programs and maps a little later.
detach() {
    before=$(bpf_count)
    new_group
    serve 1008 static_server 1008
    ask
    look
    counted "$before" || echo 'programs are there'
    kashim detach "$group" >/dev/console
    ask
    look | cut -d' ' -f1,2
    wait_for counted "$before" && echo 'no program is left'
}

run_cgroup() {
    serve 1009 kashim run --cgroup -i 61 -n 11 -c 7 -- static_server 1009
    ask
    look
}

# --------------------------------------------------------------------------------

start_system
echo # ends a line that firmware or kernel has begun
uname -v | sed 's/.*Debian \([^ -]*\).*/> release: \1/'
scenario check_without_sock_diag
scenario status_without_sock_diag
insmod /inet_diag.ko
insmod /tcp_diag.ko
for name in check preload preload_ports preload_force run demo attach_process attach_accepted attach_port status_with_sock_diag attach_group attach_running \
    without_jit every_option ports ipv6 own_choice force large_option connect nested attach_again detach \
    run_cgroup rto_max; do
    scenario $name
done
echo '> end'
poweroff -f
