/* SPDX-License-Identifier: MIT */
/* A control group as something to attach to: who is served by it, its settings in words, and
 * why its programs can't be had. */
#ifndef KASHIM_GROUP_H
#define KASHIM_GROUP_H

#include "bpf.h"
#include "cgroup.h"
#include "scan.h"

#include <stdio.h>

struct group {
    const char *path;
    int fd;
    /* In the kernel, or none. Sockets may have marks of the nearest group above, too. */
    struct group_programs programs, outer;
};

/* False: it is gone, or can't be opened, which is said. To be closed if true. */
bool group_open(const char *path, struct group *group);
void group_close(struct group *group);

/* For a scan, whose context is the group: finds the processes in it and in those below it that
 * have no programs of their own, for the nearest group counts. */
void group_find_processes(struct scan *scan);

/* What is on a group; one that is gone has nothing. */
enum bpf_found group_look(const char *path, struct group_settings *settings);

/* For scans of a group: its programs let kashim change a socket, and keep the program from
 * changing it again. */
void group_unmark(struct scan *scan, int pid, int fd);
void group_mark(struct scan *scan, int fd);
void group_mark_outer(struct scan *scan, int fd);

/* The same for scans of processes, whose context is such a struct: of the group that serves the
 * process. */
struct serving {
    int pid; /* the last process that was asked for, and its group */
    char path[PATH_MAX];
    struct group_programs programs;
    bool marked; /* the last socket was */
};
#define NO_SERVING ((struct serving){.programs = NO_PROGRAMS})
void serving_unmark(struct scan *scan, int pid, int fd);
void serving_mark(struct scan *scan, int fd);

/* The nearest group with our programs, from `path` upwards, which changes to its path; its
 * settings, if the result is BPF_FOUND. */
enum bpf_found group_nearest(char path[PATH_MAX], struct group_settings *settings);

/* As KA_PORTS takes them: "80,8000-8100". */
void group_write_ports(FILE *file, const struct ka_config *config);

/* "idle 61 s, intvl 11 s, cnt 7; ...; ports 80,8000-8100; outgoing too; forced". To be freed.
 */
char *group_settings_text(const struct group_settings *settings);

/* Why the programs can't be had there, in one line, good until the next call. */
const char *group_refusal(const char *path, const struct bpf_failure *failure);

#endif
