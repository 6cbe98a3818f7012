/* SPDX-License-Identifier: MIT */
/*
 * Which processes are supervised: each supervisor keeps those that it has served in a file
 * without a name (memfd_create(2)), for others to read by way of its descriptor.
 */
#ifndef KASHIM_SUPERVISED_H
#define KASHIM_SUPERVISED_H

#include "process.h"

/* The name of the supervisor in ps(1). */
#define SUPERVISOR_NAME "kashim-watch"

struct supervised; /* the record */

/* The supervisor's own record, on a descriptor that stays open; NULL if it can't be had. */
struct supervised *supervised_open(int *fd);

/* The oldest is forgotten where there are too many. NULL is a record of nothing. */
void supervised_add(struct supervised *record, int pid);

/* Whether it has a supervisor's name. */
bool process_is_supervisor(int pid);

/* Whether the process, or one above it, is in a supervisor's record: 1, 0, or -1 if that
 * can't be told. */
int process_is_supervised(const struct process *process);

#endif
