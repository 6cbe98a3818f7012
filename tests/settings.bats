#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The variables, each by what a connection has in the end.

load lib

listen_and_accept=(steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b')

# sets VAR=VALUE... IDLE INTVL CNT: these timers come of it.
sets() {
    shimmed "${@:1:$#-3}" "${listen_and_accept[@]}"
    has b "tcp connected keepalive=1 idle=${*: -3:1} intvl=${*: -2:1} cnt=${*: -1} user_timeout=0"
}

# refuses VAR=VALUE DEFAULT IDLE INTVL CNT: the variable keeps its default, these timers
# come of it, and one line says so.
refuses() {
    local name=${1%%=*} value=${1#*=}
    sets "${@:1:$#-4}" "${@: -3}"
    effect 'number of lines on stderr' 1 "$(grep -c . <<<"$stderr")"
    [[ $stderr == "kashim: "*"$name"*"$value"*"${*: -4:1}"* ]] ||
        effect 'the line on stderr' "kashim: ... $name ... $value ... ${*: -4:1}" "$stderr"
}

# bats test_tags=effect
@test "a program that defines environ itself is given the settings" {
    shimmed "${timers[@]}" own_environ
    effect 'options of its listener' 'keepalive=1 idle=61 intvl=11 cnt=7' "$output"
}

# bats test_tags=effect
@test "KA_INTVL is no longer than KA_IDLE unless it is set" {
    local idle
    for idle in '5 5' '30 30' '31 30' '300 30'; do
        shimmed "KA_IDLE=${idle% *}" steps 'tcp4 a' 'listen a' 'connect c a' 'accept a b' 'look b'
        has b "tcp connected keepalive=1 idle=${idle% *} intvl=${idle#* } cnt=6 user_timeout=0"
    done
    shimmed KA_IDLE=5 KA_INTVL=9 steps 'tcp4 a' 'listen a' 'look a'
    effect 'a longer one that is set' intvl=9 "$(result 'look a' | grep -o 'intvl=[0-9]*')"
}

# bats test_tags=effect
@test "the defaults: 120 s, 30 s, 6" {
    sets 120 30 6
    effect 'what it says on stderr' '' "$stderr"
}

# bats test_tags=effect
@test "an empty value means unset" {
    sets KA_IDLE= KA_INTVL= KA_CNT= KA_OFF= 120 30 6
    effect 'what it says on stderr' '' "$stderr"
}

# bats test_tags=effect
@test "each variable sets its own timer" {
    sets KA_IDLE=61 61 30 6
    sets KA_INTVL=11 120 11 6
    sets KA_CNT=7 120 30 7
}

# bats test_tags=effect
@test "the kernel takes what lies at the bounds" {
    sets KA_IDLE=1 KA_INTVL=1 KA_CNT=1 1 1 1
    sets KA_IDLE=32767 KA_INTVL=32767 KA_CNT=127 32767 32767 127
}

# All that is accepted and refused: tests/unit/config.c.
# bats test_tags=effect
@test "a bad value of each" {
    refuses KA_IDLE=0 KA_INTVL=11 KA_CNT=7 120 120 11 7
    refuses KA_INTVL=1d KA_IDLE=61 KA_CNT=7 30 61 30 7
    refuses KA_CNT=128 KA_IDLE=61 KA_INTVL=11 6 61 11 6
    refuses KA_OFF=yes "${timers[@]}" 0 61 11 7
    refuses KA_USER_TIMEOUT=never "${timers[@]}" off 61 11 7
    refuses KA_RTO_MAX=121 "${timers[@]}" off 61 11 7
    refuses KA_PORTS=80-70 "${timers[@]}" all 61 11 7
    refuses KA_CONNECT=2 "${timers[@]}" 0 61 11 7
    refuses KA_FORCE=on "${timers[@]}" 0 61 11 7
    refuses KA_CHILDREN=no "${timers[@]}" 1 61 11 7
    refuses KA_LOG=/tmp/x "${timers[@]}" off 61 11 7
}

# bats test_tags=effect
@test "two bad values get a line each" {
    sets KA_IDLE=x KA_CNT=y KA_INTVL=11 120 11 6
    effect 'number of lines on stderr' 2 "$(grep -c '^kashim: KA_\(IDLE\|CNT\)' <<<"$stderr")"
}

# bats test_tags=effect
@test "a bad value is told once, at the first listen" {
    shimmed KA_IDLE=x steps 'tcp4 a' mark 'listen a' 'listen a' 'connect c a' 'accept a b' \
        'connect d a' 'accept a e' 'tcp4 f' 'listen f'
    effect 'number of lines on stderr' 1 "$(grep -c . <<<"$stderr")"
}

# bats test_tags=effect
@test "a bad value is told at the first accept" {
    shimmed KA_IDLE=x steps 'accept 99 b'
    effect 'number of lines on stderr' 1 "$(grep -c . <<<"$stderr")"
}

# bats test_tags=effect
@test "a bad value is told at the first connect" {
    shimmed KA_IDLE=x steps 'open a /dev/null' 'connect c 99' 'tcp4 a' 'connect c a'
    effect 'number of lines on stderr' 1 "$(grep -c . <<<"$stderr")"
}

# bats test_tags=harmless,clumsy:load
@test "a bad value isn't told where nobody listens, accepts or connects" {
    unharmed KA_IDLE=x KA_CNT=y steps 'tcp4 a' 'set a idle 3' 'udp b' 'nonblock b'
    unharmed KA_IDLE=x true
}

# bats test_tags=harmless,clumsy:exit
@test "a bad value keeps no program from starting" {
    local value
    for value in x -1 "$(printf '%01000d' 0)"; do
        shim=("KA_IDLE=$value" "KA_INTVL=$value" "KA_CNT=$value" "KA_OFF=$value")
        harmless 'exit status' 0 "$(
            LD_PRELOAD=$KASHIM_LIB env "${shim[@]}" "${listen_and_accept[@]}" >/dev/null 2>&1
            echo $?
        )"
    done
}

# bats test_tags=harmless,clumsy:options
@test "KA_OFF=1: loaded, and does nothing" {
    unharmed KA_OFF=1 "${listen_and_accept[@]}" 'look a'
}

# bats test_tags=effect
@test "KA_OFF=0 is on" {
    sets KA_OFF=0 120 30 6
}

# bats test_tags=effect
@test "what becomes of the environment after load is nothing to us" {
    shimmed "${timers[@]}" KA_LOG=x steps wipe-environment "${listen_and_accept[@]:1}"
    has b "$ours"
    [[ $stderr == 'kashim: KA_LOG="x"'* ]]
}
