#!/bin/bash
# SPDX-License-Identifier: MIT
#
# rpm.sh VERSION: builds the RPM packages kashim and kashim-libs, and their source package, from
# the source archive that `make dist` has made, into build/rpm. Needs rpmbuild, of whichever system;
# its list of what is installed isn't asked.
set -eu
umask 022

version=${1-}
cd "$(dirname "$0")/../build"
[ -e "kashim-$version.tar.gz" ] ||
    { echo "rpm.sh: no build/kashim-$version.tar.gz; make rpm makes it, and the packages" >&2; exit 1; }
rm -rf rpm
mkdir -p rpm/work
cp "kashim-$version.tar.gz" rpm/work
tar -xzf "kashim-$version.tar.gz" -C rpm/work --strip-components=1 "kashim-$version"/{scripts,README.md}
cd rpm/work
sed "s/@VERSION@/$version/" scripts/kashim.spec >kashim.spec
LC_ALL=C TZ=UTC0 awk -f scripts/news.awk -v form=rpm -v by='kashim authors <kashim@example.org>' README.md >>kashim.spec

# The same bytes whenever and wherever: the time is that of the changelog, the folders are one.
rpmbuild -ba --nodeps --quiet -D "_topdir $PWD" -D '_sourcedir %_topdir' -D '_rpmdir %_topdir/..' -D '_srcrpmdir %_topdir/..' \
    -D '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' -D 'debug_package %nil' -D '_buildhost localhost' \
    -D 'source_date_epoch_from_changelog 1' -D 'use_source_date_epoch_as_buildtime 1' \
    -D 'clamp_mtime_to_source_date_epoch 1' kashim.spec >../log 2>&1 || { tail -n 30 ../log >&2; exit 1; }
cd ..
rm -rf work
ls ./*.rpm
