/* SPDX-License-Identifier: MIT */
/*
 * The functions of the objects that the loader has put behind this one: what
 * dlsym(RTLD_NEXT, name) finds, without dlsym. That takes the loader's lock, which the
 * child of a fork may inherit locked, writes and frees what the program's dlerror() would
 * have told, and costs five times as much. Only to be called while the process starts: the
 * list that it reads may change later.
 *
 * Sources: elf(5), <link.h>, the gABI's "Dynamic Linking" and its hash tables;
 * do_lookup_x in glibc's elf/dl-lookup.c.
 */
#ifndef KA_LOADED_H
#define KA_LOADED_H

#include <stdbool.h>

typedef void ka_function(void);
typedef char ka_function_name[20];

/* found[i]: the first definition of names[i], or NULL if there is none; up to 32 of them.
 * `*chosen` has the bit 1 << i where one in front of it is a resolver's choice (IFUNC), which
 * only dlsym can ask for. False: the list can't be found. */
bool ka_loaded_find(const ka_function_name *names, ka_function **found, unsigned count,
                    unsigned *chosen);

#endif
