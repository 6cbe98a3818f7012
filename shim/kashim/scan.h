/* SPDX-License-Identifier: MIT */
/*
 * Sets options on the sockets that running processes have, by duplicates of them. Listeners
 * first, since what they accept from then on inherits; then the connections that were accepted
 * before; and again, until what was queued meanwhile has been accepted.
 */
#ifndef KASHIM_SCAN_H
#define KASHIM_SCAN_H

#include "inode_set.h"
#include "pids.h"
#include "process.h"
#include "tcp_socket.h"

struct tally {
    unsigned changed, right, failed;
};

/* One process. */
struct scanned {
    struct process process;
    bool named;  /* by the user; otherwise it was found below one, or in a group */
    int refused; /* an error number: it may not be looked into, or has ended */
    struct addresses listening;
    struct inode_set done;
    struct tally listeners, connections;
    unsigned outgoing;     /* connections that were left alone */
    unsigned other_ports;  /* sockets with ports that aren't meant */
    unsigned other_values; /* sockets that aren't as `only` has it */
    size_t unreachable;
    unsigned complained; /* of these options, 1 << enum ka_option */
};

/* A listener's queue from before the options were on it, and who was last seen to have the
 * listener. */
struct queue {
    size_t process;
    struct descriptor listener;
    unsigned length; /* at most so many of them are left */
};

struct scan {
    /* What to do: the caller's. */
    const struct ka_config *config; /* which ports are meant, and whether outgoing ones */
    struct ka_values wanted;        /* what a socket gets */
    struct ka_values only;          /* leaves sockets alone that differ; negative: any */
    struct ka_values former;        /* that kashim has set before; negative: none */
    bool spare_own; /* timers that the program has set on outgoing sockets stand */
    bool listeners_only;
    const char *changed, *right;     /* in words: "changed", "already right" */
    void (*find)(struct scan *scan); /* adds to `pids`, before each pass; or NULL */
    void (*before)(struct scan *scan, int pid,
                   int fd);                   /* it has the values or gets them */
    void (*after)(struct scan *scan, int fd); /* it has them; or NULL */
    void *context;                            /* of these three */

    struct numbers pids;

    /* What came of it. */
    struct scanned *processes; /* in the order of `pids` */
    size_t count;
    size_t too_many; /* processes beyond the limit of open files */
    struct queue *listeners;
    size_t listener_count;
    unsigned queued; /* connections from before that weren't accepted in time, at most */
};

enum { SCAN_PATIENCE_S = 2 };

/* For `find`: the children of those that are there, their children, and so on. */
void scan_find_descendants(struct scan *scan);

/* Those in `pids` now were named by the user. */
void scan_all(struct scan *scan);
void scan_free(struct scan *scan);

/* A line to stdout for each process, complaints to stderr. False: something wasn't done. */
bool scan_report(const struct scan *scan);

/* The listener as it is now; false: it is gone, or may not be looked at. */
bool scan_read_listener(const struct scan *scan, size_t listener,
                        struct tcp_socket *socket);

#endif
