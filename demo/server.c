/* SPDX-License-Identifier: MIT */
/*
 * demo-server ADDRESS [PORT]: gives back to each client what it says, in a thread of its
 * own, until the connection ends. It has no keepalive: a client that vanishes holds its
 * thread for ever.
 */
#include "demo.h"

#include <pthread.h>
#include <stdint.h>

static int listen_at(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) ||
        bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, SOMAXCONN))
        return -1;
    return fd;
}

static void say_accepted(const struct sockaddr_storage *peer, socklen_t len)
{
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

    getnameinfo((const struct sockaddr *)peer, len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    printf("accepted %s port %s\n", host, port);
}

/* Gives back what the client says, until the connection ends. */
static void *serve(void *connection)
{
    int fd = (int)(intptr_t)connection;
    double start = seconds();
    char text[4096];
    ssize_t n;

    do {
        n = read(fd, text, sizeof text);
        if (n > 0)
            n = send(fd, text, (size_t)n, MSG_NOSIGNAL);
    } while (n > 0 || (n < 0 && errno == EINTR));
    say_end(start, n);
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    int listener = listen_at(parse_arguments(argc, argv));

    if (listener < 0)
        fail(argv[0], argv, "listen at");
    setvbuf(stdout, NULL, _IOLBF, 0);

    for (;;) {
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        int fd = accept(listener, (struct sockaddr *)&peer, &len);
        pthread_t thread;

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            fail(argv[0], argv, "accept at");
        say_accepted(&peer, len);
        errno = pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
        if (errno)
            fail(argv[0], argv, "serve at");
        pthread_detach(thread);
    }
}
