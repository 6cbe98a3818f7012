#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A fresh Debian 12 in a folder, made by debootstrap, to install into and to run in. Sourced
# behind ../lib.bash.

# make_tree DIR: with a copy of this source in /src, as a release has it, and sudo.
make_tree() {
    local base=$root/build/debian12
    need debootstrap unshare chroot
    [ "$(id -u)" = 0 ] || unless_ci 'only root can make a tree'
    if [ ! -d "$base" ]; then
        debootstrap --variant=minbase --include=sudo,ca-certificates bookworm "$base.new" \
            http://deb.debian.org/debian >"$base.log" 2>&1 || { tail -n 20 "$base.log"; return 1; }
        apt-config dump Acquire | grep '^Acquire::.*[^;{]*"' >"$base.new/etc/apt/apt.conf.d/99host" || :
        printf '#!/bin/sh\nexit 101\n' >"$base.new/usr/sbin/policy-rc.d"
        chmod +x "$base.new/usr/sbin/policy-rc.d"
        mv "$base.new" "$base"
    fi
    cp -a "$base" "$1"
    cp /etc/resolv.conf /etc/hosts "$1/etc/"
    make -s -C "$root" dist
    mkdir "$1/src"
    tar -xzf "$root"/build/kashim-*.tar.gz -C "$1/src" --strip-components=1
}

# in_tree DIR [alone] SCRIPT: as root in /src there, by bash; what it starts ends with it.
# alone: without a network. By pivot_root(2), since no user namespace can be made in a chroot.
in_tree() {
    local dir=$1 network=()
    shift
    [ "$1" != alone ] || { network=(-n) && shift; }
    without_harness unshare -m -p -f --kill-child "${network[@]}" bash -euc '
        mount --bind "$0" "$0" && cd "$0"
        mount --rbind /dev dev && mount --rbind /sys sys && mount -t proc proc proc
        ip link set lo up 2>/dev/null || :
        mkdir -p old && pivot_root . old && umount -l /old
        exec /usr/bin/env -i HOME=/root LC_ALL=C PATH="$PATH" DEBIAN_FRONTEND=noninteractive \
            bash -euc "cd /src && . tests/fresh/inside.bash && $1"' "$dir" "$1"
}
