/* SPDX-License-Identifier: MIT */
/* The TCP sockets of a network namespace, as the kernel tells them to anyone in it: by
 * sock_diag(7), or in /proc/PID/net (proc(5)). */
#ifndef KASHIM_DIAG_H
#define KASHIM_DIAG_H

#include "tcp_socket.h"

#include <netinet/tcp.h>

/* A set of sockets that processes have. */
struct tcp_sockets {
    struct tcp_socket *all;
    struct numbers inodes; /* in the order of `all` */
};

void tcp_sockets_add(struct tcp_sockets *sockets, const struct tcp_socket *socket);

/* Return the socket with that inode, or NULL. */
const struct tcp_socket *tcp_sockets_find(const struct tcp_sockets *sockets, ino_t inode);
void tcp_sockets_free(struct tcp_sockets *sockets);

enum { DIAG_LISTENERS = 1 << TCP_LISTEN, DIAG_ALL = 0xfff & ~(1 << TCP_TIME_WAIT) };

/* Read the sockets in one of the states, of the network namespace of process `pid`. Return 0
 * or an error number, sock_diag's. Free `sockets` in any case. */
int diag_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* The same by sock_diag alone: EPERM if another namespace may not be entered. */
int sock_diag_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* Return why one of these has failed with `error`, and what helps. */
const char *diag_refusal(int error);

/* One question to the kernel. */
struct diag_request {
    unsigned sequence; /* above 0; the answers have it too */
    unsigned states;
    bool multipath;       /* of MPTCP; otherwise TCP of both families */
    unsigned char family; /* of MPTCP */
};

/* Add the sockets of a message from the kernel. Return 0 if more are to come, 1 if it was
 * the last, or a negated error number. */
int diag_parse(const void *message, size_t len, struct diag_request request,
               struct tcp_sockets *sockets);

/* Set what a connection's timer tells (inet_sk_diag_fill, get_tcp4_sock): 0 no timer, 2 the
 * keepalive timer, which ends in `ms`; with others SO_KEEPALIVE can't be told. */
void diag_set_timer(struct tcp_socket *socket, unsigned timer, int ms);

/* ---- one network namespace after the other ----------------------------------- */

struct view {
    int error; /* of diag_read */
    struct tcp_sockets sockets;
    struct addresses listening; /* on these somebody listens */
};

struct views {
    struct numbers namespaces; /* inodes */
    struct view **all;         /* in the order of `namespaces` */
};

/* Return the view of the network namespace of the process, or of ours if that can't be told.
 * Each is read once, and is new then. */
struct view *views_look(struct views *views, int pid, unsigned states, bool *new);
void views_free(struct views *views);

/* ---- net_tcp.c --------------------------------------------------------------- */

/* Add the sockets that /proc/PID/net lists. Return 0 or an error number. */
int net_tcp_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* Read a line of it. Return false if it tells of no socket. */
bool net_tcp_parse(const char *line, struct tcp_socket *socket);

#endif
