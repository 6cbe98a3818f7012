/* SPDX-License-Identifier: MIT */
/* The syntax of systemd's unit files (systemd.syntax(7)). */
#ifndef KASHIM_UNIT_FILE_H
#define KASHIM_UNIT_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Is told of a setting: of which file, and with continuation lines joined. */
typedef bool unit_setting(void *context, const char *file, const char *key,
                          const char *value);

/* Calls it for each setting in the section [Service], until it returns false; then that is
 * returned as well. Where it ends without feof(3) the file can't be read to its end. */
bool unit_file_read(FILE *file, const char *path, unit_setting *setting, void *context);

/* The next word of a setting, quotes and escapes resolved; NULL at the end. To be freed. */
char *unit_word(const char **value);

/* Writes the word so that it is read back. */
void unit_write_word(FILE *file, const char *word);

#endif
