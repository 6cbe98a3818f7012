#!/bin/bash
# SPDX-License-Identifier: MIT
#
# deb.sh VERSION: builds Debian's packages libkashim and kashim, and their source package, from
# the source archive that `make dist` has made, into build/deb, and has lintian look at them.
# ARCHES are the machines, this one's kind among them. DEBFULLNAME and DEBEMAIL are the
# maintainer's. Needs what install-deps.sh deb installs.
set -eu
umask 022

version=${1-} native=$(dpkg --print-architecture)
cd "$(dirname "$0")/../build"
[ -e "kashim-$version.tar.gz" ] ||
    { echo "deb.sh: no build/kashim-$version.tar.gz; make deb makes it, and the packages" >&2; exit 1; }
rm -rf deb
mkdir deb
cp "kashim-$version.tar.gz" "deb/kashim_$version.orig.tar.gz"
tar -xzf "kashim-$version.tar.gz" -C deb
cd "deb/kashim-$version"
cp -r scripts/debian .
mkdir debian/source
mv debian/source.lintian-overrides debian/source/lintian-overrides
echo '3.0 (quilt)' >debian/source/format
LC_ALL=C TZ=UTC0 awk -f scripts/news.awk -v form=deb \
    -v by="${DEBFULLNAME:-kashim authors} <${DEBEMAIL:-kashim@example.org}>" README.md >debian/changelog

# build ARCH KIND: -F, with the source package, or -b
build() {
    DEB_BUILD_OPTIONS='nocheck noautodbgsym' dpkg-buildpackage -a"$1" "$2" -us -uc -d >"../$1.log" 2>&1 ||
        { tail -n 30 "../$1.log" >&2; exit 1; }
}

for arch in ${ARCHES:-amd64 i386 arm64}; do
    kind=-b
    [ "$arch" != "$native" ] || kind=-F
    build "$arch" $kind
done
cd ..
rm -rf "kashim-$version"
lintian --allow-root --pedantic --display-info --fail-on error,warning,info,pedantic ./*.changes
ls ./*.deb
