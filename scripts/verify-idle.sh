#!/bin/bash
# SPDX-License-Identifier: MIT
# What verify-timing.sh does with a client that is idle when its cable is pulled.
# shellcheck disable=SC2154,SC2034 # variables of verify-timing.sh

more_settings=() more_options=()

start_clients() {
    on_client "$root/build/demo-client" "$LAB_SERVER" "$port" >client 2>&1 &
    client_pid=$!
    wait_for 10 client_decided || :
    grep -q connected client || fail "$(cat client)"
}

client_decided() {
    [ -s client ] || ! kill -0 "$client_pid" 2>/dev/null
}

conditions() {
    echo "idle $idle s, interval $intvl s, count $cnt, tolerance $tolerance ms"
}

judge() {
    awk -v idle="$idle" -v intvl="$intvl" -v cnt="$cnt" -v tolerance="${tolerance}e-3" \
        -v now="$1" -f "$here/verdict.awk" -f "$here/judge.awk" story
}

act() {
    if ! happened cut && [ "$(grep -c ' answer ' story)" -ge 2 ]; then
        cut_link
        note cut
    elif happened reset && ! happened gone && [ -z "$(server_socket)" ]; then
        note gone
    fi
}

server_socket() {
    ss -Htano "sport = :$port and dst $LAB_CLIENT"
}

# Without kashim, for the picture: the same cable, and as long a wait.
wait_in_vain() {
    local start
    start=$(when connected)
    sleep_until "$start + 2.05 * $idle"
    cut_link
    note cut
    sleep_until "$start + 3.05 * $idle + $intvl * $cnt"
}
