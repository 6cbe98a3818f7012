/* SPDX-License-Identifier: MIT */
/* The process behind `kashim run --supervise` that answers the filter's notices. */
#ifndef KASHIM_SUPERVISOR_H
#define KASHIM_SUPERVISOR_H

#include "../config.h"

/*
 * Takes the descriptor of the notices from the socket `launcher` (SCM_RIGHTS), and answers
 * them until the last process under the filter has ended. While the other end of `launcher`
 * is open, the launcher is trying out the path: calls are answered with ECANCELED where the
 * options could be set, or else with the error, and don't take place. Never returns.
 *
 * `argv` is the command's own: it is written over, since who looks for the program by its
 * command line (pkill -f) doesn't mean this process.
 */
_Noreturn void supervisor(int launcher, const struct ka_config *config, char **argv);

#endif
