/* SPDX-License-Identifier: MIT */
/* The readers of sock_diag's messages, which are aligned as the kernel's, and of the lines of
 * /proc/PID/net/tcp. */
#include "kashim/diag.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_sockets sockets = {0};
    struct diag_request request = {.multipath = size & 1};
    struct tcp_socket socket;
    char *message = malloc(size + 1);

    memcpy(message, data, size);
    message[size] = '\0';
    diag_parse(message, size, request, &sockets);
    net_tcp_parse(message, &socket);
    for (size_t i = 0; i < sockets.inodes.count; i++) {
        char text[ADDRESS_SIZE];

        address_text(&sockets.all[i].local, text);
        address_text(&sockets.all[i].peer, text);
    }
    tcp_sockets_free(&sockets);
    free(message);
    return 0;
}
