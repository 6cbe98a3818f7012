/* SPDX-License-Identifier: MIT */
/* The files of a system that lies below a directory: of an image, say, or of / itself. */
#ifndef KASHIM_ROOT_H
#define KASHIM_ROOT_H

/* A file as if `root`, a descriptor, were /, whatever links lie on the way. A descriptor, or
 * -1 and errno: ENOSYS or EPERM where the kernel can't (openat2(2)). */
int open_in_root(int root, const char *path, int flags);

#endif
