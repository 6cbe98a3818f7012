/* SPDX-License-Identifier: MIT */
/*
 * The next definition of each interposed function: libc's, or that of another preload
 * behind ours. A call of the program's always goes there, never to the kernel directly:
 * accept, connect and recvmsg are cancellation points, and others may interpose too.
 *
 * dlsym isn't safe wherever a hook may run (in a signal handler that interrupted a
 * dlopen, say). So listen, accept and accept4 are found at load, and all others when the
 * process meets its first listener; in a process that has none, at their first call. To
 * find them all at load would double what every process pays that only inherits the
 * preload.
 */
#ifndef KA_NEXT_H
#define KA_NEXT_H

#include <stdatomic.h>

enum ka_hook {
#define KA_HOOK(name) KA_HOOK_##name,
#include "hooks.def"
    KA_HOOK_COUNT,
    KA_HOOK_FIRST_OPTIONAL = KA_HOOK_fcntl64,
};

typedef void ka_function(void);

/* The next definition of `hook`; one that fails with ENOSYS if there is none. */
ka_function *ka_next_find(enum ka_hook hook);

/* All that every libc has. A lookup that fails would show in the program's dlerror(), and
 * by way of _dl_sym it would end the process. */
void ka_next_find_all(void);

extern _Atomic(ka_function *) ka_next_found[KA_HOOK_COUNT];

/* The same, with the type of the function itself, looked up if need be. */
#define KA_NEXT(name) ((__typeof__(name) *)ka_next(KA_HOOK_##name))

/* The same where it has been found for certain: once a listener was met. */
#define KA_NEXT_FOUND(name)                                                              \
    ((__typeof__(name) *)atomic_load_explicit(&ka_next_found[KA_HOOK_##name],            \
                                              memory_order_relaxed))

static inline ka_function *ka_next(enum ka_hook hook)
{
    ka_function *next = atomic_load_explicit(&ka_next_found[hook], memory_order_relaxed);

    return next ? next : ka_next_find(hook);
}

#endif
