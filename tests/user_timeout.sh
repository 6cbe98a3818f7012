#!/bin/bash
# SPDX-License-Identifier: MIT
# user_timeout.sh ROOT LIBRARY CASE, in the lab of two hosts: what becomes of a connection
# over which the server sends, with TCP_USER_TIMEOUT at 4 s and without. The CASE:
#
#   dead            the client's cable is pulled, then the server sends
#   closed-window   the client lives and doesn't read
#
# Keepalive by itself would drop an idle dead peer in 2 s.
set -eu
root=$1 library=$2 case=$3
# shellcheck source=scripts/lab.sh
. "$root/scripts/lab.sh"
cd "$LAB_DIR"

# serve PORT KA_USER_TIMEOUT: sends what is written to the pipe of that name.
serve() {
    mkfifo "$1"
    env LD_PRELOAD="$library" KA_USER_TIMEOUT="$2" KA_IDLE=1 KA_INTVL=1 KA_CNT=1 \
        socat -U "TCP4-LISTEN:$1,bind=$LAB_SERVER" "PIPE:$1" 2>/dev/null &
    wait_for 5 listening "$1"
}

connected() {
    [ -n "$(ss -Htn state established "sport = :$1")" ]
}

gone() {
    [ -z "$(ss -Htan state connected "sport = :$1")" ]
}

client() {
    on_client socat -u "TCP4:$LAB_SERVER:$1" SYSTEM:'sleep 60' 2>/dev/null &
    wait_for 5 connected "$1"
}

# As much as goes into the pipe and the socket; the writer may wait for ever.
send() {
    case $case in
    dead) (echo hello; exec sleep 60) >"$1" & ;;
    closed-window) cat /dev/zero >"$1" & ;;
    esac
}

serve 7001 4
serve 7002 off
client 7001
client 7002
[ "$case" != dead ] || cut_link
send 7001
send 7002

wait_for 8 gone 7001 && echo 'with 4 s: gone' || echo 'with 4 s: there'
gone 7002 && echo 'with off: gone' || echo 'with off: there'
