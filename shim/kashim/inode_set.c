/* SPDX-License-Identifier: MIT */
#include "inode_set.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* Where it is, or where it belongs. There is always a free slot. */
static ino_t *slot_of(const struct inode_set *set, ino_t inode)
{
    size_t mask = set->slot_count - 1, i = inode & mask; /* they are given in sequence */

    while (set->slots[i] && set->slots[i] != inode)
        i = (i + 1) & mask;
    return &set->slots[i];
}

bool inode_set_has(const struct inode_set *set, ino_t inode)
{
    return set->slot_count && *slot_of(set, inode) == inode;
}

static void double_slots(struct inode_set *set)
{
    struct inode_set old = *set;

    set->slot_count = old.slot_count ? 2 * old.slot_count : 64;
    set->slots = allocate(set->slot_count, sizeof *set->slots);
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i])
            *slot_of(set, old.slots[i]) = old.slots[i];
    free(old.slots);
}

void inode_set_add(struct inode_set *set, ino_t inode)
{
    ino_t *slot;

    if (2 * set->count >= set->slot_count)
        double_slots(set);
    slot = slot_of(set, inode);
    set->count += !*slot;
    *slot = inode;
}

void inode_set_free(struct inode_set *set)
{
    free(set->slots);
    memset(set, 0, sizeof *set);
}
