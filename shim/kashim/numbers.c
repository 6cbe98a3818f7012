/* SPDX-License-Identifier: MIT */
#include "numbers.h"

#include "util.h"

#include <stdlib.h>
#include <string.h>

/* The slot of the number, or the free one where it belongs; at least half are free. The
 * kernel numbers sockets and processes in sequence: the lowest bits are hash enough. */
static size_t *slot_of(const struct numbers *n, uint64_t number)
{
    size_t mask = n->slot_count - 1, i = (size_t)number & mask;

    while (n->slots[i] && n->all[n->slots[i] - 1] != number)
        i = (i + 1) & mask;
    return &n->slots[i];
}

static void double_slots(struct numbers *n)
{
    free(n->slots);
    n->slot_count = n->slot_count ? 2 * n->slot_count : 64;
    n->slots = allocate(n->slot_count, sizeof *n->slots);
    for (size_t i = 0; i < n->count; i++)
        *slot_of(n, n->all[i]) = i + 1;
}

size_t numbers_place(const struct numbers *n, uint64_t number)
{
    return n->slot_count ? *slot_of(n, number) : 0;
}

bool numbers_have(const struct numbers *n, uint64_t number)
{
    return numbers_place(n, number) != 0;
}

void numbers_add(struct numbers *n, uint64_t number)
{
    if (numbers_have(n, number))
        return;
    if (2 * n->count >= n->slot_count)
        double_slots(n);
    n->all = with_room(n->all, n->count, sizeof *n->all);
    n->all[n->count++] = number;
    *slot_of(n, number) = n->count;
}

void numbers_add_all(struct numbers *n, const struct numbers *others)
{
    for (size_t i = 0; i < others->count; i++)
        numbers_add(n, others->all[i]);
}

void numbers_free(struct numbers *n)
{
    free(n->all);
    free(n->slots);
    memset(n, 0, sizeof *n);
}
