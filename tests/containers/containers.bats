#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Containers, run by podman and runc under the default seccomp profile: the README's image,
# Compose file and manifests, and kashim inside and on the host.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/groups.bash
. "$BATS_TEST_DIRNAME/../groups.bash"
# shellcheck source=tests/systemd/judge.bash
. "$BATS_TEST_DIRNAME/../systemd/judge.bash"
# shellcheck source=tests/containers/podman.bash
. "$BATS_TEST_DIRNAME/podman.bash"

# What KA_IDLE=60 alone brings, as the README's examples have it
ours='tcp connected keepalive=1 idle=60 intvl=30 cnt=6 user_timeout=0'
listening=${ours/connected/listening}
command=${KASHIM_COMMAND:-$root/build/tests/static_kashim}
manifests=$root/scripts/kubernetes

setup_file() {
    make_images
}

teardown_file() {
    remove_store
}

setup() {
    need_podman
    install_command
}

teardown() {
    kill_started
    [ ! "${store-}" ] || remove_containers
    [ ! "${group-}" ] || remove_node
}

# start NAME OPTION... IMAGE [COMMAND...]: without a network, until it listens.
start() {
    podman run -d --network none --name "$@" >/dev/null
    leads "$1"
}

# leads CONTAINER: its first process is $leader, and listens.
leads() {
    leader=$(podman inspect -f '{{.State.Pid}}' "$1")
    wait_for 10 listens_there 11211
}

# is_served WHEN: the listener and what it accepts.
is_served() {
    served 11211 'version\r\n' "$1"
}

# by_itself: nothing of ours is there.
by_itself() {
    harmless 'by itself' '' "$(both_at 11211 | grep idle=60)"
}

# kashim_in CONTAINER ARGUMENT...: by its user. $output, $stderr and $status.
kashim_in() {
    as "podman exec $1" kashim "${@:2}"
}

# soon WHAT EXPECTED COMMAND...: says so within ten seconds.
soon() {
    wait_for 10 prints "${@:2}" >/dev/null || :
    effect "$1" "$2" "$("${@:3}")"
}

prints() {
    [ "$1" = "$("${@:2}")" ]
}

# ---- the library in an image -----------------------------------------------------

# serves_in_image IMAGE: the README's image on top of this one.
serves_in_image() {
    block dockerfile 1 | sed "s/^FROM memcached:.*/FROM $1/" >"$dir/Dockerfile"
    build cache -f "$dir/Dockerfile" "$store/src"
    start cache cache
    is_served 'README'
}

# bats test_tags=effect
@test "containers: the README's image, of musl" {
    effect 'its last stage' 1 "$(block dockerfile 1 | grep -cx 'FROM memcached:1.6-alpine')"
    serves_in_image memcached:1.6-alpine
}

# bats test_tags=effect
@test "containers: the README's image, of Debian" {
    serves_in_image memcached:1.6
}

# composed IMAGE: the README's Compose file; without a network.
composed() {
    local socket=$dir/socket
    mkdir -p "$dir/build"
    cp "$KASHIM_LIB" "$dir/build/libkashim.so"
    block yaml 1 | sed "s/image: memcached.*/image: $1/" >"$dir/compose.yaml"
    printf 'services:\n  cache:\n    network_mode: none\n' >"$dir/network.yaml"
    without_harness podman system service --time 0 "unix://$socket" 2>"$dir/service" &
    started+=($!)
    wait_for 10 [ -S "$socket" ]
    DOCKER_HOST=unix://$socket without_harness docker-compose --project-directory "$dir" -p test \
        -f "$dir/compose.yaml" -f "$dir/network.yaml" up -d 2>"$dir/compose" || { cat "$dir/compose"; return 1; }
    leads test_cache_1
    is_served 'README'
}

# bats test_tags=effect
@test "containers: the README's Compose file" {
    effect 'its image' 1 "$(block yaml 1 | grep -c 'image: memcached:1.6 # or memcached:1.6-alpine')"
    composed memcached:1.6
}

# bats test_tags=effect
@test "containers: the README's Compose file, with the other image" {
    composed memcached:1.6-alpine
}

# podman takes an init container of the other type away before it has seen it end.
# bats test_tags=effect
@test "containers: an init container brings the library" {
    podman kube play -q --network none --annotation io.podman.annotations.init.container.type=always \
        "$manifests/init-container.yaml" >/dev/null
    leads cache-cache
    is_served 'manifest'
}

# ---- the command inside ----------------------------------------------------------

# start_with_command OPTION... IMAGE: with kashim in it.
start_with_command() {
    start cache -v "$command:/usr/local/bin/kashim:ro" "$@"
    by_itself
}

# bats test_tags=effect
@test "containers: attach and status inside" {
    start_with_command memcached:1.6
    kashim_in cache attach -i 60 1
    effect 'exit status' 0 "$status"
    is_served 'attached'
    kashim_in cache status 1
    effect 'status' '0.0.0.0:11211 listening on 60 30 6' "$(listener_row)"
}

# listener_row: of a table of `kashim status`.
listener_row() {
    awk '$1 == "0.0.0.0:11211" && $2 == "listening" { print $1, $2, $3, $4, $5, $6 }' <<<"$output"
}

# refused_inside CAUSE OPTION... IMAGE: `attach self` inside; what is open is served all the same.
refused_inside() {
    local cause=$1
    shift
    start_with_command "$@"
    kashim_in cache attach -i 60 self
    effect 'exit status' 1 "$status"
    effect 'cause' "$cause" "$(grep -oF -- "$cause" <<<"$stderr")"
    effect 'listener' "$listening" "$(options_at 11211 listening)"
}

# The host's control groups; those of the container may be mounted otherwise.
visible=(--cgroupns host -v "$cgroups:/sys/fs/cgroup")

# bats test_tags=effect
@test "containers: a group inside, as a user" {
    refused_inside 'it takes root' "${visible[@]}" memcached:1.6
}

# bats test_tags=effect
@test "containers: a group inside, as the container's root" {
    refused_inside 'it takes root with CAP_SYS_ADMIN' "${visible[@]}" --user root memcached:1.6-alpine
}

# bats test_tags=effect
@test "containers: a group inside, with capabilities that the profile doesn't count" {
    refused_inside "bpf(2) is refused here, by a container's profile" "${visible[@]}" --user root \
        --cap-add BPF,NET_ADMIN memcached:1.6-alpine
}

# bats test_tags=effect
@test "containers: check inside" {
    start_with_command --user root memcached:1.6-alpine
    kashim_in cache check
    effect 'ways' "control groups no:
attach to processes yes" "$(sed -nE 's/^(control groups|attach to processes) +(yes|no:).*/\1 \2/p' <<<"$output")"
}

# bats test_tags=effect
@test "containers: attach inside, where the profile refuses pidfd_getfd(2)" {
    local profile=/usr/share/containers/seccomp.json
    [ -e $profile ] || unless_ci "$profile is missing"
    sed '/"pidfd_getfd"/d' $profile >"$dir/profile.json"
    start_with_command --security-opt seccomp="$dir/profile.json" memcached:1.6
    kashim_in cache attach -i 60 1
    effect 'exit status' 1 "$status"
    effect 'cause' 'pidfd_getfd(2) is refused to every program here' \
        "$(grep -o 'pidfd_getfd(2) is refused to every program here' <<<"$stderr")"
    harmless 'sockets' '' "$(both_at 11211 | grep idle=60)"
}

# ---- the command on the host -----------------------------------------------------

# bats test_tags=effect
@test "containers: attach and status from the host" {
    start cache memcached:1.6
    by_itself
    kashim attach -i 60 "$leader"
    effect 'exit status' 0 "$status"
    is_served 'attached'
    kashim status "$leader"
    effect 'status' '0.0.0.0:11211 listening on 60 30 6' "$(listener_row)"
}

# attached_from_host IMAGE [OPTION...]: its group, by the name that this runtime gives it; then it
# is detached.
attached_from_host() {
    local name
    start cache "${@:2}" "$1"
    by_itself
    name=libpod-$(podman inspect -f '{{.Id}}' cache)
    hold 11211 'version\r\n'
    kashim attach -i 60 "$name"
    effect 'exit status' 0 "$status"
    is_served 'attached'
    kashim status "$leader"
    effect 'status' "$name" "$(grep -o "$name" <<<"$output" | head -n 1)"
    let_go 11211
    kashim detach "$name"
    effect 'exit status' 0 "$status"
    hold 11211 'version\r\n'
    effect 'detached' '' "$(both_at 11211 | grep keepalive=1)"
}

# bats test_tags=effect
@test "containers: the group of one that runs, of Debian" {
    attached_from_host memcached:1.6
}

# bats test_tags=effect
@test "containers: the group of one that runs, a static program on musl" {
    attached_from_host memcached:1.6-alpine -v "$root/build/tests/static_server:/usr/local/bin/memcached:ro"
}

# ---- a node ----------------------------------------------------------------------

# make_node: a group that stands for the one of all pods. runc makes it in all hierarchies.
# Below it is one that isn't named like a slice, which podman doesn't take.
make_node() {
    make_group
    pods=$path/kubepods.slice
    mkdir "$group/kubepods.slice"
    in_mount=/host/cgroup${group#"$cgroups"}/kubepods.slice
}

remove_node() {
    local one
    for one in "$group" /sys/fs/cgroup/*"$path"; do
        wait_for 10 remove_tree "$one"
    done
}

# remove_tree DIR: conmon takes a moment to leave.
remove_tree() {
    [ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
}

# in_pod NAME IMAGE: a container below that group.
in_pod() {
    start "$1" --cgroup-parent "$pods/pod" "$2"
}

# of_daemonset WHAT: for this group, looked at each second. Where the kernel protects process 1,
# another process of the host stands for it.
of_daemonset() {
    local outside=1
    readlink /proc/1/ns/cgroup >/dev/null || outside=$$
    python3 "$BATS_TEST_DIRNAME/daemonset.py" "$manifests/daemonset.yaml" "$1" |
        sed -e "s,path: /sys/fs/cgroup$,path: $cgroups," -e "s,/host/cgroup/kubepods.slice,$in_mount," \
            -e "s/nsenter -t 1 /nsenter -t $outside /" -e 's/sleep 60/sleep 1/'
}

# play_node: the DaemonSet's pod. podman 4.3 doesn't read hostPID.
play_node() {
    of_daemonset pod >"$dir/pod.yaml"
    sed 's/^\[containers\]/&\npidns = "host"/' "$CONTAINERS_CONF" >"$dir/containers.conf"
    CONTAINERS_CONF=$dir/containers.conf podman kube play -q --network none "$dir/pod.yaml" >/dev/null
}

# watcher: the shell in that pod.
watcher() {
    podman inspect -f '{{.State.Pid}}' kashim-kashim
}

# bats test_tags=effect
@test "containers: the DaemonSet's pod serves containers that run and those that come" {
    make_node
    in_pod old memcached:1.6
    by_itself
    play_node
    soon 'a container that runs' "$listening" options_at 11211 listening
    is_served 'running'
    in_pod new memcached:1.6-alpine
    is_served 'new'
}

# bats test_tags=effect
@test "containers: the DaemonSet's pod looks after itself when the group is made anew" {
    make_node
    in_pod old memcached:1.6-alpine
    play_node
    soon 'before' "$listening" options_at 11211 listening
    kill -STOP "$(watcher)"
    podman rm -f -t 0 old >/dev/null
    remove_node
    mkdir -p "$group/kubepods.slice"
    in_pod new memcached:1.6-alpine
    by_itself
    kill -CONT "$(watcher)"
    soon 'after' "$listening" options_at 11211 listening
    effect 'restarts' 0 "$(podman inspect -f '{{.RestartCount}}' kashim-kashim)"
}

# bats test_tags=harmless
@test "containers: the DaemonSet's pod has the capabilities and the profile that it asks for" {
    make_node
    play_node
    harmless 'asked for' 'DAC_READ_SEARCH SYS_ADMIN SYS_PTRACE' "$(of_daemonset capabilities | sort | xargs)"
    harmless 'of its process' 'CapEff: 0000000000280004 Seccomp: 2' \
        "$(grep -E '^(CapEff|Seccomp):' "/proc/$(watcher)/status" | xargs)"
}

# run_node CAPABILITY,...: what that pod runs, in a control group namespace of its own, as pods have
# it on hosts with v2 alone.
run_node() {
    podman run -d --network none --pid host --cgroupns private --read-only --cap-drop all --cap-add "$1" \
        -v "$cgroups:/host/cgroup:ro" -e KA_IDLE=60 -e GROUP="$in_mount" --name node \
        registry.example.org/kashim:1.1.0 sh -ec "$(of_daemonset script)" >/dev/null
}

# bats test_tags=effect
@test "containers: the DaemonSet's script in a control group namespace of its own" {
    make_node
    in_pod old memcached:1.6-alpine
    run_node "$(of_daemonset capabilities | paste -sd,)"
    soon 'a container that runs' "$listening" options_at 11211 listening
}

# bats test_tags=harmless
@test "containers: the DaemonSet's script needs each of its capabilities" {
    local one
    make_node
    in_pod old memcached:1.6-alpine
    for one in $(of_daemonset capabilities); do
        run_node "$(of_daemonset capabilities | grep -vx "$one" | paste -sd,)"
        wait_for 10 has_tried
        podman rm -f -t 0 node >/dev/null
        harmless "without $one" '' "$(both_at 11211 | grep idle=60)"
    done
}

has_tried() {
    [ "$(podman inspect -f '{{.State.Status}}' node)" = exited ] || [[ $(podman logs node) == group* ]]
}
