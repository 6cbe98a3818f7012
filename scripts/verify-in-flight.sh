#!/bin/bash
# SPDX-License-Identifier: MIT
# What verify-timing.sh does with a client that has asked when its cable is pulled.
# shellcheck disable=SC2154,SC2034 # variables of verify-timing.sh

printf -v question %b "$ask"
more_settings=(KA_LOG=stderr) # tells of a kernel that has no such option
if [ "$user_timeout" ]; then
    rto_max=120 # the kernel's
    more_settings+=("KA_USER_TIMEOUT=$user_timeout") more_options=(--user-timeout "$user_timeout")
else
    rto_max=${rto_max:-1}
    more_settings+=("KA_RTO_MAX=$rto_max") more_options=(--rto-max "$rto_max")
fi

# Seconds that the kernel gives, from the first retransmission on: tcp_model_timeout in
# net/ipv4/tcp_timer.c.
limit=$(awk -v user_timeout="$user_timeout" -v max="$rto_max" -v retries="$retries" 'BEGIN {
    for (rto = 0.2; retries-- >= 0; rto = 2 * rto < max ? 2 * rto : max)
        sum += rto
    print user_timeout ? user_timeout : sum
}')

start_clients() {
    [ "$retries" = 15 ] || set_retries
    connect_client asker
    asker=$(clients_at "$port")
    connect_client live
    live=$(clients_at "$port" | grep -vxF "$asker")
    close_window
}

set_retries() {
    { echo "$retries" >/proc/sys/net/ipv4/tcp_retries2; } 2>/dev/null ||
        lab_refuse 'net.ipv4.tcp_retries2 cannot be set here (--retries)'
}

# connect_client PIPE
connect_client() {
    local before
    before=$(clients_at "$port" | wc -l)
    talker "$1" "$port" >client 2>&1
    wait_for 10 client_decided "$before" || :
    [ ! -s client ] || fail "$(head -n 1 client)"
}

client_decided() {
    [ -s client ] || [ "$(clients_at "$port" | wc -l)" -gt "$1" ]
}

# Asks, and reads no answer, until the server may send no more.
close_window() {
    local i many=''
    for ((i = 0; i < 1000; i++)); do
        many+=$question
    done
    while printf %s "$many"; do :; done >live 2>/dev/null &
    disown
    wait_for 10 window_closed ||
        fail "the server doesn't go on to answer '$ask' (--ask); last words: $(tail -n 3 server)"
    kill $!
    note closed
}

window_closed() {
    [[ $(socket_of "$live") == *persist* ]]
}

# socket_of CLIENT [-i]: what ss says of the server's socket
socket_of() {
    ss -Htano "${@:2}" "sport = :$port and dport = :$1"
}

server_socket() {
    socket_of "$asker"
}

conditions() {
    local what="$retries retransmissions, at most $rto_max s apart: $limit s"
    [ ! "$user_timeout" ] || what="user timeout $limit s"
    echo "$what after the first; tolerance $tolerance ms"
}

judge() {
    awk -v rto="${rto-}e-3" -v rto_max="$rto_max" -v limit="$limit" \
        -v exactly="$user_timeout" -v seen="${seen-}" -v tolerance="${tolerance}e-3" -v now="$1" \
        -f "$here/verdict.awk" -f "$here/judge-in-flight.awk" story
}

act() {
    happened cut || vanish
    look_at_asker
    happened dropped || [ "$(socket_of "$live")" ] || note dropped
}

vanish() {
    rto=$(socket_of "$asker" -i | sed -n 's/.* rto:\([0-9.]*\) .*/\1/p')
    last_question asker "$port" "$asker" "$question" || fail 'the question has not arrived'
    note cut
}

look_at_asker() {
    local now=$EPOCHREALTIME
    if [ "$(server_socket)" ]; then
        seen=$now
    else
        happened gone || note "gone $seen"
    fi
}

# Without kashim, for the picture: as long as it would have taken, and a bit.
wait_in_vain() {
    sleep_until "$(when sent) + 1.1 * $limit + 1"
}
