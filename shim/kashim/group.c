/* SPDX-License-Identifier: MIT */
#include "group.h"

#include "../text.h"
#include "process.h"
#include "util.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef CAP_BPF /* Linux 5.8 */
#    define CAP_BPF 39
#endif

/* Open the programs of the nearest group from `from` upwards that has any. */
static void open_nearest(const char *from, struct group_programs *programs)
{
    char path[PATH_MAX];
    int fd = -1;

    *programs = NO_PROGRAMS;
    snprintf(path, sizeof path, "%s", from);
    if (group_nearest(path, NULL) == BPF_FOUND)
        fd = cgroup_open(path);
    if (fd < 0)
        return;
    bpf_find(fd, programs, NULL);
    close(fd);
}

bool group_open(const char *path, struct group *g)
{
    char above[PATH_MAX];

    *g = (struct group){.path = path,
                        .fd = cgroup_open(path),
                        .programs = NO_PROGRAMS,
                        .outer = NO_PROGRAMS};
    if (g->fd < 0)
        complain("group %s: %s", path, errno == ENOENT ? "it is gone" : strerror(errno));
    snprintf(above, sizeof above, "%s", path);
    if (g->fd >= 0 && cgroup_parent(above))
        open_nearest(above, &g->outer);
    return g->fd >= 0;
}

void group_close(struct group *g)
{
    bpf_close(&g->programs);
    bpf_close(&g->outer);
    close(g->fd);
}

/* ---- who is served by it ----------------------------------------------------- */

enum bpf_found group_look(const char *path, struct group_settings *settings)
{
    struct group_programs programs;
    int fd = cgroup_open(path);
    enum bpf_found found;

    if (fd < 0)
        return BPF_NONE;
    found = bpf_find(fd, &programs, settings);
    bpf_close(&programs);
    close(fd);
    return found;
}

bool group_has_programs(const char *path)
{
    enum bpf_found found = group_look(path, NULL);

    return found == BPF_FOUND || found == BPF_OTHER_VERSION;
}

/* A group that is gone has no processes. */
void group_add_own_processes(const char *path, struct numbers *pids,
                             struct unseen *unseen)
{
    size_t more;
    int error = cgroup_processes(path, pids, &more);

    unseen->processes += more;
    if (error && error != ENOENT && error != ENODEV)
        unseen->error = error;
}

struct search {
    const struct group *group;
    struct numbers *pids;
    struct unseen unseen;
};

static bool add_below(const char *path, void *arg)
{
    struct search *search = arg;

    if (strcmp(path, search->group->path) != 0 && group_has_programs(path))
        return false;
    group_add_own_processes(path, search->pids, &search->unseen);
    return true;
}

struct unseen group_add_processes(const struct group *group, struct numbers *pids)
{
    struct search search = {.group = group, .pids = pids};
    int error = cgroup_walk(group->path, add_below, &search);

    if (error)
        search.unseen.error = error;
    return search.unseen;
}

bool group_is_seen(const char *path, const struct unseen *unseen)
{
    if (unseen->processes)
        complain("group %s: %zu of its processes can't be seen here: run kashim as root "
                 "of the host",
                 path, unseen->processes);
    if (unseen->error)
        complain("group %s: not all of it can be read: %s", path,
                 strerror(unseen->error));
    return !unseen->processes && !unseen->error;
}

struct below {
    const struct group *group;
    struct few found;
};

static bool note_below(const char *path, void *arg)
{
    struct below *below = arg;

    if (!strcmp(path, below->group->path) || !group_has_programs(path))
        return true;
    few_add(&below->found, path);
    return false;
}

void group_mention_below(const struct group *group)
{
    struct below below = {.group = group};

    cgroup_walk(group->path, note_below, &below);
    if (below.found.count)
        say("left alone, since it has settings of its own: group %s",
            few_text(&below.found));
    free(below.found.text);
}

enum bpf_found group_nearest(char path[PATH_MAX], struct group_settings *settings)
{
    enum bpf_found found;

    do
        found = group_look(path, settings);
    while (found == BPF_NONE && cgroup_parent(path));
    return found;
}

/* Processes of one group mostly follow each other. */
void group_find_serving(struct serving *s, int pid)
{
    char path[PATH_MAX];

    if (s->pid == pid || !cgroup_of_process(pid, path))
        return;
    s->pid = pid;
    if (!strcmp(s->path, path))
        return;
    strcpy(s->path, path);
    bpf_close(&s->programs);
    open_nearest(path, &s->programs);
}

/* ---- its settings ------------------------------------------------------------ */

void group_write_ports(FILE *file, const struct ka_config *config)
{
    const char *between = "";

    for (unsigned port = 1, last; port <= 65535; port = last + 1) {
        for (last = port; last < 65535 && ka_config_port(config, port) &&
                          ka_config_port(config, last + 1);)
            last++;
        if (!ka_config_port(config, port))
            continue;
        fprintf(file, last > port ? "%s%u-%u" : "%s%u", between, port, last);
        between = ",";
    }
}

char *group_settings_text(const struct group_settings *settings)
{
    const struct ka_config *config = &settings->config;
    char timers[256], *text;
    struct ka_text t = {timers, sizeof timers, 0};
    size_t size;
    FILE *file = open_memory(&text, &size);

    ka_put_timers(&t, &settings->values, settings->config.retries);
    fwrite(timers, 1, t.len, file);
    if (config->some_ports) {
        fputs("; ports ", file);
        group_write_ports(file, config);
    }
    if (config->connect)
        fputs("; outgoing connections too", file);
    if (config->force)
        fputs("; forced", file);
    fclose(file);
    return text;
}

/* ---- why not ----------------------------------------------------------------- */

static bool may_load(void)
{
    return may_use(CAP_SYS_ADMIN) || (may_use(CAP_BPF) && may_use(CAP_NET_ADMIN));
}

/* Change `path` to the group, it or one above, where somebody else's program lets no other
 * stand beside it. Return false if there is none. */
static bool find_exclusive(char path[PATH_MAX])
{
    bool found;

    do {
        int fd = cgroup_open(path);

        found = fd >= 0 && bpf_is_exclusive(fd);
        close(fd);
    } while (!found && cgroup_parent(path));
    return found;
}

static const char *why(const char *group, const struct bpf_failure *f)
{
    static char text[PATH_MAX + 128];
    char path[PATH_MAX];

    if (f->error == ENOSYS || f->error == EINVAL || *f->log)
        return "it takes Linux 5.9 with CONFIG_BPF_SYSCALL and CONFIG_CGROUP_BPF";
    if (f->error == ENOENT || f->error == ENODEV || f->error == EBADF)
        return "the group is gone";
    if (f->error != EPERM && f->error != EACCES)
        return strerror(f->error);
    if (!may_load())
        return geteuid() ? "it takes root" : "it takes root with CAP_SYS_ADMIN";
    snprintf(path, sizeof path, "%s", group);
    if (!find_exclusive(path))
        return "bpf(2) is refused here, by a container's profile or a security module "
               "perhaps: run kashim on the host";
    snprintf(text, sizeof text,
             "a program of somebody else's on group %s lets no other stand beside it",
             path);
    return text;
}

const char *group_refusal(const char *path, const struct bpf_failure *f)
{
    static char text[2 * PATH_MAX];

    snprintf(text, sizeof text, "%s (%s: %s)%s%s", why(path, f), f->step,
             strerror(f->error), *f->log ? "; the kernel's verifier: " : "", f->log);
    return text;
}
