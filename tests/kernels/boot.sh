#!/bin/bash
# SPDX-License-Identifier: MIT
#
# boot.sh KERNEL DIR: boots a kernel of Debian's in qemu, with guest.sh as its first process.
# KERNEL is a suite, for amd64, or SUITE-ARCH. DIR/console has what the kernel and the programs
# print; guest.sh's report are the lines that begin with "> ".
#
# KASHIM_COMMAND and KASHIM_LIB name the command and the library for amd64. Needs neither root
# nor KVM.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
kernel=$1 dir=$2
suite=${kernel%-*} arch=amd64 built=$root/build
command=${KASHIM_COMMAND:-$built/kashim} library=${KASHIM_LIB:-$built/libkashim.so}
if [ "$suite" != "$kernel" ]; then
    arch=${kernel##*-} built=$root/build/$arch
    command=$built/kashim library=$built/libkashim.so
fi
debian=$root/build/kernels/$kernel tree=$dir/tree
PATH=$PATH:/usr/sbin:/sbin

# What Debian calls the kernel, and how qemu starts the machine.
qemu=()
case $arch in
amd64) flavour=cloud-amd64 machine=x86_64 console=console=ttyS0 ;;
arm64) flavour=cloud-arm64 machine=aarch64 qemu=(-M virt -cpu cortex-a57) ;;
armhf) flavour=armmp machine=arm qemu=(-M virt) ;;
ppc64el) flavour=powerpc64le machine=ppc64 ;;
riscv64) flavour=riscv64 machine=riscv64 qemu=(-M virt) ;;
s390x) flavour=s390x machine=s390x ;;
*) echo "boot.sh: no kernel for $arch is known" >&2 && exit 1 ;;
esac

# linux-image-FLAVOUR depends on the newest kernel: on one package, or on one that depends on
# several. Their names contain the version.
fetch() {
    local newest="?exact-name(linux-image-$flavour)"
    (cd "$root" && ARCHES=$arch tests/compat/root.sh "$suite" "build/kernels/$kernel" busybox-static \
        "?name(-$flavour\$) ?or(?reverse-depends($newest), ?reverse-depends(?reverse-depends($newest)))")
}

fixtures=(bpf_count echo_server sockopts static_server steps)

# Those for amd64 are there already.
build() {
    [ "$arch" = amd64 ] ||
        make -s -C "$root" "ARCH=$arch" all "${fixtures[@]/#/build/$arch/tests/}" >&2
}

# add FILE [NAME]: copies it to the guest's /bin.
add() {
    cp -L "$1" "$tree/bin/${2-${1##*/}}"
}

# The loader and the libc for which they are built.
add_libc() {
    case $arch in
    amd64) ldd "$tree/bin/steps" | grep -o '/[^ ]*' | xargs cp -L --parents -t "$tree" ;;
    *) cp -L "/usr/$(sed -n "s/^TRIPLE_$arch *= //p" "$root/Makefile")"/lib/{ld*.so.[0-9],libc.so.6,libgcc_s.so.1} "$tree/lib" ;;
    esac
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
    mkdir -p "$tree"/{bin,dev,lib,proc,sys,tmp}
    ln -s lib "$tree/lib64"
    find "$debian" -path '*/bin/busybox' -exec cp -t "$tree/bin" {} +
    ln -s busybox "$tree/bin/sh"
    install "$root/tests/kernels/guest.sh" "$tree/init"
    add "$command" kashim
    add "$library" libkashim.so
    for fixture in "${fixtures[@]}"; do
        add "$built/tests/$fixture"
    done
    add "$built/demo-server"
    add "$built/demo-client"
    add_libc
    add_modules
}

boot() {
    local image
    image=$(find "$debian" -name 'vmlinu[xz]*')
    (cd "$tree" && find . | cpio --quiet -o -H newc) >"$dir/initramfs"
    timeout 300 "qemu-system-$machine" "${qemu[@]}" -accel tcg -m 512 -nodefaults -display none -no-reboot \
        -serial "file:$dir/console" -kernel "$image" -initrd "$dir/initramfs" \
        -append "${console-} quiet panic=-1 mitigations=off" </dev/null
}

fetch
build
make_tree
boot
