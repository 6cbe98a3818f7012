#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The README's install-deps.sh and make test on a fresh Debian 13, below /root, where only
# root may go: the files that are quick.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/../lib.bash"
# shellcheck source=tests/fresh/tree.bash
. "$BATS_TEST_DIRNAME/tree.bash"

quick=(tests/{accept,bench,children,command,completion,force,groups,groups_force,harmless}.bats
    tests/{kinds,listeners,loader,log,outgoing,ports,preloads,processes,sandbox,secure}.bats
    tests/{servers,settings,signals,status}.bats)

setup_file() {
    export tree=$BATS_FILE_TMPDIR/tree
    make_tree "$tree" trixie
    mv "$tree/src" "$tree/root/kashim"
    chmod 700 "$tree/root"
}

teardown_file() {
    rm -rf --one-file-system "$tree"
}

# bats test_tags=effect
@test "Debian 13: scripts/install-deps.sh test && make test" {
    run in_debian "$tree" "cd /root/kashim && export CI=true && apt-get -qq update
        scripts/install-deps.sh test >/tmp/deps 2>&1 || { tail -n 20 /tmp/deps; exit 1; }
        make -s -j$(nproc) all fixtures >/dev/null
        make test BATS='${quick[*]}'"
    echo "$output"
    effect 'exit status' 0 "$status"
}
