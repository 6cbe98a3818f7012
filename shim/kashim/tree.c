/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* openat2's constants */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
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

    if (root == AT_FDCWD)
        return open(path, flags | O_CLOEXEC);
    do /* something was renamed meanwhile, anywhere, and there was ".." in a link */
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && tries--);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM) && is_system(root))
        return openat(root, path + (*path == '/'), flags | O_CLOEXEC);
    return (int)fd;
}

FILE *read_in_root(int root, const char *path)
{
    int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return NULL;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode))
        return fdopen(fd, "r");
    close(fd);
    errno = EINVAL;
    return NULL;
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
