/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* vasprintf */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* ---- messages ---------------------------------------------------------------- */

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
    char *line;

    if (vasprintf(&line, format, ap) < 0)
        return; /* no memory */
    fprintf(file, "%s%s\n", prefix, printable(line));
    free(line);
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

/* ---- memory ------------------------------------------------------------------ */

static void *checked(void *memory)
{
    if (memory)
        return memory;
    complain("no memory");
    exit(EXIT_UNDONE);
}

void *allocate(size_t count, size_t size)
{
    return checked(calloc(count, size));
}

void *with_room(void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* no power of two, and not 0 */
        return array;
    return checked(reallocarray(array, count ? 2 * count : 1, size));
}

char *append(char *text, const char *more)
{
    size_t len = text ? strlen(text) : 0, more_len = strlen(more);

    text = checked(realloc(text, len + more_len + 1));
    memcpy(text + len, more, more_len + 1);
    return text;
}

FILE *open_memory(char **text, size_t *size)
{
    return checked(open_memstream(text, size));
}
