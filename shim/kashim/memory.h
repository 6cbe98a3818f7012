/* SPDX-License-Identifier: MIT */
/* Without memory the command ends, with a line and EXIT_UNDONE. */
#ifndef KASHIM_MEMORY_H
#define KASHIM_MEMORY_H

#include <stddef.h>
#include <stdio.h>

/* An array filled with 0. */
void *allocate(size_t count, size_t size);

/* `array` with room for more than `count` elements of `size` bytes each; to be asked before
 * each addition. Its room doubles when `count` reaches a power of two. */
void *with_room(void *array, size_t count, size_t size);

/* `text`, which may be NULL, with more behind it. To be freed. */
char *append(char *text, const char *more);

/* open_memstream(3). */
FILE *open_memory(char **text, size_t *size);

#endif
