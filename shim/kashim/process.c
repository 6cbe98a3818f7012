/* SPDX-License-Identifier: MIT */
#include "process.h"

#include "memory.h"
#include "pids.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PROC /* fuzzed elsewhere */
#    define PROC "/proc"
#endif

/* ---- the process itself ------------------------------------------------------ */

static FILE *open_file(int pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, PROC "/%d/%s", pid, name);
    return fopen(path, "re");
}

static void read_name(struct process *p)
{
    FILE *comm = open_file(p->pid, "comm");
    char line[sizeof p->name];

    if (comm && fgets(line, sizeof line, comm))
        strcpy(p->name, line);
    p->name[strcspn(p->name, "\n")] = '\0';
    for (char *c = p->name; *c; c++)
        if (*c < ' ' || *c > '~') /* a terminal might obey it */
            *c = '?';
    if (comm)
        fclose(comm);
}

void process_status(int pid, const char *field, char value[64])
{
    FILE *status = open_file(pid, "status");
    size_t len = strlen(field);
    char line[256];

    *value = '\0';
    while (status && !*value && fgets(line, sizeof line, status))
        if (!strncmp(line, field, len) && line[len] == ':')
            snprintf(value, 64, "%.63s", line + len + 1);
    if (status)
        fclose(status);
}

/* The number of a thread that is left where the first one has ended (pthread_exit(3) in
 * main), and with it its descriptors; 0: the first one lives, or none. */
static int living_thread(int pid)
{
    char path[64], state[64];
    struct dirent *d;
    DIR *threads;
    int thread = 0;

    process_status(pid, "State", state);
    if (!strchr(state, 'Z'))
        return 0;
    snprintf(path, sizeof path, PROC "/%d/task", pid);
    threads = opendir(path);
    while (threads && !thread && (d = readdir(threads)))
        if (atoi(d->d_name) != pid)
            thread = atoi(d->d_name);
    if (threads)
        closedir(threads);
    return thread;
}

/* 0, or an error number: ENOTSUP where the kernel has no pidfds of threads. */
static int look_by_thread(struct process *p, int thread)
{
    int fd = (int)syscall(SYS_pidfd_open, thread, O_EXCL /* PIDFD_THREAD, Linux 6.9 */);

    if (fd < 0)
        return errno == EINVAL ? ENOTSUP : errno;
    close(p->pidfd);
    p->pidfd = fd;
    p->thread = thread;
    return 0;
}

int process_open(int pid, struct process *p)
{
    int thread;

    p->pid = p->thread = pid;
    strcpy(p->name, "process");
    p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (p->pidfd < 0)
        return errno == ENOENT ? EINVAL : errno; /* of a thread, since Linux 6.13 */
    read_name(p);
    thread = living_thread(pid);
    return thread ? look_by_thread(p, thread) : 0;
}

void process_close(struct process *p)
{
    close(p->pidfd);
    p->pidfd = -1;
}

bool process_has_ended(const struct process *p)
{
    struct pollfd ended = {.fd = p->pidfd, .events = POLLIN};

    return poll(&ended, 1, 0) > 0;
}

/* 0 if it can't be read. */
static int status_number(int pid, const char *field)
{
    char value[64];

    process_status(pid, field, value);
    return atoi(value);
}

uid_t process_user(int pid)
{
    unsigned user;
    char value[64];

    process_status(pid, "Uid", value);
    return sscanf(value, "%u", &user) == 1 ? user : (uid_t)-1;
}

int process_of_thread(int thread)
{
    return status_number(thread, "Tgid");
}

int process_parent(int pid)
{
    return status_number(pid, "PPid");
}

int process_has_library(const struct process *p)
{
    FILE *maps = open_file(p->thread, "maps");
    char *line = NULL;
    size_t size = 0;
    int found = 0;

    if (!maps)
        return -1;
    while (!found && getline(&line, &size, maps) > 0)
        found = strstr(line, "/libkashim.so") != NULL;
    if (ferror(maps))
        found = -1;
    free(line);
    fclose(maps);
    return found;
}

/* ---- its sockets ------------------------------------------------------------- */

static bool has_descriptor(const struct sockets *s, ino_t inode)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->all[i].inode == inode)
            return true;
    return false;
}

/* fdinfo of an io_uring lists the files that are registered with it (proc(5),
 * io_uring_show_fdinfo). */
static size_t registered_only(const struct process *p, int ring, const struct sockets *s)
{
    char name[32], line[512];
    size_t count = 0;
    FILE *info;

    snprintf(name, sizeof name, "fdinfo/%d", ring);
    info = open_file(p->thread, name);
    while (info && fgets(line, sizeof line, info)) {
        unsigned long inode;

        if (sscanf(line, " %*u: socket:[%lu]", &inode) == 1)
            count += !has_descriptor(s, inode);
    }
    if (info)
        fclose(info);
    return count;
}

/* Where the descriptor leads, as proc(5) says it: "socket:[1234]". */
static bool read_link(DIR *dir, const char *name, char *link, size_t size)
{
    ssize_t len = readlinkat(dirfd(dir), name, link, size - 1);

    link[len < 0 ? 0 : len] = '\0';
    return len >= 0;
}

static int read_descriptors(DIR *dir, struct sockets *s, struct numbers *rings)
{
    struct dirent *d;

    for (errno = 0; (d = readdir(dir)); errno = 0) {
        char link[64];
        unsigned long inode;

        if (!read_link(dir, d->d_name, link, sizeof link) && errno == EACCES)
            break;
        if (sscanf(link, "socket:[%lu]", &inode) == 1) {
            s->all = with_room(s->all, s->count, sizeof *s->all);
            s->all[s->count++] = (struct descriptor){atoi(d->d_name), inode};
        } else if (!strcmp(link, "anon_inode:[io_uring]"))
            numbers_add(rings, atoi(d->d_name));
    }
    return errno;
}

int process_sockets(const struct process *p, struct sockets *s)
{
    struct numbers rings = {0};
    char path[64];
    DIR *dir;
    int error;

    memset(s, 0, sizeof *s);
    snprintf(path, sizeof path, PROC "/%d/fd", p->thread);
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? ESRCH : errno;
    error = read_descriptors(dir, s, &rings);
    closedir(dir);
    for (size_t i = 0; i < rings.count; i++)
        s->unreachable += registered_only(p, rings.all[i], s);
    free(rings.all);
    return process_has_ended(p) ? ESRCH : error;
}

void sockets_free(struct sockets *s)
{
    free(s->all);
    memset(s, 0, sizeof *s);
}

int process_duplicate(const struct process *p, struct descriptor socket)
{
    struct stat st;
    int fd = (int)syscall(SYS_pidfd_getfd, p->pidfd, socket.fd, 0);

    if (fd < 0)
        return -errno;
    if (!fstat(fd, &st) && S_ISSOCK(st.st_mode) && st.st_ino == socket.inode)
        return fd;
    close(fd);
    return -ESTALE;
}
