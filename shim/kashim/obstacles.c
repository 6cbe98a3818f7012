/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH */
#include "obstacles.h"

#include "env_file.h"
#include "kashim.h"
#include "memory.h"
#include "program.h"
#include "tree.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Settings of one key that add up until an empty one takes them back. */
struct list {
    struct line {
        char *file, *value;
    } * all;
    size_t count;
};

static struct {
    int root;
    const char *unit;
    const struct settings *settings;
    char *preload;
    char *start; /* the program of ExecStart=; NULL: none */
    struct list variables, unset, binds;
    struct list directory, image; /* RootDirectory=, RootImage=: one or none */
    char *off;                    /* the file that sets KA_OFF=1; NULL: none */
    bool childless;               /* KA_CHILDREN=0 is set */
} job;

/* Whether the drop-in is going to set it. */
static bool is_ours(const char *variable, size_t len)
{
    int setting = setting_of(variable, len);

    if (len == strlen("LD_PRELOAD") && !strncmp(variable, "LD_PRELOAD", len))
        return true;
    return setting >= 0 && job.settings->value[setting];
}

static bool refuse(const char *file, const char *what, const char *then)
{
    complain("%s: not enabled: /%s has %s, %s", job.unit, file, what, then);
    return false;
}

static void list_empty(struct list *l)
{
    while (l->count) {
        l->count--;
        free(l->all[l->count].file);
        free(l->all[l->count].value);
    }
}

static void list_add(struct list *l, const char *file, const char *value)
{
    if (!*value) {
        list_empty(l);
        return;
    }
    l->all = with_room(l->all, l->count, sizeof *l->all);
    l->all[l->count].file = append(NULL, file);
    l->all[l->count++].value = append(NULL, value);
}

static bool list_judge(const struct list *l, bool (*judge)(const char *, const char *))
{
    bool good = true;

    for (size_t i = 0; good && i < l->count; i++)
        good = judge(l->all[i].file, l->all[i].value);
    return good;
}

/* systemd takes drop-ins by the order of their names. */
static bool comes_later(const char *file)
{
    return strstr(file, ".d/") && strcmp(base_name(file), DROP_IN) > 0;
}

/* KA_OFF and KA_CHILDREN, where the drop-in sets neither. The last assignment counts; name
 * NULL: an empty Environment= has taken both back. */
static void take_variable(const char *file, const char *name, const char *value)
{
    if (!name || !strcmp(name, "KA_OFF")) {
        free(job.off);
        job.off = name && !strcmp(value, "1") ? append(NULL, file) : NULL;
    }
    if (!name || !strcmp(name, "KA_CHILDREN"))
        job.childless = name && !strcmp(value, "0");
}

static bool take_environment(const char *file, const char *value)
{
    bool later = comes_later(file), good = true;
    char *word;

    if (!*value) { /* this takes back all that came before */
        free(job.preload);
        job.preload = NULL;
        take_variable(file, NULL, NULL);
        return !later || refuse(file, "an empty Environment=", "which would undo ours");
    }
    while (good && (word = unit_word(&value))) {
        size_t len = strcspn(word, "=");
        const char *assigned = word[len] ? word + len + 1 : NULL;

        word[len] = '\0';
        if (later && is_ours(word, len))
            good = refuse(file, word, "which would override ours");
        else if (assigned && !strcmp(word, "LD_PRELOAD")) {
            free(job.preload);
            job.preload = append(NULL, assigned);
        } else if (assigned)
            take_variable(file, word, assigned);
        free(word);
    }
    return good;
}

static bool judge_variable(void *path, const char *name, const char *value)
{
    if (is_ours(name, strlen(name)))
        return refuse(path, name, "and as an EnvironmentFile= overrides ours");
    take_variable(path, name, value);
    return true;
}

/* What a file of variables sets counts more than any Environment= (systemd.exec(5)). */
static bool judge_variables(const char *file, const char *value)
{
    const char *path = value + (*value == '-');
    bool pattern = strpbrk(path, "*?[%"), good;
    FILE *variables = pattern || *path != '/' ? NULL : read_in_root(job.root, path);

    (void)file;
    if (pattern || (!variables && *path == '/' && errno != ENOENT)) {
        complain("%s: not looked into: EnvironmentFile=%s; what it sets overrides ours",
                 job.unit, value);
        return true;
    }
    if (!variables) /* it isn't there, or no absolute path: systemd passes over that */
        return true;
    good = env_file_read(variables, judge_variable, (char *)path + 1);
    if (good && !feof(variables)) {
        complain("%s: not enabled: /%s: %s", job.unit, path + 1, strerror(errno));
        good = false;
    }
    fclose(variables);
    return good;
}

/* Of several the last counts. */
static void take_root(struct list *l, const char *file, const char *value)
{
    list_empty(l);
    if (strcmp(value, "/") != 0)
        list_add(l, file, value);
}

static bool refuse_root(const char *file, const char *key)
{
    return refuse(file, key, "and there the library is missing: " LIBRARY);
}

/* A root of its own has the library at the same path, or the service goes without. */
static bool judge_directory(const char *file, const char *value)
{
    char library[PATH_MAX];
    int fd;

    snprintf(library, sizeof library, "%s%s", value, LIBRARY);
    fd = open_in_root(job.root, library, O_PATH);
    close(fd);
    if (fd >= 0 || !(job.binds.count || strchr(value, '%')))
        return fd >= 0 || refuse_root(file, "RootDirectory");
    complain("%s: not looked into: RootDirectory=%s, in which %s the library: " LIBRARY,
             job.unit, value,
             job.binds.count ? "BindPaths= or BindReadOnlyPaths= may bring"
                             : "there must be");
    free(job.start);
    job.start = NULL;
    return true;
}

static bool judge_image(const char *file, const char *value)
{
    (void)value;
    return refuse_root(file, "RootImage");
}

static bool judge_unset(const char *file, const char *value)
{
    bool good = true;
    char *word;

    while (good && (word = unit_word(&value))) {
        if (is_ours(word, strcspn(word, "=")))
            good =
                refuse(file, "UnsetEnvironment= of one of ours", "which would undo it");
        free(word);
    }
    return good;
}

/* Of several, which only Type=oneshot can have, the last. */
static void take_start(const char *value)
{
    free(job.start);
    value += strspn(value, "@-:+!|");
    job.start = unit_word(&value);
}

static bool pass_over_start(const char *why)
{
    complain("%s: not looked into: ExecStart=%s: %s", job.unit, job.start, why);
    return true;
}

/* What the drop-in sets counts, then what the unit does. */
static bool serves_children(void)
{
    static const char name[] = "KA_CHILDREN";

    return is_ours(name, strlen(name)) ? job.settings->config.children : !job.childless;
}

static bool judge_program(int root)
{
    struct program p;

    if (program_find(root, job.start, &p))
        return pass_over_start(p.why_not);
    program_judge(&p, LIBRARY, serves_children());
    if (*p.why_not)
        complain("%s: not enabled: ExecStart=%s: %s%s%s", job.unit, job.start, p.why_not,
                 p.instead ? ". What can help, as kashim(1) has it for a service: " : "",
                 p.instead ? p.instead : "");
    return !*p.why_not;
}

/* Whether a preload reaches what the service starts. */
static bool judge_start(void)
{
    bool good;
    int root;

    if (!job.start)
        return true;
    if (strchr(job.start, '%'))
        return pass_over_start("it has a specifier");
    root = job.directory.count
               ? open_in_root(job.root, job.directory.all[0].value, O_PATH | O_DIRECTORY)
               : dup(job.root);
    good = judge_program(root);
    close(root);
    return good;
}

static bool take_setting(void *context, const char *file, const char *key,
                         const char *value)
{
    (void)context;
    if (!strcmp(key, "Environment"))
        return take_environment(file, value);
    if (!strcmp(key, "EnvironmentFile"))
        list_add(&job.variables, file, value);
    if (!strcmp(key, "UnsetEnvironment"))
        list_add(&job.unset, file, value);
    if (!strcmp(key, "BindPaths") || !strcmp(key, "BindReadOnlyPaths"))
        list_add(&job.binds, file, value);
    if (!strcmp(key, "ExecStart"))
        take_start(value);
    if (!strcmp(key, "RootDirectory"))
        take_root(&job.directory, file, value);
    if (!strcmp(key, "RootImage"))
        take_root(&job.image, file, value);
    return true;
}

bool unit_admits(int root, const char *unit, const struct settings *settings,
                 char **preload)
{
    char ours[PATH_MAX];
    bool good;

    snprintf(ours, sizeof ours, FOLDER "/%s.d/" DROP_IN, unit);
    job.root = root;
    job.unit = unit;
    job.settings = settings;
    good = unit_read(root, unit, ours, take_setting, NULL) &&
           list_judge(&job.variables, judge_variables) &&
           (!job.off || refuse(job.off, "KA_OFF=1", "with which ours does nothing")) &&
           list_judge(&job.unset, judge_unset) && list_judge(&job.image, judge_image) &&
           list_judge(&job.directory, judge_directory) && judge_start();
    *preload = job.preload;
    return good;
}
