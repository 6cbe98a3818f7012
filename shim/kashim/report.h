/* SPDX-License-Identifier: MIT */
/* What kashim status has found, in words, as a table or as JSON. */
#ifndef KASHIM_REPORT_H
#define KASHIM_REPORT_H

#include "group.h"
#include "process.h"
#include "tcp_socket.h"

enum { ROLES = OUTGOING + 1 };

/* Sockets by role; of these, those without keepalive, and those where it can't be told. */
struct totals {
    size_t sockets[ROLES], unprotected[ROLES], unknown[ROLES];
};

struct row {
    struct tcp_socket socket;
    enum role role;
};

/* The TCP sockets of a process. */
struct section {
    struct process process; /* pid 0: those that can't be seen */
    int library; /* 1: it has the library loaded, 0: not, negative: can't be told */
    int secure; /* the same for secure execution, in which the loader ignores a preload */
    const char
        *group;   /* the control group whose programs serve it; NULL: none is known */
    bool of_user; /* it may not be looked into: these are all that its user has made */
    struct row *rows;
    size_t count;
    struct totals totals;
};

/* A control group that has our programs. */
struct served_group {
    char *path;
    bool known; /* its settings; another version of kashim may have set them */
    bool empty; /* no process is in there */
    struct group_settings settings;
};

struct report {
    bool incomplete; /* not all could be looked at, which was said */
    int retries;     /* net.ipv4.tcp_retries2 */
    bool connect;    /* outgoing connections should have keepalive, too */
    bool colour;
    struct section *sections;
    size_t count;
    struct served_group *groups;
    size_t group_count;
    char **asked; /* the groups that the user has named */
    size_t asked_count;
    size_t processes;
    struct totals totals; /* a socket that several processes share counts once */
};

/* Sort by process, listener and peer, count, and keep what is unprotected alone if that is
 * asked for. */
void report_finish(struct report *report, bool unprotected_only);

/* Print it to stdout; the summary has a line for each process. */
void report_table(const struct report *report);
void report_summary(const struct report *report);
void report_json(const struct report *report);

/* Return how many sockets should have keepalive and haven't, or it can't be told. */
size_t report_unprotected(const struct report *report, const struct totals *totals);
size_t report_unknown(const struct report *report, const struct totals *totals);

/* Return "1 listener, 2 accepted connections", without those that are none or, unless they
 * should have keepalive, outgoing; free it. */
char *report_counts(const struct report *report, const size_t counts[ROLES]);

/* Return 1 or 0; negative: it can't be told. */
int row_keepalive(const struct row *row);

/* Tell whether it should have keepalive and hasn't. */
bool row_is_unprotected(const struct report *report, const struct row *row);

/* Return the seconds from the last sign of life until an idle dead peer is dropped;
 * negative: never, or it can't be told. */
int row_drop_seconds(const struct row *row);

/* Return TCP_RTO_MAX_MS; 0: the kernel's own; negative: it can't be told. */
int row_rto_max_ms(const struct row *row);

/* The same while data is in flight; keepalive has no part in that. */
int row_in_flight_seconds(const struct row *row, const struct report *report);

#endif
