#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a container's services have on their sockets. Sourced behind container.bash.

timers=(-i 61 -n 11 -c 7)
listening=${ours/connected/listening}
get='GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
ssl_request='\0\0\0\b\04\0322\026\057'

# With where the journal ends before the test.
setup() {
    need_container
    cursor=$(inside journalctl -q -n 1 --show-cursor | sed -n 's/^-- cursor: //p')
}

# journal: since the test began.
journal() {
    inside journalctl --sync
    inside journalctl -q --no-pager -o cat --after-cursor="$cursor"
}

# ---- sockets -------------------------------------------------------------------

# options_at PORT STATE: of all its sockets in that state.
options_at() {
    sockopts "$leader" | awk -v port=":$1" -v state="$2" '
        substr($3, length($3) - length(port) + 1) == port && $6 == state { $1 = $2 = $3 = $4 = ""; print }' |
        sed 's/^ *//' | sort -u
}

# both_at PORT: of listeners and connections.
both_at() {
    options_at "$1" listening
    options_at "$1" connected
}

listens_there() {
    [ "$(options_at "$1" listening)" ]
}

no_connection_at() {
    [ ! "$(options_at "$1" connected)" ]
}

# hold PORT REQUEST: a connection that has been answered. It stays until let_go.
hold() {
    local answer=$BATS_TEST_TMPDIR/answer
    rm -f "$answer"
    without_harness exec nsenter -t "$leader" -n bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$0" && printf %b "$1" >&3
        LC_ALL=C IFS= read -r -N 1 -t 20 -u 3 && echo answered >"$2" && exec sleep 600' "$1" "$2" "$answer" &
    started+=($!)
    wait_for 20 [ -s "$answer" ]
}

# let_go PORT: closes all that are held.
let_go() {
    kill_started
    started=()
    wait_for 20 no_connection_at "$1"
}

# ---- units ---------------------------------------------------------------------

# runs UNIT PORT: started if it doesn't yet.
runs() {
    inside systemctl start "$1"
    wait_for 20 listens_there "$2"
}

# restart UNIT PORT: no connection outlives it.
restart() {
    let_go "$2"
    inside systemctl restart "$1"
    wait_for 20 listens_there "$2"
}

# start_of UNIT: another after each start.
start_of() {
    inside systemctl show -p InvocationID -p MainPID "$1" | sort | paste -sd' '
}

drop_in() {
    echo "/proc/$leader/root/etc/systemd/system/$1.d/kashim.conf"
}

# state_of FILE: there or gone.
state_of() {
    if [ -e "$1" ]; then echo there; else echo gone; fi
}

# ---- verdicts ------------------------------------------------------------------

# served PORT REQUEST WHEN: listeners and connections, those held so far and a new one.
served() {
    hold "$1" "$2"
    effect "listeners, $3" "$listening" "$(options_at "$1" listening)"
    effect "connections, $3" "$ours" "$(options_at "$1" connected)"
}

# done_well WHAT
done_well() {
    effect "exit status of $1" 0 "$status$([ "$status" = 0 ] || printf '\n%s\n' "$output" "$stderr")"
}

# tells WORD...: $output or $stderr has each.
tells() {
    local word
    for word; do
        [[ $output$stderr == *"$word"* ]] || effect 'said' "$word" "$output$stderr"
    done
}

# without_complaint UNIT: neither systemctl status nor the journal has a bad word.
without_complaint() {
    harmless 'warnings of systemctl status' '' \
        "$(inside systemctl status --no-pager -n 0 "$1" 2>&1 | grep -iE 'warning|changed on disk')"
    harmless 'complaints in the journal' '' "$(journal | complaints)"
}

complaints() {
    grep -i kashim | grep -iE 'cannot|fail|error|warn|unknown|ignor|invalid|not found|refuse|denied'
}

# prepared UNIT: says systemctl status.
prepared() {
    local said
    said=$(inside systemctl status --no-pager -n 0 "$1" 2>&1) || :
    effect 'drop-in' kashim.conf "$(grep -o kashim.conf <<<"$said")"
    effect 'its command' 'code=exited, status=0/SUCCESS' \
        "$(sed -n 's/.*ExecStartPre=.*kashim attach.*(\(.*\))$/\1/p' <<<"$said")"
}

# is_served UNIT PORT REQUEST [OPTION...]: enabled while it runs, restarted, disabled.
is_served() {
    local unit=$1 port=$2 request=$3 itself start
    shift 3
    runs "$unit" "$port"
    hold "$port" "$request"
    itself=$(both_at "$port")
    harmless 'served by itself' '' "$(grep idle=61 <<<"$itself")"

    start=$(start_of "$unit")
    kashim enable "${timers[@]}" "$@" --now "$unit"
    done_well enable
    tells ":$port"
    served "$port" "$request" enabled
    harmless 'start' "$start" "$(start_of "$unit")"

    restart "$unit" "$port"
    served "$port" "$request" restarted
    prepared "$unit"
    without_complaint "$unit"

    start=$(start_of "$unit")
    kashim disable --now "$unit"
    done_well disable
    harmless 'start' "$start" "$(start_of "$unit")"
    effect 'drop-in' gone "$(state_of "$(drop_in "$unit")")"
    effect 'listeners, disabled' '' "$(options_at "$port" listening | grep keepalive=1)"
    restart "$unit" "$port"
    hold "$port" "$request"
    effect 'restarted, disabled' "$itself" "$(both_at "$port")"
    without_complaint "$unit"
}
