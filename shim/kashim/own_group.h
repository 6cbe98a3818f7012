/* SPDX-License-Identifier: MIT */
/* Control groups that kashim makes itself, below the one in which it runs: for a program
 * (kashim run --cgroup), and to try out whether the kernel's programs work here. */
#ifndef KASHIM_OWN_GROUP_H
#define KASHIM_OWN_GROUP_H

#include "bpf.h"

#include <limits.h>

/* Makes the group kashim-KIND-PID. A descriptor, and its path; or -1 and errno. */
int own_group_make(const char *kind, char path[PATH_MAX]);

/* Moves this process into a group; false and errno. */
bool own_group_enter(const char *path);

/* False and errno: EBUSY if somebody is in it. */
bool own_group_remove(const char *path);

/* Removes the groups of programs that have ended. */
void own_groups_clean(void);

enum trial {
    TRIAL_WORKS,
    TRIAL_REFUSED,   /* the kernel refuses the programs; the failure says why */
    TRIAL_NO_EFFECT, /* it takes them, and a socket doesn't get the options */
    TRIAL_UNTRIED,   /* no group or no socket could be made; `failure->error` says why */
};

/* Puts the programs on a group, and makes a listener there. */
enum trial own_group_try(struct bpf_failure *failure);

#endif
