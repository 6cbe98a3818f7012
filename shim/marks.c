/* SPDX-License-Identifier: MIT */
#include "marks.h"

#include <stddef.h>

_Atomic uint32_t ka_marks[KA_MARKS] __attribute__((common)); /* for the reason in env.c */
atomic_bool ka_marks_used;

struct ka_mark ka_mark_read(int fd)
{
    struct ka_mark mark = {fd, 0};

    if (ka_mark_possible(fd)) {
        /* before the word is read: from now on a withdrawal counts */
        atomic_store(&ka_marks_used, true);
        mark.word = atomic_load(&ka_marks[fd]);
    }
    return mark;
}

void ka_mark_set(struct ka_mark *mark, enum ka_state state)
{
    uint32_t expected = mark->word;
    uint32_t word = (expected & ~(uint32_t)KA_STATE_MASK) | state;

    if (ka_mark_settable(mark) &&
        atomic_compare_exchange_strong(&ka_marks[mark->fd], &expected, word))
        mark->word = word;
}

void ka_mark_renew(const struct ka_mark *mark)
{
    uint32_t expected = mark->word, word = expected + (1U << KA_STATE_BITS);

    if (ka_mark_settable(mark))
        atomic_compare_exchange_strong(&ka_marks[mark->fd], &expected, word);
}

static struct ka_mark withdraw(int fd, enum ka_state state)
{
    struct ka_mark mark = {fd, 0};
    uint32_t word;

    if (!ka_mark_possible(fd))
        return mark;
    word = atomic_load(&ka_marks[fd]);
    do
        mark.word = ((word >> KA_STATE_BITS) + 1) << KA_STATE_BITS | state;
    while (!atomic_compare_exchange_weak(&ka_marks[fd], &word, mark.word));
    return mark;
}

struct ka_mark ka_mark_withdraw(int fd)
{
    return withdraw(fd, KA_UNMET);
}

void ka_mark_expect(int fd)
{
    withdraw(fd, KA_ARRIVING);
}

void ka_mark_copy(const struct ka_mark *from, struct ka_mark *to)
{
    enum ka_state state = ka_mark_state(from);

    if (state != KA_UNMET && state != KA_ARRIVING &&
        ka_mark_read(from->fd).word == from->word)
        ka_mark_set(to, KA_COPY);
}

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

void ka_marks_arrived(const struct msghdr *message)
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
