/* SPDX-License-Identifier: MIT */
/* KA_CONNECT=1: outgoing connections. */
#ifndef KA_OUTGOING_H
#define KA_OUTGOING_H

/* Before the program's connect(fd, addr, len). Programs tune their sockets before they
 * connect them (curl, libpq): timers that differ from the kernel's stay as they are. */
void ka_connect_begin(int fd, const void *addr, unsigned len);

/* Asks the kernel for the timers of a new socket, net.ipv4.tcp_keepalive_*. To be called
 * at load, before anybody can see that it opens a socket and closes it; a connect before
 * that does it itself. */
void ka_outgoing_init(void);

#endif
