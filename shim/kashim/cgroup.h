/* SPDX-License-Identifier: MIT */
/*
 * Control groups (cgroup v2): where they lie, and who is in them. A group is named by its
 * path as /proc/PID/cgroup shows it ("/system.slice/nginx.service"); its directory lies below
 * the mount.
 */
#ifndef KASHIM_CGROUP_H
#define KASHIM_CGROUP_H

#include "numbers.h"

#include <limits.h>
#include <stdbool.h>

/* Whether cgroup v2 is mounted here. */
bool cgroup_is_mounted(void);

/* The group below which are all that can be seen; "/" but in some containers. */
const char *cgroup_top(void);

/* Each of these returns false where it can't be told. */
bool cgroup_of_process(int pid, char path[PATH_MAX]);
bool cgroup_of_directory(const char *directory, char path[PATH_MAX]);
bool cgroup_directory(const char *path, char directory[PATH_MAX]);

/* Whether it is the machine's root group, and not one that a namespace shows as "/". */
bool cgroup_is_root(const char *path);

/* A descriptor of the group's directory, or -1 and errno. */
int cgroup_open(const char *path);

/* Cuts off the last part: "/a/b" to "/a", "/a" to "/"; false: it is "/". */
bool cgroup_parent(char path[PATH_MAX]);

/* Calls `visit` for a group and all below it. Where `visit` returns false, those below are
 * left out. The path is good until `visit` returns. */
void cgroup_walk(const char *path, bool (*visit)(const char *path, void *arg), void *arg);

/* Adds the processes in the group itself, but for this one. Those of another PID namespace have no number
 * here. */
void cgroup_processes(const char *path, struct numbers *pids);

#endif
