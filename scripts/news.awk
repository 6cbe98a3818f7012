# SPDX-License-Identifier: MIT
#
# awk -f news.awk -v form=deb -v by='NAME <ADDRESS>' README.md: what the README's News say of each
# release, as a changelog of Debian's; with form=rpm, of RPM's. Needs LC_ALL=C TZ=UTC0.

function begin_release(line) {
    end_release()
    if (count++)
        print ""
    version = substr(line, 3)
    sub(/\*\*.*/, "", version)
    match(line, /[0-9]+-[0-9]+-[0-9]+/)
    date = substr(line, RSTART, RLENGTH)
    gsub("-", " ", date)
    date = mktime(date " 0 0 0")
    print form == "deb" ? "kashim (" version "-1) unstable; urgency=medium\n" \
                        : strftime("* %a %b %d %Y ", date) by " - " version "-1"
    sub(/^[^ ]* [^ ]* ?/, "", line)
    item = line
}

# Within 80 columns.
function end_item(    line, i, n, word) {
    n = split(item, word, " ")
    line = form == "deb" ? "  *" : "-"
    for (i = 1; i <= n; i++) {
        if (length(line word[i]) >= 79) {
            print line
            line = form == "deb" ? "   " : " "
        }
        line = line " " word[i]
    }
    if (n)
        print line
    item = ""
}

function end_release() {
    end_item()
    if (version != "" && form == "deb")
        print strftime("\n -- " by "  %a, %d %b %Y %H:%M:%S +0000", date)
    version = ""
}

/^## /                          { news = $0 == "## News" }
!news                           { next }
/^\*\*[0-9.]+\*\*, [0-9]+-/     { begin_release($0); next }
/^\*\*/                         { end_release() } # that of the next version
/^- / && version != ""          { end_item(); item = substr($0, 3); next }
/^$/                            { end_item() }
item != ""                      { item = item " " $0 }
END                             { end_release() }
