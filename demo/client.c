/* SPDX-License-Identifier: MIT */
/*
 * demo-client ADDRESS [PORT]: connects, then never says a word and waits until the
 * connection has ended.
 */
#include "demo.h"

/* Reads and forgets until the connection ends. */
static void wait_for_end(int fd)
{
    double start = seconds();
    char ignored[4096];
    ssize_t n;

    do
        n = read(fd, ignored, sizeof ignored);
    while (n > 0 || (n < 0 && errno == EINTR));
    say_end(start, n);
}

int main(int argc, char **argv)
{
    const struct addrinfo *server = parse_arguments(argc, argv);
    int fd = socket(server->ai_family, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, server->ai_addr, server->ai_addrlen))
        fail(argv[0], argv, "connect to");
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("connected");
    wait_for_end(fd);
    return EXIT_SUCCESS;
}
