/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* openat2's constants */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_system(int root)
{
    struct stat a, b;

    return !fstat(root, &a) && !stat("/", &b) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Without openat2(2), before Linux 5.6 or under an old container's profile, only / itself
 * can be searched: elsewhere an absolute link would lead out of the tree. */
int open_in_root(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT};
    int tries = 1000;
    long fd;

    do /* something was renamed meanwhile, anywhere, and there was ".." in a link */
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && tries--);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM) && is_system(root))
        return openat(root, path + (*path == '/'), flags | O_CLOEXEC);
    return (int)fd;
}
