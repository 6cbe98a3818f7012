#!/bin/sh
# SPDX-License-Identifier: MIT
#
# install-deps.sh [test|compat|kernels|systemd|containers|bench|deb]: installs what `make demo`
# needs, on Debian and its kin; with `test`, what make test, lint and control need as well; with
# `compat` also what make compat does; with `kernels`, `systemd`, `containers` what the targets of
# these names do; with `bench` what make bench and make load do; with `deb` what make deb and make
# fresh do. As root, or by way of sudo.
set -eu

build='gcc libc6-dev make'
demo='tcpdump nftables iproute2 util-linux procps'
servers='postgresql mariadb-server openssh-server dropbear-bin apache2 haproxy memcached mosquitto dovecot-imapd
         lighttpd rsync git busybox default-jdk-headless php-cli ruby erlang-base'
test='bats perl libcmocka-dev binutils clang dpkg-dev strace curl socat python3 nginx redis-server nodejs
      vsftpd tor systemd openbsd-inetd liburing-dev libcap2-bin musl-tools golang-go valgrind
      bash-completion zsh fish gcc-i686-linux-gnu libc6-dev-i386-cross'
lint='shellcheck clang-format cppcheck mandoc'
bench='valgrind strace libkeepalive0 libdontdie0'
deb='debhelper dpkg-dev lintian rpm gcc-i686-linux-gnu libc6-dev-i386-cross gcc-aarch64-linux-gnu
     libc6-dev-arm64-cross'
fresh='debootstrap debian-archive-keyring bats perl'
systemd='systemd-container debootstrap debian-archive-keyring bats perl musl-tools'
containers='podman runc conmon catatonit docker-compose debootstrap debian-archive-keyring
            bats perl musl-tools python3-yaml'
cross='gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gcc-riscv64-linux-gnu gcc-powerpc64le-linux-gnu
       gcc-s390x-linux-gnu libc6-dev-arm64-cross libc6-dev-armhf-cross libc6-dev-riscv64-cross
       libc6-dev-ppc64el-cross libc6-dev-s390x-cross'
compat="$cross gcc-i686-linux-gnu gcc-arm-linux-gnueabi libc6-dev-i386-cross libc6-dev-armel-cross
        clang lld clang-19 lld-19 debian-archive-keyring"
kernels="$cross bats perl musl-tools qemu-system-x86 qemu-system-arm qemu-system-ppc qemu-system-misc
         cpio xz-utils debian-archive-keyring"

fail() {
    echo "install-deps.sh: $1" >&2
    exit "$2"
}

# Prints those of its arguments that aren't installed.
missing() {
    for package; do
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || :
        [ "$status" = 'install ok installed' ] || printf '%s ' "$package"
    done
}

# The runtime of clang's sanitizers and fuzzer is a package of its own, named by the version.
clang_runtime() {
    case $wanted in *' clang '*) ;; *) return 0 ;; esac
    version=$(clang -dumpversion 2>/dev/null | cut -d. -f1)
    # shellcheck disable=SC2046 # words
    missing $(apt-cache search --names-only "^libclang-rt-$version-dev\$" | cut -d' ' -f1)
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# apt COMMAND...: waits five minutes for another that is at work, as after boot.
apt() {
    as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o Dpkg::Use-Pty=0 \
        -o DPkg::Lock::Timeout=300 "$@"
}

# apt-get waits for the packages, but not for the lists.
update_lists() {
    for _ in $(seq 60); do
        said=$(apt update 2>&1) && return
        case $said in *'Unable to lock directory'*) sleep 5 ;; *) break ;; esac
    done
    fail "$said" 1
}

# The tests run nginx and redis themselves: their packages must not start any. Where the
# machine has a policy of its own for that, that one stays.
policy=/usr/sbin/policy-rc.d

keep_services_down() {
    [ ! -e $policy ] || return 0
    trap 'as_root rm -f $policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
    as_root chmod 755 $policy
}

case $#${1+ $1} in
'1 -h' | '1 --help') sed -n "4,/^set/s/^# \{0,1\}//p" "$0"; exit ;;
0) wanted="$build $demo" ;;
'1 test') wanted="$build $demo $test $servers $lint" ;;
'1 compat') wanted="$build $demo $test $servers $lint $compat" ;;
'1 kernels') wanted="$build $demo $kernels" ;;
'1 containers') wanted="$build $demo $containers $(command -v kubectl >/dev/null || echo kubernetes-client)" ;;
'1 bench') wanted="$build $demo $bench" ;;
'1 deb') wanted="$build $demo $deb $fresh" ;;
'1 systemd') wanted="$build $demo $systemd" ;;
*) fail "unknown argument '$*'; --help lists what there is" 2 ;;
esac
command -v apt-get >/dev/null ||
    fail "there is no apt-get here; needed is what Debian calls: $wanted" 1

# shellcheck disable=SC2086 # words
packages=$(missing $wanted)$(clang_runtime)
if [ -z "$packages" ]; then
    echo 'install-deps.sh: everything is here already'
    exit 0
fi
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    fail "neither root nor sudo; missing: $packages" 1

echo "install-deps.sh: installing $packages"
keep_services_down
update_lists
# shellcheck disable=SC2086 # words
apt install --yes --no-install-recommends $packages
packages=$(clang_runtime)
# shellcheck disable=SC2086 # words
[ -z "$packages" ] || apt install --yes --no-install-recommends $packages
