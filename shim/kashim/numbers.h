/* SPDX-License-Identifier: MIT */
/* A set of numbers above 0: processes, or sockets' inodes by the ten thousand. */
#ifndef KASHIM_NUMBERS_H
#define KASHIM_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All 0: the empty set. */
struct numbers {
    uint64_t *all; /* in the order in which they were added */
    size_t count;
    size_t *slots; /* hash index: place in `all` + 1, or 0 */
    size_t slot_count;
};

/* Return the place of the number in `all` + 1, or 0 if it isn't there. */
size_t numbers_place(const struct numbers *numbers, uint64_t number);
bool numbers_have(const struct numbers *numbers, uint64_t number);

/* Add what isn't there yet. */
void numbers_add(struct numbers *numbers, uint64_t number);
void numbers_add_all(struct numbers *numbers, const struct numbers *others);

/* Empty the set. */
void numbers_free(struct numbers *numbers);

#endif
