/* SPDX-License-Identifier: MIT */
#include "next.h"

#include <errno.h>
#include <stddef.h>

#define RTLD_NEXT ((void *)-1L)

/* Weak and declared here, so that no version of any libc is asked for. */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));

_Atomic(ka_function *) ka_next_found[KA_HOOK_COUNT];

enum { ERRNO_LOCATION = KA_HOOK_COUNT, NAMES };
static const ka_function_name names[NAMES] = {
#define KA_HOOK(name) #name,
#include "hooks.def"
    "__errno_location",
};

static ka_function *errno_location;

/* In place of a function that the process hasn't got. Every hook fails with -1. */
static long absent(void)
{
    if (errno_location)
        *((int *(*)(void))errno_location)() = ENOSYS;
    return -1;
}

void ka_next_find_all(void)
{
    ka_function *found[NAMES];

    if (!ka_loaded_find(names, found, NAMES)) {
        /* an IFUNC resolver that runs before this library is relocated has called: it
         * finds nothing, and whoever comes later shall */
        if (!dlsym)
            return;
        for (int i = 0; i < NAMES; i++)
            found[i] = (ka_function *)dlsym(RTLD_NEXT, names[i]);
    }
    errno_location = found[ERRNO_LOCATION];
    for (int i = 0; i < KA_HOOK_COUNT; i++)
        atomic_store_explicit(&ka_next_found[i],
                              found[i] ? found[i] : (ka_function *)absent,
                              memory_order_relaxed);
}

ka_function *ka_next_early(enum ka_hook hook)
{
    ka_function *next;

    ka_next_find_all();
    next = atomic_load_explicit(&ka_next_found[hook], memory_order_relaxed);
    return next ? next : (ka_function *)absent;
}
