#!/bin/bash
# SPDX-License-Identifier: MIT
#
# sanitize.sh: the scenario tests once more, in copies of the tree under build/sanitize:
#
#   address    programs and command by clang with AddressSanitizer and
#              UndefinedBehaviorSanitizer; the library, which can't need a runtime, with the
#              latter's traps
#   thread     all with ThreadSanitizer, the tests that have threads
#   memcheck   the scenario program under valgrind
#
# Exit status: 0 if all is clean.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

# make_tree NAME [VAR=VALUE...]: in $tree
make_tree() {
    tree=$root/build/sanitize/$1
    rm -rf "$tree"
    mkdir -p "$tree"
    cp -r "$root"/{Makefile,shim,demo,scripts,tests} "$tree"
    make -s -C "$tree" -j"$(nproc)" STATIC_KASHIM= "${@:2}" all fixtures
}

# clean FILTER FILE...: the tests of $tree whose names match pass, and there are some. In a
# session of their own, since some servers end all of their process group.
clean() {
    local status=0
    (cd "$tree" && setsid -w bats --tap -f "$1" "${@:2}") >"$tree/out" || status=$?
    grep -A 20 '^not ok' "$tree/out" || :
    echo "$(grep -c '^ok' "$tree/out") tests passed"
    [ $status -eq 0 ] && grep -q '^ok' "$tree/out"
}

# Not: what counts the system calls, instructions, symbols or exit of a program, into which a
# sanitizer puts its own; what sets user or limits on a program, under which one ends itself.
every=(tests/{accept,children,force,harmless,kinds,listeners,log,outgoing,ports,preloads}.bats
    tests/{processes,settings,sandbox,servers,command,status,enable}.bats)

address() {
    make_tree address CC=clang \
        CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined' \
        LIB_SANITIZE='-fno-sanitize=all -fsanitize=undefined -fsanitize-trap=undefined'
    # leaks are looked for by ptrace(2), as strace and others look at the program
    export ASAN_OPTIONS=detect_leaks=0
    clean . "${every[@]}"
    clean '^attach[^,]' tests/attach.bats # but without /proc, which the sanitizer reads itself
}

thread() {
    make_tree thread CC=clang CFLAGS='-O1 -g -fsanitize=thread' LIB_SANITIZE=-fsanitize=thread
    clean 'thread|worker' tests/listeners.bats tests/processes.bats
}

# The program is in valgrind's place: valgrind is what finds it first.
memcheck() {
    make_tree memcheck
    mv "$tree/build/tests/steps" "$tree/build/tests/steps-itself"
    cat >"$tree/build/tests/steps" <<'END'
#!/bin/sh
exec valgrind -q --error-exitcode=99 --log-file=/dev/null \
    --suppressions="${0%/*}/../../tests/memcheck.supp" "${0%/*}/steps-itself" "$@"
END
    chmod +x "$tree/build/tests/steps"
    # but "what ...", where the program's own arguments are wrong
    clean '^([^w]|w[^h])' tests/{accept,force,listeners,outgoing,ports}.bats
}

[ $# -gt 0 ] || set -- address thread memcheck
for part; do
    echo "== $part"
    "$part"
done
