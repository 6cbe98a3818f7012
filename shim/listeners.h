/* SPDX-License-Identifier: MIT */
/*
 * What kashim adds to listen and accept.
 *
 * The options go onto the listener, and Linux copies them to every connection that comes
 * from it later. A connection that was queued before gets them when it is accepted.
 */
#ifndef KA_LISTENERS_H
#define KA_LISTENERS_H

#include "marks.h"

#include <stdbool.h>

/* Around the program's listen(fd, ...): */
struct ka_listening {
    struct ka_mark mark;
    bool prepared; /* the options were put on before anything could be queued */
    bool unbound;  /* listen() will choose a port, and KA_PORTS counts */
    bool settle;   /* the next accept has nothing to ask */
};
struct ka_listening ka_listen_begin(int fd);
void ka_listen_end(struct ka_listening *listening, int result);

/* Around the program's accept(fd, ...), for a listener that isn't settled. It begins
 * before the call, in which a thread may wait for hours. */
struct ka_accepting {
    struct ka_mark mark;
    bool check; /* the connection may be older than the listener's options */
};
struct ka_accepting ka_accept_begin(int fd);
void ka_accept_end(struct ka_accepting *accepting, int connection);

/* A socket that the process was born with: a listener is met, a connection gets the
 * options, unless `keep` is set and it has SO_KEEPALIVE on already. */
void ka_adopt(int fd, bool keep);

#endif
