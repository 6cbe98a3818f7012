#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# tcpdump's text in, the story of one connection out: "TIME EVENT PACKET" per segment.
#
#     tcpdump -n -S -tt -vv port 12345 | probes.awk -v server=192.0.2.1.12345
#
# from the client: connected (the handshake is done), asks (data), answer (to a probe),
#                  heard (anything else), hangup (FIN), abort (RST)
# from the server: probe, sent (data), again (data sent before), ack, close (FIN),
#                  reset (RST)
#
# The first client that connects is the one whose story is told.

# A line that starts with the time ends there for IPv4, goes on with the packet for IPv6.
$1 ~ /^[0-9]+\.[0-9]+$/ { time = $1 }

!/ > .*Flags \[/ { next }

{
    sub(/^ *([0-9].* )?IP6? \(.*\) /, "") # what -vv says of the IP header
    from = $1
    to = $3
    sub(/:$/, "", to)
    match($0, /Flags \[[^]]*\]/)
    flags = substr($0, RSTART + 7, RLENGTH - 8)
    length_ = number("length")
    first = number("seq")
}

client == "" && to == server && flags == "S" { client = from }

flags ~ /S/ { zero[from] = first }

from == server && to == client {
    if (flags ~ /R/)
        tell("reset")
    else if (flags ~ /F/)
        tell("close")
    else if (flags ~ /S/)
        ;
    else if (length_ > 0)
        tell(modulo(first - highest) < 2147483648 ? "sent" : "again")
    else if (first == modulo(highest - 1)) {
        # What makes a probe: one below the highest number sent. Like any ACK otherwise.
        tell("probe")
        probed = 1
    } else
        tell("ack")
    note_sent(modulo(first + length_ + (flags ~ /[SF]/)))
}

from == client && to == server && flags !~ /S/ {
    if (flags ~ /R/)
        tell("abort")
    else if (flags ~ /F/)
        tell("hangup")
    else if (!connected++)
        tell("connected")
    else
        tell(length_ > 0 ? "asks" : probed ? "answer" : "heard")
    probed = 0
}

function number(name) {
    if (!match($0, ", " name " [0-9]+"))
        return 0
    return substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3) + 0
}

function modulo(sequence) {
    return (sequence + 4294967296) % 4294967296
}

# Sequence numbers wrap around: one is higher than another if it is less than half the
# circle ahead.
function note_sent(end) {
    if (highest == "" || modulo(end - highest) < 2147483648)
        highest = end
}

# With numbers counted from the connection's start, as tcpdump has them without -S: a
# probe on a fresh connection is "seq 0, ack 1".
function tell(event) {
    print time, event, from " > " to ": Flags [" flags "], seq " \
        modulo(first - zero[from]) ", ack " modulo(number("ack") - zero[to]) \
        ", length " length_
}
