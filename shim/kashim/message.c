/* SPDX-License-Identifier: MIT */
/* What is said to the user, and what makes a text fit for it. */
#include "kashim.h"

#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* The bytes of the UTF-8 character that begins here (RFC 3629); 0: there is none, or a
 * control character. */
static size_t character_len(const unsigned char *c)
{
    static const struct {
        unsigned lead, bits, least; /* of the first byte; and the least that is allowed */
    } forms[] = {
        {0, 0x7f, ' '}, {0xc0, 0x1f, 0xa0}, {0xe0, 0xf, 0x800}, {0xf0, 7, 0x10000}};
    size_t len = 0;
    unsigned point;

    while (len < 4 && (*c & ~forms[len].bits) != forms[len].lead)
        len++;
    if (len == 4)
        return 0;
    point = *c & forms[len].bits;
    for (size_t i = 1; i <= len; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (c[i] & 0x3f);
    }
    return point < forms[len].least || point == 0x7f ? 0 : len + 1;
}

char *printable(char *text)
{
    size_t len;

    for (unsigned char *c = (unsigned char *)text; *c; c += len) {
        len = character_len(c);
        if (!len) {
            *c = '?';
            len = 1;
        }
    }
    return text;
}

void complain(const char *format, ...)
{
    char line[2 * PATH_MAX];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    fprintf(stderr, "kashim: %s\n", printable(line));
}
