/* SPDX-License-Identifier: MIT */
/* Sets of processes, or of other small numbers. */
#ifndef KASHIM_PIDS_H
#define KASHIM_PIDS_H

#include <stdbool.h>
#include <stddef.h>

/* Each once. */
struct numbers {
    int *all;
    size_t count;
};

bool numbers_have(const struct numbers *numbers, int number);
void numbers_add(struct numbers *numbers, int number);
void numbers_add_all(struct numbers *numbers, const struct numbers *others);

/* All that /proc shows. */
struct numbers pids_all(void);

/* Adds the children of those that are there, their children, and so on. */
void pids_add_descendants(struct numbers *pids);

#endif
