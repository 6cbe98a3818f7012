# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completion of kashim(1) for bash, with bash-completion. What there is to complete, kashim's
# own help says.

_kashim_subcommands()
{
    "${words[0]}" help 2>/dev/null | sed -n 's/^  kashim \([a-z]*\).*/\1/p'
    echo help
}

# _kashim_options [TAKING]: of the subcommand; those that take a value.
_kashim_options()
{
    "${words[0]}" help "${words[1]}" 2>/dev/null |
        sed -nE "s/^ +(-[a-z])?,? *(--[a-z-]+)${1:+ [A-Z]}.*/\1 \2/p"
}

# The index of run's program among the words, or of the word that is being typed.
_kashim_program()
{
    local i
    for ((i = 2; i < cword; i++)); do
        case ${words[i]} in
        --) ((i++)) && break ;;
        -*) [[ $taking != *" ${words[i]} "* ]] || ((i++)) ;;
        *) break ;;
        esac
    done
    program=$i
}

# Names of units have backslashes: system-systemd\x2dfsck.slice
_kashim_words()
{
    local word
    for word; do
        printf -v word %q "$word"
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
    done
}

# Processes, and the units that run: their groups have their names.
_kashim_targets()
{
    local groups
    [[ $cur != */* ]] || { _filedir -d; return; }
    mapfile -t groups < <(find "$(findmnt -nfo TARGET -t cgroup2)" -type d \
        \( -name '*.service' -o -name '*.scope' -o -name '*.slice' \) -printf '%f\n' 2>/dev/null)
    _pids
    _kashim_words self "${groups[@]}"
}

_kashim_units()
{
    local units
    mapfile -t units < <(systemctl list-unit-files --type=service,socket --no-legend 2>/dev/null |
        awk '{ print $1 }')
    _kashim_words "${units[@]}"
}

# Ports on which somebody listens
_kashim_ports()
{
    local ports
    mapfile -t ports < <(ss -Htln 2>/dev/null | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -un)
    _kashim_words "${ports[@]}"
}

# shellcheck disable=SC2046 # words
_kashim()
{
    # shellcheck disable=SC2034 # they are bash-completion's
    local cur prev words cword program taking

    _init_completion -n = || return
    [[ $cword -gt 1 ]] || { _kashim_words $(_kashim_subcommands) --version --help; return; }
    taking=" $(_kashim_options TAKING | tr '\n' ' ') "
    if [[ ${words[1]} == run ]]; then
        _kashim_program
        [[ $program -eq $cword && $cur == -* && $prev != -- ]] || [[ $program -gt $cword ]] ||
            { _command_offset "$program"; return; }
    fi
    case $prev in
    --user-timeout | --rto-max | -[ur]) _kashim_words off auto; return ;;
    --log) _kashim_words off stderr; return ;;
    --color) _kashim_words auto always never; return ;;
    --port | --ports | -p) _kashim_ports; return ;;
    --root) _filedir -d; return ;;
    esac
    [[ $taking != *" $prev "* ]] || return
    case ${words[1]},$cur in
    *,-*) _kashim_words $(_kashim_options) --help ;;
    help,*) _kashim_words $(_kashim_subcommands) ;;
    check,*) _command_offset 2 ;;
    attach,* | detach,* | status,*) _kashim_targets ;;
    enable,* | disable,*) _kashim_units ;;
    esac
}

complete -F _kashim kashim
