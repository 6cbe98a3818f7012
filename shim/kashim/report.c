/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "numbers.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one socket -------------------------------------------------------------- */

int row_keepalive(const struct row *row)
{
    return row->socket.values.of[KA_KEEPALIVE];
}

bool row_is_unprotected(const struct report *r, const struct row *row)
{
    return row_keepalive(row) == 0 && (row->role != OUTGOING || r->connect);
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

/* ---- counting ---------------------------------------------------------------- */

static void count(struct totals *t, const struct row *row)
{
    t->sockets[row->role]++;
    t->unprotected[row->role] += row_keepalive(row) == 0;
    t->unknown[row->role] += row_keepalive(row) < 0;
}

static void count_all(struct report *r)
{
    struct numbers seen = {0};

    for (size_t i = 0; i < r->count; i++) {
        struct section *s = &r->sections[i];

        r->processes += s->process.pid != 0;
        for (size_t j = 0; j < s->count; j++) {
            count(&s->totals, &s->rows[j]);
            if (numbers_have(&seen, s->rows[j].socket.inode))
                continue;
            numbers_add(&seen, s->rows[j].socket.inode);
            count(&r->totals, &s->rows[j]);
        }
    }
    numbers_free(&seen);
}

static size_t sum(const struct report *r, const size_t counts[ROLES])
{
    return counts[LISTENER] + counts[ACCEPTED] + (r->connect ? counts[OUTGOING] : 0);
}

size_t report_unprotected(const struct report *r, const struct totals *t)
{
    return sum(r, t->unprotected);
}

size_t report_unknown(const struct report *r, const struct totals *t)
{
    return sum(r, t->unknown);
}

char *report_counts(const struct report *r, const size_t counts[ROLES])
{
    static const char *const roles[ROLES][2] = {
        [LISTENER] = {"listener", "listeners"},
        [ACCEPTED] = {"accepted connection", "accepted connections"},
        [OUTGOING] = {"outgoing", "outgoing"},
    };
    char *text = append(NULL, "");

    for (int role = 0; role < (r->connect ? ROLES : OUTGOING); role++) {
        char one[64];

        snprintf(one, sizeof one, "%s%zu %s", *text ? ", " : "", counts[role],
                 roles[role][counts[role] != 1]);
        if (counts[role])
            text = append(text, one);
    }
    return text;
}

/* ---- the order --------------------------------------------------------------- */

static int compare(long long a, long long b)
{
    return (a > b) - (a < b);
}

static int compare_addresses(const union ka_address *a, const union ka_address *b)
{
    int order = compare(a->any.sa_family, b->any.sa_family);

    if (!order && a->any.sa_family == AF_INET)
        order = memcmp(&a->in.sin_addr, &b->in.sin_addr, sizeof a->in.sin_addr);
    else if (!order)
        order = memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr);
    return order ? order : compare(address_port(a), address_port(b));
}

/* Each listener before what was accepted on its port; what is outgoing comes last, and has a
 * local port that says nothing. */
static int by_listener_and_peer(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = compare(x->role == OUTGOING, y->role == OUTGOING);

    if (!order && x->role != OUTGOING)
        order = compare(address_port(&x->socket.local), address_port(&y->socket.local));
    if (!order)
        order = compare(x->role, y->role);
    if (!order && x->role != OUTGOING)
        order = compare_addresses(&x->socket.local, &y->socket.local);
    if (!order)
        order = compare_addresses(&x->socket.peer, &y->socket.peer);
    return order ? order : compare((long)x->socket.inode, (long)y->socket.inode);
}

/* By name and number; what nobody has comes last. */
static int by_process(const void *a, const void *b)
{
    const struct process *x = &((const struct section *)a)->process;
    const struct process *y = &((const struct section *)b)->process;
    int order = compare(!x->pid, !y->pid);

    if (!order)
        order = strcmp(x->name, y->name);
    return order ? order : compare(x->pid, y->pid);
}

/* ---- what is left ------------------------------------------------------------ */

static void keep_unprotected_rows(const struct report *r, struct section *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->count; i++)
        if (row_is_unprotected(r, &s->rows[i]))
            s->rows[kept++] = s->rows[i];
    s->count = kept;
}

static void keep_unprotected(struct report *r)
{
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++) {
        keep_unprotected_rows(r, &r->sections[i]);
        if (r->sections[i].count)
            r->sections[kept++] = r->sections[i];
    }
    r->count = kept;
}

void report_finish(struct report *r, bool unprotected_only)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->sections[i].count)
            qsort(r->sections[i].rows, r->sections[i].count, sizeof *r->sections[i].rows,
                  by_listener_and_peer);
    if (r->count)
        qsort(r->sections, r->count, sizeof *r->sections, by_process);
    count_all(r);
    if (unprotected_only)
        keep_unprotected(r);
}
