/* SPDX-License-Identifier: MIT */
/* A program that somebody wants served: where it is, and whether the library reaches it. */
#ifndef KASHIM_PROGRAM_H
#define KASHIM_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/* Where `make install` puts the command and the library. (installed.c) */
extern const char installed_command[], installed_library[];

struct program {
    char path[PATH_MAX];
    bool script;        /* its interpreter is what would be served */
    char why_not[1024]; /* in one line; "": the library can serve it */
    char instead[512];  /* what can help; "": nothing */
};

/* Find the program as execvp(3) does. Return 0, or the exit status of env(1),
 * EXIT_NOT_FOUND or EXIT_NOT_EXEC, with `why_not` filled. */
int program_find(const char *name, struct program *program);

/* Judge whether the library, a file that library_find() has found, can be loaded into the
 * program, or with `children` into what a script starts: fill `script`, `why_not`,
 * `instead`. With the arguments of a dynamic loader, judge what it loads. */
void program_judge(struct program *program, char **arguments, const char *library,
                   bool children);

/* Return why a program's servers don't get the environment that it gets, or NULL. */
const char *program_drops_environment(const char *path);

/* Find the library beside the command, or where it is installed. Return false, with `path`
 * the latter, if it is at neither. */
bool library_find(char path[PATH_MAX]);
#define LIBRARY_MISSING "the library is missing: %s (%s puts it there)"

/* Return the command that installs to where this build looks, but for DESTDIR. */
const char *make_install(void);

/* Tell whether a path can be an entry of LD_PRELOAD, which has blanks or colons between its
 * entries (ld.so(8)). */
bool preload_takes(const char *path);

/* Return `list`, which may be NULL, with the library in it once; free it. */
char *preload_with(const char *list, const char *library);

#endif
