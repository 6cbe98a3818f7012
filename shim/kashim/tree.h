/* SPDX-License-Identifier: MIT */
/* The files of a system that lies below a directory: of an image, say, or of / itself. */
#ifndef KASHIM_TREE_H
#define KASHIM_TREE_H

#include <stdio.h>

/* A file as if `root`, a descriptor, were /, whatever links lie on the way; or, with
 * AT_FDCWD, as open(2) finds it. A descriptor, or -1 and errno: ENOSYS or EPERM where the
 * kernel can't (openat2(2)). */
int open_in_root(int root, const char *path, int flags);

/* To read; NULL and errno, EINVAL if it isn't a regular file. */
FILE *read_in_root(int root, const char *path);

/* What stands behind the last slash. */
const char *base_name(const char *path);

#endif
