#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A real systemd, booted by systemd-nspawn. Sourced behind ../lib.bash.

# shellcheck source=tests/systemd/tree.bash
. "${BASH_SOURCE[0]%/*}/tree.bash"

needed=(systemd-nspawn nsenter findmnt debootstrap unshare)

# need_container: in setup(), since bats can't skip in setup_file(). There boot does nothing.
need_container() {
    need "${needed[@]}"
    [ "$(id -u)" = 0 ] || unless_ci 'only root can boot a container'
}

# boot SYSCALL...: those that the container's processes may make besides nspawn's own list.
# Sets $nspawn, $leader (process 1 there), $machine, and $command (kashim there).
boot() {
    { [ "$(id -u)" = 0 ] && hash "${needed[@]}"; } || return 0
    make_services_tree
    machine=test-systemd-$BASHPID
    export nspawn leader machine
    start_container "$*" <&- >"$BATS_FILE_TMPDIR/boot" 2>&1 &
    nspawn=$!
    wait_for 60 is_up || { cat "$BATS_FILE_TMPDIR/boot"; return 1; }
    install_project "/proc/$leader/root"
}

# One for the whole file, which may allow less.
setup_file() {
    boot bpf pidfd_getfd
}

teardown_file() {
    shut_down
}

# Nothing is written to the tree. The container sees cgroup v2 alone, whatever the host has. In
# a group of its own: two containers in one would share the groups of their services.
start_container() {
    local mount
    for mount in $(cgroup_mounts); do
        mkdir "$mount/$machine"
        echo "$BASHPID" >"$mount/$machine/cgroup.procs"
    done
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 without_harness exec systemd-nspawn -D "$tree" -M "$machine" -b \
        --register=no --keep-unit --private-network --volatile=overlay --system-call-filter="$1"
}

# cgroup_mounts: the hierarchies in which systemd-nspawn makes groups.
cgroup_mounts() {
    findmnt -rno TARGET -t cgroup2
    findmnt -rno TARGET -t cgroup -O name=systemd || :
}

is_up() {
    leader=$(ps -o pid= --ppid "$nspawn" | head -n 1 | tr -d ' ')
    [ "$leader" ] || return 1
    case $(inside systemctl is-system-running 2>&1) in running | degraded) ;; *) return 1 ;; esac
}

# install_project DIR: static programs, whatever libc they were built for.
install_project() {
    local library
    library=$1$(cat "$root/build/libdir")/libkashim.so
    command=$(cat "$root/build/bindir")/kashim
    export command
    install -D "$KASHIM_LIB" "$library"
    install -D "${KASHIM_COMMAND:-$root/build/tests/static_kashim}" "$1$command"
    install "$root/build/tests/static_server" "$1/usr/local/bin/"
    install -m 644 "$root"/tests/systemd/units/* "$1/etc/systemd/system/"
    inside systemctl daemon-reload
}

# shut_down: at once, since nothing there is kept.
shut_down() {
    [ ! "${leader-}" ] || kill -KILL "$leader"
    [ ! "${machine-}" ] || wait_for 20 no_groups
}

no_groups() {
    local mount
    for mount in $(cgroup_mounts); do
        [ ! -d "$mount/${machine:?}" ] || find "$mount/$machine" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
    done
}

# inside COMMAND...: in the container's namespaces.
inside() {
    without_harness nsenter -t "$leader" -a env -i HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin "$@"
}

# kashim ARGUMENT...: as a child of the container's systemd, with the rights and system calls
# that those have. $output, $stderr and $status.
kashim() {
    dir=$BATS_TEST_TMPDIR
    as "nsenter -t $leader -a systemd-run -q --wait --pipe --collect" "$command" "$@" </dev/null
}
