#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# What judge.awk and judge-in-flight.awk have in common. Each of them has
#
#     expect()       sets due, early and late, by set_bounds, for the event that is next
#     look_ahead()   hands what is next to await
#     summary()      the last line, where all holds
#
# Variables: tolerance (seconds); and now, the time at which the story is judged. Without
# it, the story is complete.
#
# Prints a row per event and a last line that says how things stand. Exit status: 0 if all
# holds, 1 if something doesn't, 3 if the story isn't over yet.

BEGIN {
    if (now == "")
        now = 1e12
    grace = 1 # for tcpdump and the shell to say what they saw
}

over { next }

END {
    if (!over)
        look_ahead()
    if (!over)
        exit 3
    print wrong ? wrong : summary()
    exit wrong != ""
}

# No timer fires early, but clocks drift: 10 ms and 500 ppm. The kernel's timer wheel makes
# it late by up to 8/63 of the time; 20 ms are two of its coarsest ticks.
function set_bounds(time, span) {
    due = time
    early = due - 0.010 - span * 0.0005
    late = due + 0.020 + span * 8 / 63 + tolerance
}

function check(event, time,    verdict) {
    expect()
    verdict = time < early ? "EARLY" : time > late ? "LATE" : "ok"
    row(event, due, time, verdict)
    if (verdict == "EARLY")
        is_wrong(sprintf("%s %.0f ms early", event, (due - time) * 1000))
    if (verdict == "LATE")
        is_wrong(sprintf("%s %.0f ms late, %.0f allowed", event, (time - due) * 1000,
                         (late - due) * 1000))
}

# The event has not happened yet. The rest is how long it all takes from then on.
function await(event, rest) {
    if (now <= late + grace) {
        printf "next: %s in %.1f s; %.0f s left\n", event, time_to(due), time_to(due + rest)
        return
    }
    row(event, due, "", "MISSING")
    end_wrong("no " event (start ? sprintf(" by %.3f s", late - start) : ""))
}

function time_to(time) {
    return time > now ? time - now : 0
}

function row(event, expected, measured, verdict,    difference) {
    if (expected != "" && measured != "")
        difference = sprintf("%+.0f ms", (measured - expected) * 1000)
    printf "%-28s %10s %10s %11s  %s\n", event, seconds(expected), seconds(measured), \
        difference, verdict
}

function seconds(time) {
    return time == "" ? "" : sprintf("%.3f", time - start)
}

function is_wrong(reason) {
    wrong = wrong (wrong ? "; " : "") reason
}

function end_wrong(reason) {
    is_wrong(reason)
    over = 1
}
