/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create */
#include "supervised.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_NAME "kashim-supervised"

enum { MOST = 4096 };

/* A number may be given to another process, but not with the same start. */
struct supervised {
    unsigned next;
    struct served {
        unsigned long long start;
        int pid;
    } all[MOST];
};

/* ---- the supervisor's side --------------------------------------------------------------- */

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

/* ---- who asks ------------------------------------------------------------------------------ */

/* The record of a supervisor; false: it is none, or may not be read. */
static bool read_record(int supervisor, struct supervised *record)
{
    bool found = false;

    for (int number = 0; number < 16 && !found; number++) { /* it has few */
        char path[64], link[64] = "";
        ssize_t size;
        int fd;

        snprintf(path, sizeof path, "/proc/%d/fd/%d", supervisor, number);
        if (readlink(path, link, sizeof link - 1) < 0 || !strstr(link, MEMORY_NAME))
            continue;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        size = read(fd, record, sizeof *record);
        close(fd);
        found = size == sizeof *record;
    }
    return found;
}

static bool has_it_or_above(const struct supervised *record, int pid)
{
    for (; pid > 1; pid = process_parent(pid))
        if (has(record, pid, process_start(pid)))
            return true;
    return false;
}

static bool is_supervisor(int pid)
{
    struct process p;
    bool named = !process_open(pid, &p) && !strcmp(p.name, SUPERVISOR_NAME);

    process_close(&p);
    return named;
}

int process_is_supervised(const struct process *process)
{
    static struct supervised record;
    struct pids all = pids_all();
    int result = 0;

    for (size_t i = 0; i < all.count && result < 1; i++) {
        if (!is_supervisor(all.all[i]))
            continue;
        if (!read_record(all.all[i], &record))
            result = -1;
        else if (has_it_or_above(&record, process->pid))
            result = 1;
    }
    free(all.all);
    return result;
}
