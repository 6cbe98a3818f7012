/* SPDX-License-Identifier: MIT */
/* A program that somebody wants served: where it is, and whether a preload reaches it. */
#ifndef KASHIM_PROGRAM_H
#define KASHIM_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

struct program {
    char path[PATH_MAX];
    bool script;         /* its interpreter is what would be served */
    char why_not[1024];  /* in one line; empty: it can be served */
    const char *instead; /* what can help, NULL if nothing does */
};

/* Finds it as execvp(3) does. 0, or the exit status of env(1): EXIT_NOT_FOUND, EXIT_NOT_EXEC;
 * then `why_not` says why. */
int program_find(const char *name, struct program *program);

/* Whether the library, a file that was found, can be loaded into it, or with `children`
 * into what it starts: fills `script` and `why_not`. */
void program_judge(struct program *program, const char *library, bool children);

/* Where the library is: beside the command, or where `make install` has put it. False: it
 * is at neither, and not at `path`. */
bool library_find(char path[PATH_MAX]);
#define LIBRARY_MISSING "the library is missing: %s (make install puts it there)"

#endif
