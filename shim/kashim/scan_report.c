/* SPDX-License-Identifier: MIT */
/* What came of a scan, in words. */
#include "scan.h"

#include "../text.h"
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands before the first "; ". */
const char *timers_text(const struct ka_values *values)
{
    static char text[256];
    struct ka_text t = {text, sizeof text - 1, 0};

    ka_put_timers(&t, values, 1);
    text[t.len] = '\0';
    text[strcspn(text, ";")] = '\0';
    return text;
}

/* Add to a line, with "; " or `between` before it where it isn't the first. */
static void __attribute__((format(printf, 3, 4)))
add(char **line, const char *between, const char *format, ...)
{
    char part[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(part, sizeof part, format, ap);
    va_end(ap);
    if (*line)
        *line = append(*line, between);
    *line = append(*line, part);
}

/* Add "listeners: 2 changed, 1 already right". */
static void add_tally(char **line, const struct scan *scan, const char *what,
                      const struct tally *t)
{
    char *counts = NULL;

    if (t->changed)
        add(&counts, "", "%u %s", t->changed, scan->changed);
    if (t->right)
        add(&counts, ", ", "%u %s", t->right, scan->right);
    if (t->failed)
        add(&counts, ", ", "%u failed", t->failed);
    if (counts)
        add(line, "; ", "%s: %s", what, counts);
    free(counts);
}

static void add_left_alone(char **line, const struct scanned *p)
{
    const struct sample *timers = &p->other_timers, *kept = &p->kept;

    if (p->outgoing)
        add(line, "; ", "outgoing: %u left alone", p->outgoing);
    if (timers->count)
        add(line, "; ", "other timers: %u left alone (%s%s)", timers->count,
            timers_text(&timers->first), timers->mixed ? ", and others" : "");
    if (p->other_ports)
        add(line, "; ", "other ports: %u left alone", p->other_ports);
    if (kept->count)
        add(line, "; ", "%u of these keep %s%s", kept->count, timers_text(&kept->first),
            kept->mixed ? ", or others" : "");
}

/* Print what came of a process. Return false if something wasn't done; one that was found
 * and has ended since needs nothing. */
static bool report_process(const struct scan *scan, const struct scanned *p)
{
    bool refused = p->refused && (p->named || p->refused != ESRCH);
    struct tally listeners = p->listeners;
    char *line = NULL, *whole = NULL;

    if (scan->names_listeners)
        listeners.changed = listeners.right = 0;
    add_tally(&line, scan, "listeners", &listeners);
    add_tally(&line, scan, "connections", &p->connections);
    if (p->before.count)
        add(&line, "; ", "%u socket%s had %s%s before, which detach doesn't bring back",
            p->before.count, p->before.count == 1 ? "" : "s",
            timers_text(&p->before.first), p->before.mixed ? ", or others," : "");
    add_left_alone(&line, p);
    if (line) {
        add(&whole, "", "%s (%d): ", p->process.name, p->process.pid);
        say_parts(append(whole, line));
    }
    free(line);
    if (refused)
        complain("%s", process_refusal(&p->process, p->refused));
    complain_unreachable(&p->process, p->unreachable);
    return !refused && !p->unreachable && !listeners.failed && !p->connections.failed;
}

bool scan_report(const struct scan *scan)
{
    bool done = true;

    for (size_t i = 0; i < scan->count; i++)
        done &= report_process(scan, &scan->processes[i]);
    if (scan->queued)
        complain(
            "up to %u connections were queued before and haven't been accepted in %d "
            "seconds: do this again when they have",
            scan->queued, SCAN_PATIENCE_S);
    if (scan->too_many)
        complain("not looked at: %zu processes, for which the limit of open files is too "
                 "low (ulimit -n)",
                 scan->too_many);
    if (scan->group)
        done &= group_is_seen(scan->group->path, &scan->unseen);
    return done && !scan->queued && !scan->too_many;
}
