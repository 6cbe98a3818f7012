#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# Draws the story that judge.awk or judge-in-flight.awk judges, as SVG: time from left to
# right, the server's line above, the client's below, and under that the one of a second
# client that keeps its window closed. The colours stand out on white and on black, and the
# words can be read at 360 pixels.
#
# Variable: now, the time at which the drawing ends.

{
    times[NR] = $1
    events[NR] = $2
}

$2 == "connected" { start = $1 }
$2 == "cut" { cut = $1 }
$2 == "reset" || $2 == "gone" { end = end ? end : $1 }
$2 == "closed" { closed = $1 }
$2 == "dropped" { dropped = $1 }

END {
    left = 70; width = 400; top = 70; bottom = 160
    lowest = closed ? bottom + 50 : bottom
    middle = (top + bottom) / 2
    total = now - start
    grey = "#7d8590"; blue = "#3b82f6"; green = "#2da44e"
    orange = "#d9822b"; red = "#e5484d"

    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 20 480 " lowest + 50 "\"" \
        " font-family=\"system-ui, sans-serif\" font-size=\"13\" text-anchor=\"middle\">"
    print "<!-- SPDX-License-Identifier: MIT -->"
    print "<title>TCP " (closed ? "retransmissions" : "keepalive probes") " as tcpdump saw them</title>"
    draw_hosts()
    if (closed)
        draw_live_client()
    draw_axis()
    for (i = 1; i <= NR; i++)
        draw_event(events[i], at(times[i]), sprintf("%.2f", times[i] - start))
    if (cut && !end)
        text(left + width - 60, top - 14, red, "still ESTABLISHED")
    print "</svg>"
}

function draw_hosts() {
    text(left - 36, top + 4, grey, "server")
    text(left - 36, bottom + 4, grey, "client")
    line(left, top, end ? at(end) : left + width, top, grey, 2)
    draw_until(cut, bottom)
}

function draw_live_client() {
    text(left - 36, lowest + 4, grey, "live client")
    draw_until(dropped, lowest)
    text((at(closed) + (dropped ? at(dropped) : left + width)) / 2, lowest - 8, grey,
         "window closed" (dropped ? "" : ", still ESTABLISHED"))
    if (dropped) {
        cross(at(dropped), lowest, red)
        text(at(dropped) + 35, lowest - 8, red, "dropped")
    }
}

# draw_until TIME Y: dotted from then on, if there is one
function draw_until(time, y) {
    line(left, y, time ? at(time) : left + width, y, grey, 2)
    if (time)
        line(at(time), y, left + width, y, grey, 2, "2 6")
}

function draw_axis(    step, second) {
    for (step = 1; total / step > 8; )
        step *= step ~ /^2/ ? 2.5 : 2 # 1 2 5 10 20 50 ...
    line(left, lowest + 40, left + width, lowest + 40, grey, 1)
    for (second = 0; second <= total; second += step) {
        line(at(start + second), lowest + 37, at(start + second), lowest + 43, grey, 1)
        text(at(start + second), lowest + 58, grey, second " s")
    }
}

# A probe and its answer are a fraction of a millisecond apart: beside one another here.
function draw_event(event, x, label) {
    if (event == "connected") {
        text(x - 35, top - 30, grey, "connected")
        arrow(x, bottom, top, grey)
    } else if (event == "probe" && pulled) {
        draw_lost(x, label, "no answer")
    } else if (event == "probe") {
        arrow(x - 4, top, bottom, blue)
        time_label(x, blue, label, asked++ ? "" : "probe")
    } else if (event == "answer") {
        arrow(x + 4, bottom, top, green)
        if (!answered++)
            text(x + 30, middle, green, "answer")
    } else if (event == "asks") {
        arrow(x - 4, bottom, top, blue)
        text(x + 30, bottom - 10, blue, "question")
    } else if (event == "sent" && closed || event == "again") {
        draw_lost(x, label, "answer, lost")
    } else if (event == "cut") {
        pulled = 1
        cross(x, bottom, red)
        text(x, bottom + 22, red, "cable pulled")
    } else if (event == "reset") {
        arrow(x, top, middle, red)
        cross(x, middle + 6, red)
        time_label(x, red, label, "reset")
    } else if (event == "gone" && closed) {
        cross(x, top, red)
        time_label(x, red, label, "given up")
    }
}

function draw_lost(x, label, name) {
    arrow(x, top, middle, orange, "4 3")
    cross(x, middle + 6, orange)
    time_label(x, orange, label, lost++ ? "" : name)
}

# The time where there is room for it, a name above the first of a kind.
function time_label(x, colour, label, name) {
    text(x, top - 30, colour, name)
    if (x - labelled < 40)
        return
    text(x, top - 14, colour, label)
    labelled = x
}

function cross(x, y, colour) {
    line(x - 5, y - 5, x + 5, y + 5, colour, 2)
    line(x - 5, y + 5, x + 5, y - 5, colour, 2)
}

function at(time) {
    return left + (time - start) / total * width
}

function line(x1, y1, x2, y2, colour, thick, dashes) {
    printf "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"%s\"" \
        " stroke-width=\"%s\"%s/>\n", x1, y1, x2, y2, colour, thick, \
        dashes ? " stroke-dasharray=\"" dashes "\"" : ""
}

function arrow(x, from, to, colour, dashes,    back) {
    back = to > from ? -7 : 7
    line(x, from, x, to + back, colour, 2, dashes)
    printf "<path d=\"M%.1f %d l-4 %d h8 z\" fill=\"%s\"/>\n", x, to, back, colour
}

function text(x, y, colour, words) {
    if (words == "")
        return
    printf "<text x=\"%.1f\" y=\"%d\" fill=\"%s\">%s</text>\n", x, y, colour, words
}
