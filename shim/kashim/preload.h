/* SPDX-License-Identifier: MIT */
/* LD_PRELOAD: a list with blanks or colons between its entries (ld.so(8)). */
#ifndef KASHIM_PRELOAD_H
#define KASHIM_PRELOAD_H

#include <stdbool.h>

/* Whether a path can be an entry. */
bool preload_takes(const char *path);

/* The list, which may be NULL, with the library in it, once. To be freed. */
char *preload_with(const char *list, const char *library);

#endif
