/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "cgroup.h"

#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* ---- the mount --------------------------------------------------------------- */

/* Replace "\040" and the like, which stand for characters that would end a field
 * (proc(5)). */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; to++) {
        unsigned code;

        if (*from == '\\' && sscanf(from + 1, "%3o", &code) == 1) {
            *to = (char)code;
            from += 4;
        } else
            *to = *from++;
    }
    *to = '\0';
}

static bool is_cgroup2(const char *directory)
{
    struct statfs fs;

    return !statfs(directory, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC;
}

/* A mount can show a part of the tree alone: `root` is the group at `point`. Without a
 * control group namespace that is how a container sees its own. */
struct mount {
    char point[PATH_MAX], root[PATH_MAX];
};

static bool another_namespaces; /* A mount was passed over for that. */

/* The root of a mount that was made outside of this control group namespace is "/..": its
 * groups' names here can't be told. */
static bool read_mount(const char *line, struct mount *m)
{
    const char *type = strstr(line, " - ");

    if (!type || strncmp(type, " - cgroup2 ", strlen(" - cgroup2 ")) != 0 ||
        sscanf(line, "%*s %*s %*s %4095s %4095s", m->root, m->point) != 2)
        return false;
    unescape(m->root);
    unescape(m->point);
    if (!strncmp(m->root, "/..", 3)) {
        another_namespaces |= is_cgroup2(m->point);
        return false;
    }
    if (!strcmp(m->root, "/"))
        *m->root = '\0';
    return is_cgroup2(m->point);
}

/* Find the mount that shows most. */
static bool search_mounts(struct mount *best)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (file && getline(&line, &size, file) > 0) {
        struct mount m;

        if (!read_mount(line, &m) || (found && strlen(m.root) >= strlen(best->root) &&
                                      strcmp(m.point, best->point) != 0))
            continue;
        *best = m;
        found = true;
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

/* Return the mount, which is looked for once, or NULL. */
static const struct mount *mount(void)
{
    static struct mount found;
    static enum { UNKNOWN, THERE, MISSING } state;

    if (state == UNKNOWN)
        state = search_mounts(&found) ? THERE : MISSING;
    return state == THERE ? &found : NULL;
}

bool cgroup_is_mounted(void)
{
    return mount() != NULL;
}

const char *cgroup_missing(void)
{
    return !mount() && another_namespaces
               ? "cgroup v2 is mounted here for another cgroup namespace: enter that "
                 "(nsenter --cgroup --target 1)"
               : "cgroup v2 isn't mounted here";
}

const char *cgroup_top(void)
{
    return mount() && *mount()->root ? mount()->root : "/";
}

/* ---- paths and directories --------------------------------------------------- */

/* Return what follows `prefix` in `path`: a slash and more, or ""; NULL if `path` isn't
 * below it. */
static const char *below(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return !strncmp(path, prefix, len) && (path[len] == '/' || !path[len]) ? path + len
                                                                           : NULL;
}

static bool join(char to[PATH_MAX], const char *prefix, const char *rest)
{
    size_t len;

    if (snprintf(to, PATH_MAX, "%s%s", prefix, rest) >= PATH_MAX)
        return false;
    for (len = strlen(to); len > 1 && to[len - 1] == '/'; len--)
        to[len - 1] = '\0';
    if (!*to)
        strcpy(to, "/");
    return true;
}

bool cgroup_directory(const char *path, char directory[PATH_MAX])
{
    const struct mount *m = mount();
    const char *rest =
        m && *path == '/' && !strstr(path, "/..") ? below(path, m->root) : NULL;

    return rest && join(directory, m->point, rest);
}

bool cgroup_of_directory(const char *directory, char path[PATH_MAX])
{
    const struct mount *m = mount();
    char real[PATH_MAX];
    const char *rest =
        m && realpath(directory, real) && is_cgroup2(real) ? below(real, m->point) : NULL;

    return rest && join(path, m->root, rest);
}

bool cgroup_of_process(int pid, char path[PATH_MAX])
{
    char name[64], *line = NULL;
    size_t size = 0;
    FILE *file;
    bool found = false;

    snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
    file = fopen(name, "re");
    while (file && !found && getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = !strncmp(line, "0::/", 4) && join(path, line + 3, "");
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

/* The root group has no type (the kernel's documentation of cgroup-v2). */
bool cgroup_is_root(const char *path)
{
    char directory[PATH_MAX], file[PATH_MAX + sizeof "/cgroup.type"];

    if (!cgroup_directory(path, directory))
        return false;
    snprintf(file, sizeof file, "%s/cgroup.type", directory);
    return access(file, F_OK) && errno == ENOENT;
}

int cgroup_open(const char *path)
{
    char directory[PATH_MAX];

    if (cgroup_directory(path, directory))
        return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    errno = ENOENT;
    return -1;
}

bool cgroup_parent(char path[PATH_MAX])
{
    char *slash = strrchr(path, '/');

    if (!slash || !path[1])
        return false;
    slash[slash == path] = '\0';
    return true;
}

/* ---- who is there ------------------------------------------------------------ */

/* `path` is a buffer that grows on the way down. Return the first error. */
static int walk(char path[PATH_MAX], bool (*visit)(const char *path, void *arg),
                void *arg)
{
    static char directory[PATH_MAX]; /* not on the stack: groups can be 2,000 deep */
    size_t len = strlen(path);
    struct dirent *d;
    DIR *dir;
    int error = 0;

    if (!visit(path, arg))
        return 0;
    if (!cgroup_directory(path, directory))
        return ENAMETOOLONG;
    dir = opendir(directory);
    if (!dir)
        return errno == ENOENT ? 0 : errno;
    while ((d = readdir(dir))) {
        int below = ENAMETOOLONG;

        if (d->d_type != DT_DIR || *d->d_name == '.')
            continue;
        if (snprintf(path + len, PATH_MAX - len, "%s%s", len > 1 ? "/" : "", d->d_name) <
            (int)(PATH_MAX - len))
            below = walk(path, visit, arg);
        error = error ? error : below;
    }
    path[len] = '\0';
    closedir(dir);
    return error;
}

int cgroup_walk(const char *path, bool (*visit)(const char *path, void *arg), void *arg)
{
    char grown[PATH_MAX];

    return join(grown, path, "") ? walk(grown, visit, arg) : ENAMETOOLONG;
}

static FILE *open_list(const char *path, const char *list)
{
    char directory[PATH_MAX], name[PATH_MAX + 32];

    errno = ENAMETOOLONG;
    if (!cgroup_directory(path, directory))
        return NULL;
    snprintf(name, sizeof name, "%s/%s", directory, list);
    return fopen(name, "re");
}

/* What is of another PID namespace is listed as 0. Return how many there are without a
 * number that haven't ended. */
static size_t add_processes(FILE *file, bool threads, struct numbers *pids)
{
    size_t unseen = 0;
    int id;

    while (fscanf(file, "%d", &id) == 1) {
        int pid = threads ? process_of_thread(id) : id;

        if (pid > 0 && pid != getpid())
            numbers_add(pids, (uint64_t)pid);
        unseen += pid <= 0 && (!kill(id, 0) || errno == EPERM);
    }
    return unseen;
}

/* A threaded group tells its threads, not its processes. */
int cgroup_processes(const char *path, struct numbers *pids, size_t *unseen)
{
    FILE *file = open_list(path, "cgroup.procs");

    *unseen = 0;
    if (!file)
        return errno;
    *unseen = add_processes(file, false, pids);
    if (ferror(file)) {
        fclose(file);
        file = open_list(path, "cgroup.threads");
        if (!file)
            return errno;
        *unseen = add_processes(file, true, pids);
    }
    fclose(file);
    return 0;
}

/* The root group has no such file, and is never empty. */
bool cgroup_is_empty(const char *path)
{
    FILE *file = open_list(path, "cgroup.events");
    char line[64];
    bool empty = false;

    while (file && fgets(line, sizeof line, file))
        empty |= !strcmp(line, "populated 0\n");
    if (file)
        fclose(file);
    return empty;
}
