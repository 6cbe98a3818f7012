/* SPDX-License-Identifier: MIT */
/* The subcommands of kashim(1). argv[0] is the subcommand's name; they return the exit
 * status. */
#ifndef KASHIM_H
#define KASHIM_H

#include "numbers.h"
#include "options.h"

int kashim_run(int argc, char **argv);
int kashim_check(int argc, char **argv);
int kashim_attach(int argc, char **argv);
int kashim_detach(int argc, char **argv);
int kashim_status(int argc, char **argv);
int kashim_enable(int argc, char **argv);
int kashim_disable(int argc, char **argv);

/* What attach and detach do, for enable and disable with --now. Print what fails and return
 * false. Detaching from a group uses the timers of `options` where the group's own can't be
 * had. */
bool attach_to_group(const char *path, const struct options *options);
bool attach_to_processes(const struct numbers *pids, const struct options *options);
bool detach_from_group(const char *path, const struct options *options);
bool detach_from_processes(const struct numbers *pids, const struct options *options);

#endif
