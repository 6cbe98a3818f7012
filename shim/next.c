/* SPDX-License-Identifier: MIT */
#include "next.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define RTLD_NEXT ((void *)-1L)

/* Weak and declared here, so that no version of any libc is asked for. */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));

_Atomic(ka_function *) ka_next_found[KA_HOOK_COUNT];
bool ka_next_asking;

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

static void store(int hook, ka_function *found)
{
    atomic_store_explicit(&ka_next_found[hook], found, memory_order_relaxed);
}

static void ask_dlsym(ka_function **found, unsigned names_asked)
{
    for (int i = 0; i < NAMES; i++) {
        ka_function *answer =
            names_asked >> i & 1 ? (ka_function *)dlsym(RTLD_NEXT, names[i]) : NULL;

        if (answer)
            found[i] = answer;
    }
}

void ka_next_find_all(void)
{
    ka_function *found[NAMES];
    unsigned chosen;

    _Static_assert(NAMES <= (int)KA_MAX_NAMES, "a bit for each");
    if (ka_next_asking)
        return;
    if (!ka_loaded_find(names, found, NAMES, &chosen)) {
        /* an IFUNC resolver that runs before this library is relocated has called: it
         * finds nothing, and whoever comes later shall */
        if (!dlsym)
            return;
        chosen = ~0U;
    }
    if (chosen && dlsym) {
        for (int i = 0; i < KA_HOOK_COUNT; i++)
            store(i, found[i]); /* for the resolver */
        ka_next_asking = true;
        ask_dlsym(found, chosen);
        ka_next_asking = false;
    }
    errno_location = found[ERRNO_LOCATION];
    for (int i = 0; i < KA_HOOK_COUNT; i++)
        store(i, found[i] ? found[i] : (ka_function *)absent);
}

ka_function *ka_next_early(enum ka_hook hook)
{
    ka_function *next;

    ka_next_find_all();
    next = atomic_load_explicit(&ka_next_found[hook], memory_order_relaxed);
    return next ? next : (ka_function *)absent;
}
