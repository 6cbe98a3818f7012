/* SPDX-License-Identifier: MIT */
#include "next.h"

#include <errno.h>
#include <stddef.h>

#define RTLD_NEXT ((void *)-1L)

/*
 * Weak and declared here, so that no version of any libc is asked for. Before glibc 2.34
 * dlsym lives in libdl, which a program need not have loaded; there libc itself exports
 * _dl_sym, which takes the caller's address where dlsym looks at its return address.
 */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern void *_dl_sym(void *handle, const char *name, void *caller) __attribute__((weak));

_Atomic(ka_function *) ka_next_found[KA_HOOK_COUNT];

static const char names[KA_HOOK_COUNT][20] = {
#define KA_HOOK(name) #name,
#include "hooks.def"
};

static void *lookup(const char *name)
{
    if (dlsym)
        return dlsym(RTLD_NEXT, name);
    if (_dl_sym)
        return _dl_sym(RTLD_NEXT, name, (void *)lookup);
    return NULL;
}

/* In place of a function that the process hasn't got. Every hook fails with -1. */
static long absent(void)
{
    int *(*location)(void) = (int *(*)(void))lookup("__errno_location");

    if (location)
        *location() = ENOSYS;
    return -1;
}

ka_function *ka_next_find(enum ka_hook hook)
{
    ka_function *next = (ka_function *)lookup(names[hook]);

    if (!next)
        next = (ka_function *)absent;
    atomic_store_explicit(&ka_next_found[hook], next, memory_order_relaxed);
    return next;
}

void ka_next_find_all(void)
{
    for (int hook = 0; hook < KA_HOOK_FIRST_OPTIONAL; hook++)
        ka_next((enum ka_hook)hook);
}
