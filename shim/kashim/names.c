/* SPDX-License-Identifier: MIT */
/* A name becomes a control group: a unit's, which has a group of its name, or the group's
 * own. */
#include "targets.h"

#include "cgroup.h"
#include "process.h"
#include "systemd.h"
#include "util.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search {
    const char *name;
    struct few found;   /* paths */
    struct few inside;  /* of units of another system, in a container */
    char outer[256];    /* the container's group, of one of them */
    struct guess guess; /* of other groups */
};

/* Tell whether a unit's group is meant. It has the unit's name, behind "_" if the kernel
 * has a file of that name. */
static bool has_name(const char *group, const char *name)
{
    size_t len = strlen(name);

    group += *group == '_' && *name != '_';
    return !strncmp(group, name, len) &&
           (!group[len] || !strcmp(group + len, ".service"));
}

static bool is_unit(const char *group, size_t len)
{
    return ends_with(group, len, ".service") || ends_with(group, len, ".scope") ||
           ends_with(group, len, ".socket") || ends_with(group, len, ".slice");
}

/* A unit of this system lies below slices alone: in any other group, a container or a user
 * could have made one of its name. Container managers without systemd have one group, as in
 * /docker/ID. Fill `outer` with what is above it besides, or return false. */
static bool is_inside(const char *path, char *outer, size_t size)
{
    const char *part = path + strlen(cgroup_top());
    bool managers = !is_unit(path, strlen(path));

    for (size_t len; part += *part == '/', len = strcspn(part, "/"), part[len];
         part += len) {
        if (ends_with(part, len, ".slice"))
            continue;
        if (!managers || is_unit(part, len)) {
            snprintf(outer, size, "%.*s", (int)len, part);
            return true;
        }
        managers = false;
    }
    return false;
}

static bool note(const char *path, void *arg)
{
    struct search *search = arg;

    if (!has_name(base_name(path), search->name))
        guess_compare(&search->guess, base_name(path));
    else if (is_inside(path, search->outer, sizeof search->outer))
        few_add(&search->inside, path);
    else
        few_add(&search->found, path);
    return true;
}

/* ---- what could be meant instead --------------------------------------------- */

/* Return "57, 58" or NULL; free it. The kernel cuts a name after 15 characters. */
static char *processes_named(const char *name)
{
    struct numbers all = pids_all();
    struct few found = {0};

    for (size_t i = 0; *name && i < all.count; i++) {
        struct process process;
        char pid[24];

        if (!process_open((int)all.all[i], &process) &&
            !strncmp(process.name, name, sizeof process.name - 1)) {
            snprintf(pid, sizeof pid, "%d", process.pid);
            few_add(&found, pid);
        }
        process_close(&process);
    }
    numbers_free(&all);
    few_text(&found);
    return found.text;
}

static void complain_of_socket(const char *unit)
{
    complain("the sockets of %s are systemd's: kashim enable %s gives them keepalive, "
             "kashim status --port PORT shows them",
             unit, unit);
}

bool group_is_of_socket(const char *path)
{
    if (!unit_is_socket(base_name(path)) || !cgroup_is_empty(path))
        return false;
    complain_of_socket(base_name(path));
    return true;
}

static void complain_none(const struct search *s)
{
    const char *name = quoted(s->name);
    size_t digits = strspn(s->name + (*s->name == '-'), "0123456789");
    char *pids = processes_named(s->name);

    if (digits && !s->name[digits + (*s->name == '-')])
        complain("%s is no process number", name);
    else if (pids)
        complain("no unit %s runs here; processes of that name: %s", name, pids);
    else if (!cgroup_is_mounted())
        complain("%s can't be found: %s", name, cgroup_missing());
    else if (unit_is_socket(s->name))
        complain_of_socket(s->name);
    else if (unit_is_installed(s->name))
        complain("%s isn't running", name);
    else
        complain("no unit or other control group %s runs here%s", name,
                 guess_text(&s->guess, ""));
    free(pids);
}

/* ------------------------------------------------------------------------------ */

/* Any user can make a group of any name below their own: the name must be of one only. */
char *group_by_name(const char *name)
{
    struct search search = {.name = name, .guess.word = name};
    char *path = NULL;

    if (*name)
        cgroup_walk(cgroup_top(), note, &search);
    if (search.found.count > 1 || (!search.found.count && search.inside.count > 1))
        complain("%s names more than one control group; give the path of one: %s",
                 quoted(name),
                 few_text(search.found.count ? &search.found : &search.inside));
    else if (search.inside.count && !search.found.count)
        complain("%s names a group inside %s; give its path: %s", quoted(name),
                 search.outer, search.inside.text);
    else if (!search.found.count)
        complain_none(&search);
    else if (!group_is_of_socket(search.found.text))
        path = append(NULL, search.found.text);
    free(search.found.text);
    free(search.inside.text);
    return path;
}
