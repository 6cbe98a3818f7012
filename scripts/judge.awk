#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# Judges a story told by probes.awk, with two lines added: "TIME cut" when the client's
# cable was pulled, "TIME gone" when the server's socket was.
#
# Variables: idle, intvl (seconds), cnt, tolerance (seconds); and now, the time at which
# the story is judged. Without it, the story is complete.
#
# Prints a row per event and a last line that says how things stand. Exit status: 0 if all
# holds, 1 if something doesn't, 3 if the story isn't over yet.

BEGIN {
    if (now == "")
        now = 1e12
    answers_wanted = 2
    grace = 1 # for tcpdump and the shell to say what they saw
    cycle = idle > intvl ? idle : intvl
}

over { next }

$2 == "connected" {
    start = heard = $1
    row("connected", "", $1)
}

$2 == "heard" { heard = $1 }

$2 == "probe" {
    check(next_probe(), $1)
    asked = $1
    if (++unanswered > cnt)
        end_wrong("more than " cnt " unanswered probes")
}

$2 == "answer" {
    heard = $1
    unanswered = 0
    row("  answer " ++answers, "", $1)
    if (cut)
        end_wrong("the client answered although its cable was pulled")
}

$2 == "cut" {
    cut = $1
    row("cable pulled", "", $1)
}

$2 == "sent" && cut {
    end_wrong("the server sent data after the cable was pulled, so retransmission rules")
}

$2 == "reset" {
    reset = $1
    check("reset", $1)
    if (answers < answers_wanted)
        end_wrong("reset after " answers + 0 " answered probes, not " answers_wanted)
    if (unanswered != cnt)
        end_wrong("reset after " unanswered + 0 " unanswered probes, not " cnt)
}

$2 == "close" { end_wrong("the server itself closed the connection") }

$2 == "hangup" || $2 == "abort" { end_wrong("the client ended the connection") }

$2 == "gone" {
    row("socket gone", "", $1, "ok")
    over = 1
}

END {
    if (!over)
        look_ahead()
    if (!over)
        exit 3
    print wrong ? wrong : "all holds: " answers " probes answered, " cnt \
        " unanswered, the reset, the server's socket gone"
    exit wrong != ""
}

# Each event is judged against the one before, from which the kernel sets its timer. An
# idle connection is probed idle after the last sign of life, and no sooner than intvl
# after the last probe. No timer fires early, but clocks drift: 10 ms and 500 ppm. The
# kernel's timer wheel makes it late by up to 8/63 of the time; 20 ms are two of its
# coarsest ticks.
function expect() {
    due = heard + idle
    span = idle
    if (asked && asked + intvl > due) {
        due = asked + intvl
        span = intvl
    }
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

function next_probe() {
    return cut ? "unanswered probe " unanswered + 1 " of " cnt : "probe " answers + 1
}

# What has not happened yet: is there still time for it?
function look_ahead(    event) {
    if (reset) {
        event = "socket gone"
        due = late = reset + 1
    } else if (start) {
        event = unanswered < cnt ? next_probe() : "reset"
        expect()
    } else {
        event = "connected"
        due = late = now == 1e12 ? 0 : now
    }
    if (now > late + grace) {
        row(event, due, "", "MISSING")
        end_wrong("no " event (start ? sprintf(" by %.3f s", late - start) : ""))
    } else
        printf "next: %s in %.1f s; %.0f s left\n", event, time_to(due), \
            time_to(due + rest())
}

function time_to(time) {
    return time > now ? time - now : 0
}

# How long it takes from the next event on.
function rest() {
    if (reset)
        return 0
    return (cut ? 0 : (answers_wanted - answers) * cycle) + (cnt - unanswered) * intvl
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
