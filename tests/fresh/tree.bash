#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A fresh Debian to install into and to run in. Sourced behind ../lib.bash.

# shellcheck source=tests/debian.bash
. "${BASH_SOURCE[0]%/*}/../debian.bash"

# make_tree DIR [SUITE]: with a copy of this source in /src, as a release has it, and sudo.
make_tree() {
    local lock
    copy_debian "$@"
    mkdir "$1/src"
    exec {lock}>"$root/build/dist.lock" # another file of tests may make it, too
    flock "$lock"
    make -s -C "$root" dist
    tar -xzf "$root"/build/kashim-*.tar.gz -C "$1/src" --strip-components=1
    exec {lock}>&-
}

# in_tree DIR [alone] SCRIPT: as in_debian, in /src there.
in_tree() {
    in_debian "${@:1:$#-1}" "cd /src && . tests/fresh/inside.bash && ${*: -1}"
}
