/* SPDX-License-Identifier: MIT */
/* What `kashim status` has found, as a table or as JSON. */
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
    struct process process; /* pid 0: of those that aren't seen */
    int library;  /* 1: it has the library loaded, 0: not, negative: can't be told */
    char *group;  /* the control group whose programs serve it; NULL: none is known */
    bool of_user; /* it may not be looked into: what its user has made */
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
    struct section *sections;
    size_t count;
    struct served_group *groups;
    size_t group_count;
};

/* To stdout. Sockets that several processes share count once. */
void report_table(const struct report *report);
void report_json(const struct report *report);

/* On or off; negative: can't be told. */
int row_keepalive(const struct row *row);

/* Seconds after its last sign of life until an idle peer that is dead is dropped; negative:
 * never, or it can't be told. */
int row_drop_seconds(const struct row *row);

enum { ROLES = OUTGOING + 1 };

/* Sockets by role; of these, unprotected and unknown ones. */
struct totals {
    size_t processes, sockets[ROLES], unprotected[ROLES], unknown[ROLES];
};
struct totals report_totals(const struct report *report);

#endif
