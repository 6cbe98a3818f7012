/* SPDX-License-Identifier: MIT */
#include "arrivals.h"

#include "marks.h"

#include <stddef.h>

/* cmsg(3) by hand: CMSG_NXTHDR may call a function of libc's. */
static size_t aligned(size_t len)
{
    return (len + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
}

static void arrived(const struct cmsghdr *header)
{
    const int *fd = (const int *)(const void *)(header + 1);
    size_t count = (header->cmsg_len - sizeof *header) / sizeof *fd;

    while (count--)
        ka_mark_withdraw(*fd++);
}

void ka_arrived_in(const struct msghdr *message)
{
    const char *at = message->msg_control;
    size_t left = message->msg_controllen;

    while (at && left >= sizeof(struct cmsghdr)) {
        const struct cmsghdr *header = (const void *)at;
        size_t len = header->cmsg_len;

        if (len < sizeof *header || len > left)
            return;
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            arrived(header);
        len = aligned(len);
        at += len;
        left = len > left ? 0 : left - len;
    }
}
