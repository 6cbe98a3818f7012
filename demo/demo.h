/* SPDX-License-Identifier: MIT */
/*
 * What the server and the client of the demo have in common: how they read their
 * arguments, and how they say that a connection has ended. Ordinary TCP programs, that
 * is: they wait for ever, since nothing in them asks whether the peer is still there.
 */
#ifndef DEMO_H
#define DEMO_H

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static inline _Noreturn void usage(const char *argv0, const char *what, const char *value)
{
    fprintf(stderr,
            "%s: %s '%s'; usage: %s ADDRESS [PORT], an IPv4 or IPv6 address and 1 to "
            "65535 (default 12345)\n",
            argv0, what, value, argv0);
    exit(EXIT_USAGE);
}

static inline _Noreturn void fail(const char *argv0, char **argv, const char *what)
{
    fprintf(stderr, "%s: cannot %s %s port %s: %s\n", argv0, what, argv[1],
            argv[2] ? argv[2] : "12345", strerror(errno));
    exit(EXIT_FAILURE);
}

static inline int is_port(const char *text)
{
    size_t len = strlen(text);
    long port = strtol(text, NULL, 10);

    return len <= 5 && strspn(text, "0123456789") == len && port >= 1 && port <= 65535;
}

/* The address that the arguments name. Doesn't return if they are wrong. */
static inline struct addrinfo *parse_arguments(int argc, char **argv)
{
    const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                     .ai_socktype = SOCK_STREAM};
    const char *port = argc > 2 ? argv[2] : "12345";
    struct addrinfo *address;

    if (argc < 2)
        usage(argv[0], "missing", "ADDRESS");
    if (argc > 3)
        usage(argv[0], "unexpected argument", argv[3]);
    if (!is_port(port))
        usage(argv[0], "bad port", port);
    if (getaddrinfo(argv[1], port, &numeric, &address))
        usage(argv[0], "bad address", argv[1]);
    return address;
}

static inline double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Says how a connection ended, by the last read or write, and after how long. */
static inline void say_end(double start, ssize_t last)
{
    printf("ended after %.1f s: %s\n", seconds() - start,
           last == 0 ? "Closed by peer" : strerror(errno));
}

#endif
