#!/bin/bash
# SPDX-License-Identifier: MIT
#
# coverage.sh: which lines of shim/ no test reaches, by gcov, in a copy of the tree under
# build/coverage. Prints each such line and a count. Of what a process does after its load
# nothing is seen if it is killed, as servers are at the end of a test, or runs another program.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
tree=$root/build/coverage/tree

rm -rf "$tree"
mkdir -p "$tree"
cp -r "$root"/{Makefile,shim,demo,scripts,tests} "$tree"
cd "$tree"
umask 0 # tests run as other users too
export GCOV_ERROR_FILE=/dev/null
# gcov writes at exit, and wants a libc for that. What the library did at load counts whatever
# becomes of the process.
cat >at_load.c <<'EOF'
void __gcov_dump(void);
void __gcov_reset(void);

static __attribute__((constructor)) void at_load(void)
{
    __gcov_dump();
    __gcov_reset();
}
EOF
cc -fPIC -c at_load.c
make -s -j"$(nproc)" CFLAGS='-O0 -g --coverage -D_exit=exit' LIB_LDLIBS="$tree/at_load.o -lgcov -lc" \
    all fixtures build/tests/unit-config
build/tests/unit-config >/dev/null 2>&1 || :
# Not: what counts instructions or looks at how the library is built
tests=()
for file in tests/*.bats; do
    case $file in */bench.bats | */build.bats | */fuzz.bats | */timing.bats | */demo.bats | */load.bats | */signals.bats) ;;
    *) tests+=("$file") ;; esac
done
setsid -w bats --tap "${tests[@]}" >out 2>&1 || :
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
