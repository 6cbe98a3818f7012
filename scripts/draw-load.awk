#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
#
# Draws load.sh's samples as SVG: the connections that each of the two servers has, over
# time. Colours as in draw.awk. Variables: start, when the peers vanished; total.

{
    time[NR] = $1 - start
    shimmed[NR] = $2 + $3
    plain[NR] = $4 + $5
}

END {
    left = 58; width = 410; top = 40; height = 200; bottom = top + height
    span = time[NR]
    grey = "#7d8590"; blue = "#3b82f6"; red = "#e5484d"

    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 480 290\"" \
        " font-family=\"system-ui, sans-serif\" font-size=\"13\">"
    print "<title>Connections that the server has, after half of the peers have vanished</title>"
    for (second = 0; second <= span; second += 2)
        text(x(second), bottom + 20, "middle", grey, second " s")
    for (part = 0; part <= 2; part++) {
        line(left, y(total * part / 2), left + width, y(total * part / 2))
        text(left - 8, y(total * part / 2) + 4, "end", grey, total * part / 2)
    }
    text(left, top - 26, "start", grey, "connections of the server; half of the peers vanish at 0 s")
    curve(plain, red)
    curve(shimmed, blue)
    text(left + width, y(plain[NR]) - 8, "end", red, "without kashim")
    text(left + width, y(shimmed[NR]) - 8, "end", blue, "with kashim")
    print "</svg>"
}

function x(t) {
    return left + width * t / span
}

function y(count) {
    return bottom - height * count / total
}

function curve(of, colour,    i) {
    printf "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour
    for (i = 1; i <= NR; i++)
        printf "%.1f,%.1f ", x(time[i]), y(of[i])
    print "\"/>"
}

function line(x1, y1, x2, y2) {
    printf "<path stroke=\"%s\" stroke-width=\"1\" opacity=\"0.4\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", grey, x1, y1, x2, y2
}

function text(x1, y1, anchor, colour, words) {
    printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\">%s</text>\n", x1, y1, anchor, colour, words
}
