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

/* A name without its suffix is compared with names without theirs. */
static void note_guess(struct guess *guess, const char *group)
{
    char *stem = append(NULL, group), *dot = strrchr(stem, '.');

    if (dot && !strchr(guess->word, '.'))
        *dot = '\0';
    guess_compare(guess, stem);
    free(stem);
}

static bool note(const char *path, void *arg)
{
    struct search *search = arg;

    if (has_name(base_name(path), search->name))
        few_add(&search->found, path);
    else
        note_guess(&search->guess, base_name(path));
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
        complain("to find %s takes cgroup v2, which isn't mounted here", name);
    else if (unit_is_socket(s->name))
        complain("%s has no group: its sockets are systemd's (kashim enable, or --port)",
                 name);
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

    if (*name)
        cgroup_walk(cgroup_top(), note, &search);
    if (search.found.count == 1)
        return search.found.text;
    if (search.found.count)
        complain("%s names more than one control group; give the path of one: %s",
                 quoted(name), few_text(&search.found));
    else
        complain_none(&search);
    free(search.found.text);
    return NULL;
}
