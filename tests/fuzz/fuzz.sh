#!/bin/bash
# SPDX-License-Identifier: MIT
#
# fuzz.sh SECONDS [TARGET...]: each target of this directory for so long, two at a time, with
# the corpus in build/fuzz that it goes on with. Exit status: 0 if nothing was found; what was
# found lies in build/fuzz/TARGET.found.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/fuzz

# seed TARGET NAME: stdin as the first of its corpus
seed() {
    mkdir -p "$build/$1"
    cat >"$build/$1/$2"
}

program() {
    echo 'int main(void) { return 0; }' | gcc -x c - -Os -s -o "$build/program" "$@" 2>/dev/null || return 0
    seed elf "program${*//[^a-z0-9]/}" <"$build/program"
}

make_seeds() {
    local setting file
    mkdir -p "$build"
    for setting in KA_IDLE=90 KA_INTVL=2m KA_CNT=6 KA_USER_TIMEOUT=auto KA_PORTS=5432,8000-8100 \
        KA_LOG=stderr KA_CONNECT=1; do
        printf %s "$setting" | seed config "$setting"
    done
    program
    program -static -nostdlib -Wl,-e,main
    program -m32 -nostdlib -Wl,-e,main
    printf '#!/bin/sh\n' | seed elf script
    for file in status maps comm; do
        seed proc $file <"/proc/self/$file"
    done
    printf 'UserFiles:\t2\n    0: socket:[123]\n    1: socket:[456]\n' | seed proc fdinfo
    python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4)  # NETLINK_SOCK_DIAG
request = struct.pack("=BBBBI48x", socket.AF_INET, 6, 0, 0, 0xfff)
s.send(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 0, 0) + request)
sys.stdout.buffer.write(s.recv(65536))' | seed diag answer
    tail -n 1 /proc/self/net/tcp | seed diag line
    # a last message whose length isn't aligned
    base64 -d <<<PQAAAAAlHBAAAAAAAAAAAAAo///////w/////////////wCAAAAAAAAAAAX/////AAAADwAAAAAMABUAAQA= |
        seed diag unaligned
}

# run TARGET
run() {
    if "$build/fuzz-$1" -max_total_time="$seconds" -timeout=10 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$build/$1.found-" "$build/$1" >"$build/$1.log" 2>&1; then
        echo "$1: nothing found in $(sed -n 's/.*number_of_executed_units: //p' "$build/$1.log") runs"
    else
        tail -n 40 "$build/$1.log"
        echo "$1: FOUND, see $build/$1.log"
        return 1
    fi
}

seconds=$1
shift
[ $# -gt 0 ] || set -- config diag elf proc
make_seeds
make -s -C "$root" "${@/#/build/fuzz/fuzz-}"
export -f run
export build seconds
printf '%s\n' "$@" | xargs -P 2 -I {} bash -c 'run {}'
