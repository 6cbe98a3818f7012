/* SPDX-License-Identifier: MIT */
/* Which files make up a systemd service, below a root directory (systemd.unit(5)). */
#ifndef KASHIM_UNIT_H
#define KASHIM_UNIT_H

#include "unit_file.h"

/* The name with ".service" behind it where it has no suffix. False: that can't be a
 * service's name, which is said. */
bool unit_name(const char *argument, char name[256]);

/* False: there is none of that name, which is said. */
bool unit_exists(int root, const char *name);

/* Calls `setting` for each setting in the section [Service]: of the unit's own file, then
 * of its drop-ins in the order in which they count, but for the one at the path `ours`.
 * Stops and returns false when `setting` does, or, which is said, when the unit can't be
 * read or has another drop-in of the name of `ours`. Paths are in the root, without a slash
 * in front. */
bool unit_read(int root, const char *name, const char *ours, unit_setting *setting,
               void *context);

#endif
