#!/bin/bash
# SPDX-License-Identifier: MIT
set -eu
export LC_ALL=C

usage() {
    cat <<'END'
usage: load.sh [--connections N] [--svg FILE]

In a lab of two network hosts, N quiet connections (default 10000, or what the limit for
descriptors allows) to a server under libkashim.so and as many to the same server without.
Half of each lose their peer at once. Judges that every dead one is dropped in time under
kashim, every live one is still there, and the server has its descriptors back.

  --svg FILE   draw the connections alive over time

Environment: KASHIM_LIB, the library (default build/libkashim.so).

Exit status: 0 all holds, 1 something doesn't, 2 bad arguments, 3 the lab can't be made.
END
}

idle=5 intvl=2 cnt=3
shimmed=12345 plain=12346
doomed=192.0.2.3 # a second address of the client, which vanishes

# Connections are counted so often, in seconds; with thousands of them the server's own
# work, and the counting, take their time too.
pace=0.25 tolerance=1.5

refuse() {
    echo "load.sh: $*" >&2
    exit 2
}

fail() {
    echo "load.sh: $*" >&2
    exit 1
}

parse_arguments() {
    local limit
    limit=$(ulimit -Hn)
    connections=10000 svg=''
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) usage; exit ;;
        --connections)
            [[ ${2-} =~ ^[1-9][0-9]{0,5}$ ]] || refuse "--connections takes a number from 1, not '${2-}'"
            connections=$2
            ;;
        --svg)
            svg=$(lab_output "${2-}") || refuse "--svg can't write to '${2-}'"
            ;;
        *) refuse "unknown argument '$1'; --help lists what there is" ;;
        esac
        shift 2
    done
    if [ "$limit" != unlimited ] && [ $((connections + 100)) -gt "$limit" ]; then
        connections=$((limit - 100))
        echo "a process may have $limit descriptors here, so there are fewer connections"
    fi
    half=$((connections / 2))
}

# start PORT [VAR=VALUE...]: a server and its two crowds. Its process is $server.
start() {
    env "${@:2}" "$root/build/tests/echo_server" "$1" >"server.$1" 2>&1 8<&- &
    server=$!
    wait_for 10 listening "$1" || fail "the server: $(cat "server.$1")"
    on_client "$root/build/tests/crowd" "$LAB_CLIENT" "$LAB_SERVER" "$1" "$half" >"live.$1" 2>&1 &
    on_client "$root/build/tests/crowd" "$doomed" "$LAB_SERVER" "$1" "$half" >"doomed.$1" 2>&1 &
    wait_for 60 grep -qs connected "live.$1" || fail "$(cat "live.$1")"
    wait_for 60 grep -qs connected "doomed.$1" || fail "$(cat "doomed.$1")"
}

descriptors() {
    find "/proc/$1/fd" -mindepth 1 | wc -l
}

has_accepted() {
    [ "$(descriptors "$1")" -ge $((2 * half)) ]
}

alive() {
    ss -Htn state established "sport = :$1 and dst $2" | wc -l
}

vanish() {
    on_client nft add table ip crowd
    on_client nft add chain ip crowd input '{ type filter hook input priority 0; }'
    on_client nft add rule ip crowd input ip daddr "$doomed" drop
}

# Until a while after the last moment at which one may be dropped.
watch() {
    local end
    end=$(awk -v s="$start" -v l="$latest" 'BEGIN { printf "%.3f", s + l + 3 }')
    while [[ $EPOCHREALTIME < $end ]]; do
        echo "$EPOCHREALTIME $(alive $shimmed "$doomed") $(alive $shimmed "$LAB_CLIENT") $(alive $plain "$doomed") $(alive $plain "$LAB_CLIENT")"
        [ ! -t 1 ] || printf '\r%s dead ones are left' "$(alive $shimmed "$doomed")" >&2
        sleep $pace
    done >samples
    [ ! -t 1 ] || printf '\r\033[K' >&2
}

# expect WHAT EXPECTED FOUND
expect() {
    local verdict=ok
    [ "$2" = "$3" ] || { verdict=WRONG; wrong=yes; }
    printf '%-58s %8s %8s  %s\n' "$1" "$2" "$3" $verdict
}

judge() {
    wrong=''
    printf '%-58s %8s %8s\n' '' expected found
    expect "dead ones dropped before $earliest s" 0 \
        $((half - $(awk -v t="$start" -v e="$earliest" '$1 - t < e { n = $2 } END { print n }' samples)))
    expect "dead ones left after $latest s" 0 \
        "$(awk -v t="$start" -v l="$latest" '$1 - t > l { print $2; exit }' samples)"
    expect 'live ones' "$half" "$(awk 'END { print $3 }' samples)"
    expect "descriptors of the server" $((before - half)) "$(descriptors "$shimmed_pid")"
    expect 'without kashim: dead ones that the server still has' "$half" "$(awk 'END { print $4 }' samples)"
    expect 'without kashim: descriptors of the server' "$before" "$(descriptors "$plain_pid")"
}

# The bounds: a peer that vanishes has given its last answer at most max(idle, intvl)
# before, and each of the kernel's timers is late by up to 8/63 of its value and 20 ms.
set_bounds() {
    earliest=$((intvl * cnt))
    latest=$(awk -v i=$idle -v n=$intvl -v c=$cnt -v t=$tolerance \
        'BEGIN { printf "%.1f", (i + n * c) * (1 + 8 / 63) + 0.02 * (c + 1) + t }')
}

main() {
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    root=${here%/*}
    library=$(realpath -m "${KASHIM_LIB:-$root/build/libkashim.so}")
    # shellcheck source=scripts/lab.sh
    . "$here/lab.sh"

    parse_arguments "$@"
    if ! in_lab; then
        for file in "$library" "$root/build/tests/crowd" "$root/build/tests/echo_server"; do
            [ -e "$file" ] || fail "missing: $file (make load builds it)"
        done
        exec "$here/lab.sh" "$here/load.sh" "$@"
    fi
    cd "$LAB_DIR"
    cp "$library" libkashim.so
    ulimit -n "$(ulimit -Hn)"
    set_bounds
    on_client ip address add "$doomed/24" dev eth0

    start $plain
    plain_pid=$server
    start $shimmed "LD_PRELOAD=$LAB_DIR/libkashim.so" "KA_IDLE=$idle" "KA_INTVL=$intvl" "KA_CNT=$cnt"
    shimmed_pid=$server
    for server in "$shimmed_pid" "$plain_pid"; do
        wait_for 10 has_accepted "$server" || fail 'a server has not accepted all'
    done
    before=$(descriptors "$shimmed_pid")
    echo "$connections connections; idle $idle s, intvl $intvl s, cnt $cnt; half of the peers vanish now"
    vanish
    start=$EPOCHREALTIME
    watch
    judge
    [ -z "$svg" ] || awk -v start="$start" -v total="$connections" -f "$here/draw-load.awk" samples >"$svg"
    [ -z "$wrong" ]
}

main "$@"
