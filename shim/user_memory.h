/* SPDX-License-Identifier: MIT */
/*
 * Reading what the program points to. libc and the kernel answer a bad pointer with
 * EFAULT; a hook that looks first must not crash where they don't.
 */
#ifndef KA_USER_MEMORY_H
#define KA_USER_MEMORY_H

#include "sys.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Whether the aligned eight bytes around `p`, which never straddle two pages, can be
 * read. rt_sigprocmask(2) copies its set before it looks at `how`, and an unknown `how`
 * changes nothing: EFAULT or EINVAL (kernel/signal.c).
 */
static inline bool ka_readable(const void *p)
{
    uintptr_t around = (uintptr_t)p & ~(uintptr_t)7;

    return ka_sys5(__NR_rt_sigprocmask, ~0L, (long)around, 0, 8, 0) == -EINVAL;
}

/* The int at `p`, however it is aligned. False: it can't be read. */
static inline bool ka_read_int(const void *p, int *value)
{
    const unsigned char *from = p;

    if (!ka_readable(from) || !ka_readable(from + sizeof *value - 1))
        return false;
    for (unsigned i = 0; i < sizeof *value; i++)
        ((unsigned char *)value)[i] = from[i];
    return true;
}

#endif
