/* SPDX-License-Identifier: MIT */
/* What in a systemd service would keep a drop-in of ours from working. */
#ifndef KASHIM_OBSTACLES_H
#define KASHIM_OBSTACLES_H

#include "options.h"

#define LIBRARY KASHIM_LIBDIR "/libkashim.so"
#define FOLDER  "etc/systemd/system" /* its own: /UNIT.d */
#define DROP_IN "kashim.conf"

/* True: a drop-in would work. False: something stands against it, which is said. `*preload`
 * becomes what the unit sets for LD_PRELOAD without us; NULL: nothing. */
bool unit_admits(int root, const char *unit, const struct settings *settings,
                 char **preload);

#endif
