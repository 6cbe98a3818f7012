/* SPDX-License-Identifier: MIT */
/*
 * Put options on the sockets that running processes have, by duplicates of them: on
 * listeners first, since what they accept from then on inherits; then on the connections
 * accepted before; and again, until what was queued meanwhile has been accepted.
 */
#ifndef KASHIM_SCAN_H
#define KASHIM_SCAN_H

#include "diag.h"
#include "group.h"
#include "process.h"
#include "tcp_socket.h"

/* Sockets by what came of them. */
struct tally {
    unsigned changed, right, failed;
};

/* Sockets and the values that they had. */
struct sample {
    unsigned count;
    struct ka_values first; /* of them */
    bool mixed;             /* others have other values */
};

/* One process. */
struct scanned {
    struct process process;
    bool named;        /* by the user; otherwise it was found below one, or in a group */
    int refused;       /* an error number: it may not be looked into, or has ended */
    struct view *view; /* of its network namespace: listeners */
    struct numbers done; /* inodes */
    struct tally listeners, connections;
    unsigned outgoing;          /* connections that were left alone */
    unsigned other_ports;       /* sockets that were left alone for their ports */
    struct sample kept;         /* of these: with keepalive */
    struct sample other_timers; /* left alone since they differ from `only` */
    struct sample before;       /* keepalive of others that was replaced */
    size_t unreachable;         /* sockets without a descriptor */
    unsigned complained;        /* of these options, 1 << enum ka_option */
};

/* What a listener's queue held before the options were on it. */
struct queue {
    size_t process; /* who was last seen to have the listener: an index of `processes` */
    struct descriptor listener;
    unsigned length; /* at most so many of them are left */
};

struct scan {
    /* What to do; the caller fills it. */
    const struct ka_config *config; /* which ports are meant, and whether outgoing ones */
    struct ka_values wanted;        /* what a socket gets */
    struct ka_values only;          /* leaves sockets alone that differ; negative: any */
    struct ka_values former;        /* that kashim has set before; negative: none */
    bool spare_own; /* timers that the program has set on outgoing sockets stand */
    bool listeners_only;
    bool names_listeners;        /* the caller does so itself */
    const char *changed, *right; /* in words: "changed", "already right" */

    /* A group, which adds its processes before each pass, and whose marks and those of
     * outer ones are taken from sockets: they would keep kashim from changing them. NULL:
     * there is none, and the marks are those of the group that serves a process. */
    const struct group *group;
    bool children; /* adds what the processes have started, before each pass */
    /* What marks a socket that has the values: any, or without `group` one that had a mark;
     * NULL: nothing. */
    const struct group_programs *mark;
    struct serving serving; /* NO_SERVING at first */

    struct numbers pids; /* the user has named those that are there at first */

    /* What came of it. */
    struct scanned *processes; /* in the order of `pids` */
    size_t count;
    size_t looked_at;     /* sockets */
    size_t too_many;      /* processes beyond the limit of open files */
    struct unseen unseen; /* of the group */
    struct queue *listeners;
    struct numbers listener_inodes; /* in the order of `listeners` */
    unsigned queued; /* connections from before that weren't accepted in time, at most */

    long start; /* ms */
    bool on_terminal;
    struct ka_values kernel; /* its timers */
    struct views views;
};

enum { SCAN_PATIENCE_S = 2 };

/* Do it, in SCAN_PATIENCE_S and the time of one pass at most; free it in any case. */
void scan_all(struct scan *scan);
void scan_free(struct scan *scan);

/* Print a line for each process, and complaints. Return false if something wasn't done.
 * (scan_report.c) */
bool scan_report(const struct scan *scan);

/* Return "idle 61 s, intvl 11 s, cnt 7"; good until the next call. (scan_report.c) */
const char *timers_text(const struct ka_values *values);

/* Return what KA_USER_TIMEOUT and KA_RTO_MAX, in milliseconds, are without kashim. */
int value_when_off(enum ka_option option);

/* Read a listener as it is now. Return false if it is gone or may not be looked at. */
bool scan_read_listener(const struct scan *scan, size_t listener,
                        struct tcp_socket *socket);

/* Tell whether KA_PORTS means the socket: by its local port, outgoing ones by the remote
 * one. */
bool scan_port_is_meant(const struct scan *scan, const struct tcp_socket *socket,
                        enum role role);

#endif
