#!/bin/bash
# SPDX-License-Identifier: MIT
set -eu
export LC_ALL=C # numbers with a point, whatever the user's language

usage() {
    cat <<'END'
usage: verify-timing.sh [OPTION...] [-- COMMAND ARG...]

Runs a server under libkashim.so in a lab of two network hosts, connects a client that
says nothing and answers two probes, pulls the client's cable, and judges what tcpdump saw
on the wire: a probe after the idle time, one per interval, none early or late, the right
number unanswered, then the reset, then the server's socket gone.

  --idle S          KA_IDLE, 1 to 32767 seconds (default 2)
  --intvl S         KA_INTVL, 1 to 32767 seconds (default 1)
  --cnt N           KA_CNT, 1 to 127 (default 3)
  --port P          the port COMMAND listens on (default 12345)
  --no-shim         run the server as it is; ends in 1, unless it has keepalive by itself
  --attach          run the server as it is, and `kashim attach` once the client is connected
  --tolerance MS    how late the machine may be, besides the kernel (default 50)
  --svg FILE        draw what was measured; with --no-shim, what becomes of the server's
                    socket in the time that kashim would have taken
  -- COMMAND ARG... the server, instead of the demo's. It listens on all addresses or on
                    192.0.2.1, doesn't speak again once greeted, and may go to the background

Environment: KASHIM_LIB, the library (default build/libkashim.so); KASHIM_COMMAND, the
command (default build/kashim); the other KA_* variables reach the server as they are.

Exit status: 0 all holds, 1 something doesn't or the server doesn't run, 2 bad arguments,
3 the lab can't be made, or something is missing.
END
}

refuse() {
    echo "verify-timing.sh: $*" >&2
    exit 2
}

fail() {
    echo "verify-timing.sh: $*" >&2
    exit 1
}

# number OPTION MIN MAX VALUE
number() {
    if [[ ! $4 =~ ^[0-9]{1,9}$ ]] || ((10#$4 < $2 || 10#$4 > $3)); then
        refuse "$1 takes a number from $2 to $3, not '$4'"
    fi
    echo "$((10#$4))"
}

parse_arguments() {
    idle=2 intvl=1 cnt=3 port=12345 shim=yes attach='' tolerance=50 svg='' server=() server_status=''
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) usage; exit ;;
        --no-shim) shim=''; shift; continue ;;
        --attach) shim='' attach=yes; shift; continue ;;
        --) shift; server=("$@"); [ $# -gt 0 ] || refuse 'no COMMAND after --'; break ;;
        --idle) idle=$(number "$1" 1 32767 "${2-}") ;;
        --intvl) intvl=$(number "$1" 1 32767 "${2-}") ;;
        --cnt) cnt=$(number "$1" 1 127 "${2-}") ;;
        --port) port=$(number "$1" 1 65535 "${2-}") ;;
        --tolerance) tolerance=$(number "$1" 0 999999 "${2-}") ;;
        --svg)
            svg=$(lab_output "${2-}") || refuse "--svg can't write to '${2-}'"
            ;;
        *) refuse "unknown argument '$1'; --help lists what there is" ;;
        esac
        shift 2
    done
}

# The copy has a path that LD_PRELOAD can hold: no blank, no colon.
start_server() {
    local environment=(-u LD_PRELOAD)
    if [ "$shim" ]; then
        cp "$library" "$LAB_DIR/libkashim.so"
        environment=("LD_PRELOAD=$LAB_DIR/libkashim.so${LD_PRELOAD:+:$LD_PRELOAD}"
            "KA_IDLE=$idle" "KA_INTVL=$intvl" "KA_CNT=$cnt")
    fi
    [ ${#server[@]} -gt 0 ] || server=("$root/build/demo-server" "$LAB_SERVER" "$port")
    (cd "$OLDPWD" && exec env "${environment[@]}" "${server[@]}") \
        </dev/null >server 2>&1 8<&- &
    server_pid=$!
    wait_for 10 server_decided || :
    listening "$port" || fail "'${server[*]}' doesn't listen on port $port:" \
        "${server_status:+it ended with status $server_status; }last words:" \
        "$([ -s server ] && tail -n 3 server || echo none)"
}

# Listens, or has failed. One that ended well may have gone to the background.
server_decided() {
    listening "$port" && return
    [ ! "$server_status" ] && ! kill -0 "$server_pid" 2>/dev/null || return
    server_status=0
    wait "$server_pid" || server_status=$?
    [ "$server_status" = 0 ] || return 0
    echo "verify-timing.sh: '${server[*]}' ended with status 0; does it go on in the background?" \
        "It has 10 seconds to listen on port $port" >&2
    return 1
}

start_client() {
    on_client "$root/build/demo-client" "$LAB_SERVER" "$port" >client 2>&1 &
    client_pid=$!
    wait_for 10 client_decided || :
    grep -q connected client || fail "$(cat client)"
}

# To the server and the processes that it has started.
attach() {
    "$command" attach --children -i "$idle" -n "$intvl" -c "$cnt" --port "$port" >attached 2>&1 ||
        fail "not attached: $(cat attached)"
}

client_decided() {
    [ -s client ] || ! kill -0 "$client_pid" 2>/dev/null
}

# The story so far, with what tcpdump can't see: our own deeds and the server's socket.
tell_story() {
    { story "$port"; cat deeds; } | sort -s -n -k 1,1
}

judge() {
    awk -v idle="$idle" -v intvl="$intvl" -v cnt="$cnt" -v tolerance="${tolerance}e-3" \
        -v now="$EPOCHREALTIME" -f "$here/judge.awk" story
}

happened() {
    grep -q "^[0-9.]* $1" story
}

server_socket() {
    ss -Htano "sport = :$port and dst $LAB_CLIENT"
}

act() {
    if ! happened cut && [ "$(grep -c ' answer ' story)" -ge 2 ]; then
        cut_link
        echo "$EPOCHREALTIME cut" >>deeds
    elif happened reset && ! happened gone && [ -z "$(server_socket)" ]; then
        echo "$EPOCHREALTIME gone" >>deeds
    fi
}

# Prints the rows that are new; on a terminal, below them, what is next.
show() {
    local rows
    mapfile -t rows <verdict
    local last=$((${#rows[@]} - 1))
    [ ! -t 1 ] || printf '\r\033[K'
    for (( ; shown < last; shown++)); do
        echo "${rows[shown]}"
    done
    [ ! -t 1 ] || printf '%s' "${rows[last]}"
}

# Ends with judge.awk's exit status.
watch() {
    local status=3 shown=0
    while [ $status -eq 3 ]; do
        sleep 0.1
        tell_story >story
        status=0
        judge >verdict || status=$?
        show
        act
    done
    [ ! -t 1 ] || printf '\r\033[K'
    return $status
}

# Without kashim, for the picture: the same cable, and as long a wait.
wait_in_vain() {
    local start
    start=$(awk '$2 == "connected" { print $1; exit }' story)
    sleep_until "$start + 2.05 * $idle"
    cut_link
    echo "$EPOCHREALTIME cut" >>deeds
    sleep_until "$start + 3.05 * $idle + $intvl * $cnt"
    tell_story >story
}

# sleep_until EXPRESSION: seconds since the epoch
sleep_until() {
    sleep "$(awk "BEGIN { left = $1 - $EPOCHREALTIME; print (left > 0 ? left : 0) }")"
}

say_verdict() {
    if [ "$1" -eq 0 ]; then
        printf '\n%s\n' "$(tail -n 1 verdict)"
    else
        printf '\nDOES NOT HOLD: %s\n' "$(tail -n 1 verdict)"
        [ "$shim$attach" ] || echo 'That is as it should be without kashim.'
        happened gone || printf "the server's socket, says ss: %s\n" "$(server_socket)"
    fi
}

# Outside the lab: what can go wrong before there is one. Goes on inside.
enter_lab() {
    local file
    for file in "$library" "$command" "$root/build/demo-server" "$root/build/demo-client"; do
        [ -e "$file" ] || lab_refuse "missing: $file (make builds it)"
    done
    [ ${#server[@]} -eq 0 ] || command -v "${server[0]}" >/dev/null ||
        fail "'${server[0]}' is no command"
    exec "$here/lab.sh" "$here/verify-timing.sh" "$@"
}

main() {
    local status=0
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    root=${here%/*}
    library=$(realpath -m "${KASHIM_LIB:-$root/build/libkashim.so}")
    command=$(realpath -m "${KASHIM_COMMAND:-$root/build/kashim}")
    # shellcheck source=scripts/lab.sh
    . "$here/lab.sh"

    parse_arguments "$@"
    in_lab || enter_lab "$@"
    cd "$LAB_DIR"
    : >deeds
    start_server
    capture "$port"
    start_client
    [ ! "$attach" ] || attach

    echo "idle $idle s, interval $intvl s, count $cnt, tolerance $tolerance ms"
    printf '\n%-28s %10s %10s %11s  %s\n' \
        event 'expected s' 'measured s' difference verdict
    watch || status=$?
    say_verdict $status
    [ -z "$svg" ] || [ "$shim$attach" ] || wait_in_vain
    [ -z "$svg" ] || awk -v now="$EPOCHREALTIME" -f "$here/draw.awk" story >"$svg"
    return $status
}

main "$@"
