/* SPDX-License-Identifier: MIT */
/* What kashim status has found, as a table or as JSON. */
#ifndef KASHIM_REPORT_H
#define KASHIM_REPORT_H

#include "group.h"
#include "process.h"
#include "tcp_socket.h"

struct row {
    struct tcp_socket socket;
    enum role role;
};

/* The TCP sockets of a process. */
struct section {
    struct process process; /* pid 0: those that can't be seen */
    int library; /* 1: it has the library loaded, 0: not, negative: can't be told */
    const char
        *group;   /* the control group whose programs serve it; NULL: none is known */
    bool of_user; /* it may not be looked into: these are all that its user has made */
    struct row *rows;
    size_t count;
};

/* A control group that has our programs. */
struct served_group {
    char *path;
    bool known; /* its settings; another version of kashim may have set them */
    struct group_settings settings;
};

struct report {
    int retries; /* net.ipv4.tcp_retries2 */
    struct section *sections;
    size_t count;
    struct served_group *groups;
    size_t group_count;
};

/* Print it to stdout. A socket that several processes share counts once. */
void report_table(const struct report *report);
void report_json(const struct report *report);

/* Return 1 or 0; negative: it can't be told. */
int row_keepalive(const struct row *row);

/* Return the seconds from the last sign of life until an idle dead peer is dropped;
 * negative: never, or it can't be told. */
int row_drop_seconds(const struct row *row);

/* Return TCP_RTO_MAX_MS; 0: the kernel's own; negative: it can't be told. */
int row_rto_max_ms(const struct row *row);

/* The same while data is in flight; keepalive has no part in that. */
int row_in_flight_seconds(const struct row *row, const struct report *report);

enum { ROLES = OUTGOING + 1 };

/* Sockets by role; of these, those without keepalive, and those where it can't be told. */
struct totals {
    size_t processes, sockets[ROLES], unprotected[ROLES], unknown[ROLES];
};
struct totals report_totals(const struct report *report);

#endif
