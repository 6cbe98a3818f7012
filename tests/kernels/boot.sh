#!/bin/bash
# SPDX-License-Identifier: MIT
#
# boot.sh SUITE DIR: boots the kernel of Debian SUITE in qemu, with guest.sh as its first
# process. Leaves in DIR
#
#     report     what guest.sh has seen
#     console    what the kernel and the programs have printed
#
# KASHIM_COMMAND and KASHIM_LIB name the command and the library. Needs neither root nor KVM.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
suite=$1 dir=$2
debian=$root/build/kernels/$suite tree=$dir/tree
PATH=$PATH:/usr/sbin:/sbin

# linux-image-cloud-amd64 depends on the newest kernel: on one package, or on one that depends
# on several. Their names contain the version.
fetch() {
    local newest='?exact-name(linux-image-cloud-amd64)'
    (cd "$root" && tests/compat/root.sh "$suite" "build/kernels/$suite" busybox-static \
        "?name(cloud-amd64\$) ?or(?reverse-depends($newest), ?reverse-depends(?reverse-depends($newest)))")
}

# add FILE [NAME]: copies it to the guest's /bin, and its libraries to where they lie here.
add() {
    cp -L "$1" "$tree/bin/${2-${1##*/}}"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | xargs -r cp -L --parents -t "$tree" || :
}

# What sock_diag is made of. guest.sh loads them, in this order.
add_modules() {
    local name module
    for name in inet_diag tcp_diag; do
        module=$(find "$debian/usr/lib/modules" -name "$name.ko*")
        case $module in
        *.xz) xz -dc "$module" >"$tree/$name.ko" ;;
        *) cp "$module" "$tree/$name.ko" ;;
        esac
    done
}

make_tree() {
    local fixture
    mkdir -p "$tree"/{bin,dev,proc,sys,tmp}
    find "$debian" -path '*/bin/busybox' -exec cp -t "$tree/bin" {} +
    ln -s busybox "$tree/bin/sh"
    install "$root/tests/kernels/guest.sh" "$tree/init"
    add "${KASHIM_COMMAND:-$root/build/kashim}" kashim
    add "${KASHIM_LIB:-$root/build/libkashim.so}" libkashim.so
    for fixture in bpf_count echo_server sockopts static_server steps; do
        add "$root/build/tests/$fixture"
    done
    add "$root/build/demo-server"
    add "$root/build/demo-client"
    add_modules
}

boot() {
    local kernel
    kernel=$(find "$debian" -name 'vmlinuz*')
    (cd "$tree" && find . | cpio --quiet -o -H newc) >"$dir/initramfs"
    timeout 300 qemu-system-x86_64 -accel tcg -m 512 -nodefaults -display none -no-reboot \
        -serial "file:$dir/console" -serial "file:$dir/report" \
        -kernel "$kernel" -initrd "$dir/initramfs" \
        -append 'console=ttyS0 quiet panic=-1 mitigations=off' </dev/null
}

fetch
make_tree
boot
