# SPDX-License-Identifier: MIT
# Completion of kashim(1) for fish. What there is to complete, kashim's own help says.

function __kashim_subcommands
    kashim help 2>/dev/null | string replace -rf '^  kashim ([a-z]+) .*  (.*)' '$1\t$2'
    echo help\t'tell more of a subcommand'
end

function __kashim_subcommand
    set -l words (commandline -opc)
    echo $words[2]
end

# With what the help says of them
function __kashim_options
    kashim help (__kashim_subcommand) 2>/dev/null |
        string replace -rf '^ +(-[a-z], )?(--[a-z-]+)( [A-Z]+)? .*  ([^ ].*)' '$2\t$4'
    echo --help\t'tell more'
end

# Whether a word, or the one before, is an option that takes a value
function __kashim_takes_value
    set -l words (commandline -opc) $argv
    kashim help (__kashim_subcommand) 2>/dev/null |
        string replace -rf '^ +(-[a-z])?,? *(--[a-z-]+) [A-Z].*' '$1 $2' | string split ' ' |
        string match -q -- $words[-1]
end

function __kashim_values
    set -l words (commandline -opc)
    switch $words[-1]
        case --user-timeout --rto-max -u -r
            printf '%s\n' off auto
        case --log
            printf '%s\n' off stderr
        case --color
            printf '%s\n' auto always never
        case --port --ports -p # on which somebody listens
            ss -Htln 2>/dev/null | awk '{ sub(/.*:/, "", $4); print $4 }' | sort -un
        case --root
            __fish_complete_directories (commandline -ct)
    end
end

# Processes, and the units that run: their groups have their names.
function __kashim_targets
    echo self
    find (findmnt -nfo TARGET -t cgroup2) -type d '(' -name '*.service' -o -name '*.scope' -o -name '*.slice' ')' \
        -printf '%f\n' 2>/dev/null
    __fish_complete_directories (commandline -ct)
    __fish_complete_pids
end

function __kashim_units
    systemctl list-unit-files --type=service,socket --no-legend 2>/dev/null | string replace -r ' .*' ''
end

# Completes run's program, or what comes behind it; fails where there is none yet.
function __kashim_program
    set -l ended
    set -l words (commandline -opc)[3..]
    while string match -q -- '-*' $words[1]
        set -l option $words[1]
        set -e words[1]
        if test $option = --
            set ended yes
            break
        end
        __kashim_takes_value $option && set -e words[1]
    end
    test -n "$words$ended" || return
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

function __kashim_words
    switch (__kashim_subcommand)
        case run check
            __fish_complete_command
        case help
            __kashim_subcommands
        case attach detach status
            __kashim_targets
        case enable disable
            __kashim_units
    end
end

function __kashim_complete
    test (__kashim_subcommand) = run && __kashim_program && return
    if __kashim_takes_value
        __kashim_values
    else if string match -q -- '-*' (commandline -ct)
        __kashim_options
    else
        __kashim_words
    end
end

complete -c kashim -f
complete -c kashim -n __fish_use_subcommand -a '(__kashim_subcommands)'
complete -c kashim -n 'not __fish_use_subcommand' -a '(__kashim_complete)'
