#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A peer that vanishes with data in flight, by verify-timing.sh --in-flight: on the wire, and
# what the script tells apart.

load lib
load stories

get='GET / HTTP/1.1\r\nHost: me\r\n\r\n'

# ---- on the wire -----------------------------------------------------------------

# bats test_tags=effect
@test "KA_RTO_MAX=1: a dead peer is gone when the library says, a live one stays" {
    need_rto_max
    shimmed KA_LOG=stderr KA_RTO_MAX=1 steps 'tcp4 a' 'listen a'
    effect 'seconds, says the library' 15 "$(sed -n 's/.*one with data in flight after \([0-9]*\) s$/\1/p' <<<"$stderr")"
    holds --in-flight --rto-max 1 --svg "$BATS_TEST_TMPDIR/drawing.svg"
    effect 'seconds, on the wire' '14.4 to 16.5' \
        "$(sed -n 's/.* socket gone \([0-9.]*\) s after its answer.*/\1/p' <<<"$output" |
            awk '{ print $1 >= 14.4 && $1 < 16.5 ? "14.4 to 16.5" : $1 }')"
    effect 'the live one' 'live client, window closed stays' "$(grep '^live' <<<"$output" | tr -s ' ')"
    effect 'drawing' 'given up still ESTABLISHED' \
        "$(grep -o 'given up\|still ESTABLISHED' "$BATS_TEST_TMPDIR/drawing.svg" | sort | xargs)"
}

# Fewer retransmissions than the kernel's own 15, or it would take 40 s.
# bats test_tags=effect
@test "caps of 1, 2 and 3 s hold" {
    need_rto_max
    local cap pids=()
    for cap in 1 2 3; do
        "$verify" --in-flight --rto-max $cap --retries 5 >"$BATS_TEST_TMPDIR/$cap" 2>&1 3>&- &
        pids+=($!)
    done
    for cap in 1 2 3; do
        status=0
        wait "${pids[cap - 1]}" || status=$?
        cat "$BATS_TEST_TMPDIR/$cap"
        effect "exit status for $cap s" 0 "$status"
    done
}

# bats test_tags=effect
@test "KA_USER_TIMEOUT=2: a dead peer is dropped then, a live one that keeps its window closed as well" {
    holds --in-flight --user-timeout 2 --svg "$BATS_TEST_TMPDIR/drawing.svg"
    effect 'the live one' 'the price' "$(sed -n 's/^live client dropped .* \(the price\)$/\1/p' <<<"$output")"
    effect 'drawing' dropped "$(grep -o 'dropped' "$BATS_TEST_TMPDIR/drawing.svg")"
}

# With 3 retransmissions and a cap of 1 s a dead peer is given 2.4 s.
# bats test_tags=effect
@test "a live peer keeps its window closed for four times as long as a dead one is given" {
    need_rto_max
    run "$root/scripts/lab.sh" "$BATS_TEST_DIRNAME/closed_window.sh" "$root" "$KASHIM_LIB" 10 \
        KA_RTO_MAX=1 KA_USER_TIMEOUT=2 KA_OFF=1
    echo "$output"
    effect 'what becomes of them' $'KA_RTO_MAX=1: closed\nKA_USER_TIMEOUT=2: gone\nKA_OFF=1: closed' "$output"
}

# bats test_tags=effect
@test "a dead peer whose connection was there before kashim attach" {
    holds --in-flight --attach --user-timeout 2
    need_rto_max
    holds --in-flight --attach --rto-max 1 --retries 3
}

# bats test_tags=effect
@test "dead peers of redis-server and nginx" {
    need redis-server
    need_rto_max
    holds --in-flight --rto-max 1 --retries 3 --port 7000 -- \
        redis-server --port 7000 --protected-mode no --tcp-keepalive 0
    prepare_nginx
    holds --in-flight --rto-max 1 --retries 3 --port 8080 --ask "$get" -- "${nginx[@]}"
}

# The first client waits in the queue until nginx has been started. NGINX names the listener
# that it inherits.
# bats test_tags=effect
@test "a dead peer whose connection was queued before the listener was inherited" {
    need systemd-socket-activate
    need_rto_max
    prepare_nginx 'daemon off;'
    cat >"$BATS_TEST_TMPDIR/activated" <<'END'
#!/bin/sh
preload=$LD_PRELOAD
unset LD_PRELOAD
exec systemd-socket-activate -l 0.0.0.0:8080 -E NGINX='3;' -E "LD_PRELOAD=$preload" -E KA_RTO_MAX "$@"
END
    chmod +x "$BATS_TEST_TMPDIR/activated"
    holds --in-flight --rto-max 1 --retries 3 --port 8080 --ask "$get" -- \
        "$BATS_TEST_TMPDIR/activated" "${nginx[@]}"
}

# bats test_tags=harmless
@test "without the shim nothing holds" {
    ends_in 1 'no retransmission 6' --in-flight --no-shim
    ends_in 1 'although 2.0 s were over' --in-flight --no-shim --user-timeout 2 \
        --svg "$BATS_TEST_TMPDIR/drawing.svg"
    harmless 'drawing' 2 "$(grep -c 'still ESTABLISHED' "$BATS_TEST_TMPDIR/drawing.svg")"
}

# ---- what it refuses -------------------------------------------------------------

# bats test_tags=harmless
@test "bad arguments end in 2 and one line" {
    local bad
    for bad in '--rto-max 0' '--rto-max 121' '--rto-max off' '--rto-max' '--user-timeout 0' \
        '--user-timeout 2147484' '--retries 0' '--retries 256' '--ask'; do
        # shellcheck disable=SC2086
        ends_in 2 "${bad%% *}" --in-flight $bad
        harmless "lines about '$bad'" 1 "${#lines[@]}"
    done
    ends_in 2 '--retries takes --in-flight' --retries 5
    ends_in 2 '--user-timeout takes the place of --rto-max' --in-flight --rto-max 1 --user-timeout 1
}

# bats test_tags=harmless
@test "a server that can't be tried ends in 1" {
    need socat
    ends_in 1 'Connection refused' --in-flight -- "$root/build/demo-server" 127.0.0.1
    ends_in 1 'Connection refused' --in-flight -- socat TCP4-LISTEN:12345 PIPE
    ends_in 1 "doesn't go on to answer 'PING\\r\\n' (--ask)" --in-flight -- \
        socat -u TCP4-LISTEN:12345,fork OPEN:/dev/null
}

# ---- canned captures -------------------------------------------------------------

# The story of 3 retransmissions at most 1 s apart: 2.4 s. The first is a tail loss probe.
good='100.000 connect
100.500 question
100.500 data
100.510 cut
100.706 again
100.914 again
101.330 again
102.162 again
103.178 again
104.300 gone 104.180'

# judged STORY [VARIABLE=VALUE...]: exit status and last line of the verdict.
judged() {
    tell "$1"
    run awk -v rto=204e-3 -v rto_max=1 -v limit=2.4 -v tolerance=50e-3 -v exactly= -v seen= "${@:2}" \
        -f "$root/scripts/verdict.awk" -f "$root/scripts/judge-in-flight.awk" "$story"
    echo "$output"
}

# bats test_tags=harmless
@test "a good capture holds, also without a tail loss probe, also where numbers wrap around" {
    local zero
    for zero in 1000 4294967294 4294967286 2147483647; do
        judged "$good"
        harmless "exit status from $zero on" 0 "$status"
    done
    judged "$(but '/100.914/d; s/101.330/101.122/; s/102.162/101.954/; s/103.178/102.970/; s/104.300.*/104.100 gone 103.980/')"
    harmless 'exit status' 0 "$status"
}

# bats test_tags=harmless
@test "an early or late retransmission is told apart" {
    faulty "$(but 's/^103.178/103.150/')" 'retransmission 5 12 ms early'
    faulty "$(but 's/^103.178/103.370/; s/^104.300.*/104.500 gone 104.380/')" \
        'retransmission 5 208 ms late, 197 allowed'
    judged "$(but 's/^103.178/103.350/; s/^104.300.*/104.500 gone 104.380/')"
    harmless 'exit status' 0 "$status"
    faulty "$(but 's/^101.330/101.210/')" 'retransmission 3 112 ms early'
}

# bats test_tags=harmless
@test "a cap that isn't kept is told apart" {
    faulty "$(but 's/^103.178/103.826/')" \
        'retransmission 5 664 ms late, 197 allowed; retransmission 5 although 2.4 s were over'
}

# bats test_tags=harmless
@test "too few or too many retransmissions are told apart" {
    faulty "$(but '/103.178/d; s/^104.300.*/103.280 gone 103.170/')" 'socket gone early, after 4 retransmissions'
    faulty "$(but 's/104.300.*/104.194 again/')" 'retransmission 6 although 2.4 s were over'
}

# bats test_tags=harmless
@test "an end that ss sees late holds, one that is late doesn't" {
    judged "$(but 's/^104.300.*/106.000 gone 104.180/')"
    harmless 'exit status' 0 "$status"
    harmless 'said' 1 "$(grep -c '^socket gone .* ok (ss came late)$' <<<"$output")"
    faulty "$(but 's/^104.300.*/106.000 gone 104.500/')" 'socket gone late, after 5 retransmissions'
}

# bats test_tags=harmless
@test "a missing question, answer, retransmission or end is told apart" {
    faulty '' 'no connected'
    faulty "$(but '/question/,$d')" 'no question by 0.000 s'
    faulty "$(but '/data/,$d')" 'no answer by 10.500 s'
    faulty "$(but '/100.706/,$d')" 'no retransmission 1 by 0.800 s'
    faulty "$(but '/103.178/,$d')" 'no retransmission 5 by 3.359 s'
    judged "$(but '/gone/d')" -v seen=104.5
    harmless 'exit status' 1 "$status"
    harmless 'reason' 'no socket gone by 4.375 s' "${lines[-1]}"
}

# bats test_tags=harmless
@test "with a user timeout the end comes right then" {
    local timed
    timed=$(but '/103.178/d; s/^104.300.*/102.990 gone 102.880\n102.800 dropped/')
    judged "$timed" -v limit=2 -v exactly=1 -v rto_max=120
    harmless 'exit status' 0 "$status"
    judged "$(sed 's/^102.990.*/103.200 gone 103.120/' <<<"$timed")" -v limit=2 -v exactly=1 -v rto_max=120
    harmless 'reason' 'socket gone late, after 4 retransmissions' "${lines[-1]}"
    judged "$(sed 's/^102.990.*/102.890 gone 102.800/' <<<"$timed")" -v limit=2 -v exactly=1 -v rto_max=120
    harmless 'reason' 'socket gone early, after 4 retransmissions' "${lines[-1]}"
}

# bats test_tags=harmless
@test "a live client that is dropped is told apart" {
    faulty "$(with '103.500 dropped')" 'a live client was dropped, whose window was closed'
}

# bats test_tags=harmless
@test "an end that isn't the retransmission timer's is told apart" {
    faulty "$(with '101.000 answer')" 'the client answered although its cable was pulled'
    faulty "$(with '101.000 close')" 'the server itself closed the connection'
    faulty "$(with '101.000 reset')" 'the server itself closed the connection'
    faulty "$(with '101.000 abort')" 'the client ended the connection'
}
