/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH */
#include "unit.h"

#include "kashim.h"
#include "memory.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where units lie; what stands in an earlier one counts. */
static const char *const folders[] = {
    "etc/systemd/system.control", "run/systemd/system.control",
    "run/systemd/transient",      "run/systemd/generator.early",
    "etc/systemd/system",         "etc/systemd/system.attached",
    "run/systemd/system",         "run/systemd/system.attached",
    "run/systemd/generator",      "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",     "lib/systemd/system",
    "run/systemd/generator.late",
};
enum { FOLDERS = sizeof folders / sizeof *folders };

/* ---- names ------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);

    return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

bool unit_name(const char *argument, char name[256])
{
    static const char *const others[] = {".socket", ".target",   ".timer", ".mount",
                                         ".path",   ".slice",    ".scope", ".device",
                                         ".swap",   ".automount"};
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          ":-_.\\@";

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (has_suffix(argument, others[i])) {
            complain("'%s' is no service%s", argument,
                     i ? ""
                       : ": a socket unit has its own KeepAlive=, see "
                         "systemd.socket(5)");
            return false;
        }
    if (!*argument || *argument == '.' || argument[strspn(argument, allowed)] ||
        snprintf(name, 256, "%s%s", argument,
                 has_suffix(argument, ".service") ? "" : ".service") >= 256) {
        complain("'%s' is no name of a service", argument);
        return false;
    }
    return true;
}

/* ---- one file ---------------------------------------------------------------- */

static bool read_file(int root, const char *path, unit_setting *setting, void *context)
{
    FILE *file = read_in_root(root, path);
    bool good;

    if (!file) {
        complain("/%s: %s", path, errno == EINVAL ? "not a file" : strerror(errno));
        return false;
    }
    good = unit_file_read(file, path, setting, context);
    if (good && !feof(file)) {
        complain("/%s: %s", path, strerror(errno));
        good = false;
    }
    fclose(file);
    return good;
}

/* ---- the unit's own file ----------------------------------------------------- */

/* "a@b.service" is made from "a@.service". False: it isn't made from another. */
static bool template_of(const char *name, char template[256])
{
    const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

    if (!at || at + 1 == dot)
        return false;
    snprintf(template, 256, "%.*s%s", (int)(at + 1 - name), name, dot);
    return true;
}

/* Without ".", ".." and empty parts. */
static void simplify(char *path)
{
    char *to = path;

    for (const char *from = path; *from; from += strspn(from, "/")) {
        size_t len = strcspn(from, "/");

        if (len == 2 && !strncmp(from, "..", 2))
            while (to > path && *--to != '/')
                ;
        else if (len && !(len == 1 && *from == '.')) {
            if (to > path)
                *to++ = '/';
            memmove(to, from, len);
            to += len;
        }
        from += len;
    }
    *to = '\0';
}

/* Where a link in one of the folders leads, as a path in the root. False: it is none. */
static bool link_target(int root, const char *path, char target[PATH_MAX])
{
    char text[PATH_MAX];
    int fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);
    ssize_t len = fd < 0 ? -1 : readlinkat(fd, "", text, sizeof text - 1);

    close(fd);
    if (len < 0)
        return false;
    text[len] = '\0';
    if (snprintf(target, PATH_MAX, "%.*s%s",
                 *text == '/' ? 0 : (int)(base_name(path) - path), path,
                 text) >= PATH_MAX)
        return false;
    simplify(target);
    return true;
}

/* systemd takes as masked what is empty or a device, and so a link to /dev/null. */
static bool is_masked(int root, const char *path)
{
    char target[PATH_MAX];
    struct stat st = {0};
    int fd = open_in_root(root, path, O_PATH);
    bool empty =
        !fstat(fd, &st) && (S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && !st.st_size));

    close(fd);
    return empty || (link_target(root, path, target) && !strcmp(target, "dev/null"));
}

static bool is_in_folders(const char *path)
{
    size_t len = (size_t)(base_name(path) - path);

    for (int i = 0; i < FOLDERS; i++)
        if (len && strlen(folders[i]) == len - 1 && !strncmp(folders[i], path, len - 1))
            return true;
    return false;
}

/* The path of the first that is there. */
static bool find_file(int root, const char *name, char path[PATH_MAX])
{
    for (int i = 0; i < FOLDERS; i++) {
        int fd;

        snprintf(path, PATH_MAX, "%s/%s", folders[i], name);
        fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);
        close(fd);
        if (fd >= 0)
            return true;
    }
    return false;
}

/* ---- its names --------------------------------------------------------------- */

struct names {
    char (*all)[256];
    size_t count;
};

static bool has_name(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (!strcmp(n->all[i], name))
            return true;
    return false;
}

static void add_name(struct names *n, const char *name)
{
    n->all = with_room(n->all, n->count, sizeof *n->all);
    snprintf(n->all[n->count++], sizeof *n->all, "%s", name);
}

/* "a-b-c@d.service" is one of the a-b-@d.service. False: there is no dash to cut at. */
static bool prefix_of(const char *name, char prefix[256])
{
    const char *dot = strrchr(name, '.'), *at = strchr(name, '@');
    const char *end = at ? at : dot, *rest = at && at + 1 == dot ? dot : end;
    size_t len = (size_t)(end - name);

    if (len)
        len--; /* a dash that ends it isn't meant */
    while (len && name[len - 1] != '-')
        len--;
    snprintf(prefix, 256, "%.*s%s", (int)len, name, rest);
    return len > 1;
}

/* Those whose drop-ins are also the unit's, in systemd's order (unit_file_find_dirs of its
 * dropin.c): of "a-b@c.service" a-b@, a-, a-@c and a-@. */
static void add_family(struct names *n, const char *name)
{
    char other[256];

    if (has_name(n, name))
        return;
    add_name(n, name);
    if (template_of(name, other))
        add_family(n, other);
    if (prefix_of(name, other))
        add_family(n, other);
}

/* A template becomes the instance that `unit` is. */
static void instantiate(const char *name, const char *unit, char instance[256])
{
    const char *at = strchr(name, '@'), *of = strchr(unit, '@');

    if (at && of && at[1] == '.')
        snprintf(instance, 256, "%.*s%s", (int)(at - name), name, of);
    else
        snprintf(instance, 256, "%s", name);
}

/* Another name of a service, or one that is masked, is no place for a drop-in of ours. No
 * other name is that of an instance which is a link to its template, nor of a link to a file
 * elsewhere. */
static bool judge_link(int root, const char *path, const char *unit)
{
    char target[PATH_MAX], leads_to[256];

    if (is_masked(root, path)) {
        complain("%s is masked: /%s is empty, or leads to /dev/null", unit, path);
        return false;
    }
    if (!link_target(root, path, target) || !is_in_folders(target))
        return true;
    instantiate(base_name(target), unit, leads_to);
    if (!strcmp(leads_to, unit))
        return true;
    complain("%s is another name of %s: name that", unit, leads_to);
    return false;
}

/* Whether the file, the first of its name, makes `alias` another name of the unit. */
static bool is_alias(int root, const char *path, const char *unit, char alias[256])
{
    char target[PATH_MAX], first[PATH_MAX], leads_to[256];

    if (!link_target(root, path, target) || !is_in_folders(target) ||
        !find_file(root, base_name(path), first) || strcmp(first, path) != 0)
        return false;
    instantiate(base_name(path), unit, alias);
    instantiate(base_name(target), alias, leads_to);
    return !strcmp(leads_to, unit);
}

static void add_aliases(int root, const char *folder, const char *unit, struct names *n)
{
    int fd = open_in_root(root, folder, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    char path[PATH_MAX], alias[256];

    for (struct dirent *d; dir && (d = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (has_suffix(d->d_name, ".service") && is_alias(root, path, unit, alias) &&
            !has_name(n, alias))
            add_name(n, alias);
    }
    if (dir)
        closedir(dir);
}

/* Its own first; an alias can have aliases. */
static void find_names(int root, const char *unit, struct names *n)
{
    add_name(n, unit);
    for (size_t i = 0; i < n->count; i++)
        for (int f = 0; f < FOLDERS; f++) {
            char name[256];

            strcpy(name, n->all[i]); /* which may move */
            add_aliases(root, folders[f], name, n);
        }
}

/* ---- its drop-ins ------------------------------------------------------------ */

struct drop_ins {
    struct drop_in {
        char name[NAME_MAX + 1];
        char path[PATH_MAX];
    } * all;
    size_t count;
    const char *ours;        /* is none of them */
    char namesake[PATH_MAX]; /* of ours; empty: there is none */
};

static void add_drop_in(struct drop_ins *d, const char *folder, const char *name)
{
    struct drop_in new;

    snprintf(new.name, sizeof new.name, "%s", name);
    snprintf(new.path, sizeof new.path, "%s/%s", folder, name);
    if (!strcmp(name, base_name(d->ours))) {
        if (strcmp(new.path, d->ours) != 0)
            strcpy(d->namesake, new.path);
        return;
    }
    for (size_t i = 0; i < d->count; i++)
        if (!strcmp(d->all[i].name, name))
            return;
    d->all = with_room(d->all, d->count, sizeof *d->all);
    d->all[d->count++] = new;
}

static void add_folder(int root, const char *parent, const char *name,
                       struct drop_ins *drop_ins)
{
    char folder[NAME_MAX + sizeof "usr/local/lib/systemd/system/.d"];
    int fd;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/%s.d", parent, name);
    fd = open_in_root(root, folder, O_RDONLY | O_DIRECTORY);
    dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (has_suffix(d->d_name, ".conf"))
            add_drop_in(drop_ins, folder, d->d_name);
    if (dir)
        closedir(dir);
}

/* Where it lies counts before whose it is. */
static void add_drop_ins(int root, const char *name, struct drop_ins *drop_ins)
{
    struct names family = {0};

    add_family(&family, name);
    for (int f = 0; f < FOLDERS; f++)
        for (size_t i = 0; i < family.count; i++)
            add_folder(root, folders[f], family.all[i], drop_ins);
    free(family.all);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

/* By all its names; where two have the same name, the first counts. */
static void find_drop_ins(int root, const char *unit, struct drop_ins *d)
{
    struct names names = {0};

    find_names(root, unit, &names);
    for (size_t i = 0; i < names.count; i++)
        add_drop_ins(root, names.all[i], d);
    for (int f = 0; f < FOLDERS; f++)
        add_folder(root, folders[f], "service", d);
    free(names.all);
    if (d->count)
        qsort(d->all, d->count, sizeof *d->all, by_name);
}

/* systemd takes only the first file of a name. */
static bool judge_names(const char *name, const struct drop_ins *d)
{
    if (*d->namesake)
        complain("%s: not enabled: /%s has the name of ours, and of one name systemd "
                 "takes only one file",
                 name, d->namesake);
    return !*d->namesake;
}

/* One that is masked or leads nowhere hides others of its name, and sets nothing. */
static bool read_drop_in(int root, const char *path, unit_setting *setting, void *context)
{
    int fd = open_in_root(root, path, O_PATH);
    bool nowhere = fd < 0 && errno == ENOENT;

    close(fd);
    return nowhere || is_masked(root, path) || read_file(root, path, setting, context);
}

/* Its own file, or its template's. */
static bool find_unit(int root, const char *name, char path[PATH_MAX])
{
    char template[256];

    if (find_file(root, name, path) ||
        (template_of(name, template) && find_file(root, template, path)))
        return true;
    complain("there is no %s: nothing of that name lies in /etc/systemd/system, "
             "/usr/lib/systemd/system or their like",
             name);
    return false;
}

bool unit_exists(int root, const char *name)
{
    char path[PATH_MAX];

    return find_unit(root, name, path);
}

bool unit_read(int root, const char *name, const char *ours, unit_setting *setting,
               void *context)
{
    char path[PATH_MAX];
    struct drop_ins drop_ins = {.ours = ours};
    bool good;

    if (!find_unit(root, name, path))
        return false;
    find_drop_ins(root, name, &drop_ins);
    good = judge_link(root, path, name) && judge_names(name, &drop_ins) &&
           read_file(root, path, setting, context);
    for (size_t i = 0; good && i < drop_ins.count; i++)
        good = read_drop_in(root, drop_ins.all[i].path, setting, context);
    free(drop_ins.all);
    return good;
}
