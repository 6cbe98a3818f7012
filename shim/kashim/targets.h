/* SPDX-License-Identifier: MIT */
/* What the arguments of attach, detach and status name: processes and control groups. */
#ifndef KASHIM_TARGETS_H
#define KASHIM_TARGETS_H

#include "pids.h"

#include <stdbool.h>

struct targets {
    struct numbers pids;
    char **groups; /* their paths, each once */
    size_t group_count;
};

/* The lines of --help that say what a TARGET is. */
#define TARGETS_HELP                                                                     \
    "A TARGET is a process number, the name of a systemd unit or of another control\n"   \
    "group (nginx, docker-1f.scope), a group's path, or self: the group of kashim.\n"

/* False: /proc doesn't show even this process, which is said. */
bool targets_visible(void);

/* Adds what the arguments name. False: one names nothing, which is said. */
bool targets_add(char **arguments, struct targets *targets);
/* The same for a port, if it isn't 0, and the arguments. */
bool targets_find(int port, char **arguments, struct targets *targets);
bool targets_add_group(const char *path, struct targets *targets);
void targets_free(struct targets *targets);

/* The port of an argument, where none was given before (0). False: it isn't taken, which is
 * said. */
bool targets_port(const char *argument, int *port);

/* Adds the processes with a listener on that port in our network namespace. False: none is
 * seen, and why is said. */
bool targets_by_port(int port, struct numbers *pids);

#endif
