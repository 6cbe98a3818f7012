/* SPDX-License-Identifier: MIT */
/* The TCP sockets of a network namespace, as sock_diag(7) tells them to anyone in it. */
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
 * ours if that can't be told; sorted by inode. Return 0 or an error number: EPERM if
 * another namespace may not be entered. Free `sockets->all` in any case. */
int diag_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* Add the sockets of a message from the kernel. Return 0 if more are to come, 1 if it was
 * the last, or a negated error number. */
int diag_parse(const void *message, size_t len, bool multipath,
               struct tcp_sockets *sockets);

/* Return the socket with that inode, or NULL. */
const struct tcp_socket *diag_find(const struct tcp_sockets *sockets, ino_t inode);

/* Return the inode of a process's network namespace; 0 if it can't be told. */
ino_t network_namespace(int pid);

#endif
