#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# With verdict.awk: judges a story told by probes.awk of a client that asks as its cable is
# pulled, so that the server's answer is sent again and again. Added are the lines
#
#     TIME cut          the cable was pulled
#     TIME gone SEEN    ss doesn't show the server's socket any more; it last did at SEEN
#     TIME dropped      nor that of a second client, which lives and keeps its window closed
#
# Variables, in seconds: rto, the socket's retransmission timeout before; rto_max, up to
# which it is doubled; limit, after which the kernel gives up, counted from the first
# retransmission; exactly, whether it does so right then, as with TCP_USER_TIMEOUT, and not
# when the next retransmission is due; seen, when ss last showed the socket. And those of
# verdict.awk.

BEGIN {
    patience = 10 # for the server to answer
    grief = 2     # for the live client to be dropped as well
}

$2 == "connected" {
    start = $1
    row("connected", "", $1)
}

$2 == "asks" && !asked {
    asked = $1
    row("question", "", $1)
}

$2 == "sent" && asked && !answered {
    answered = last = $1
    head = sequence()
    wait = rto
    row("answer", "", $1)
}

$2 == "cut" {
    cut = $1
    row("cable pulled", "", $1)
}

# The first may be a tail loss probe (RFC 8985): it doesn't double the timeout, nor start
# the kernel's clock.
$2 == "again" && answered && sequence() == head {
    if (++times == 2) {
        first = $1 - last < 1.5 * rto ? $1 : last
        wait = first == last ? doubled(rto) : rto
    }
    check("retransmission " times, $1)
    if (first && $1 > first + limit + 0.020 + tolerance)
        end_wrong(sprintf("retransmission %d although %.1f s were over", times, limit))
    last = $1
    wait = times > 1 ? doubled(wait) : rto
}

($2 == "heard" || $2 == "answer") && answered {
    end_wrong("the client answered although its cable was pulled")
}

$2 == "close" || $2 == "reset" { end_wrong("the server itself closed the connection") }

$2 == "hangup" || $2 == "abort" { end_wrong("the client ended the connection") }

$2 == "gone" {
    gone = $1
    expect()
    if (early < (first ? first : last) + limit - 0.010)
        early = (first ? first : last) + limit - 0.010
    verdict = $1 < early ? "EARLY" : $3 > late ? "LATE" : "ok"
    row("socket gone", due, $1, verdict == "ok" && $1 > late ? "ok (ss came late)" : verdict)
    ended = $3 > due ? $3 : due # ss may have come late
    if (verdict != "ok")
        is_wrong(sprintf("socket gone %s, after %d retransmissions", tolower(verdict), times))
    if (!exactly || dropped)
        stays()
}

$2 == "dropped" {
    dropped = $1
    row("live client dropped", "", $1, exactly ? "the price" : "WRONG")
    if (!exactly)
        is_wrong("a live client was dropped, whose window was closed")
    over = gone
}

function stays() {
    if (!dropped)
        row("live client, window closed", "", "", "stays")
    over = 1
}

function sequence() {
    match($0, /seq [0-9]+/)
    return substr($0, RSTART + 4, RLENGTH - 4)
}

function doubled(time) {
    return 2 * time < rto_max ? 2 * time : rto_max
}

# The timer that is due next: at it the kernel sends again, or gives up. A tail loss probe
# takes 200 ms at least, as does the timeout.
function expect() {
    if (first && exactly && first + limit < last + wait)
        set_bounds(first + limit, first + limit - last)
    else
        set_bounds(last + wait, wait)
    if (!times)
        early = last + 0.200 - 0.010
    if (times == 1)
        late += doubled(rto) - rto
}

function look_ahead(    event) {
    event = next_event()
    if (gone && now > gone + grief)
        stays()
    else
        await(event, rest())
}

function next_event() {
    if (answered && !gone) {
        expect()
        if (!first || due < first + limit)
            return "retransmission " times + 1
        if (seen < late)
            late = now # that ss comes late is no fault
        return "socket gone"
    }
    due = late = now == 1e12 ? start : now
    if (!start)
        return "connected"
    if (!asked)
        return "question"
    if (!answered)
        late = asked + patience
    return answered ? "live client dropped" : "answer"
}

function rest() {
    return gone ? 0 : first && first + limit > due ? first + limit - due : limit
}

function summary() {
    return sprintf("all holds: %d retransmissions, the server's socket gone %.1f s after its answer; ", \
                   times, ended - answered) \
        (dropped ? "a live client that kept its window closed is dropped as well" : \
                   "a live client that keeps its window closed stays")
}
