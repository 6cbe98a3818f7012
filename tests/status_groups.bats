#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# kashim status of control groups: which one is meant, and what can't be seen of it.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/groups.bash"

# bats test_tags=effect
@test "status: processes of a group that /proc hides" {
    local hiding
    hiding=$(unshared 'mount -t proc -o hidepid=invisible proc /proc')
    $hiding true 2>/dev/null || unless_ci 'Linux before 5.8 has no hidepid for one mount'
    serve_in "$group" echo_server "$port"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    local said="process ($server): /proc hides it (hidepid, ProtectProc=): run kashim as root"
    as "$hiding setpriv --reuid=65534 --regid=65534 --clear-groups" "$dir/kashim" status --check "$group"
    effect '--check' "3 not known: $said" "$status $output$stderr"
    as "$hiding setpriv --reuid=65534 --regid=65534 --clear-groups" "$dir/kashim" status "$server" "$group"
    effect 'the table' "1 kashim: $said" "$status $output$stderr"
    as "$hiding" "$dir/kashim" status --check "$group"
    effect 'as root' "1 unprotected: 1 listener: echo_server ($server)" "$status $output$stderr"
}

# bats test_tags=effect
@test "status: processes of a group that are of another PID namespace" {
    local other='unshare -pf --mount-proc --kill-child'
    $other true 2>/dev/null || unless_ci 'PID namespaces are refused'
    serve_in "$group" echo_server "$port"
    attach "$group"
    local said="group $path: 1 of its processes can't be seen here: run kashim as root of the host"
    as "$other" "$dir/kashim" status --check "$group"
    effect '--check' "3 not known: $said" "$status $output$stderr"
    as "$other" "$dir/kashim" status "$group"
    effect 'the table' "1 kashim: $said" "$status $stderr"
    effect 'verdict' 'unprotected: none known; not all was looked at' "$(tail -n 1 <<<"$output")"
    as "$other" "$dir/kashim" status --json "$group"
    effect 'as JSON' 1 "$(grep -c '"complete": false' <<<"$output")"
}

# bats test_tags=effect
@test "status, attach: a group below that can't be read" {
    local nobody='setpriv --reuid=65534 --regid=65534 --clear-groups' below=$group long
    mkdir "$group/closed"
    serve_in "$group/closed" echo_server "$port"
    chmod a+rx "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$dir"
    chmod 755 "$group"
    chmod 700 "$group/closed"
    as "$nobody" "$dir/kashim" status --check "$group"
    effect '--check' "3 not known: group $path/closed: not all of it can be read: Permission denied" "$status $output$stderr"
    as "$nobody" "$dir/kashim" status "$group"
    effect 'status' "1 kashim: group $path/closed: not all of it can be read: Permission denied" "$status $output$stderr"
    kashim status --check "$group"
    effect 'as root' "1 unprotected: 1 listener: echo_server ($server)" "$status $output$stderr"

    long=$(printf '%0200d' 0)
    for _ in {1..25}; do
        mkdir "$below/$long"
        cd "$below/$long" || return 1
        below=.
    done
    kashim status --check "$group"
    effect 'unprotected all the same' "1 unprotected: 1 listener: echo_server ($server)" "$status $output"
    attach "$group"
    effect 'attach' "1 kashim: group $path: not all of it can be read: File name too long" "$status $stderr"
    cd / || return 1
    find "$group" -depth -type d -name "$long" -delete
}

# bats test_tags=effect
@test "status: the group that is meant is named, and one that is empty" {
    make_unit "unit-${group##*-}.service"
    kashim status "${unit##*/}"
    effect 'no programs, nobody' "group $unit_path (empty): kashim has put no programs there" "$(head -n 1 <<<"$output")"
    kashim status --json "${unit##*/}"
    effect 'as JSON' "  \"asked\": [\"$unit_path\"]," "$(grep asked <<<"$output")"
    attach "$unit"
    kashim status "${unit##*/}"
    effect 'programs, nobody' "group $unit_path (empty): idle 61 s, intvl 11 s, cnt 7;" "$(head -n 1 <<<"$output")"
    kashim status --json
    effect 'as JSON' 1 "$(grep -c "\"path\": \"$unit_path\", \"known\": true, \"empty\": true" <<<"$output")"
    serve_in "$unit" echo_server "$port"
    kashim status "${unit##*/}"
    effect 'somebody' "group $unit_path: idle 61 s, intvl 11 s, cnt 7;" "$(head -n 1 <<<"$output")"
}

# bats test_tags=effect
@test "status, attach: a socket unit's group, in which nobody is" {
    make_unit "unit-${group##*-}.socket"
    local name=${unit##*/} target said
    said="the sockets of $name are systemd's: kashim enable $name gives them keepalive, kashim status --port PORT shows them"
    for target in "$name" "$unit"; do
        kashim status --check "$target"
        effect "--check $target" "3 not known: $said" "$status $output$stderr"
    done
    attach "$name"
    effect 'attach' "1 kashim: $said" "$status $output$stderr"
    effect 'programs' '' "$(programs_on "$unit")"
    serve_in "$unit" echo_server "$port"
    kashim status --check "$name"
    effect 'somebody' "1 unprotected: 1 listener: echo_server ($server)" "$status $output$stderr"
}

# bats test_tags=effect
@test "status, attach: a unit of the host, and what is inside another's group" {
    local id=${group##*-} inner outer name
    for outer in "box-$id.scope" "user@1000.service" "lxc-$id"; do
        for name in "inner-$id.service" "inner-$id"; do
            [ "$outer $name" != "lxc-$id inner-$id" ] || continue
            make_unit "$outer"
            inner=$unit/system.slice/$name
            mkdir -p "$inner"
            kashim status "inner-$id"
            effect "inside $outer" "1 kashim: 'inner-$id' names a group inside $outer; give its path: $unit_path/system.slice/$name" "$status $output$stderr"
            attach "inner-$id"
            effect 'programs' "1 " "$status $(programs_on "$inner")"
            remove_groups "$unit"
        done
    done
    make_unit "manager-$id"
    mkdir "$unit/inner-$id"
    kashim status "inner-$id"
    effect 'a container' "group $unit_path/inner-$id (empty): kashim has put no programs there" "$(head -n 1 <<<"$output$stderr")"
    mkdir -p "$unit/box/inner-$id.service" "$unit/box/other-$id"
    kashim status "other-$id"
    effect 'inside a container' "1 kashim: 'other-$id' names a group inside box; give its path: $unit_path/box/other-$id" "$status $output$stderr"
    remove_groups "$unit"
    make_unit "host-$id.slice"
    mkdir -p "$unit/app.slice/inner-$id.service" "$unit/app.slice/x.scope/inner-$id.service"
    kashim status "inner-$id"
    effect 'of the host' "group $unit_path/app.slice/inner-$id.service (empty): kashim has put no programs there" "$(head -n 1 <<<"$output$stderr")"
}

# bats test_tags=effect
@test "status: a guess has the whole name" {
    make_unit "unit-${group##*-}.scope"
    local name=${unit##*/}
    name=${name%.scope}
    kashim status "${name/unit/uint}"
    effect 'without the suffix' "1 kashim: no unit or other control group '${name/unit/uint}' runs here; $name.scope?" "$status $stderr"
}
