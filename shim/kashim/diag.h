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

/* Those of the network namespace of process `pid`, or of ours where that can't be told,
 * with one of the states; sorted by inode. 0 or an error number: EPERM if it is another
 * namespace than ours and may not be entered. To be freed in either case. */
int diag_read(int pid, unsigned states, struct tcp_sockets *sockets);

/* Adds those of a message from the kernel. 0: more are to come; 1: that was the last; or a
 * negated error number. */
int diag_parse(const void *message, size_t len, bool multipath,
               struct tcp_sockets *sockets);

/* The one with that inode; NULL if there is none. */
const struct tcp_socket *diag_find(const struct tcp_sockets *sockets, ino_t inode);

/* The network namespace of a process; 0 if it can't be told. */
ino_t network_namespace(int pid);

#endif
