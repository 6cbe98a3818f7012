#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What stands in README.md. Sourced behind lib.bash.

# commands: those of the README, each on one line.
commands() {
    awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } on' "$root/README.md" | sed -e ':a' -e '/\\$/N; s/ *\\\n */ /; ta'
}

# block LANGUAGE N: the README's Nth block in it.
block() {
    awk -v fence="\`\`\`$1" -v n="$2" '$0 == fence { on = ++seen == n; next } /^```/ { on = 0 } on' "$root/README.md"
}
