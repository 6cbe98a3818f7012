/* SPDX-License-Identifier: MIT */
/*
 * Control groups (cgroup v2): where they lie, and who is in them. A group is named by its
 * path as /proc/PID/cgroup shows it ("/system.slice/nginx.service"); its directory lies
 * below the mount.
 */
#ifndef KASHIM_CGROUP_H
#define KASHIM_CGROUP_H

#include "numbers.h"

#include <limits.h>
#include <stdbool.h>

/* Tell whether cgroup v2 is mounted here. */
bool cgroup_is_mounted(void);

/* Return why it isn't. */
const char *cgroup_missing(void);

/* Return the group above all that can be seen: "/", but in some containers. */
const char *cgroup_top(void);

/* Fill `path` or `directory`, or return false if it can't be told. */
bool cgroup_of_process(int pid, char path[PATH_MAX]);
bool cgroup_of_directory(const char *directory, char path[PATH_MAX]);
bool cgroup_directory(const char *path, char directory[PATH_MAX]);

/* Tell whether it is the machine's root group, and not one that a namespace shows as
 * "/". */
bool cgroup_is_root(const char *path);

/* Return a descriptor of the group's directory, or -1 and set errno. */
int cgroup_open(const char *path);

/* Cut off the last part: "/a/b" to "/a", "/a" to "/". Return false if it is "/". */
bool cgroup_parent(char path[PATH_MAX]);

/* Call `visit` for a group and all below it, but for those below one where it returns
 * false. The path is good until `visit` returns. Return 0, or an error number: groups below
 * were missed, since they may not be read or their path is too long. */
int cgroup_walk(const char *path, bool (*visit)(const char *path, void *arg), void *arg);

/* Add the processes in the group itself, but for this one. `unseen` becomes how many more
 * there are, which have no number here: they are of another PID namespace, say. Return 0 or
 * an error number. */
int cgroup_processes(const char *path, struct numbers *pids, size_t *unseen);

/* Tell whether no process is in the group nor in one below it. */
bool cgroup_is_empty(const char *path);

#endif
