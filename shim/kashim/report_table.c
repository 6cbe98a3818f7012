/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum column { LOCAL, PEER, KEEP, IDLE, INTVL, CNT, UTO, RTO, DROP, NEXT, COLUMNS };

static const char *const titles[COLUMNS] = {"LOCAL", "PEER", "KA",  "IDLE", "INTVL",
                                            "CNT",   "UTO",  "RTO", "DROP", "NEXT"};

struct cells {
    char text[COLUMNS][ADDRESS_SIZE];
};

/* ---- one row ----------------------------------------------------------------- */

/* Put the number, or "-" for a negative one. */
static void put_number(char *cell, int number)
{
    if (number < 0)
        strcpy(cell, "-");
    else
        sprintf(cell, "%d", number);
}

/* Put milliseconds as seconds, below 100 with a fraction; "-" for what isn't above
 * `none`. */
static void put_ms(char *cell, int ms, int none)
{
    if (ms <= none)
        strcpy(cell, "-");
    else if (ms < 100000 && ms % 1000 >= 100)
        snprintf(cell, ADDRESS_SIZE, "%d.%d", ms / 1000, ms % 1000 / 100);
    else
        snprintf(cell, ADDRESS_SIZE, "%d", ms / 1000);
}

static const char *on_or_off(int keepalive)
{
    return keepalive < 0 ? "?" : keepalive ? "on" : "off";
}

/* Put when a dead peer is dropped: an idle one, and one with data in flight. */
static void put_drop(char *cell, const struct report *report, const struct row *row)
{
    char idle[16], in_flight[16];

    put_number(idle, row_drop_seconds(row));
    put_number(in_flight, row_in_flight_seconds(row, report));
    if (row_keepalive(row) == 0)
        strcpy(idle, "never");
    snprintf(cell, ADDRESS_SIZE, *in_flight == '-' ? "%s" : "%s/%s", idle, in_flight);
}

static struct cells cells_of(const struct report *report, const struct row *row)
{
    const struct tcp_socket *s = &row->socket;
    struct cells c = {0};

    address_text(&s->local, c.text[LOCAL]);
    address_text(&s->peer, c.text[PEER]);
    if (row->role == LISTENER)
        strcpy(c.text[PEER], "listening");
    strcpy(c.text[KEEP], on_or_off(row_keepalive(row)));
    put_number(c.text[IDLE], s->values.of[KA_IDLE]);
    put_number(c.text[INTVL], s->values.of[KA_INTVL]);
    put_number(c.text[CNT], s->values.of[KA_CNT]);
    put_ms(c.text[UTO], s->values.of[KA_USER_TIMEOUT], 0);
    put_ms(c.text[RTO], row_rto_max_ms(row), 0);
    put_drop(c.text[DROP], report, row);
    put_ms(c.text[NEXT], s->timer, -1);
    return c;
}

/* ---- the rows of a process --------------------------------------------------- */

struct layout {
    const struct report *report;
    int width[COLUMNS]; /* 0: not shown */
};

/* Tell whether a column is shown only if a socket has something there. */
static bool is_rare(int column)
{
    return column == UTO || column == RTO;
}

static void widen(int *width, int column, const char *cell)
{
    int len = (int)strlen(cell), title = (int)strlen(titles[column]);

    if (is_rare(column) && !strcmp(cell, "-"))
        return;
    if (*width < title)
        *width = title;
    if (*width < len)
        *width = len;
}

/* Each process for itself: one long address makes the rows of no other one wide. */
static struct layout lay_out(const struct report *report, const struct section *s)
{
    struct layout layout = {.report = report};

    for (int c = 0; c < COLUMNS; c++)
        layout.width[c] = is_rare(c) ? 0 : (int)strlen(titles[c]);
    for (size_t i = 0; i < s->count; i++) {
        struct cells cells = cells_of(report, &s->rows[i]);

        for (int c = 0; c < COLUMNS; c++)
            widen(&layout.width[c], c, cells.text[c]);
    }
    return layout;
}

static void begin_line(const struct report *report, bool bare)
{
    if (bare && report->colour)
        fputs("\033[31m", stdout);
}

static void end_line(const struct report *report, bool bare)
{
    puts(bare && report->colour ? "\033[m" : "");
}

static void print_blanks(int count)
{
    while (count-- > 0)
        putchar(' ');
}

/* Text to the left, numbers to the right. */
static void print_line(const struct layout *layout, char mark, const char *const *cell)
{
    putchar(mark);
    for (int c = 0; c < COLUMNS; c++) {
        int blanks = layout->width[c] - (int)strlen(cell[c]);

        if (!layout->width[c])
            continue;
        print_blanks((c > 0) + (c > KEEP ? blanks : 0));
        fputs(cell[c], stdout);
        print_blanks(c <= KEEP ? blanks : 0);
    }
}

static void print_row(const struct layout *layout, const struct row *row)
{
    struct cells cells = cells_of(layout->report, row);
    bool bare = row_is_unprotected(layout->report, row);
    const char *cell[COLUMNS];

    for (int c = 0; c < COLUMNS; c++)
        cell[c] = cells.text[c];
    begin_line(layout->report, bare);
    print_line(layout, bare ? '!' : ' ', cell);
    end_line(layout->report, bare);
}

/* Print which way a process gets keepalive. */
static void print_title(const struct section *s)
{
    const char *library =
        s->library > 0                       ? "libkashim is loaded"
        : s->library < 0                     ? "libkashim: can't be told"
        : s->group                           ? ""
        : process_is_kernels(s->process.pid) ? "a thread of the kernel's"
        : s->secure > 0 ? "libkashim isn't loaded: secure execution; kashim attach helps"
                        : "libkashim isn't loaded";

    if (!s->process.pid)
        puts("Of processes that aren't seen:");
    else if (s->of_user)
        printf("%s (%d): may not be looked into; its user's sockets, not only its own:\n",
               s->process.name, s->process.pid);
    else
        say("%s (%d): %s%s%s%s%s", s->process.name, s->process.pid, library,
            *library && s->group ? "; " : "", s->group ? "served by group " : "",
            s->group ? s->group : "", s->count ? "" : "; no TCP sockets");
}

static void print_section(const struct report *report, const struct section *s)
{
    struct layout layout = lay_out(report, s);

    print_title(s);
    if (s->count) {
        print_line(&layout, ' ', titles);
        putchar('\n');
    }
    for (size_t i = 0; i < s->count; i++)
        print_row(&layout, &s->rows[i]);
    putchar('\n');
}

static void print_group(const struct served_group *g)
{
    char *text = g->known ? group_settings_text(&g->settings)
                          : append(NULL, "set up by another version of kashim");
    char *line =
        append(append(append(NULL, "group "), g->path), g->empty ? " (empty): " : ": ");

    say_parts(append(line, text));
    free(text);
}

static bool is_among(const char *path, const struct report *r)
{
    for (size_t i = 0; i < r->group_count; i++)
        if (!strcmp(r->groups[i].path, path))
            return true;
    return false;
}

/* Print which groups serve, and which the user has meant. */
static void print_groups(const struct report *r)
{
    for (size_t i = 0; i < r->group_count; i++)
        print_group(&r->groups[i]);
    for (size_t i = 0; i < r->asked_count; i++)
        if (!is_among(r->asked[i], r))
            say("group %s%s: kashim has put no programs there", r->asked[i],
                cgroup_is_empty(r->asked[i]) ? " (empty)" : "");
    if (r->group_count || r->asked_count)
        putchar('\n');
}

/* ---- the verdict ------------------------------------------------------------- */

static bool any_of_user(const struct report *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->sections[i].of_user)
            return true;
    return false;
}

/* It comes last, since what has scrolled away isn't seen. */
static void print_verdict(const struct report *r)
{
    const struct report everything = {.connect = true};
    char *all = report_counts(&everything, r->totals.sockets);
    char *unprotected = report_counts(r, r->totals.unprotected);
    char *unknown = report_counts(r, r->totals.unknown);
    const char *none = *unknown || r->incomplete ? "none known" : "none";

    printf("%zu process%s%s: %s\n", r->processes, r->processes == 1 ? "" : "es",
           any_of_user(r) ? ", with others of the same user" : "",
           *all ? all : "no TCP sockets");
    printf("unprotected: %s%s%s%s%s\n", *unprotected ? unprotected : none,
           *unknown ? "; " : "", unknown, *unknown ? " not known" : "",
           r->incomplete ? "; not all was looked at" : "");
    free(all);
    free(unprotected);
    free(unknown);
}

void report_table(const struct report *r)
{
    print_groups(r);
    for (size_t i = 0; i < r->count; i++)
        print_section(r, &r->sections[i]);
    print_verdict(r);
}

/* ---- a line for each process ------------------------------------------------- */

static void print_process(const struct report *r, const struct section *s)
{
    size_t unprotected = report_unprotected(r, &s->totals);
    char name[40];

    snprintf(name, sizeof name, s->process.pid ? "%s (%d)" : "(not seen)",
             s->process.name, s->process.pid);
    begin_line(r, unprotected);
    printf("%c%-25s %9zu %8zu %8zu %11zu", unprotected ? '!' : ' ', name,
           s->totals.sockets[LISTENER], s->totals.sockets[ACCEPTED],
           s->totals.sockets[OUTGOING], unprotected);
    fputs(s->of_user ? " with its user's" : "", stdout);
    end_line(r, unprotected);
}

void report_summary(const struct report *r)
{
    printf(" %-25s %9s %8s %8s %11s\n", "PROCESS", "LISTENERS", "ACCEPTED", "OUTGOING",
           "UNPROTECTED");
    for (size_t i = 0; i < r->count; i++)
        print_process(r, &r->sections[i]);
    putchar('\n');
    print_verdict(r);
}
