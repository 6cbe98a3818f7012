/* SPDX-License-Identifier: MIT */
/*
 * The one file that kashim enable writes for a unit,
 * /etc/systemd/system/UNIT.d/kashim.conf, of this system or of one that lies below a
 * folder.
 */
#ifndef KASHIM_DROP_IN_H
#define KASHIM_DROP_IN_H

#include "options.h"

#define UNITS_FOLDER "etc/systemd/system"
#define DROP_IN      "kashim.conf"
#define DROP_IN_PATH "%s/" UNITS_FOLDER "/%s.d/" DROP_IN /* for printf: root, unit */

/* How a unit gets keepalive. */
enum way {
    WAY_GROUP,   /* ExecStartPre= puts kashim's programs on its control group */
    WAY_PRELOAD, /* Environment= has the library in LD_PRELOAD */
    WAY_SOCKET,  /* systemd's own settings of a socket unit */
};

/* Where the file lies. */
struct drop_in {
    const char *root; /* as the user named it; "": this system */
    int root_fd;
    const char *unit;
};

/* Who wrote what is there. */
enum owner {
    NOBODY, /* nothing is there */
    US,
    ANOTHER, /* somebody else has written or changed it */
};

/* Read the file. If it is kashim's, fill `way`, and `text` with the settings, "--idle 61
 * --intvl 11"; if it is another's, `text` with why it counts as such. Free `text` in any
 * case. */
enum owner drop_in_read(const struct drop_in *drop_in, enum way *way, char **text);

/* Print that the file of another is left as it is, and why. */
void drop_in_complain(const struct drop_in *drop_in, const char *why);

/* Write it, whole or not at all; WAY_PRELOAD needs `preload`, the list with the library.
 * Print why not and return false. */
bool drop_in_write(const struct drop_in *drop_in, enum way way,
                   const struct options *options, const char *preload);

/* Remove it, and its folder if nothing else is in it. Print why not and return false. */
bool drop_in_remove(const struct drop_in *drop_in);

/* Call `each` for every unit of the root that has such a file: `missing` is the command or
 * the library that it names, if that isn't there, or NULL. Return how many there are, or
 * print why the folder can't be read and return -1. */
int drop_in_list(const struct drop_in *root,
                 void (*each)(const char *unit, enum owner owner, enum way way,
                              const char *text, const char *missing));

/* Open a file as if `root`, a descriptor, were /, whatever links lie on the way. Return a
 * descriptor, or -1 and set errno: ENOSYS or EPERM where the kernel can't (openat2(2)). */
int open_in_root(int root, const char *path, int flags);

#endif
