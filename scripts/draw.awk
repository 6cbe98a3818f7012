#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# Draws the story that judge.awk judges, as SVG: time from left to right, the server's
# line above, the client's below. The colours stand out on white and on black.
#
# Variable: now, the time at which the drawing ends.

{
    times[NR] = $1
    events[NR] = $2
}

$2 == "connected" { start = $1 }
$2 == "cut" { cut = $1 }
$2 == "reset" { reset = $1 }

END {
    left = 90; width = 760; top = 70; bottom = 160
    middle = (top + bottom) / 2
    total = now - start
    grey = "#7d8590"; blue = "#3b82f6"; green = "#2da44e"
    orange = "#d9822b"; red = "#e5484d"

    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 20 870 210\"" \
        " font-family=\"system-ui, sans-serif\" font-size=\"12\" text-anchor=\"middle\">"
    print "<!-- SPDX-License-Identifier: MIT -->"
    print "<title>TCP keepalive probes as tcpdump saw them</title>"
    draw_hosts()
    draw_axis()
    for (i = 1; i <= NR; i++)
        draw_event(events[i], at(times[i]), sprintf("%.2f", times[i] - start))
    if (cut && !reset)
        text(left + width - 60, top - 14, red, "still ESTABLISHED")
    print "</svg>"
}

function draw_hosts(    end) {
    end = cut ? at(cut) : left + width
    text(left - 45, top + 4, grey, "server")
    text(left - 45, bottom + 4, grey, "client")
    line(left, top, reset ? at(reset) : left + width, top, grey, 2)
    line(left, bottom, end, bottom, grey, 2)
    if (cut)
        line(end, bottom, left + width, bottom, grey, 2, "2 6")
}

function draw_axis(    step, second) {
    for (step = 1; total / step > 16; )
        step *= step ~ /^2/ ? 2.5 : 2 # 1 2 5 10 20 50 ...
    line(left, bottom + 40, left + width, bottom + 40, grey, 1)
    for (second = 0; second <= total; second += step) {
        line(at(start + second), bottom + 37, at(start + second), bottom + 43, grey, 1)
        text(at(start + second), bottom + 58, grey, second " s")
    }
}

# A probe and its answer are a fraction of a millisecond apart: beside one another here.
function draw_event(event, x, label) {
    if (event == "connected") {
        text(x - 35, top - 14, grey, "connected")
        arrow(x, bottom, top, grey)
    } else if (event == "probe" && pulled) {
        arrow(x, top, middle, orange, "4 3")
        cross(x, middle + 6, orange)
        time_label(x, orange, label, lost++ ? "" : "no answer")
    } else if (event == "probe") {
        arrow(x - 4, top, bottom, blue)
        time_label(x, blue, label, asked++ ? "" : "probe")
    } else if (event == "answer") {
        arrow(x + 4, bottom, top, green)
        if (!answered++)
            text(x + 30, middle, green, "answer")
    } else if (event == "cut") {
        pulled = 1
        cross(x, bottom, red)
        text(x, bottom + 22, red, "cable pulled")
    } else if (event == "reset") {
        arrow(x, top, middle, red)
        cross(x, middle + 6, red)
        time_label(x, red, label, "reset")
    }
}

# The time where there is room for it, a name above the first of a kind.
function time_label(x, colour, label, name) {
    text(x, top - 30, colour, name)
    if (x - labelled < 34)
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
