/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include "kashim.h"

#include <stdlib.h>
#include <string.h>

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
