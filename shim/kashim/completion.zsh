#compdef kashim
# SPDX-License-Identifier: MIT
# Completion of kashim(1) for zsh. What there is to complete, kashim's own help says.

_kashim_subcommands() {
    local -a subcommands
    subcommands=(${(f)"$($words[1] help 2>/dev/null | sed -nE 's/^  kashim ([a-z]+) .*  (.*)/\1:\2/p')"} 'help:tell more of a subcommand')
    _describe subcommand subcommands
}

# With what the help says of them
_kashim_options() {
    local -a options
    options=(${(f)"$($words[1] help $words[2] 2>/dev/null |
        sed -nE 's/^ +(-[a-z], )?(--[a-z-]+)( [A-Z]+)? .*  ([^ ].*)/\2:\4/p')"} '--help:tell more')
    _describe -o option options
}

# Those that take a value, and their letters
_kashim_takes_value() {
    $words[1] help $words[2] 2>/dev/null | sed -nE 's/^ +(-[a-z])?,? *(--[a-z-]+) [A-Z].*/\1 \2/p' |
        tr ' ' '\n' | grep -qxe "$1"
}

# Processes, and the units that run: their groups have their names.
_kashim_targets() {
    local -a groups
    [[ $words[CURRENT] != */* ]] || { _files -/; return }
    groups=(${(f)"$(find "$(findmnt -nfo TARGET -t cgroup2)" -type d \
        \( -name '*.service' -o -name '*.scope' -o -name '*.slice' \) -printf '%f\n' 2>/dev/null)"})
    compadd -- self $groups
    _pids
}

_kashim_units() {
    compadd -- ${(f)"$(systemctl list-unit-files --type=service,socket --no-legend 2>/dev/null | awk '{ print $1 }')"}
}

# Ports on which somebody listens
_kashim_ports() {
    compadd -- ${(f)"$(ss -Htln 2>/dev/null | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -un)"}
}

# The program of run begins at this word: its own completion goes on from there.
_kashim_run() {
    local i
    for ((i = 3; i < CURRENT; i++)); do
        case $words[i] in
        --) ((i++)); break ;;
        -*) ! _kashim_takes_value $words[i] || ((i++)) ;;
        *) break ;;
        esac
    done
    ((i > CURRENT)) && return 1
    [[ $i == $CURRENT && $words[i] == -* && $words[i-1] != -- ]] && return 1
    words=($words[i,-1])
    ((CURRENT -= i - 1))
    _normal
}

_kashim() {
    ((CURRENT > 2)) || { _kashim_subcommands; return }
    [[ $words[2] != run ]] || ! _kashim_run || return 0
    case $words[CURRENT-1] in
    --user-timeout|--rto-max|-[ur]) compadd off auto; return ;;
    --log) compadd off stderr; return ;;
    --color) compadd auto always never; return ;;
    --port|--ports|-p) _kashim_ports; return ;;
    --root) _files -/; return ;;
    esac
    ! _kashim_takes_value $words[CURRENT-1] || return 0
    case $words[2],$words[CURRENT] in
    *,-*) _kashim_options ;;
    help,*) _kashim_subcommands ;;
    check,*) _command_names -e ;;
    attach,*|detach,*|status,*) _kashim_targets ;;
    enable,*|disable,*) _kashim_units ;;
    esac
}

_kashim "$@"
