# SPDX-License-Identifier: MIT
# From bench.sh's samples (row|unit|variant|round|value) and facts (row|variant|value) the
# table, the verdicts on the targets, and JSON.

BEGIN {
    rivals = split("libkeepalive libdontdie rival", rival_name, " ")
}

FILENAME == ARGV[1] {
    see($1, $3)
    unit[$1] = $2
    value[$1, $3, ++samples[$1, $3]] = $5
    next
}

{
    see($1, $2)
    fact[$1, $2] = $3
}

function see(row, variant) {
    if (!(row in seen_row)) {
        seen_row[row] = ++rows
        row_name[rows] = row
    }
    if (!((row, variant) in seen)) {
        seen[row, variant] = 1
        variant_name[row, ++variants[row]] = variant
    }
}

# The value at `share` of the sorted list v[1..n].
function at(v, n, share,    i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] + 0 > v[j] + 0; j--) {
            t = v[j]
            v[j] = v[j - 1]
            v[j - 1] = t
        }
    i = int(share * (n - 1) + 1.5)
    return v[i]
}

function of_samples(row, variant, share,    v, n, i) {
    n = samples[row, variant]
    for (i = 1; i <= n; i++)
        v[i] = value[row, variant, i]
    return at(v, n, share)
}

# The median of the differences from `base`, round by round.
function difference(row, variant, base,    v, n, i) {
    n = samples[row, variant]
    for (i = 1; i <= n; i++)
        v[i] = value[row, variant, i] - value[row, base, i]
    return at(v, n, 0.5)
}

# The median of the ratios to "none", round by round.
function ratio(row, variant,    v, n, i) {
    n = samples[row, variant]
    for (i = 1; i <= n; i++)
        v[i] = value[row, variant, i] / value[row, "none", i]
    return at(v, n, 0.5)
}

function print_row(row,    i, variant) {
    printf "\n%s%s\n", row, ((row in unit) && unit[row] != "" ? ", " unit[row] : "")
    for (i = 1; i <= variants[row]; i++) {
        variant = variant_name[row, i]
        if (row in unit) {
            printf "  %-14s %10s   %10s to %-10s", variant, of_samples(row, variant, 0.5),
                of_samples(row, variant, 0.25), of_samples(row, variant, 0.75)
            if ((row, "none") in seen)
                printf " x %.3f   %+.1f", ratio(row, variant), difference(row, variant, "none")
            print ""
        }
        else if ((row, "none") in fact)
            printf "  %-14s %10d   %+d\n", variant, fact[row, variant],
                fact[row, variant] - fact[row, "none"]
        else
            printf "  %-14s %10d\n", variant, fact[row, variant]
    }
}

function target(what, measured, bound) {
    printf "  %-6s %s: %d, at most %d\n", (measured <= bound ? "met" : "MISSED"), what, measured, bound
    verdicts = verdicts sprintf("%s\n    {\"target\": \"%s\", \"measured\": %d, \"bound\": %d, \"met\": %s}",
        (verdicts == "" ? "" : ","), what, measured, bound, (measured <= bound ? "true" : "false"))
}

# Of times, which what else the machine does can spoil: a goal, no target.
function goal(what, measured, bound) {
    printf "  %-6s %s: %.2f, at most %.2f\n", (measured <= bound ? "met" : "missed"), what, measured, bound
}

function judge_times(    cycle, start, i) {
    cycle = "connect, accept, close: one thread"
    start = "process start, CPU time"
    print "\ngoals"
    if (("connect", "group-connect") in seen) {
        goal("a cycle with both ends in a group, to none", 1 / ratio(cycle, "group"), 1.05)
        goal("connect with --connect, us more than none", difference("connect", "group-connect", "none") / 1000, 2)
    }
    goal("CPU time of a start, us more than an empty library", difference(start, "kashim", "empty"), 10)
    for (i = 1; i <= rivals; i++)
        if ((start, rival_name[i]) in seen)
            goal("CPU time of a start, us more than " rival_name[i], difference(start, "kashim", rival_name[i]), 0)
}

# By how much kashim's count is above that of `base`.
function more(row, base) {
    return fact[row, "kashim"] - fact[row, base]
}

function judge(    calls, start, i) {
    calls = "system calls of connect, accept4 and close"
    start = "instructions until the program starts and ends"
    print "\ntargets"
    target("instructions more than none, in accept4", more("instructions of accept4, outside the kernel", "none"), 15)
    target("system calls more than none, from connect to close", more(calls, "none"), 0)
    target("the same with KA_CONNECT=1", more("system calls of the same with KA_CONNECT=1", "none"), 8)
    target("the same, no mark for the listener", more("system calls of the same, no mark for the listener", "none"), 3)
    target("instructions more than an empty library, at start", more(start, "empty"), 7000)
    target("the same among 40 more libraries", more("instructions of the same among 40 more libraries", "empty"), 30000)
    target("system calls more than an empty library, at start", more("system calls until the program starts and ends", "empty"), 0)
    target("page faults more than an empty library, at start", difference("process start, page faults", "kashim", "empty"), 1)
    for (i = 1; i <= rivals; i++)
        if ((start, rival_name[i]) in fact)
            target("instructions at start, of kashim and of " rival_name[i], fact[start, "kashim"], fact[start, rival_name[i]])
    target("dirty pages more than an empty library", more("private dirty memory once it has accepted, kB", "empty") / 4, 2)
}

function write_json(    r, i, row, variant) {
    printf "{\n  \"machine\": \"%s\",\n  \"rows\": [", machine >json
    for (r = 1; r <= rows; r++) {
        row = row_name[r]
        for (i = 1; i <= variants[row]; i++) {
            variant = variant_name[row, i]
            printf "%s\n    {\"row\": \"%s\", \"variant\": \"%s\", ", (r + i > 2 ? "," : ""), row, variant >json
            if (row in unit)
                printf "\"unit\": \"%s\", \"median\": %s, \"quartiles\": [%s, %s], \"ratio\": %s}", unit[row],
                    of_samples(row, variant, 0.5), of_samples(row, variant, 0.25),
                    of_samples(row, variant, 0.75), ((row, "none") in seen) ? ratio(row, variant) : "null" >json
            else
                printf "\"count\": %d}", fact[row, variant] >json
        }
    }
    printf "\n  ],\n  \"targets\": [%s\n  ]\n}\n", verdicts >json
}

END {
    print machine
    for (r = 1; r <= rows; r++)
        print_row(row_name[r])
    judge()
    judge_times()
    write_json()
}
