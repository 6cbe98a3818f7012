/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create, O_PATH */
#include "supervised.h"

#include "memory.h"
#include "pids.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_NAME "kashim-supervised"
#define MEMORY_LINK "/memfd:" MEMORY_NAME " (deleted)"

enum { MOST = 4096 };

/* A number may be given to another process, but not with the same start. */
struct supervised {
    unsigned next;
    struct served {
        unsigned long long start;
        int pid;
    } all[MOST];
};

/* ---- the supervisor's side --------------------------------------------------- */

struct supervised *supervised_open(int *fd)
{
    void *record;

    *fd = memfd_create(MEMORY_NAME, MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, sizeof(struct supervised)))
        return NULL;
    record =
        mmap(NULL, sizeof(struct supervised), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    return record == MAP_FAILED ? NULL : record;
}

static bool has(const struct supervised *record, int pid, unsigned long long start)
{
    for (int i = 0; i < MOST; i++)
        if (record->all[i].pid == pid && record->all[i].start == start)
            return true;
    return false;
}

void supervised_add(struct supervised *record, int pid)
{
    unsigned long long start = process_start(pid);

    if (record && start && !has(record, pid, start))
        record->all[record->next++ % MOST] = (struct served){start, pid};
}

/* ---- who asks ---------------------------------------------------------------- */

/* A supervisor that was found. */
struct supervisor {
    uid_t user;
    bool readable;
    struct supervised record;
};

static struct {
    bool collected;
    struct supervisor *all;
    size_t count;
} supervisors;

/* To open a device, or what waits, can do something already: it isn't opened before it is
 * known to be a file. */
static bool read_file(const char *path, struct supervised *record)
{
    int it = open(path, O_PATH | O_CLOEXEC), fd = -1;
    char again[64];
    struct stat st;
    bool good;

    if (!fstat(it, &st) && S_ISREG(st.st_mode) && st.st_size == sizeof *record) {
        snprintf(again, sizeof again, "/proc/self/fd/%d", it);
        fd = open(again,
                  O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a lease would make it wait */
    }
    good = read(fd, record, sizeof *record) == sizeof *record;
    close(fd);
    close(it);
    return good;
}

/* Whoever it really is, no file is taken but what a supervisor makes. */
static bool read_record(int pid, struct supervised *record)
{
    bool found = false;

    for (int number = 0; number < 16 && !found; number++) { /* it has few */
        char path[64], link[64] = "";

        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, number);
        found = readlink(path, link, sizeof link - 1) > 0 && !strcmp(link, MEMORY_LINK) &&
                read_file(path, record);
    }
    return found;
}

bool process_is_supervisor(int pid)
{
    struct process p;
    bool named = !process_open(pid, &p) && !strcmp(p.name, SUPERVISOR_NAME);

    process_close(&p);
    return named;
}

static void collect(void)
{
    struct numbers all = pids_all();

    for (size_t i = 0; i < all.count; i++) {
        struct supervisor *s;

        if (!process_is_supervisor(all.all[i]))
            continue;
        supervisors.all =
            with_room(supervisors.all, supervisors.count, sizeof *supervisors.all);
        s = &supervisors.all[supervisors.count++];
        s->user = process_user(all.all[i]);
        s->readable = read_record(all.all[i], &s->record);
    }
    free(all.all);
    supervisors.collected = true;
}

static bool has_it_or_above(const struct supervised *record, int pid)
{
    for (; pid > 0; pid = process_parent(pid))
        if (has(record, pid, process_start(pid)))
            return true;
    return false;
}

/* Of a daemon that has left the tree of its supervisor only the filter tells, which may be
 * any. The word of others than root and the process's own user counts for nothing. */
int process_is_supervised(const struct process *process)
{
    uid_t user = process_user(process->pid);
    int result = 0;

    if (!process_has_filter(process->pid))
        return 0;
    if (!supervisors.collected)
        collect();
    for (size_t i = 0; i < supervisors.count && result < 1; i++) {
        const struct supervisor *s = &supervisors.all[i];

        if (s->user != 0 && s->user != user)
            continue;
        result = s->readable && has_it_or_above(&s->record, process->pid) ? 1 : -1;
    }
    return result;
}
