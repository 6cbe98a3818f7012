#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A fresh Debian in a folder, made by debootstrap. Sourced behind lib.bash.

# make_debian [SUITE]: as $base, with sudo; its packages start no service. By default Debian 12.
# Made once.
make_debian() {
    local suite=${1:-bookworm}
    base=$root/build/debian-$suite
    need debootstrap unshare
    [ "$(id -u)" = 0 ] || unless_ci 'only root can make a tree'
    if [ ! -d "$base" ]; then
        debootstrap --variant=minbase --include=sudo,ca-certificates "$suite" "$base.new" \
            http://deb.debian.org/debian >"$base.log" 2>&1 || { tail -n 20 "$base.log"; return 1; }
        apt-config dump Acquire | grep '^Acquire::.*[^;{]*"' >"$base.new/etc/apt/apt.conf.d/99host" || :
        printf '#!/bin/sh\nexit 101\n' >"$base.new/usr/sbin/policy-rc.d"
        chmod +x "$base.new/usr/sbin/policy-rc.d"
        mv "$base.new" "$base"
    fi
}

# copy_debian DIR [SUITE]
copy_debian() {
    make_debian "${2-}"
    cp -a "$base" "$1"
    cp /etc/resolv.conf /etc/hosts "$1/etc/"
}

# in_debian DIR [alone] SCRIPT: as root there, by bash; what it starts ends with it.
# alone: without a network. By pivot_root(2), since no user namespace can be made in a chroot.
in_debian() {
    local dir=$1 network=()
    shift
    [ "$1" != alone ] || { network=(-n) && shift; }
    without_harness unshare -m -p -f --kill-child "${network[@]}" bash -euc '
        mount --bind "$0" "$0" && cd "$0"
        mount --rbind /dev dev && mount --rbind /sys sys && mount -t proc proc proc
        ip link set lo up 2>/dev/null || :
        mkdir -p old && pivot_root . old && umount -l /old
        exec /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
            LC_ALL=C DEBIAN_FRONTEND=noninteractive bash -euc "$1"' "$dir" "$1"
}
