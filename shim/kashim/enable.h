/* SPDX-License-Identifier: MIT */
/* What enable and disable share: their arguments, and what --now does. */
#ifndef KASHIM_ENABLE_H
#define KASHIM_ENABLE_H

#include "drop_in.h"
#include "systemd.h"

struct request {
    struct options options;
    bool now, preload;
    const char *root; /* NULL: this system */
    char unit[UNIT_NAME_SIZE];
    struct drop_in drop_in; /* of that unit */
};

enum { OPTION_NOW = OPTION_OWN, OPTION_ROOT, OPTION_PRELOAD };

/* Read the arguments. Return the exit status if there is nothing more to do, or -1. */
int request_read(struct request *request, int argc, char **argv, const char *letters,
                 const struct option *names, int (*help)(void));

/* Open the root and call `action`. Return the exit status. */
int request_run(struct request *request, bool (*action)(struct request *request));

/* Find the unit and change its name to the real one; `units` is what systemd says of it:
 * nothing of a template, nor of another system's. Free it in any case. Print why there is
 * none and return false. */
bool find_unit(struct request *request, struct units *units);

/* ---- now.c ------------------------------------------------------------------- */

/* Let a drop-in that was written or removed take effect: with --now at once, otherwise say
 * when it will. Print what fails and return false. */
bool take_effect(const struct request *request, enum way way, bool on);

#endif
