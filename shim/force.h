/* SPDX-License-Identifier: MIT */
/* KA_FORCE=1: the program can't undo what kashim set. */
#ifndef KA_FORCE_H
#define KA_FORCE_H

#include <stdbool.h>

/*
 * Whether the program's setsockopt(fd, level, name, value, len) is to report success and
 * change nothing: one that the kernel would accept, of an option that kashim sets, on a
 * socket that is as kashim left it.
 */
bool ka_force_ignores(int fd, int level, int name, const void *value, unsigned len);

#endif
