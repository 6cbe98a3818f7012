#!/bin/bash
# SPDX-License-Identifier: MIT
#
# bench.sh [ROUNDS]: measures what kashim costs, beside nothing and beside others, and
# prints a table; build/bench.json has it for programs. Wall clock is taken in ROUNDS rounds
# (default 11) in which each variant has its turn, so that what else the machine does hits
# all alike; given are medians, the middle half, and the medians of the ratios to "none" and
# of the differences from it in the same round. CPU time is what wait4(2) tells. Instructions
# are counted by callgrind, system calls by strace.
#
# RIVAL=FILE: one more library to compare with, msantos' libkeepalive_listen.so say, which no
# distribution has.
#
# Exit status: 0, also where a target is missed, which is said; 1 if it can't be measured.
set -eu
export LC_ALL=C
unset LD_PRELOAD "${!KA_@}"

root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build
bench=$build/tests/bench
rounds=${1:-11}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
samples=$work/samples facts=$work/facts
: >"$samples"
: >"$facts"

[ -x "$bench" ] || { echo 'bench.sh: make bench builds what it takes, and runs it' >&2; exit 1; }
for program in valgrind strace awk; do
    command -v $program >/dev/null ||
        { echo "bench.sh: missing: $program (scripts/install-deps.sh bench installs it)" >&2; exit 1; }
done

# ---- variants: what is put in front of the program ---------------------------------------

libkashim=${KASHIM_LIB:-$build/libkashim.so}
libfew=${libkashim/#"$build/libkashim"/"$build/few-marks/libkashim"}
libobvious=$build/tests/libobvious.so
libempty=$build/tests/libempty.so
libkeepalive=$(find /usr/lib -maxdepth 2 -name libkeepalive.so.0)
libdontdie=$(find /usr/lib -maxdepth 2 -name libdontdie.so.0)
librival=${RIVAL-}
libnone=
variants=(none kashim obvious)
kashim=${KASHIM_COMMAND:-$build/kashim}
groups=
if "$kashim" run --cgroup -- true 2>/dev/null; then
    groups='group group-force group-connect'
else
    echo 'bench.sh: left out: control groups, which kashim check says why' >&2
fi
[ ! "$libkeepalive" ] || variants+=(libkeepalive)
[ ! "$libdontdie" ] || variants+=(libdontdie)
[ ! "$librival" ] || variants+=(rival)
more= # libraries behind it

# library_of VARIANT
library_of() {
    local library=lib${1#lib}
    echo "${!library}"
}

# under VARIANT COMMAND...
under() {
    case $1 in
    group) "$kashim" run --cgroup -- "${@:2}" ;;
    group-force) "$kashim" run --cgroup --force -- "${@:2}" ;;
    group-connect) "$kashim" run --cgroup --connect -- "${@:2}" ;;
    *) KEEPALIVE=on DD_DEBUG=0 LD_PRELOAD=$(library_of "$1")$more "${@:2}" ;;
    esac
}

# At start the loader and the library read the environment, so that it counts too: it is
# the same wherever this is run, of a size that is usual.
fix_environment() {
    local name
    for name in $(compgen -e); do
        [ "$name" = PATH ] || export -n "${name?}"
    done
    for ((variable = 1; variable <= 40; variable++)); do
        export "VARIABLE_$variable=value"
    done
}

# ---- wall clock ---------------------------------------------------------------------------

# sample ROW UNIT "VARIANT..." ARGUMENT...: one round of it
sample() {
    local variant value
    for variant in $3; do
        value=$(under "$variant" "$bench" "${@:4}")
        echo "$1|$2|$variant|$round|$value" >>"$samples"
    done
}

# One round of starts.
sample_starts() {
    local variant time faults libraries=() starts=("${variants[@]}" empty)
    for variant in "${starts[@]}"; do libraries+=("$(library_of "$variant")"); done
    (fix_environment && KEEPALIVE=on DD_DEBUG=0 "$bench" starts 100 "${libraries[@]}") >"$work/starts"
    for variant in "${starts[@]}"; do
        read -r time faults
        echo "process start, CPU time|us|$variant|$round|$time"
        echo "process start, page faults||$variant|$round|$faults"
    done <"$work/starts" >>"$samples"
}

measure_times() {
    local all="${variants[*]}" open
    open=$(($(ulimit -Hn) / 2 - 1100))
    [ $open -lt 10000 ] || open=10000
    ulimit -n "$(ulimit -Hn)"
    for ((round = 1; round <= rounds; round++)); do
        sample 'accept4 of a queued connection' ns "$all $groups" accept 5000 0
        sample "the same with $open open connections" ns "$all" accept 2000 $open
        sample 'connect, accept, close: one thread' 1/s "$all $groups" cycles 1 100
        sample 'connect, accept, close: two threads' 1/s "$all" cycles 2 100
        sample 'connect' ns "none kashim $groups" connect 2000
        sample 'socket, listen and close' ns "none kashim $groups" listen 2000
        sample 'socket and close, UNIX' ns "$all" sockets unix 20000
        sample 'socket and close, TCP' ns "$all" sockets tcp 20000
        sample_starts
        [ ! -t 2 ] || printf '\rround %s of %s' "$round" "$rounds" >&2
    done
    [ ! -t 2 ] || printf '\r\033[K' >&2
}

# ---- a crowd -------------------------------------------------------------------------------

# start_crowd PROCESSES COMMAND...: a crowd of so many; $crowd_PID is their parent.
start_crowd() {
    coproc crowd { exec "${@:2}"; }
    # shellcheck disable=SC2154 # the coprocess sets both
    for ((process = 0; process <= $1; process++)); do read -r _ <&"${crowd[0]}"; done
}

end_crowd() {
    local pid=$crowd_PID # bash forgets it once the process has ended
    eval "exec ${crowd[1]}>&-"
    wait "$pid"
}

# sample_cpu ROW VARIANT COMMAND...
sample_cpu() {
    echo "$1|ms|$2|$round|$("$bench" cpu "${@:3}")" >>"$samples"
}

# sample_status ROW: of this host
sample_status() {
    sample_cpu "$1" kashim "$kashim" status
    sample_cpu "$1" 'ss -tnope' ss -tnope
    ! command -v lsof >/dev/null || sample_cpu "$1" lsof lsof -nP -iTCP
}

measure_crowd() {
    start_crowd 1000 "$bench" crowd 1000 10
    for ((round = 1; round <= (rounds + 3) / 4; round++)); do
        sample_cpu 'attaching 1,000 processes of 21 sockets, CPU time' kashim \
            "$kashim" attach --children "$crowd_PID"
        sample_status 'what 1,000 processes of 21 sockets have, CPU time'
    done
    end_crowd
    start_crowd 18 "$bench" crowd 18 1000
    for ((round = 1; round <= (rounds + 3) / 4; round++)); do
        sample_status 'what 18 processes of 2,001 sockets have, CPU time'
    done
    end_crowd
}

# ---- counts --------------------------------------------------------------------------------

# instructions VARIANT ARGUMENT...
instructions() {
    under "$1" valgrind --tool=callgrind --callgrind-out-file=/dev/null "${only[@]}" \
        "$bench" "${@:2}" 2>&1 >/dev/null | sed -n 's/.*Collected : //p'
}

# calls VARIANT ARGUMENT...: system calls
calls() {
    under "$1" strace -qq -o "$work/calls" "$bench" "${@:2}" >/dev/null
    wc -l <"$work/calls"
}

# per_accept COUNTER VARIANT [NUMBER]: by the difference of two runs, so that all else falls
# away; NUMBER is the listener's
per_accept() {
    echo $((($("$1" "$2" accept 1500 0 "${@:3}") - $("$1" "$2" accept 500 0 "${@:3}")) / 1000))
}

fact() {
    echo "$1|$2|$3" >>"$facts"
}

count_attach() {
    local group
    [ "$groups" ] || return 0
    start_crowd 1000 "$kashim" run --cgroup -- "$bench" crowd 1000 0
    group=$(sed -n 's/^0:://p' "/proc/$crowd_PID/cgroup")
    strace -qq -e signal=none -o "$work/calls" "$kashim" attach "$group" >/dev/null
    fact 'system calls of attaching a group of 1,000 processes' kashim "$(grep -vc '^rt_sigreturn' "$work/calls")"
    end_crowd
}

# dirty VARIANT: kB, the least of three: what isn't on the disk yet counts as dirty.
dirty() {
    local i
    for ((i = 0; i < 3; i++)); do
        sync "$build"/libkashim.so "$build"/tests/*.so
        under "$1" setarch -R "$bench" dirty
    done | sort -n | sed -n 1p
}

count() {
    local variant library only=()
    for library in {1..40}; do cp "$libempty" "$work/$library.so"; done
    for variant in "${variants[@]}" empty; do
        fact 'instructions until the program starts and ends' "$variant" "$(instructions "$variant" nothing)"
        more=$(printf ":$work/%s.so" {1..40})
        fact 'instructions of the same among 40 more libraries' "$variant" "$(instructions "$variant" nothing)"
        more=
        fact 'system calls until the program starts and ends' "$variant" "$(calls "$variant" nothing)"
        fact 'private dirty memory once it has accepted, kB' "$variant" "$(dirty "$variant")"
    done
    only=(--toggle-collect=answer)
    for variant in "${variants[@]}"; do
        fact 'instructions of accept4, outside the kernel' "$variant" "$(per_accept instructions "$variant")"
        fact 'system calls of connect, accept4 and close' "$variant" "$(per_accept calls "$variant")"
        fact 'system calls of the same with KA_CONNECT=1' "$variant" "$(KA_CONNECT=1 per_accept calls "$variant")"
        fact 'system calls of the same, no mark for the listener' "$variant" \
            "$(per_accept calls "${variant/kashim/few}" 2000)"
    done
    strip -o "$work/stripped" "$libkashim"
    fact 'size of the file, bytes' kashim "$(wc -c <"$work/stripped")"
    [ ! "$libkeepalive" ] || fact 'size of the file, bytes' libkeepalive "$(wc -c <"$libkeepalive")"
    [ ! "$libdontdie" ] || fact 'size of the file, bytes' libdontdie "$(wc -c <"$libdontdie")"
}

# ---- results ---------------------------------------------------------------------------------

machine() {
    printf '%s, %s CPUs, Linux %s, %s, %s rounds\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$(uname -r)" \
        "$(ldd --version | sed -n '1s/.* /glibc /p')" "$rounds"
}

measure_times
measure_crowd
count_attach
(fix_environment && count)
awk -F'|' -v machine="$(machine)" -v json="${BENCH_JSON:-$build/bench.json}" \
    -f "$root/tests/bench/report.awk" "$samples" "$facts"
