#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# verify-timing.sh: holds for what the shim does, and tells apart what doesn't hold.

load lib
load stories

# ---- on the wire -----------------------------------------------------------------

# bats test_tags=effect
@test "timing holds for the demo's server, and is drawn" {
    holds --idle 2 --intvl 1 --cnt 3 --svg "$BATS_TEST_TMPDIR/drawing.svg"
    effect 'rows judged ok' 7 "$(grep -c ' ok$' <<<"$output")"
    effect 'drawing' 'no answer' "$(grep -o 'no answer' "$BATS_TEST_TMPDIR/drawing.svg")"
    effect 'height of its letters at 360 pixels' 9 "$(letters "$BATS_TEST_TMPDIR/drawing.svg")"
}

# bats test_tags=effect
@test "timing holds where the interval is longer than the idle time" {
    holds --idle 1 --intvl 2 --cnt 1
}

# bats test_tags=effect
@test "timing holds for redis-server" {
    need redis-server
    holds --idle 2 --intvl 1 --cnt 3 --port 7000 -- \
        redis-server --port 7000 --protected-mode no --tcp-keepalive 0
}

# bats test_tags=effect
@test "timing holds for nginx, which goes to the background" {
    prepare_nginx
    holds --idle 2 --intvl 1 --cnt 3 --port 8080 -- "${nginx[@]}"
}

# bats test_tags=effect
@test "timing holds for a connection that was there before kashim attach" {
    holds --attach --idle 2 --intvl 1 --cnt 3
}

# bats test_tags=effect
@test "timing holds for a static program after kashim attach" {
    holds --attach --idle 2 --intvl 1 --cnt 2 --port 7000 -- static_server 7000
}

# bats test_tags=effect
@test "timing holds for an ordinary user" {
    unshare -Ucn true 2>/dev/null || unless_ci 'user namespaces are refused'
    if [ "$(id -u)" = 0 ]; then
        copy=$(mktemp -d)
        cp -r "$root/scripts" "$copy"
        mkdir "$copy/build"
        cp "$root"/build/demo-* "$root/build/kashim" "$KASHIM_LIB" "$copy/build"
        chmod -R a+rX "$copy"
        cd / # its own directory may be closed to that user
        KASHIM_LIB=$copy/build/${KASHIM_LIB##*/}
        export KASHIM_LIB
        run setpriv --reuid 65534 --regid 65534 --clear-groups \
            "$copy/scripts/verify-timing.sh" --idle 1 --intvl 1 --cnt 1
        rm -r "$copy"
        echo "$output"
        effect 'exit status' 0 "$status"
    else
        holds --idle 1 --intvl 1 --cnt 1
    fi
}

# bats test_tags=effect
@test "timing holds where the folder for temporary files has a name that LD_PRELOAD can't hold" {
    local TMPDIR
    for TMPDIR in "$BATS_TEST_TMPDIR/a b" "$BATS_TEST_TMPDIR/a:b"; do
        mkdir "$TMPDIR"
        export TMPDIR
        holds --idle 1 --intvl 1 --cnt 1
    done
}

# bats test_tags=harmless
@test "without the shim nothing holds" {
    ends_in 1 'no probe 1 by 1.197 s' --no-shim --idle 1
    LD_PRELOAD=$root/build/libkashim.so KA_IDLE=1 ends_in 1 'no probe 1' --no-shim --idle 1
}

# ---- what it refuses -------------------------------------------------------------

# bats test_tags=harmless
@test "bad arguments end in 2 and one line" {
    local bad
    for bad in '--idle 0' '--idle 32768' '--idle +1' '--idle 1s' '--idle' '--intvl 0' \
        '--intvl 32768' '--cnt 0' '--cnt 128' '--port 0' '--port 65536' '--tolerance -1' \
        '--tolerance 1.5' '--svg /nowhere/x.svg' '--svg' '--frobnicate' 'redis-server' '--'; do
        # shellcheck disable=SC2086
        ends_in 2 "${bad%% *}" $bad
        harmless "lines about '$bad'" 1 "${#lines[@]}"
    done
}

# bats test_tags=harmless
@test "a server that can't be tried ends in 1" {
    ends_in 1 "'/nowhere/server' is no command" -- /nowhere/server
    ends_in 1 'it ended with status 7; last words: no memory' -- sh -c 'echo no memory; exit 7'
    ends_in 1 'Connection refused' -- "$root/build/demo-server" 127.0.0.1
    ends_in 1 "'true' ended with status 0; does it go on in the background?" -- true
    harmless 'why' "verify-timing.sh: 'true' doesn't listen on port 12345: it ended with status 0; last words: none" \
        "${lines[-1]}"
    ends_in 1 'the server itself closed the connection' -- \
        socat TCP4-LISTEN:12345,reuseaddr SYSTEM:true
}

# bats test_tags=harmless
@test "a lab that can't be made ends in 3 and says what is missing" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s "$(command -v dirname)" "$(command -v realpath)" "$(command -v readlink)" "$(command -v bash)" \
        "$BATS_TEST_TMPDIR/bin"
    PATH=$BATS_TEST_TMPDIR/bin ends_in 3 'unshare'
    KASHIM_LIB=/nowhere/libkashim.so ends_in 3 'missing: /nowhere/libkashim.so'
}

# bats test_tags=harmless
@test "refused namespaces end in 3" {
    run unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_net_namespaces && exec "$0"' "$verify"
    echo "$output"
    harmless 'exit status' 3 "$status"
    harmless 'says so' yes "$([[ $output == *'namespaces are refused'* ]] && echo yes)"
}

# bats test_tags=harmless
@test "interrupted, it ends at once and leaves nothing behind" {
    local mark=$BATS_TEST_TMPDIR/demo-server
    cp "$root/build/demo-server" "$mark"
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
    "$verify" --idle 100 -- "$mark" 192.0.2.1 >/dev/null 3>&- &
    wait_for 60 pgrep -f "^$mark"
    kill "$!"
    wait "$!" || harmless 'exit status' 143 "$?"
    wait_for 30 no_process "^$mark"
    harmless 'files' '' "$(ls "$TMPDIR")"
}

no_process() {
    ! pgrep -f "$1" >/dev/null
}

# ---- canned captures -------------------------------------------------------------

# The story of idle 2, intvl 1, cnt 3 that holds. `answer` is any ACK from the client.
good='100.000 connect
102.016 probe
102.016 answer
104.032 probe
104.032 answer
104.100 cut
106.048 probe
107.072 probe
108.096 probe
109.120 reset
109.200 gone'

# judged STORY: exit status and last line of the verdict.
judged() {
    tell "$1"
    run awk -v idle=2 -v intvl=1 -v cnt=3 -v tolerance=50e-3 \
        -f "$root/scripts/verdict.awk" -f "$root/scripts/judge.awk" "$story"
    echo "$output"
}

# bats test_tags=harmless
@test "a good capture holds, also where sequence numbers wrap around" {
    local zero
    for zero in 1000 4294967294 4294967295 2147483647; do
        judged "$good"
        harmless "exit status from $zero on" 0 "$status"
    done
}

# bats test_tags=harmless
@test "an early probe is told apart, drift is not" {
    judged "$(but 's/^106.048/106.022/')"
    harmless 'exit status' 0 "$status"
    faulty "$(but 's/^106.048/106.020/')" 'unanswered probe 1 of 3 12 ms early'
}

# bats test_tags=harmless
@test "a late probe is told apart, the kernel's granularity is not" {
    judged "$(but 's/^108.096/108.268/; s/^109.120/109.275/; s/^109.200/109.300/')"
    harmless 'exit status' 0 "$status"
    faulty "$(but 's/^108.096/108.270/; s/^109.120/109.275/; s/^109.200/109.300/')" \
        'unanswered probe 3 of 3 198 ms late, 197 allowed'
}

# bats test_tags=harmless
@test "too few or too many unanswered probes are told apart" {
    faulty "$(but '/108.096/d; s/109.120/108.096/')" 'reset after 2 unanswered probes, not 3'
    faulty "$(but 's/109.120 reset/109.120 probe/; s/109.200 gone/110.144 reset/')" \
        'more than 3 unanswered probes'
}

# bats test_tags=harmless
@test "a missing probe, answer, reset or end is told apart" {
    faulty '' 'no connected'
    faulty '100.000 connect' 'no probe 1 by 2.324 s'
    faulty "$(but '/^104.032 answer/d')" \
        'unanswered probe 2 of 3 1016 ms late, 197 allowed; more than 3 unanswered probes'
    faulty "$(but '/^104.032/d; s/^106/104/; s/^107/105/; s/^108/106/; s/^109/107/; s/048/032/')" \
        'reset after 1 answered probes, not 2'
    faulty "$(but '/reset/d; /gone/d')" 'no reset by 9.293 s'
    faulty "$(but '/gone/d')" 'no socket gone by 10.120 s'
}

# bats test_tags=harmless
@test "an ACK with another sequence number is no probe" {
    judged "$(with '101.000 ack' '107.500 ack')"
    harmless 'exit status' 0 "$status"
    faulty "$(but '/answer/d; /reset/d; /gone/d; /cut/d; s/probe/ack/')" 'no probe 1 by 2.324 s'
}

# bats test_tags=harmless
@test "an end that isn't keepalive's is told apart" {
    faulty "$(with '103.000 close')" 'the server itself closed the connection'
    faulty "$(with '103.000 abort')" 'the client ended the connection'
    faulty "$(with '105.000 data')" \
        'the server sent data after the cable was pulled, so retransmission rules'
    faulty "$(with '106.050 answer')" 'the client answered although its cable was pulled'
}

# bats test_tags=harmless
@test "a server may greet its client" {
    judged "$(with '100.010 data' '100.012 answer')"
    harmless 'exit status' 0 "$status"
}
