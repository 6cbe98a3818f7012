#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# With verdict.awk: judges a story told by probes.awk, with two lines added: "TIME cut" when
# the client's cable was pulled, "TIME gone" when the server's socket was.
#
# Variables: idle, intvl (seconds), cnt; and those of verdict.awk.

BEGIN {
    answers_wanted = 2
    cycle = idle > intvl ? idle : intvl
}

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

($2 == "sent" || $2 == "again") && cut {
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

# Each event is judged against the one before, from which the kernel sets its timer. An
# idle connection is probed idle after the last sign of life, and no sooner than intvl
# after the last probe.
function expect() {
    if (asked && asked + intvl > heard + idle)
        set_bounds(asked + intvl, intvl)
    else
        set_bounds(heard + idle, idle)
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
    await(event, rest())
}

# How long it takes from the next event on.
function rest() {
    if (reset)
        return 0
    return (cut ? 0 : (answers_wanted - answers) * cycle) + (cnt - unanswered) * intvl
}

function summary() {
    return "all holds: " answers " probes answered, " cnt \
        " unanswered, the reset, the server's socket gone"
}
