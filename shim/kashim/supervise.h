/* SPDX-License-Identifier: MIT */
/* kashim run --supervise: a seccomp filter and a supervisor in place of the library. */
#ifndef KASHIM_SUPERVISE_H
#define KASHIM_SUPERVISE_H

#include "options.h"

/* Puts this process under supervision, and tries that out; `argv` is that of the command.
 * EXIT_SUCCESS: it may become the program; or EXIT_RUN, and why has been said. */
int supervise(const struct settings *settings, char **argv);

#endif
