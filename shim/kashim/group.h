/* SPDX-License-Identifier: MIT */
/* Control groups with kashim's programs: whom they serve, their settings in words, why they
 * can't be put there; and the groups that kashim makes itself. */
#ifndef KASHIM_GROUP_H
#define KASHIM_GROUP_H

#include "bpf.h"
#include "cgroup.h"

#include <limits.h>
#include <stdio.h>

struct group {
    const char *path;
    int fd;
    struct group_programs programs; /* its own */
    struct group_programs outer;    /* of the nearest group above that has any */
};

/* Open the group and what is above it; close it if the result is true. Print why it can't
 * be opened and return false. `programs` is none yet. */
bool group_open(const char *path, struct group *group);
void group_close(struct group *group);

/* Find what is on a group. One that is gone has nothing. */
enum bpf_found group_look(const char *path, struct group_settings *settings);
bool group_has_programs(const char *path);

/* Find the nearest group that has programs of kashim, from `path` upwards, and change
 * `path` to it. `settings`, which may be NULL, is filled if the result is BPF_FOUND. */
enum bpf_found group_nearest(char path[PATH_MAX], struct group_settings *settings);

/* What of a group and those below it can't be looked at. */
struct unseen {
    size_t processes;
    int error; /* of a group that can't be read; 0: none */
};

/* Add the processes of the group itself; add to `unseen`. */
void group_add_own_processes(const char *path, struct numbers *pids,
                             struct unseen *unseen);

/* Add the processes in the group and in those below it that have no programs of their own,
 * for the nearest group counts. */
struct unseen group_add_processes(const struct group *group, struct numbers *pids);

/* Print what can't be looked at, if so, and return false. */
bool group_is_seen(const char *path, const struct unseen *unseen);

/* Print which groups below have programs of their own, if any: they are left alone. */
void group_mention_below(const struct group *group);

/* The programs of the nearest group of a process. */
struct serving {
    int pid; /* the last one that was asked for; 0: none yet */
    char path[PATH_MAX];
    struct group_programs programs;
};
#define NO_SERVING ((struct serving){.programs = NO_PROGRAMS})

/* Open the programs that serve the process; close them after the last one. */
void group_find_serving(struct serving *serving, int pid);

/* ---- in words ---------------------------------------------------------------- */

/* Write the ports as KA_PORTS takes them: "80,8000-8100". */
void group_write_ports(FILE *file, const struct ka_config *config);

/* Return "idle 61 s, intvl 11 s, cnt 7; ...; ports 80,8000-8100; outgoing connections too;
 * forced"; free it. */
char *group_settings_text(const struct group_settings *settings);

/* Return in one line why the programs can't be put there; good until the next call. */
const char *group_refusal(const char *path, const struct bpf_failure *failure);

/* ---- own_group.c: groups that kashim makes below its own ---------------------- */

/* Make the group kashim-KIND-PID. Return a descriptor and fill `path`, or return -1 and set
 * errno. */
int own_group_make(const char *kind, char path[PATH_MAX]);

/* Move this process into the group. Return false and set errno if that fails. */
bool own_group_enter(const char *path);

/* Return false and set errno if that fails, EBUSY if somebody is in it. */
bool own_group_remove(const char *path);

enum trial {
    TRIAL_WORKS,
    TRIAL_REFUSED,   /* the kernel refuses the programs; the failure says why */
    TRIAL_NO_EFFECT, /* it takes them, and a socket doesn't get the options */
    TRIAL_UNTRIED,   /* no group or no socket could be made; `failure->error` says why */
};
#define NO_EFFECT "kashim's programs have no effect here: they take Linux 5.9"

/* Try the programs out: put them on a group of kashim's own and make a listener there.
 * Remove the groups of programs that have ended. */
enum trial own_group_try(struct bpf_failure *failure);

#endif
