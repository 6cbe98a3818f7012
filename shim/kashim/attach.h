/* SPDX-License-Identifier: MIT */
/* What attach and detach do, for enable and disable with --now. False: something wasn't done,
 * which is said. */
#ifndef KASHIM_ATTACH_H
#define KASHIM_ATTACH_H

#include "options.h"
#include "pids.h"

bool attach_to_group(const char *path, const struct settings *settings);
bool attach_to_processes(const struct numbers *pids, const struct settings *settings);

/* With the timers of `settings` where the group's own can't be had. */
bool detach_from_group(const char *path, const struct settings *settings);
bool detach_from_processes(const struct numbers *pids, const struct settings *settings);

#endif
