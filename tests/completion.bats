#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completion for bash.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# completes WORD... EXPECTED: to what the last of the words can be completed.
completes() {
    local found
    found=$(KASHIM_COMMAND=${KASHIM_COMMAND-} bash -c '
        . /usr/share/bash-completion/bash_completion
        . "$0"
        complete -W its-argument kashim-test-server
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
        _kashim
        printf "%s\n" "${COMPREPLY[@]}"' "$completion" "${@:1:$#-1}" | sort -u | paste -sd' ')
    effect "${*:1:$#-1}" "${*: -1}" "$found"
}

# With a command that does nothing there is no completion either.
setup() {
    completion=$root/shim/kashim/completion.bash
    [ -e /usr/share/bash-completion/bash_completion ] || unless_ci 'bash-completion is missing'
    [ ! "${KASHIM_COMMAND-}" ] || completion=/dev/null
}

# bats test_tags=effect
@test "completion: subcommands, their options, and what these take" {
    completes kashim '' '--help --version attach check detach disable enable help run status'
    completes kashim at attach
    completes kashim help s status
    completes kashim run --f --force
    completes kashim run --idle 60 --cg --cgroup
    completes kashim attach --f --force
    completes kashim detach --f ''
    completes kashim detach --ch --children
    completes kashim attach --li --listeners-only
    completes kashim status --j --json
    completes kashim enable --n '--no-children --now'
    completes kashim enable --p '--ports --preload'
    completes kashim check --h --help
    completes kashim disable --r --root
    completes kashim run --log s stderr
    completes kashim run -u a auto
    completes kashim run --idle 6 ''
}

# bats test_tags=effect
@test "completion: programs, and their own arguments; processes" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    cp /bin/true "$BATS_TEST_TMPDIR/bin/kashim-test-server"
    PATH=$PATH:$BATS_TEST_TMPDIR/bin
    completes kashim run --idle 60 -- kashim-test-s kashim-test-server
    completes kashim run kashim-test-s kashim-test-server
    completes kashim check kashim-test-s kashim-test-server
    completes kashim run -i 60 kashim-test-server its-a its-argument
    completes kashim run -- -- ''
    completes kashim status $$ "$$"
}

# bats test_tags=effect
@test "completion: targets: units that run, by their groups; self; directories" {
    local mount unit=kashim-completion-$$.service
    mount=$(findmnt -nfo TARGET -t cgroup2) || unless_ci 'cgroup v2 is not mounted here'
    [ "$(id -u)" = 0 ] || unless_ci 'only root can make a control group'
    group=$mount/$unit
    mkdir "$group"
    completes kashim attach kashim-comp "$unit"
    completes kashim detach --idle 60 kashim-comp "$unit"
    completes kashim status kashim-comp "$unit"
    completes kashim attach sel self
    completes kashim attach "$group" "$group"
}

teardown() {
    [ ! "${group-}" ] || rmdir "$group"
}
