/* SPDX-License-Identifier: MIT */
/*
 * The next definition of each interposed function: libc's, or that of another preload
 * behind ours. A call of the program's always goes there, never to the kernel directly:
 * accept, connect and recvmsg are cancellation points, and others may interpose too.
 *
 * All are found at load, for no lookup is safe wherever a hook may run (in the child of a
 * fork, or in a signal handler that interrupted a dlopen); in a constructor before ours, at
 * the first call.
 */
#ifndef KA_NEXT_H
#define KA_NEXT_H

#include <stdatomic.h>
#include <stdbool.h>

typedef void ka_function(void);

#if __SIZEOF_POINTER__ == 4
#    define KA_TIME64 /* there may be functions for a time of 64 bits beside the old ones */
#endif

enum ka_hook {
#define KA_HOOK(name) KA_HOOK_##name,
#include "hooks.def"
    KA_HOOK_COUNT,
};

/* For what the process hasn't got, a function stands in that fails with ENOSYS. */
void ka_next_find_all(void);

extern _Atomic(ka_function *) ka_next_found[KA_HOOK_COUNT];

/* A resolver that dlsym(3) has called may call a hook: what was found isn't final. */
extern bool ka_next_asking;

/* Before our constructor: finds all. */
ka_function *ka_next_early(enum ka_hook hook);

/* The next definition of `name`, with the type of the function itself. */
#define KA_NEXT(name) ((__typeof__(name) *)ka_next(KA_HOOK_##name))

/* The same where they have been found for certain; NULL where that isn't so. */
#define KA_NEXT_FOUND(name)                                                              \
    ((__typeof__(name) *)atomic_load_explicit(&ka_next_found[KA_HOOK_##name],            \
                                              memory_order_relaxed))

static inline ka_function *ka_next(enum ka_hook hook)
{
    ka_function *next = atomic_load_explicit(&ka_next_found[hook], memory_order_relaxed);

    return next ? next : ka_next_early(hook);
}

/*
 * loaded.c: what dlsym(RTLD_NEXT, name) finds, without dlsym. That takes the loader's lock,
 * which the child of a fork may inherit locked, writes and frees what the program's
 * dlerror() would have told, and costs five times as much. Call it only while the process
 * starts: the loader's list, which it reads, may change later.
 *
 * found[i]: the first definition of names[i], or NULL if there is none.
 * `*chosen` has the bit 1 << i where one in front of it is a resolver's choice (IFUNC),
 * which only dlsym can ask for. False: the list can't be found.
 */
enum { KA_MAX_NAMES = 32 };
typedef char ka_function_name[20];
bool ka_loaded_find(const ka_function_name *names, ka_function **found, unsigned count,
                    unsigned *chosen);

#endif
