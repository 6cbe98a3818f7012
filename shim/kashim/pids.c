/* SPDX-License-Identifier: MIT */
#include "pids.h"

#include "memory.h"
#include "process.h"

#include <dirent.h>
#include <stdlib.h>

bool numbers_have(const struct numbers *numbers, int number)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (numbers->all[i] == number)
            return true;
    return false;
}

void numbers_add(struct numbers *numbers, int number)
{
    if (numbers_have(numbers, number))
        return;
    numbers->all = with_room(numbers->all, numbers->count, sizeof *numbers->all);
    numbers->all[numbers->count++] = number;
}

void numbers_add_all(struct numbers *numbers, const struct numbers *others)
{
    for (size_t i = 0; i < others->count; i++)
        numbers_add(numbers, others->all[i]);
}

struct numbers pids_all(void)
{
    struct numbers pids = {0};
    DIR *proc = opendir("/proc");

    for (struct dirent *d; proc && (d = readdir(proc));) {
        int pid = atoi(d->d_name);

        if (pid <= 0)
            continue;
        pids.all = with_room(pids.all, pids.count, sizeof *pids.all);
        pids.all[pids.count++] = pid;
    }
    if (proc)
        closedir(proc);
    return pids;
}

void pids_add_descendants(struct numbers *pids)
{
    struct numbers all = pids_all(), parents = {0};
    size_t before;

    for (size_t i = 0; i < all.count; i++) {
        parents.all = with_room(parents.all, i, sizeof *parents.all);
        parents.all[i] = process_parent(all.all[i]);
    }
    do {
        before = pids->count;
        for (size_t i = 0; i < all.count; i++)
            if (numbers_have(pids, parents.all[i]))
                numbers_add(pids, all.all[i]);
    } while (pids->count > before);
    free(parents.all);
    free(all.all);
}
