/* SPDX-License-Identifier: MIT */
/* What is added around the program's calls: listeners.c, outgoing.c, force.c. */
#ifndef KA_HOOKS_H
#define KA_HOOKS_H

#include "marks.h"

#include <stdbool.h>

/*
 * listeners.c
 *
 * The options go onto the listener, and Linux copies them to every connection that comes
 * from it later. A connection that was queued before gets them when it is accepted.
 */

/* Around the program's listen(fd, ...). */
struct ka_listening {
    struct ka_mark mark;
    bool prepared; /* the options were put on before anything could be queued */
    bool unbound;  /* listen() will choose a port, and KA_PORTS counts */
    bool settle;   /* the next accept has nothing to ask */
};
struct ka_listening ka_listen_begin(int fd);
void ka_listen_end(struct ka_listening *listening, int result);

/* Around the program's accept(fd, ...), for a listener that isn't settled. Begins before
 * the call, in which a thread may wait for hours. */
struct ka_accepting {
    struct ka_mark mark;
    bool check; /* the connection may be older than the listener's options */
};
struct ka_accepting ka_accept_begin(int fd);
void ka_accept_end(struct ka_accepting *accepting, int connection);

/* Looks at a descriptor that the process was born with: prepares a listener and, with
 * `connections`, puts the options onto a connection. One with SO_KEEPALIVE on already is
 * somebody's choice. */
void ka_adopt(int fd, bool connections);

/*
 * outgoing.c: KA_CONNECT=1
 */

/* Before the program's connect(fd, addr, len). Programs tune their sockets before they
 * connect them (curl, libpq): timers that differ from the kernel's stay as they are. */
void ka_connect_begin(int fd, const void *addr, unsigned len);

/* Asks the kernel for the timers of a new socket, net.ipv4.tcp_keepalive_*. Call it at
 * load, before anybody can see that it opens a socket and closes it; a connect before that
 * does it itself. */
void ka_outgoing_init(void);

/*
 * force.c: KA_FORCE=1
 */

/* Whether the program's setsockopt(fd, level, name, value, len) is to report success and
 * change nothing: the kernel would accept it, kashim sets that option, and the socket is
 * as kashim left it. */
bool ka_force_ignores(int fd, int level, int name, const void *value, unsigned len);

#endif
