#!/bin/bash
# SPDX-License-Identifier: MIT
set -eu
export LC_ALL=C

usage() {
    cat <<'END'
usage: demo.sh

Shows what kashim does to a server without keepalive, live, in under a minute.

Environment: KASHIM_LIB, the library (default build/libkashim.so); NO_COLOR.

Exit status: 0 all was as it says, 1 something wasn't, 2 bad arguments, 3 the lab can't be made.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/*}
library=$(realpath -m "${KASHIM_LIB:-$root/build/libkashim.so}")
shimmed=12345 plain=12346 capped=12347
minutes='15 minutes after'

# shellcheck source=scripts/lab.sh
. "$here/lab.sh"

bold='' dim='' red='' green='' yellow='' off=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' off=$'\e[0m'
fi

fail() {
    echo "demo.sh: not as expected: $*" >&2
    exit 1
}

title() {
    printf '\n%s%s%s\n\n' "$bold" "$1" "$off"
}

say() {
    printf '%s\n' "$@" | sed 's/./  &/'
}

# ---- the pairs -----------------------------------------------------------------

# start_server PORT [VAR=VALUE...]: with this environment.
start_server() {
    local port=$1
    shift
    local environment=${*/"$LAB_DIR"/build}
    say "${dim}server\$${off} ${environment:+$environment \\
    }demo-server $LAB_SERVER $port"
    env "$@" "$root/build/demo-server" "$LAB_SERVER" "$port" >"server.$port" 8<&- &
    wait_for 10 listening "$port"
    capture "$port"
}

# start PORT [VAR=VALUE...]: a server with this environment, and its client.
start() {
    local port=$1
    start_server "$@"
    say "${dim}client\$${off} demo-client $LAB_SERVER $port"
    on_client "$root/build/demo-client" "$LAB_SERVER" "$port" >"client.$port" &
    wait_for 10 grep -qs accepted "server.$port"
    wait_for 10 grep -qs connected "client.$port"
}

count() {
    story "$1" | grep -c " $2 " || :
}

held() {
    [ -n "$(ss -Htn state established "sport = :$1")" ]
}

# follow EVENT COUNT SECONDS: shows the shimmed server's packets as they come, until the
# event was seen so many times.
follow() {
    wait_for "$3" show_until "$1" "$2" || fail "in $3 s, fewer than $2 times: $1"
}

show_until() {
    show $shimmed
    [ "$(count $shimmed "$1")" -ge "$2" ]
}

# show PORT: the packets that are new.
declare -A shown
show() {
    local lines i
    mapfile -t lines < <(story "$1")
    for ((i = ${shown[$1]-1}; i < ${#lines[@]}; i++)); do # without the handshake
        annotate "${lines[0]%% *}" "${lines[i]}"
    done
    shown[$1]=$i
}

# annotate START LINE: puts a line of the story into words.
pulled=''
annotate() {
    local time event packet colour=''
    read -r time event packet <<<"$2"
    case $event in
    probe) [ -z "$pulled" ] || colour=$yellow event='no answer' ;;
    answer) colour=$green ;;
    reset) colour=$red ;;
    asks) event=question ;;
    sent) event=answer ;;
    again) colour=$yellow ;;
    ack) return ;;
    esac
    packet=$(sed "s/$LAB_SERVER\.[0-9]*/server/; s/$LAB_CLIENT\.[0-9]*/client/" <<<"$packet")
    printf '  %5s s  %s%-9s%s  %s\n' \
        "$(seconds "$1" "$time")" "$colour" "$event" "$off" "$packet"
}

seconds() {
    awk "BEGIN { printf \"%.1f\", $2 - $1 }"
}

# ---- the five scenes -----------------------------------------------------------

scene_plain() {
    title '1. A server without keepalive. Its client connects, then says nothing.'
    start $plain
    say '' 'Three seconds of listening on the wire ...'
    sleep 3
    [ "$(story $plain | wc -l)" = 1 ] || fail 'the plain server has spoken'
    say 'Not one packet since the handshake: nobody asks if the client is still there.'
}

scene_shimmed() {
    title '2. The same binary under kashim: probe after 1 s, every 1 s, give up after 10.'
    start $shimmed "LD_PRELOAD=$LAB_DIR/libkashim.so" KA_IDLE=1 KA_INTVL=1 KA_CNT=10
    say "${dim}server\$${off} tcpdump -n -vv port $shimmed    ${dim}(shortened)${off}" ''
    follow answer 4 8
    asked=$(count $shimmed probe) answered=$(count $shimmed answer)
    say '' "Once a second the server's kernel sends an empty ACK, numbered one below what" \
        "it has sent; the client's kernel must answer that. Neither program notices."
}

reset_time() {
    story $shimmed | sed -n 's/ reset .*//p'
}

scene_cut() {
    title "3. Now the client's cable is pulled. Neither host is told."
    cut_link
    pulled=$EPOCHREALTIME
    follow reset 1 15
    wait_for 2 grep -q 'ended.*timed out' server.$shimmed ||
        fail 'the server was not told'
    say '' "The server's read() fails, $(seconds "$pulled" "$(reset_time)") s after that." \
        'It says:' '' "    ${bold}$(tail -n 1 server.$shimmed)${off}"
}

scene_plain_again() {
    title '4. And the server without keepalive, in the same outage?'
    held $plain || fail 'the plain server has dropped its client'
    plain_fate=$(fate $plain)
    say 'It still waits for the client that is gone, and would for ever:' '' \
        "    $(ss -Htn "sport = :$plain and dst $LAB_CLIENT" | tr -s ' ')"
}

scene_in_flight() {
    title '5. A client asks, and vanishes before the answer: retransmissions, no probes.'
    mend_link
    start_server $capped "LD_PRELOAD=$LAB_DIR/libkashim.so" KA_RTO_MAX=1 KA_LOG=stderr 2>log
    in_flight=$minutes
    if grep -q 'refuses TCP_RTO_MAX_MS' log; then
        say '' "This kernel can't, Linux 6.15 can: the server would learn of it $minutes."
        return
    fi
    talker question $capped
    wait_for 10 held $capped
    last_question question $capped "$(clients_at $capped)" 'Are you there?'
    wait_for 25 has_ended || fail 'the server was not told'
    in_flight="$(seconds "$(answer_time)" "$EPOCHREALTIME") s after"
    say '' 'At most 1 s apart, 15 of them are over soon. The server says:' '' \
        "    ${bold}$(tail -n 1 server.$capped)${off}"
}

answer_time() {
    story $capped | sed -n 's/ sent .*//p'
}

has_ended() {
    show $capped
    grep -q 'ended.*timed out' server.$capped
}

# ---- what came of it -----------------------------------------------------------

# row NAME PLAIN SHIMMED
row() {
    printf '  %-26s  %-18s  %s\n' "$@"
}

summary() {
    local lost=$(($(count $shimmed probe) - asked))
    title 'Summary'
    row '' 'as it is' 'under kashim'
    row '' '--------' '------------'
    row 'while the client is quiet' "$(count $plain probe) probes" \
        "$asked probes, $answered answers"
    row 'cable pulled' 'silence' "$lost unanswered probes, reset"
    row 'the server learns of it' never "$(seconds "$pulled" "$(reset_time)") s after"
    row 'the dead connection' "$plain_fate" "$(fate $shimmed)"
    row 'with an answer in flight' "$minutes" "$in_flight"
    echo
    [ "$asked $lost" = "$answered 10" ] ||
        fail "$answered of $asked probes answered, then $lost unanswered"
    ! held $shimmed || fail "the shimmed server's socket is still there"
}

fate() {
    held "$1" && echo 'still held' || echo gone
}

main() {
    local file
    case $#${1+ $1} in
    0) ;;
    '1 -h' | '1 --help') usage; exit ;;
    *) echo "demo.sh: unexpected argument '$1'; --help says what it does" >&2; exit 2 ;;
    esac
    for file in "$library" "$root/build/demo-server" "$root/build/demo-client"; do
        [ -e "$file" ] || lab_refuse "missing: $file (make builds it)"
    done
    in_lab || exec "$here/lab.sh" "$here/demo.sh"
    cd "$LAB_DIR"
    cp "$library" libkashim.so # to a path that LD_PRELOAD can hold: no blank, no colon

    printf '\n  server %s ======= cable ======= %s client\n' "$LAB_SERVER" "$LAB_CLIENT"
    scene_plain
    scene_shimmed
    scene_cut
    scene_plain_again
    scene_in_flight
    summary
}

main "$@"
