/* SPDX-License-Identifier: MIT */
/* A file of variables, as systemd reads it (EnvironmentFile= in systemd.exec(5)). */
#ifndef KASHIM_ENV_FILE_H
#define KASHIM_ENV_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Calls `variable` for each assignment, until it returns false; then that is returned as
 * well. Where it ends without feof(3) the file can't be read to its end. */
typedef bool env_variable(void *context, const char *name, const char *value);
bool env_file_read(FILE *file, env_variable *variable, void *context);

#endif
