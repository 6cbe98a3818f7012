#!/bin/bash
# SPDX-License-Identifier: MIT
#
# coverage.sh: which lines of shim/ no test reaches, by gcov, in a copy of the tree under
# build/coverage. Prints each such line and a count. A process that is killed, as servers are
# at the end of a test, leaves no trace.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
tree=$root/build/coverage/tree

rm -rf "$tree"
mkdir -p "$tree"
cp -r "$root"/{Makefile,shim,demo,scripts,tests} "$tree"
cd "$tree"
# gcov writes at exit, and wants a libc for that
make -s -j"$(nproc)" CFLAGS='-O0 -g --coverage -D_exit=exit' LIB_LDLIBS='-lgcov -lc' all fixtures build/tests/unit-config
find build -type d -exec chmod a+rwx {} + # tests run as other users too
build/tests/unit-config >/dev/null 2>&1 || :
# Not: what counts instructions or looks at how the library is built
tests=()
for file in tests/*.bats; do
    case $file in */bench.bats | */build.bats | */fuzz.bats | */timing.bats | */demo.bats | */load.bats | */signals.bats) ;;
    *) tests+=("$file") ;; esac
done
(umask 0 && setsid -w bats --tap "${tests[@]}") >out 2>&1 || :
echo "$(grep -c '^ok' out) tests passed, $(grep -c '^not ok' out) can't with gcov in the process"

# Of each source all objects are counted together.
find build -name '*.gcda' | while read -r data; do
    gcov -t "$data" 2>/dev/null
done | awk -F: '
    $2 ~ /^ *0$/ && $3 == "Source" { file = $4 }
    file ~ /^shim\// && $1 !~ /-/ {
        line = file ":" $2 + 0
        if (!(line in text)) { order[++lines] = line; text[line] = substr($0, index($0, $2) + length($2) + 1) }
        if ($1 !~ /#####/) reached[line] = 1
    }
    END {
        for (i = 1; i <= lines; i++)
            if (order[i] in reached) good++
            else print order[i] ": " text[order[i]]
        printf "%d of %d lines reached\n", good, lines
    }'
