/* SPDX-License-Identifier: MIT */
#include "preload.h"

#include "memory.h"

#include <stdio.h>
#include <string.h>

bool preload_takes(const char *path)
{
    return !strpbrk(path, " :");
}

static bool has(const char *list, const char *library)
{
    size_t len = strlen(library);

    for (const char *at = list; (at = strstr(at, library)); at++)
        if ((at == list || strchr(" :", at[-1])) && strchr(" :", at[len])) /* or NUL */
            return true;
    return false;
}

char *preload_with(const char *list, const char *library)
{
    size_t size = (list ? strlen(list) : 0) + strlen(library) + sizeof ":";
    char *with = allocate(size, 1);

    if (!list || !*list)
        strcpy(with, library);
    else if (has(list, library))
        strcpy(with, list);
    else
        snprintf(with, size, "%s:%s", list, library);
    return with;
}
