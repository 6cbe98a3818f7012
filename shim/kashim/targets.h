/* SPDX-License-Identifier: MIT */
/* Which processes are meant: by their numbers, or by a port on which they listen. */
#ifndef KASHIM_TARGETS_H
#define KASHIM_TARGETS_H

#include "pids.h"

/* False: /proc doesn't show even this process, which is said. */
bool targets_visible(void);

/* Adds those that the arguments name. False: one is no process number, which is said. */
bool targets_by_number(char **arguments, struct numbers *pids);

/* The port of an argument, where none was given before (0). False: it isn't taken, which is
 * said. */
bool targets_port(const char *argument, int *port);

/* Adds those with a listener on that port in our network namespace. False: none is seen,
 * and why is said. */
bool targets_by_port(int port, struct numbers *pids);

#endif
