/* SPDX-License-Identifier: MIT */
#include "children.h"

#include "settings.h"

#include <stdbool.h>
#include <stddef.h>

static bool ends_entry(char c)
{
    return !c || c == ':' || c == ' '; /* ld.so(8) */
}

static bool is_ours(const char *entry, const char *end)
{
    static const char name[] = "/libkashim.so";
    const char *n = name + sizeof name - 1;

    while (end > entry && n > name && end[-1] == n[-1])
        end--, n--;
    return n == name || (end == entry && n == name + 1); /* with a path, or all of it */
}

void ka_children_exclude(void)
{
    char *value = (char *)ka_getenv("LD_PRELOAD");
    char *to = value;

    /* NULL ends here. The kernel puts the environment onto the stack, above all frames. A
     * string that a constructor before ours has set lies elsewhere, and may not be
     * writable. */
    if (value < (char *)&value)
        return;
    for (char *from = value, *next; *from; from = next) {
        char *end = from;

        while (!ends_entry(*end))
            end++;
        next = *end ? end + 1 : end;
        if (!is_ours(from, end))
            while (from < next)
                *to++ = *from++;
    }
    while (to > value && ends_entry(to[-1]))
        to--;
    *to = '\0';
}
