/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "numbers.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int row_keepalive(const struct row *row)
{
    return row->socket.values.of[KA_KEEPALIVE];
}

int row_drop_seconds(const struct row *row)
{
    const int *value = row->socket.values.of;

    if (value[KA_KEEPALIVE] != 1 || value[KA_IDLE] < 0)
        return -1;
    return ka_drop_seconds(value[KA_IDLE], value[KA_INTVL], value[KA_CNT],
                           value[KA_USER_TIMEOUT]);
}

int row_rto_max_ms(const struct row *row)
{
    int ms = row->socket.values.of[KA_RTO_MAX];

    return ms == KA_MAX_RTO_MAX * 1000 ? 0 : ms;
}

int row_in_flight_seconds(const struct row *row, const struct report *report)
{
    const int *value = row->socket.values.of;

    if (value[KA_USER_TIMEOUT] < 0)
        return -1;
    return ka_seconds(
        ka_in_flight_ms(value[KA_USER_TIMEOUT], value[KA_RTO_MAX], report->retries));
}

struct totals report_totals(const struct report *report)
{
    struct totals totals = {0};
    struct numbers seen = {0};

    for (size_t i = 0; i < report->count; i++) {
        const struct section *s = &report->sections[i];

        totals.processes += s->process.pid != 0;
        for (size_t j = 0; j < s->count; j++) {
            const struct row *row = &s->rows[j];

            if (numbers_have(&seen, row->socket.inode))
                continue;
            numbers_add(&seen, row->socket.inode);
            totals.sockets[row->role]++;
            totals.unprotected[row->role] += row_keepalive(row) == 0;
            totals.unknown[row->role] += row_keepalive(row) < 0;
        }
    }
    numbers_free(&seen);
    return totals;
}

/* ---- the table --------------------------------------------------------------- */

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

/* ---- the table --------------------------------------------------------------- */

struct layout {
    const struct report *report;
    int width[COLUMNS]; /* 0: not shown */
    bool colour;
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

static struct layout lay_out(const struct report *report)
{
    const char *no_color = getenv("NO_COLOR");
    struct layout layout = {.report = report,
                            .colour = isatty(STDOUT_FILENO) && !(no_color && *no_color)};

    for (int c = 0; c < COLUMNS; c++)
        layout.width[c] = is_rare(c) ? 0 : (int)strlen(titles[c]);
    for (size_t i = 0; i < report->count; i++)
        for (size_t j = 0; j < report->sections[i].count; j++) {
            struct cells cells = cells_of(report, &report->sections[i].rows[j]);

            for (int c = 0; c < COLUMNS; c++)
                widen(&layout.width[c], c, cells.text[c]);
        }
    return layout;
}

/* Text to the left, numbers to the right. */
static void print_line(const struct layout *layout, char mark, const char *const *cell)
{
    putchar(mark);
    for (int c = 0; c < COLUMNS; c++)
        if (layout->width[c])
            printf("%s%*s", c ? " " : "",
                   c <= KEEP ? -layout->width[c] : layout->width[c], cell[c]);
}

static void print_row(const struct layout *layout, const struct row *row)
{
    struct cells cells = cells_of(layout->report, row);
    bool bare = row_keepalive(row) == 0;
    const char *cell[COLUMNS];

    for (int c = 0; c < COLUMNS; c++)
        cell[c] = cells.text[c];
    if (bare && layout->colour)
        fputs("\033[31m", stdout);
    print_line(layout, bare ? '!' : ' ', cell);
    puts(bare && layout->colour ? "\033[m" : "");
}

static void print_section(const struct layout *layout, const struct section *s)
{
    static const char *const library[] = {"libkashim isn't loaded",
                                          "libkashim is loaded"};

    if (!s->process.pid)
        puts("Of processes that aren't seen:");
    else if (s->of_user)
        printf("%s (%d): may not be looked into; all sockets of its user:\n",
               s->process.name, s->process.pid);
    else
        say("%s (%d): %s%s%s", s->process.name, s->process.pid,
            s->library < 0 ? "libkashim: can't be told" : library[s->library],
            s->group ? "; served by group " : "", s->group ? s->group : "");
    if (s->count) {
        print_line(layout, ' ', titles);
        putchar('\n');
    }
    for (size_t i = 0; i < s->count; i++)
        print_row(layout, &s->rows[i]);
    putchar('\n');
}

static void print_total(const char *what, size_t count, size_t unprotected,
                        size_t unknown)
{
    printf(", %zu %s%s", count, what, count == 1 ? "" : "s");
    if (unprotected || unknown)
        printf(" (%zu unprotected", unprotected);
    if (unknown)
        printf(", %zu unknown", unknown);
    if (unprotected || unknown)
        putchar(')');
}

static void print_group(const struct served_group *g)
{
    char *text = g->known ? group_settings_text(&g->settings)
                          : append(NULL, "set up by another version of kashim");

    say("group %s: %s", g->path, text);
    free(text);
}

void report_table(const struct report *report)
{
    static const char *const roles[ROLES] = {
        [LISTENER] = "listener",
        [ACCEPTED] = "accepted connection",
        [OUTGOING] = "outgoing connection",
    };
    struct layout layout = lay_out(report);
    struct totals totals = report_totals(report);

    for (size_t i = 0; i < report->group_count; i++)
        print_group(&report->groups[i]);
    if (report->group_count)
        putchar('\n');
    for (size_t i = 0; i < report->count; i++)
        print_section(&layout, &report->sections[i]);
    printf("%zu process%s", totals.processes, totals.processes == 1 ? "" : "es");
    for (int r = 0; r < ROLES; r++)
        print_total(roles[r], totals.sockets[r], totals.unprotected[r],
                    totals.unknown[r]);
    putchar('\n');
}
