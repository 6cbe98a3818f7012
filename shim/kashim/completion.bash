# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Completion of kashim(1) for bash, with bash-completion: subcommands, options, and what
# they take.

# The index of run's program among the words, or of the word that is being typed.
_kashim_program()
{
    local i
    for ((i = 2; i < cword; i++)); do
        case ${words[i]} in
        --) ((i++)) && break ;;
        -[incurp] | --idle | --intvl | --cnt | --user-timeout | --rto-max | --ports | --log) ((i++)) ;;
        -*) ;;
        *) break ;;
        esac
    done
    program=$i
}

_kashim_words()
{
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

# Processes, and the units that run: their groups have their names.
_kashim_targets()
{
    local groups pids
    [[ $cur != */* ]] || { _filedir -d; return; }
    groups=$(find "$(findmnt -nfo TARGET -t cgroup2)" -type d \
        \( -name '*.service' -o -name '*.scope' -o -name '*.slice' \) -printf '%f\n' 2>/dev/null)
    _pids
    pids=("${COMPREPLY[@]}")
    _kashim_words self "$groups"
    COMPREPLY+=("${pids[@]}")
}

_kashim()
{
    # shellcheck disable=SC2034 # they are bash-completion's
    local cur prev words cword program
    local subcommands='run check attach detach status enable disable help'
    local settings='--idle --intvl --cnt --user-timeout --rto-max --ports --connect'
    local inside='--no-children --log'

    _init_completion -n = || return
    [[ $cword -gt 1 ]] || { _kashim_words "$subcommands" --version --help; return; }
    if [[ ${words[1]} == run ]]; then
        _kashim_program
        [[ $program -eq $cword && $cur == -* && $prev != -- ]] || [[ $program -gt $cword ]] ||
            { _command_offset "$program"; return; }
    fi
    case $prev in
    --user-timeout | --rto-max | -[ur]) _kashim_words off auto; return ;;
    --log) _kashim_words off stderr; return ;;
    --root) _filedir -d; return ;;
    --idle | --intvl | --cnt | --ports | --port | -[incp]) return ;;
    esac
    case ${words[1]},$cur in
    run,*) _kashim_words "$settings" --force "$inside" --cgroup --help ;;
    attach,-*) _kashim_words "$settings" --force --listeners-only --children --port --help ;;
    detach,-*) _kashim_words "$settings" --children --port --help ;;
    status,-*) _kashim_words --json --children --port --help ;;
    enable,-*) _kashim_words "$settings" --force "$inside" --now --preload --root --help ;;
    disable,-*) _kashim_words --now --root --help ;;
    check,-*) _kashim_words --help ;;
    help,*) _kashim_words "$subcommands" ;;
    check,*) _command_offset 2 ;;
    attach,* | detach,* | status,*) _kashim_targets ;;
    enable,* | disable,*)
        _kashim_words "$(systemctl list-unit-files --type=service,socket --no-legend 2>/dev/null |
            awk '{ print $1 }')" ;;
    esac
}

complete -F _kashim kashim
