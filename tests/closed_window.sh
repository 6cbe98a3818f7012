#!/bin/bash
# SPDX-License-Identifier: MIT
# closed_window.sh ROOT LIBRARY SECONDS SETTING...: in the lab of two hosts, for each setting
# a server that has it, and a client that asks, lives and reads no answer. Says which of the
# connections are gone SECONDS after, and which windows are still closed. tcp_retries2 is 3.
set -eu
root=$1 library=$2 seconds=$3
shift 3
# shellcheck source=scripts/lab.sh
. "$root/scripts/lab.sh"
cd "$LAB_DIR"

# serve PORT SETTING
serve() {
    env LD_PRELOAD="$library" "$2" KA_IDLE=1 KA_INTVL=1 KA_CNT=1 \
        "$root/build/demo-server" "$LAB_SERVER" "$1" >/dev/null &
    wait_for 10 listening "$1"
}

# keep_closed PORT: a client's window.
keep_closed() {
    talker "ask.$1" "$1" 2>/dev/null
    yes >"ask.$1" 2>/dev/null &
    wait_for 10 closed "$1"
}

closed() {
    [[ $(ss -Htno "sport = :$1") == *persist* ]]
}

all_gone() {
    [ -z "$(ss -Htan state connected 'sport > 7000 and sport < 8000')" ]
}

echo 3 >/proc/sys/net/ipv4/tcp_retries2
port=7000
for setting; do
    port=$((port + 1))
    serve $port "$setting"
    keep_closed $port
done
wait_for "$seconds" all_gone || :
port=7000
for setting; do
    port=$((port + 1))
    echo "$setting: $(closed $port && echo closed || echo gone)"
done
