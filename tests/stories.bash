#!/bin/bash
# SPDX-License-Identifier: MIT
#
# For the tests of verify-timing.sh: its verdicts on the wire, and on captures made up.

verify=$root/scripts/verify-timing.sh
story=$BATS_TEST_TMPDIR/story

# holds ARG...: verify-timing.sh says so.
holds() {
    run "$verify" "$@"
    echo "$output"
    effect 'exit status' 0 "$status"
}

# ends_in STATUS WORDS ARG...: verify-timing.sh does, and says these words.
ends_in() {
    run "$verify" "${@:3}"
    echo "$output"
    harmless 'exit status' "$1" "$status"
    harmless "says '$2'" yes "$([[ $output == *"$2"* ]] && echo yes)"
}

# prepare_nginx [SETTING]: the command that serves at port 8080, in $nginx.
prepare_nginx() {
    need nginx
    cat >"$BATS_TEST_TMPDIR/nginx.conf" <<END
        pid $BATS_TEST_TMPDIR/pid;
        ${1-}
        events {}
        http { access_log off; server { listen 8080; } }
END
    nginx=(nginx -c "$BATS_TEST_TMPDIR/nginx.conf" -e "$BATS_TEST_TMPDIR/error.log")
}

# ---- canned captures -------------------------------------------------------------

# What tcpdump would have said of it. The server's numbers start at $zero.
capture_of() {
    local time event zero=${zero:-1000}
    local server=192.0.2.1.12345 client=192.0.2.2.40000 next=$((zero + 1))
    while read -r time event; do
        case $event in
        connect)
            packet "$client" "$server" S 500 0 0
            packet "$server" "$client" S. "$zero" 501 0
            packet "$client" "$server" . 501 "$next" 0
            ;;
        probe) packet "$server" "$client" . $((next - 1)) 501 0 ;;
        ack) packet "$server" "$client" . "$next" 501 0 ;;
        data) packet "$server" "$client" P. "$next" 501 10; next=$((next + 10)) ;;
        again) packet "$server" "$client" P. $((next - 10)) 501 10 ;;
        question) packet "$client" "$server" P. 501 "$next" 5 ;;
        reset) packet "$server" "$client" R. "$next" 501 0 ;;
        close) packet "$server" "$client" F. "$next" 501 0 ;;
        answer) packet "$client" "$server" . 501 "$next" 0 ;;
        abort) packet "$client" "$server" R. 501 "$next" 0 ;;
        esac
    done
}

# packet FROM TO FLAGS SEQ ACK LENGTH, at $time
packet() {
    local seq=$(($4 % 4294967296)) ack=$(($5 % 4294967296))
    [ "$6" = 0 ] || seq=$seq:$((seq + $6))
    printf '%s\n' "$time IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 52)"
    printf '%s\n' "    $1 > $2: Flags [$3], cksum 0x8422 (incorrect -> 0x1234), seq $seq, ack $ack, win 510, options [nop,nop,TS val 1 ecr 2], length $6"
}

# tell STORY: into the file $story, as verify-timing.sh has it.
tell() {
    { capture_of <<<"$1" | awk -v server=192.0.2.1.12345 -f "$root/scripts/probes.awk"
      grep -E ' (cut|gone|gone [0-9.]*|dropped)$' <<<"$1" || :; } | sort -s -n -k 1,1 >"$story"
}

# faulty STORY REASON: it doesn't hold, for this reason.
faulty() {
    judged "$1"
    harmless 'exit status' 1 "$status"
    harmless 'reason' "$2" "${lines[-1]}"
}

# but SED-SCRIPT: the good story, varied.
but() {
    sed "$1" <<<"$good"
}

# with LINE...: the good story, and that.
with() {
    printf '%s\n' "$good" "$@" | sort -s -n -k 1,1
}
