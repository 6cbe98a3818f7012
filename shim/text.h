/* SPDX-License-Identifier: MIT */
/*
 * Text put together in a buffer of the caller's, without stdio. What doesn't fit is
 * dropped; there is no terminating NUL.
 */
#ifndef KA_TEXT_H
#define KA_TEXT_H

#include <stddef.h>

struct ka_text {
    char *text;
    size_t size;
    size_t len;
};

static inline void ka_put_char(struct ka_text *t, char c)
{
    if (t->len < t->size)
        t->text[t->len++] = c;
}

static inline void ka_put(struct ka_text *t, const char *s)
{
    while (*s)
        ka_put_char(t, *s++);
}

/* What a terminal would obey becomes '?'. */
static inline void ka_put_printable(struct ka_text *t, char c)
{
    ka_put_char(t, c < ' ' || c > '~' ? '?' : c);
}

/* In any base from 2 to 16, without leading zeros. */
static inline void ka_put_number(struct ka_text *t, unsigned n, unsigned base)
{
    char digits[32];
    unsigned i = 0;

    do
        digits[i++] = "0123456789abcdef"[n % base];
    while (n /= base);
    while (i)
        ka_put_char(t, digits[--i]);
}

static inline void ka_put_uint(struct ka_text *t, unsigned n)
{
    ka_put_number(t, n, 10);
}

#endif
