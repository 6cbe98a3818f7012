/* SPDX-License-Identifier: MIT */
/*
 * The one file that kashim enable writes for a unit, /etc/systemd/system/UNIT.d/kashim.conf,
 * of this system or of one that lies below a folder.
 */
#ifndef KASHIM_DROP_IN_H
#define KASHIM_DROP_IN_H

#include "options.h"

#define UNITS_FOLDER "etc/systemd/system"
#define DROP_IN      "kashim.conf"

/* How a unit gets keepalive. */
enum way {
    WAY_GROUP,   /* ExecStartPre= puts the kernel's programs on its control group */
    WAY_PRELOAD, /* Environment= has the library in LD_PRELOAD */
    WAY_SOCKET,  /* systemd's own settings of a socket unit */
};

/* Where the file lies. */
struct drop_in {
    const char *root; /* as shown: "" for this system */
    int root_fd;
    const char *unit;
};

/* What is there. */
enum owner {
    NOBODY,
    US,
    ANOTHER, /* somebody has written or changed it, which is said */
};

/* With what is set, if it is ours: "--idle 61 --intvl 11", to be freed. */
enum owner drop_in_read(const struct drop_in *drop_in, enum way *way, char **settings);

/* Writes it, whole or not at all. `preload`: the list with the library, for WAY_PRELOAD. False:
 * why not is said. */
bool drop_in_write(const struct drop_in *drop_in, enum way way,
                   const struct settings *settings, const char *preload);

/* Removes it, and the folder if nothing else is in it. False: why not is said. */
bool drop_in_remove(const struct drop_in *drop_in);

/* Calls `each` for every unit that has one of ours. False: the folder can't be read, which is
 * said. */
bool drop_in_list(const char *root, int root_fd,
                  void (*each)(const char *unit, enum way way, const char *settings));

#endif
