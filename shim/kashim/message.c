/* SPDX-License-Identifier: MIT */
/* What is said to the user, and what makes a text fit for it. */
#include "kashim.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

char *printable(char *text)
{
    size_t len;

    for (char *c = text; *c; c += len) {
        mbstate_t begin = {0};
        wchar_t wide;

        len = mbrtowc(&wide, c, MB_CUR_MAX, &begin);
        if (len > MB_CUR_MAX || !iswprint((wint_t)wide)) { /* or it is no character */
            *c = '?';
            len = 1;
        }
    }
    return text;
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void print_line(FILE *file, const char *prefix, const char *format, va_list ap)
{
    char line[2 * PATH_MAX];

    vsnprintf(line, sizeof line, format, ap);
    fprintf(file, "%s%s\n", prefix, printable(line));
}

void complain(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    print_line(stderr, "kashim: ", format, ap);
    va_end(ap);
}

void say(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    print_line(stdout, "", format, ap);
    va_end(ap);
}
