/* SPDX-License-Identifier: MIT */
/* The reader of sock_diag's messages, which are aligned as the kernel's. */
#include "kashim/diag.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_sockets sockets = {0};
    void *message = malloc(size + 1);

    memcpy(message, data, size);
    diag_parse(message, size, size & 1, &sockets);
    for (size_t i = 0; i < sockets.count; i++) {
        char text[ADDRESS_SIZE];

        address_text(&sockets.all[i].local, text);
        address_text(&sockets.all[i].peer, text);
    }
    free(sockets.all);
    free(message);
    return 0;
}
