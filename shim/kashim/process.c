/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* qsort_r */
#include "process.h"

#include "util.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef PROC /* fuzzed elsewhere */
#    define PROC "/proc"
#endif

/* ---- the process itself ------------------------------------------------------ */

/* One at a time: they share a buffer in which most have room. */
static FILE *open_file(int pid, const char *name)
{
    static char buffer[16384];
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, PROC "/%d/%s", pid, name);
    file = fopen(path, "re");
    if (file)
        setvbuf(file, buffer, _IOFBF, sizeof buffer);
    return file;
}

static void read_name(struct process *p)
{
    FILE *comm = open_file(p->pid, "comm");
    char line[sizeof p->name];

    if (comm && fgets(line, sizeof line, comm))
        strcpy(p->name, line);
    p->name[strcspn(p->name, "\n")] = '\0';
    printable(p->name);
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

/* Return a thread that is left where the first one has ended (pthread_exit(3) in main), and
 * with it its descriptors; 0 if the first one lives, or none. */
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

/* Look into the process by another thread. Return 0 or an error number: ENOTSUP where the
 * kernel has no pidfds of threads. */
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
    p->pid = p->thread = pid;
    strcpy(p->name, "process");
    p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (p->pidfd < 0)
        return errno == ENOENT ? EINVAL
                               : errno; /* ENOENT of a thread, since Linux 6.13 */
    read_name(p);
    return 0;
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

/* Return the number in a field of the status; 0 if it can't be read. */
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

static uint64_t word_at(const unsigned char *at, size_t size)
{
    uint32_t narrow;
    uint64_t wide;

    if (size == sizeof wide) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

/* Return the value of that type in an auxiliary vector of words of that size; `none`: it
 * isn't there. */
static uint64_t auxiliary(const unsigned char *vector, size_t len, size_t word,
                          uint64_t type, uint64_t none)
{
    for (size_t at = 0; at + 2 * word <= len; at += 2 * word)
        if (word_at(vector + at, word) == type)
            return word_at(vector + at + word, word);
    return none;
}

int process_is_secure(const struct process *p)
{
    unsigned char vector[1024];
    FILE *file = open_file(p->thread, "auxv");
    size_t len = file ? fread(vector, 1, sizeof vector, file) : 0;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    /* a 32-bit program's, read as words of 64 bits, has no such pair */
    size_t word = auxiliary(vector, len, 8, AT_PAGESZ, 0) == page ? 8 : 4;
    uint64_t secure = auxiliary(vector, len, word, AT_SECURE, 2);

    if (file)
        fclose(file);
    return secure == 2 ? -1 : secure != 0;
}

bool process_is_kernels(int pid)
{
    char memory[64], state[64];

    process_status(pid, "State", state);
    process_status(pid, "VmSize", memory);
    return *state && !*memory && !strchr(state, 'Z');
}

int process_of_thread(int thread)
{
    return status_number(thread, "Tgid");
}

/* Tell whether a line of "maps" is code of the library: "... r-xp ... /x/libkashim.so", or
 * with " (deleted)" behind it once another version has taken the file's place. */
static bool maps_library(const char *line)
{
    const char *name = strrchr(line, '/');

    return name && strstr(line, " r-xp ") &&
           (!strcmp(name, "/libkashim.so\n") ||
            !strcmp(name, "/libkashim.so (deleted)\n"));
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
        found = maps_library(line);
    if (ferror(maps))
        found = -1;
    free(line);
    fclose(maps);
    return found;
}

/* ---- which there are --------------------------------------------------------- */

struct numbers pids_all(void)
{
    struct numbers pids = {0};
    DIR *proc = opendir("/proc");

    for (struct dirent *d; proc && (d = readdir(proc));) {
        int pid = atoi(d->d_name);

        if (pid > 0)
            numbers_add(&pids, (uint64_t)pid);
    }
    if (proc)
        closedir(proc);
    return pids;
}

void pids_add_descendants(struct numbers *pids)
{
    struct numbers all = pids_all();
    uint64_t *parents = allocate(all.count + 1, sizeof *parents);
    size_t before;

    for (size_t i = 0; i < all.count; i++)
        parents[i] = (uint64_t)status_number((int)all.all[i], "PPid");
    do { /* again, where a child has a lower number than its parent */
        before = pids->count;
        for (size_t i = 0; i < all.count; i++)
            if (numbers_have(pids, parents[i]))
                numbers_add(pids, all.all[i]);
    } while (pids->count > before);
    free(parents);
    numbers_free(&all);
}

/* ---- its sockets ------------------------------------------------------------- */

/* Count the sockets that are registered with an io_uring and aren't among `inodes`, and add
 * them: its fdinfo lists them (proc(5), io_uring_show_fdinfo). */
static size_t registered_only(const struct process *p, int ring, struct numbers *inodes)
{
    char name[32], line[512];
    size_t before = inodes->count;
    FILE *info;

    snprintf(name, sizeof name, "fdinfo/%d", ring);
    info = open_file(p->thread, name);
    while (info && fgets(line, sizeof line, info)) {
        unsigned long inode;

        if (sscanf(line, " %*u: socket:[%lu]", &inode) == 1)
            numbers_add(inodes, inode);
    }
    if (info)
        fclose(info);
    return inodes->count - before;
}

/* Compare two descriptors by their files, in the kernel's order. */
static int by_file(const void *a, const void *b, void *thread)
{
    const uint64_t *x = a, *y = b;
    int pid = *(int *)thread;

    switch (syscall(SYS_kcmp, pid, pid, KCMP_FILE, (long)*x, (long)*y)) {
    case 0: return 0;
    case 1: return -1;
    case 2: return 1;
    default: return (*x > *y) - (*x < *y); /* it can't be told */
    }
}

/* Read where a descriptor leads, "socket:[1234]" say (proc(5)). */
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

        if (*d->d_name == '.')
            continue;
        if (!read_link(dir, d->d_name, link, sizeof link) && errno == EACCES)
            break;
        s->descriptors++;
        if (!strncmp(link, "socket:[", 8)) {
            s->all = with_room(s->all, s->count, sizeof *s->all);
            s->all[s->count++] =
                (struct descriptor){atoi(d->d_name), strtoul(link + 8, NULL, 10)};
        } else if (!strcmp(link, "anon_inode:[io_uring]"))
            numbers_add(rings, strtoul(d->d_name, NULL, 10));
    }
    return errno;
}

/* Several descriptors can be the same ring. */
static size_t count_unreachable(const struct process *p, const struct sockets *s,
                                const struct numbers *rings)
{
    struct numbers inodes = {0};
    int pid = p->thread;
    size_t count = 0;

    if (rings->count)
        qsort_r(rings->all, rings->count, sizeof *rings->all, by_file, &pid);
    for (size_t i = 0; rings->count && i < s->count; i++)
        numbers_add(&inodes, s->all[i].inode);
    for (size_t i = 0; i < rings->count; i++)
        if (!i || by_file(&rings->all[i - 1], &rings->all[i], &pid))
            count += registered_only(p, (int)rings->all[i], &inodes);
    numbers_free(&inodes);
    return count;
}

static int list_sockets(const struct process *p, struct sockets *s)
{
    struct numbers rings = {0};
    char path[64];
    DIR *dir;
    int error;

    memset(s, 0, sizeof *s);
    snprintf(path, sizeof path, PROC "/%d/fd", p->thread);
    dir = opendir(path);
    if (!dir)
        return errno == ENOENT && process_has_ended(p) ? ESRCH : errno;
    error = read_descriptors(dir, s, &rings);
    closedir(dir);
    s->unreachable = count_unreachable(p, s, &rings);
    numbers_free(&rings);
    return process_has_ended(p) ? ESRCH : error;
}

/* If its first thread has ended, a process seems to have no descriptors. */
int process_sockets(struct process *p, struct sockets *s)
{
    int error = list_sockets(p, s), thread = 0;

    if (!s->descriptors && (!error || error == EACCES))
        thread = living_thread(p->pid);
    if (!thread)
        return error;
    sockets_free(s);
    error = look_by_thread(p, thread);
    return error ? error : list_sockets(p, s);
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

static void interrupt(int signal)
{
    (void)signal;
}

/* Only a signal ends that wait (inet_release, sk_stream_wait_close), and what is unsent is
 * sent all the same. A look at all sockets that takes no longer than usual has none. */
void process_hurry_closing(bool on)
{
    const struct itimerval often = {.it_value.tv_usec = 100000,
                                    .it_interval.tv_usec = 1000};
    const struct itimerval never = {.it_value.tv_usec = 0};
    const struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    sigset_t alarms;

    if (on && sigaction(SIGALRM, &action, NULL))
        return; /* the signal would end kashim */
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    setitimer(ITIMER_REAL, on ? &often : &never, NULL);
}
