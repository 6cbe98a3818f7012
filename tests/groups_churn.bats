#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Control groups that are attached to, changed and detached while connections come and go.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/groups.bash"

# Of kashim's programs and maps in the kernel, those that no group has.
nothing_left() {
    left=$(bpf_objects left "$cgroups")
    [ -z "$left" ]
}

# churning: connections come and go in the group, as long as $attached is there; while it has
# some text, none should be bare.
churning() {
    attached=$dir/attached
    : >"$attached"
    serve_in "$group" nice churn "$port" 60 "$attached"
}

# churned: what it has seen.
churned() {
    rm "$attached"
    status=0
    wait "$server" || status=$?
    effect 'none fails' 0 "$status"
    read -r _ rounds _ unix _ outgoing _ served _ bare <"$dir/server"
}

# bats test_tags=effect
@test "groups: attach and detach 200 times while 10,000 connections come and go" {
    local round
    churning
    for round in {1..200}; do
        attach --force "$group"
        effect "attach, $stderr" 0 "$status"
        echo "$round" >"$attached"
        effect 'programs' 'kashim kashim_setopt' "$(programs_on "$group")"
        : >"$attached"
        kashim detach "$group"
        effect "detach, $stderr" 0 "$status"
    done
    churned
    [ $((rounds * 8)) -ge 10000 ] || effect 'connections' 'at least 10000' $((rounds * 8))
    [ "$served" -ge 200 ] || effect 'connections made while attached' 'at least 200' "$served"
    effect 'of these, bare' 0 "$bare"
    effect 'UNIX and outgoing ones' '0 0' "$unix $outgoing"
    effect 'programs' '' "$(programs_on "$group")"
    wait_for 10 nothing_left || effect 'in the kernel' '' "$left"
}

# bats test_tags=effect
@test "groups: attach again 100 times, with other values, and no connection is bare meanwhile" {
    local round
    attach "$group"
    churning
    echo attached >"$attached"
    for round in {1..50}; do
        kashim attach -i "$((100 + round))" --force "$group"
        effect "attach, $stderr" 0 "$status"
        kashim attach -i "$((200 + round))" -p "$port" "$group"
        effect "attach, $stderr" 0 "$status"
    done
    churned
    [ "$served" -ge 1000 ] || effect 'connections' 'at least 1000' "$served"
    effect 'of these, bare' 0 "$bare"
    effect 'programs' kashim "$(programs_on "$group")"
    kashim detach "$group"
    wait_for 10 nothing_left || effect 'in the kernel' '' "$left"
}

# bats test_tags=effect
@test "groups: several kashim at the same time leave one set of programs, or none" {
    local round n force=--force
    for round in {1..10}; do
        for n in 1 2 3 4; do
            "$dir/kashim" attach -i "$round$n" $force "$group" >/dev/null 2>"$dir/$n" 3>&- &
            started+=($!)
            [ "$force" ] && force='' || force=--force
        done
        wait "${started[@]: -4}"
        effect "messages" '' "$(cat "$dir"/[1-4])"
        effect 'programs for listeners' 1 "$(programs_on "$group" | tr ' ' '\n' | grep -cx kashim)"
        kashim status "$group"
        effect 'with force' "$(grep -cx '\(.*;\)\? *forced' <<<"$output")" "$(programs_on "$group" | grep -c kashim_setopt)"
        steps_in "$group" 'tcp4 a' 'listen a' 'look a'
        effect 'one of the values' yes "$(result 'look a' | grep -q "keepalive=1 idle=${round}[1-4] " && echo yes)"
    done
    kashim detach "$group"
    effect 'programs' '' "$(programs_on "$group")"
    wait_for 10 nothing_left || effect 'in the kernel' '' "$left"
}
