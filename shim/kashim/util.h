/* SPDX-License-Identifier: MIT */
/* What every file of the command uses: exit statuses, messages, memory. */
#ifndef KASHIM_UTIL_H
#define KASHIM_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The numbers of env(1) and timeout(1): a failure of kashim run isn't taken for the
 * program's. */
enum {
    EXIT_UNDONE = 1,      /* something couldn't be done */
    EXIT_USAGE = 2,       /* wrong arguments; of `run` it is EXIT_RUN */
    EXIT_RUN = 125,       /* `run` can't or won't start the program */
    EXIT_NOT_EXEC = 126,  /* the program was found and can't be executed */
    EXIT_NOT_FOUND = 127, /* no such program */
};

/* Print one line to stderr: "kashim: ", the text made printable, a newline. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on keep what complain() is told instead of printing it, and return the last of
 * it; "": nothing yet. */
const char *complaints_kept(void);

/* Print one line to stdout: the text made printable, a newline. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print text whose parts have "; " between them, in lines of 80 columns where the parts
 * allow it: the further lines begin with two blanks. Free `text`. */
void say_parts(char *text);

/* Replace each byte that isn't part of a printable character of the locale by '?': a
 * terminal could obey it, and anybody chooses the names of files and processes. Return
 * `text`. */
char *printable(char *text);

/* Return a word of the user's in quotes, cut if it is long; good until the next call. */
const char *quoted(const char *word);

/* Return what stands behind the last slash. */
const char *base_name(const char *path);

/* Tell whether a name of `len` bytes ends in the suffix and has more. */
bool ends_with(const char *name, size_t len, const char *suffix);

/* The name that a misspelt word is most like, of those that were compared. */
struct guess {
    const char *word; /* set it, and leave the rest 0 */
    char name[128];
    size_t distance;
};

/* A word without a suffix, ".service" say, is compared with names without theirs. */
void guess_compare(struct guess *guess, const char *name);

/* Return "; PREFIXNAME?", or "" if none is near; good until the next call. */
const char *guess_text(const struct guess *guess, const char *prefix);

/* The first three of several, in words. All 0: none. */
struct few {
    char *text;
    size_t count;
};

void few_add(struct few *few, const char *item);

/* Return "A, B, C and 4 more", after the last one was added; free few.text. */
const char *few_text(struct few *few);

/* Without memory these four end the command: a line to stderr, and EXIT_UNDONE. */

/* Return an array filled with 0; free it. */
void *allocate(size_t count, size_t size);

/* Return `array` with room for more than `count` elements of `size` bytes each. Call it
 * before each addition: the room doubles whenever `count` is a power of two. */
void *with_room(void *array, size_t count, size_t size);

/* Return `text`, which may be NULL, with `more` behind it; free it. */
char *append(char *text, const char *more);

/* open_memstream(3) */
FILE *open_memory(char **text, size_t *size);

#endif
