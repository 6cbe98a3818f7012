#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completion for bash, zsh and fish.

# shellcheck source=tests/lib.bash
. "$BATS_TEST_DIRNAME/lib.bash"

# completes WORD... EXPECTED: to what bash can complete the last of the words.
completes() {
    local found
    found=$(bash -c '
        . /usr/share/bash-completion/bash_completion
        . "$0"
        complete -W its-argument kashim-test-server
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
        _kashim
        printf "%s\n" "${COMPREPLY[@]}"' "$completion.bash" "${@:1:$#-1}" | sort -u | paste -sd' ')
    effect "${*:1:$#-1}" "${*: -1}" "$found"
}

# With a command that does nothing there is no completion either.
setup() {
    [ -e /usr/share/bash-completion/bash_completion ] || unless_ci 'bash-completion is missing'
    need zsh fish
    install_command # its help is what is completed
    PATH=$dir:$PATH
    completion=$root/shim/kashim/completion
    if [ "${KASHIM_COMMAND-}" ]; then
        completion=$dir/none
        touch "$completion".{bash,zsh,fish}
    fi
    cp "$completion.zsh" "$dir/_kashim"
}

# in_bash, in_zsh, in_fish LINE: the line after Tab.

in_bash() {
    local words last reply
    read -ra words <<<"$1"
    [[ $1 != *' ' ]] || words+=('')
    last=${words[-1]}
    reply=$(bash -c '
        . /usr/share/bash-completion/bash_completion
        . "$0"
        complete -W its-argument kashim-test-server
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
        _kashim 2>/dev/null
        [ ${#COMPREPLY[@]} != 1 ] || echo "${COMPREPLY[0]}"' "$completion.bash" "${words[@]}")
    echo "${1%"$last"}${reply:-$last}"
}

in_zsh() {
    cat >"$dir/zsh" <<'END'
zmodload zsh/zpty
zpty z zsh -f
zpty -w z "PS1= fpath=($1 \$fpath) PATH=$2; autoload -U compinit; compinit -u -D
    its() { compadd its-argument }; compdef its kashim-test-server
    show() { print -r -- \"<<\$BUFFER>>\"; exit }; zle -N show; bindkey '^X' show; bindkey '^I' complete-word; print REA''DY"
zpty -r -m z got '*READY*'
zpty -n -w z "$3"$'\t\C-x'
zpty -r -m z got '*<<*>>*'
print -r -- ${${got##*<<}%%>>*}
END
    timeout 60 zsh -f "$dir/zsh" "$dir" "$PATH" "$1" | sed 's/ $//'
}

in_fish() {
    local reply
    reply=$(fish -c "complete -c kashim-test-server -a its-argument
        source $completion.fish; complete -C \$argv[1] | string replace -r '\t.*' '' | string escape -n" -- "$1")
    [[ $reply != *$'\n'* ]] || reply=
    echo "${1% *} ${reply:-${1##* }}"
}

# completed LINE EXPECTED: the same in each.
completed() {
    local shell
    for shell in bash zsh fish; do
        effect "$1, in $shell" "$2" "$(in_$shell "$1")"
    done
}

# bats test_tags=effect
@test "completion: what there is, in bash, zsh and fish" {
    completed 'kashim stat' 'kashim status'
    completed 'kashim help disa' 'kashim help disable'
    completed 'kashim attach --listen' 'kashim attach --listeners-only'
    completed 'kashim run --cg' 'kashim run --cgroup'
    completed 'kashim run --idle 60 --cg' 'kashim run --idle 60 --cgroup'
    completed 'kashim status --unp' 'kashim status --unprotected'
    completed 'kashim disable --ro' 'kashim disable --root'
    completed 'kashim attach -u au' 'kashim attach -u auto'
    completed 'kashim attach --rto-max au' 'kashim attach --rto-max auto'
    completed 'kashim run --log std' 'kashim run --log stderr'
    completed 'kashim status --color ne' 'kashim status --color never'
    completed 'kashim attach sel' 'kashim attach self'
    completed 'kashim attach --idle 6' 'kashim attach --idle 6'
}

# bats test_tags=effect
@test "completion: programs and what is theirs, ports, units, in bash, zsh and fish" {
    cp /bin/true "$dir/kashim-test-server"
    completed 'kashim run --idle 60 kashim-test-s' 'kashim run --idle 60 kashim-test-server'
    completed 'kashim run -- kashim-test-s' 'kashim run -- kashim-test-server'
    completed 'kashim check kashim-test-s' 'kashim check kashim-test-server'
    completed 'kashim run kashim-test-server its-a' 'kashim run kashim-test-server its-argument'
    completed 'kashim run -i 60 -- kashim-test-server its-a' 'kashim run -i 60 -- kashim-test-server its-argument'
    local port
    port=$(free_port)
    serve_bare "$port" echo_server "$port"
    completed "kashim status --port ${port%?}" "kashim status --port $port"
    completed "kashim attach -p ${port%?}" "kashim attach -p $port"
    mkdir "$dir/bin"
    printf '#!/bin/sh\necho "one-unit.service enabled enabled"\necho "dev-a\\\\x2db.socket enabled enabled"\n' >"$dir/bin/systemctl"
    chmod +x "$dir/bin/systemctl"
    PATH=$dir/bin:$PATH
    completed 'kashim enable one-u' 'kashim enable one-unit.service'
    completed 'kashim disable --now one-u' 'kashim disable --now one-unit.service'
    completed 'kashim enable dev-' 'kashim enable dev-a\\x2db.socket'
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
    kill_started
    [ ! "${group-}" ] || rmdir "$group"
}
