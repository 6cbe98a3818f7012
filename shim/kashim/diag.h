/* SPDX-License-Identifier: MIT */
/* The TCP sockets of a network namespace, as the kernel tells them to anyone in it: by
 * sock_diag(7), or in /proc/PID/net (proc(5)). */
#ifndef KASHIM_DIAG_H
#define KASHIM_DIAG_H

#include "tcp_socket.h"

#include <netinet/tcp.h>

struct tcp_sockets {
    struct tcp_socket *all;
    size_t count;
};

enum { DIAG_LISTENERS = 1 << TCP_LISTEN, DIAG_ALL = 0xfff & ~(1 << TCP_TIME_WAIT) };

/* Read the sockets in one of the states, of the network namespace of process `pid`, or of
 * ours if that can't be told; sorted by inode. Return 0 or an error number, sock_diag's.
 * Free `sockets->all` in any case. */
int diag_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* The same by sock_diag alone, not sorted: EPERM if another namespace may not be entered. */
int sock_diag_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* Return why one of these has failed with `error`, and what helps. */
const char *diag_refusal(int error);

/* One question to the kernel. */
struct diag_request {
    unsigned sequence; /* above 0; the answers have it too */
    unsigned char family;
    unsigned protocol, states;
};

/* Add the sockets of a message from the kernel. Return 0 if more are to come, 1 if it was
 * the last, or a negated error number. */
int diag_parse(const void *message, size_t len, struct diag_request request,
               struct tcp_sockets *sockets);

/* Set what a connection's timer tells (inet_sk_diag_fill, get_tcp4_sock): 0 no timer, 2 the
 * keepalive timer, which ends in `ms`; with others SO_KEEPALIVE can't be told. */
void diag_set_timer(struct tcp_socket *socket, unsigned timer, int ms);

/* Return the socket with that inode, or NULL. */
const struct tcp_socket *diag_find(const struct tcp_sockets *sockets, ino_t inode);

/* Return the inode of a process's network namespace; 0 if it can't be told. */
ino_t network_namespace(int pid);

/* ---- net_tcp.c --------------------------------------------------------------- */

/* Add the sockets that /proc/PID/net lists. Return 0 or an error number. */
int net_tcp_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* Read a line of it. Return false if it tells of no socket. */
bool net_tcp_parse(const char *line, struct tcp_socket *socket);

#endif
