#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Control groups for tests. Each test has one of its own below that in which it runs:
#
#     $group   its directory
#     $path    its path, as /proc/PID/cgroup shows it
#
# Who is in there at the end is killed, and the group is removed.

cgroups=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)

need_groups() {
    [ $EUID = 0 ] || unless_ci 'control groups take root'
    [ "$cgroups" ] || unless_ci 'cgroup v2 is not mounted'
    bpf_objects left "$cgroups" >/dev/null || unless_ci 'bpf(2) is refused'
}

# The mount may show only what lies below a group.
make_group() {
    need_groups
    local own top
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    top=$(findmnt -rno FSROOT "$cgroups")
    own=${own%/} top=${top%/}
    group=$(mktemp -d "$cgroups${own#"$top"}/tested-XXXXXX")
    chmod 755 "$group"
    path=$own/${group##*/}
}

# make_unit NAME: a group at the top, where units of the host are: $unit, $unit_path.
make_unit() {
    local top
    top=$(findmnt -rno FSROOT "$cgroups")
    unit=$cgroups/$1 unit_path=${top%/}/$1
    mkdir "$unit"
}

# Deepest first
remove_groups() {
    local one
    [ -d "${1-}" ] || return 0
    find "$1" -depth -type d | while read -r one; do
        xargs -r kill -KILL <"$one/cgroup.procs" || :
        wait_for 10 rmdir "$one" 2>/dev/null
    done
}

setup() {
    install_command
    port=$(free_port)
    make_group
}

teardown() {
    kill_started
    remove_groups "${group-}"
    remove_groups "${unit-}"
}

# What runs a command there: "${inside[@]}" GROUP COMMAND...
inside=(sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"')

# serve_in GROUP COMMAND...: a server on $port.
serve_in() {
    serve_bare "$port" "${inside[@]}" "$@"
}

# steps_in GROUP STEP...
steps_in() {
    as '' "${inside[@]}" "$1" steps "${@:2}"
}

# attach OPTION... GROUP: with timers that are told apart.
attach() {
    kashim attach -i 61 -n 11 -c 7 "$@"
}

# listener: what $server's has.
listener() {
    sockopts "$server" | sed -n 's/.* \(tcp listening.*\)/\1/p'
}

# programs_on GROUP: their names.
programs_on() {
    bpf_objects on "$1" | sed -n 's/^program [0-9]* //p' | xargs
}

# ---- machines that have no control groups ------------------------------------------------

# unshared COMMAND: what runs a command in a mount namespace of its own, after COMMAND there.
unshared() {
    printf '#!/bin/sh -e\n%s\nexec "$@"\n' "$1" >"$dir/unshared"
    chmod +x "$dir/unshared"
    echo "unshare -m $dir/unshared"
}

without_cgroups() {
    unshared 'findmnt -rnt cgroup2 -o TARGET | xargs umount'
}

read_only() {
    unshared "mount -o remount,ro,bind '$cgroups'"
}
