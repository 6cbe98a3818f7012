#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A systemd whose services may not call bpf(2), as systemd-nspawn has it unless told otherwise.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/systemd/container.bash
. "$BATS_TEST_DIRNAME/container.bash"
# shellcheck source=tests/systemd/judge.bash
. "$BATS_TEST_DIRNAME/judge.bash"

setup_file() {
    boot pidfd_getfd
}

# is_half_served UNIT PORT REQUEST: what is open has the options, no start fails, and the journal
# has the cause.
is_half_served() {
    local unit=$1 port=$2 request=$3 itself start
    runs "$unit" "$port"
    hold "$port" "$request"
    itself=$(both_at "$port")
    start=$(start_of "$unit")
    kashim enable "${timers[@]}" --now "$unit"
    effect 'exit status' 1 "$status"
    tells bpf
    served "$port" "$request" enabled
    harmless 'start' "$start" "$(start_of "$unit")"
    restart "$unit" "$port"
    hold "$port" "$request"
    harmless 'restarted' "$itself" "$(both_at "$port")"
    effect 'the journal' bpf "$(journal | grep kashim | grep -o bpf | head -n 1)"
    harmless 'state' active "$(inside systemctl is-active "$unit")"
    kashim disable "$unit"
    done_well disable
}

# bats test_tags=effect
@test "bpf(2) is refused: nginx" {
    is_half_served nginx.service 80 "$get"
}

# bats test_tags=effect
@test "bpf(2) is refused: memcached" {
    is_half_served memcached.service 11211 'version\r\n'
}

# bats test_tags=effect
@test "bpf(2) is refused: PostgreSQL" {
    is_half_served postgresql@15-main.service 5432 "$ssl_request"
}

# bats test_tags=effect
@test "bpf(2) is refused: a hardened service" {
    is_half_served hardened.service 7001 'hello\n'
}

# bats test_tags=effect
@test "bpf(2) is refused: disable --now turns off what enable had turned on" {
    runs nginx.service 80
    hold 80 "$get"
    kashim enable "${timers[@]}" --now nginx.service
    effect 'turned on' 2 "$(both_at 80 | grep -o 'keepalive=1 idle=61' | wc -l)"
    kashim disable --now nginx.service
    effect 'exit status' 1 "$status"
    effect 'turned off' 2 "$(both_at 80 | grep -o 'keepalive=0 idle=61' | wc -l)"
}
