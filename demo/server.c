/* SPDX-License-Identifier: MIT */
/*
 * demo-server ADDRESS [PORT]: accepts one connection after the other and waits until
 * each has ended. It has no keepalive: a client that vanishes holds it for ever.
 */
#include "demo.h"

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

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            fail(argv[0], argv, "accept at");
        say_accepted(&peer, len);
        wait_for_end(fd);
        close(fd);
    }
}
