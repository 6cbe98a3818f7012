/* SPDX-License-Identifier: MIT */
/* The obvious shim, to compare with: looks up accept and sets four options, each time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static void set(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

int accept4(int listener, struct sockaddr *address, socklen_t *len, int flags)
{
    static int (*next)(int, struct sockaddr *, socklen_t *, int);
    int fd;

    if (!next)
        next = dlsym(RTLD_NEXT, "accept4");
    fd = next(listener, address, len, flags);
    if (fd >= 0) {
        set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 120);
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 30);
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, 6);
    }
    return fd;
}
