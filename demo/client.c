/* SPDX-License-Identifier: MIT */
/*
 * demo-client ADDRESS [PORT]: connects, then never says a word and waits until the
 * connection has ended.
 */
#include "demo.h"

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
