#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The demo: an ordinary TCP pair, and `make demo`.

load lib

setup() {
    server_program=$root/build/demo-server
    client_program=$root/build/demo-client
    said=$BATS_TEST_TMPDIR/server
    client_said=$BATS_TEST_TMPDIR/client
}

# pair ADDRESS: both programs, connected.
pair() {
    port=$(free_port)
    serve "$port" "$server_program" "$1" "$port"
    "$client_program" "$1" "$port" >"$client_said" 3>&- &
    client=$!
    started+=("$client")
    wait_for 10 grep -q '^connected$' "$client_said"
    wait_for 10 grep -q "^accepted $1 port [0-9]*\$" "$said"
}

# says_in_the_end FILE HOW: the last line tells how the connection ended.
says_in_the_end() {
    wait_for 10 grep -q ended "$1"
    harmless 'the end' "$2" "$(sed -n 's/^ended after [0-9]*\.[0-9] s: //p' "$1")"
}

# bats test_tags=harmless
@test "the server says that its client has closed, and serves the next" {
    pair 127.0.0.1
    kill "$client"
    says_in_the_end "$said" 'Closed by peer'
    "$client_program" 127.0.0.1 "$port" >"$client_said.2" 3>&- &
    started+=("$!")
    wait_for 10 grep -q '^connected$' "$client_said.2"
    wait_for 10 accepted 2
}

accepted() {
    [ "$(grep -c '^accepted' "$said")" = "$1" ]
}

# bats test_tags=harmless
@test "the server gives back what it is told, to several clients at once" {
    local first
    pair 127.0.0.1
    ask "$port" one
    first=$client
    ask "$port" two
    harmless 'the second answer' $'two\r' "$answer"
    printf 'again\n' >&"$first"
    read -r -t 10 answer <&"$first"
    harmless 'the first client, again' again "$answer"
}

# bats test_tags=harmless
@test "the end of a client over IPv6" {
    need_ipv6
    pair ::1
    kill "$client"
    says_in_the_end "$said" 'Closed by peer'
}

# bats test_tags=harmless
@test "the server says that its client has reset the connection" {
    need python3
    port=$(free_port)
    serve "$port" "$server_program" 127.0.0.1 "$port"
    python3 -c "
import socket, struct
client = socket.create_connection(('127.0.0.1', $port))
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
client.close()"
    says_in_the_end "$said" 'Connection reset by peer'
}

# bats test_tags=harmless
@test "the client says that its server has closed" {
    pair 127.0.0.1
    kill "$server"
    says_in_the_end "$client_said" 'Closed by peer'
}

# refuses STATUS WORDS COMMAND...: one line on stderr, with these words.
refuses() {
    run --separate-stderr "${@:3}"
    echo "$stderr"
    harmless "exit status of ${*:3}" "$1" "$status"
    harmless 'stdout' '' "$output"
    harmless 'lines' 1 "${#stderr_lines[@]}"
    harmless "says '$2'" yes "$([[ $stderr == *"$2"* ]] && echo yes)"
}

# bats test_tags=harmless
@test "bad arguments get one line and exit 2" {
    local program port
    for program in "$server_program" "$client_program"; do
        refuses 2 "missing 'ADDRESS'" "$program"
        refuses 2 "bad address ''" "$program" ''
        refuses 2 "bad address 'localhost'" "$program" localhost
        refuses 2 "bad address '1.2.3.256'" "$program" 1.2.3.256
        refuses 2 "bad address '::g'" "$program" ::g
        for port in '' 0 65536 99999999999999999999 -1 +1 ' 1' '1 ' 1x http; do
            refuses 2 "bad port '$port'" "$program" 127.0.0.1 "$port"
        done
        refuses 2 "unexpected argument 'more'" "$program" 127.0.0.1 1 more
    done
}

# bats test_tags=harmless
@test "what can't be done gets one line and exit 1" {
    pair 127.0.0.1
    refuses 1 "cannot listen at 127.0.0.1 port $port: Address already in use" \
        "$server_program" 127.0.0.1 "$port"
    kill "$server"
    refuses 1 'cannot connect to 127.0.0.1 port 1: Connection refused' "$client_program" 127.0.0.1 1
}

# bats test_tags=effect
@test "the demo shows what it promises, in under a minute" {
    local before=$SECONDS ends=2
    has_rto_max || ends=1
    run "$root/scripts/demo.sh"
    echo "$output"
    effect 'exit status' 0 "$status"
    effect 'servers that say when it timed out' $ends \
        "$(grep -c '^ *ended after 1[4-7]\.[0-9] s: Connection timed out$' <<<"$output")"
    effect 'wide lines' '' "$(awk 'length > 80' <<<"$output")"
    effect 'under a minute' yes "$([ $((SECONDS - before)) -lt 60 ] && echo yes)"
    effect 'no colour but on a terminal' '' "$(grep -o $'\e' <<<"$output")"
}

# bats test_tags=harmless
@test "the scripts say what they do, and do nothing else" {
    local script
    for script in demo.sh lab.sh verify-timing.sh load.sh install-deps.sh; do
        run "$root/scripts/$script" --help
        harmless "exit status of $script" 0 "$status"
        harmless "words of $script" "$script" "$(grep -om 1 "$script" <<<"${lines[0]}")"
    done
    refuses 2 "unexpected argument 'now'" "$root/scripts/demo.sh" now
    refuses 1 'no build/kashim---help.tar.gz' "$root/scripts/deb.sh" --help
}

# bats test_tags=harmless
@test "the demo owns up when there is nothing to show" {
    KASHIM_LIB=$root/build/tests/libempty.so run --separate-stderr "$root/scripts/demo.sh"
    harmless 'exit status' 1 "$status"
    harmless 'reason' 'demo.sh: not as expected: in 8 s, fewer than 4 times: answer' "$stderr"
    KASHIM_LIB=/nowhere/lib.so refuses 3 'missing: /nowhere/lib.so' "$root/scripts/demo.sh"
}
