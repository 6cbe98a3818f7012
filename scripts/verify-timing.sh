#!/bin/bash
# SPDX-License-Identifier: MIT
set -eu
export LC_ALL=C # numbers with a point, whatever the user's language

usage() {
    cat <<'END'
usage: verify-timing.sh [--in-flight] [OPTION...] [-- COMMAND ARG...]

Runs a server under libkashim.so in a lab of two network hosts, connects a client that
says nothing and answers two probes, pulls the client's cable, and judges what tcpdump saw
on the wire: a probe after the idle time, one per interval, none early or late, the right
number unanswered, then the reset, then the server's socket gone.

With --in-flight the client asks as its cable is pulled, so that the answer is sent again
and again, and no probe is: judged are the retransmissions, and when the server's socket is
gone. A second client asks, lives and reads no answer, and is seen to stay.

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

with --in-flight alone:

  --rto-max S       KA_RTO_MAX, 1 to 120 seconds (default 1); from Linux 6.15 on
  --user-timeout S  KA_USER_TIMEOUT in its place, 1 to 2147483 seconds; that drops the
                    second client as well
  --retries N       net.ipv4.tcp_retries2 of the server's host, 1 to 255 (default 15)
  --ask TEXT        what the clients say, with the escapes of printf (default 'PING\r\n'). The
                    server serves both at once, and to TEXT it gives an answer and hangs up on
                    none, however often it is asked

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
    scene=idle rto_max='' user_timeout='' retries=15 ask='PING\r\n'
    local only_in_flight=''
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) usage; exit ;;
        --no-shim) shim=''; shift; continue ;;
        --attach) shim='' attach=yes; shift; continue ;;
        --in-flight) scene=in-flight; shift; continue ;;
        --) shift; server=("$@"); [ $# -gt 0 ] || refuse 'no COMMAND after --'; break ;;
        --idle) idle=$(number "$1" 1 32767 "${2-}") ;;
        --intvl) intvl=$(number "$1" 1 32767 "${2-}") ;;
        --cnt) cnt=$(number "$1" 1 127 "${2-}") ;;
        --port) port=$(number "$1" 1 65535 "${2-}") ;;
        --tolerance) tolerance=$(number "$1" 0 999999 "${2-}") ;;
        --svg)
            svg=$(lab_output "${2-}") || refuse "--svg can't write to '${2-}'"
            ;;
        --rto-max | --user-timeout | --retries | --ask) in_flight_option "$1" "${2-}" ;;
        *) refuse "unknown argument '$1'; --help lists what there is" ;;
        esac
        shift 2
    done
    [ "$scene" = in-flight ] || [ ! "$only_in_flight" ] || refuse "$only_in_flight takes --in-flight"
    [ ! "$rto_max" ] || [ ! "$user_timeout" ] || refuse '--user-timeout takes the place of --rto-max'
}

# in_flight_option OPTION VALUE
in_flight_option() {
    only_in_flight=$1
    # shellcheck disable=SC2034 # verify-in-flight.sh takes these
    case $1 in
    --rto-max) rto_max=$(number "$1" 1 120 "$2") ;;
    --user-timeout) user_timeout=$(number "$1" 1 2147483 "$2") ;;
    --retries) retries=$(number "$1" 1 255 "$2") ;;
    --ask) [ "$2" ] || refuse '--ask takes a text'; ask=$2 ;;
    esac
}

# The copy has a path that LD_PRELOAD can hold: no blank, no colon.
start_server() {
    local environment=(-u LD_PRELOAD)
    if [ "$shim" ]; then
        cp "$library" "$LAB_DIR/libkashim.so"
        environment=("LD_PRELOAD=$LAB_DIR/libkashim.so${LD_PRELOAD:+:$LD_PRELOAD}"
            "KA_IDLE=$idle" "KA_INTVL=$intvl" "KA_CNT=$cnt" "${more_settings[@]}")
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

# To the server and the processes that it has started.
attach() {
    "$command" attach --children -i "$idle" -n "$intvl" -c "$cnt" "${more_options[@]}" \
        --port "$port" >attached 2>&1 ||
        fail "not attached: $(cat attached)"
}

# The story so far, with what tcpdump can't see: our own deeds and the server's socket.
tell_story() {
    { story "$port"; cat deeds; } | sort -s -n -k 1,1
}

note() {
    echo "$EPOCHREALTIME $*" >>deeds
}

happened() {
    grep -q "^[0-9.]* $1" story
}

# when EVENT: the first time
when() {
    awk -v event="$1" '$2 == event { print $1; exit }' story
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

# Ends with the judge's exit status.
watch() {
    local status=3 shown=0 now
    while [ $status -eq 3 ]; do
        sleep 0.1
        now=$EPOCHREALTIME
        tell_story >story
        status=0
        judge "$now" >verdict || status=$?
        show
        act
    done
    [ ! -t 1 ] || printf '\r\033[K'
    return $status
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
        grep -a '^kashim: .* refuses ' server || :
        [ "$shim$attach" ] || echo 'That is as it should be without kashim.'
        happened gone || printf "the server's socket, says ss: %s\n" "$(server_socket)"
    fi
}

# Without kashim: what becomes of the socket in the time that kashim would have taken.
draw() {
    if [ ! "$shim$attach" ]; then
        wait_in_vain
        tell_story >story
    fi
    awk -v now="$EPOCHREALTIME" -f "$here/draw.awk" story >"$svg"
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
    # shellcheck source=scripts/verify-idle.sh
    . "$here/verify-$scene.sh"
    cd "$LAB_DIR"
    : >deeds
    start_server
    capture "$port"
    start_clients
    [ ! "$attach" ] || attach

    conditions
    printf '\n%-28s %10s %10s %11s  %s\n' \
        event 'expected s' 'measured s' difference verdict
    watch || status=$?
    say_verdict $status
    [ -z "$svg" ] || draw
    return $status
}

main "$@"
