#!/bin/bash
# SPDX-License-Identifier: MIT
#
# deb.sh VERSION: builds Debian's packages libkashim and kashim for amd64 and i386 from the
# source archive that `make dist` has made, into build/deb, and has lintian look at them.
# DEBFULLNAME and DEBEMAIL are the maintainer's. Needs what install-deps.sh deb installs.
set -eu

version=${1-}
cd "$(dirname "$0")/../build"
[ -e "kashim-$version.tar.gz" ] ||
    { echo "deb.sh: no build/kashim-$version.tar.gz; make deb makes it, and the packages" >&2; exit 1; }
rm -rf deb
mkdir deb
tar -xzf "kashim-$version.tar.gz" -C deb
cd "deb/kashim-$version"
mv scripts/debian .
printf 'kashim (%s) unstable; urgency=medium\n\n  * See NEWS in README.md.\n\n -- %s <%s>  %s\n' \
    "$version" "${DEBFULLNAME:-kashim authors}" "${DEBEMAIL:-kashim@example.org}" \
    "$(date -R -u -r Makefile)" >debian/changelog

for arch in amd64 i386; do
    if ! DEB_BUILD_OPTIONS="nocheck noautodbgsym" dpkg-buildpackage -a$arch -b -us -uc -d >../$arch.log 2>&1; then
        tail -n 30 ../$arch.log >&2
        exit 1
    fi
done
cd ..
rm -rf "kashim-$version"
lintian --fail-on error,warning ./*.changes
ls ./*.deb
