#!/bin/bash
# SPDX-License-Identifier: MIT
#
# root.sh SUITE DIR PACKAGE...: makes DIR a root folder that holds these packages of Debian
# SUITE and nothing else, to link against and to run in. The system's own apt fetches them
# and checks their signatures, with lists of its own: the system's aren't touched. What is
# there already is kept. Of the machines in ARCHES, "amd64,i386" say, a package without a
# machine is of the first.

set -eu

mirrors=(http://deb.debian.org/debian http://archive.debian.org/debian)
keys=/usr/share/keyrings/debian-archive-keyring.gpg

# apt COMMAND...: from this suite alone. Lists may have expired: an old suite's do, a frozen
# mirror's do; what counts is that they are signed.
apt() {
    apt-get -qq -o Dir::State="$work/state" -o Dir::Cache="$work/cache" \
        -o Dir::State::status=/dev/null -o Dir::Etc::sourceparts="$work/none" \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Acquire::Languages=none \
        -o APT::Architecture="${arches%%,*}" -o APT::Architectures="$arches" \
        -o APT::Sandbox::User=root -o Acquire::http::Timeout=20 -o Acquire::Retries=2 \
        -o Acquire::Check-Valid-Until=false -o APT::Update::Error-Mode=any "$@"
}

use_mirror() {
    echo "deb [signed-by=$keys] $1 $suite main" >"$work/sources.list"
    apt update
}

use_any_mirror() {
    local mirror
    for mirror in "${mirrors[@]}"; do
        use_mirror "$mirror" && return
    done
    return 1
}

# Old packages have /lib and /lib64 themselves, new ones only /usr/lib and /usr/lib64.
unpack() {
    local package
    mkdir -p "$work/root/usr/lib" "$work/root/usr/lib64"
    ln -s usr/lib usr/lib64 "$work/root"
    for package in "$work"/*.deb; do
        dpkg-deb --fsys-tarfile "$package" |
            tar -x --keep-directory-symlink --no-same-owner -C "$work/root"
    done
}

suite=$1 dir=$2 arches=${ARCHES:-amd64,i386}
shift 2
[ ! -d "$dir" ] || exit 0
mkdir -p "${dir%/*}"
work=$(mktemp -d "$PWD/$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists,cache/archives}/partial "$work/none"

use_any_mirror
(cd "$work" && apt download "$@")
unpack
mv -T "$work/root" "$dir"
