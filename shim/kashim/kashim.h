/* SPDX-License-Identifier: MIT */
/* What the subcommands of kashim(1) share. */
#ifndef KASHIM_H
#define KASHIM_H

#include <getopt.h>

/* As env(1) and timeout(1) have it, so that a failure of ours isn't taken for the
 * program's. */
enum {
    EXIT_UNDONE = 1,      /* something couldn't be done */
    EXIT_USAGE = 2,       /* wrong arguments, but of `run` */
    EXIT_RUN = 125,       /* `run` itself failed or refused */
    EXIT_NOT_EXEC = 126,  /* found and can't be executed */
    EXIT_NOT_FOUND = 127, /* no such program */
};

/* The subcommands. argv[0] is the subcommand's name. */
int kashim_run(int argc, char **argv);
int kashim_check(int argc, char **argv);
int kashim_attach(int argc, char **argv);
int kashim_detach(int argc, char **argv);
int kashim_status(int argc, char **argv);
int kashim_enable(int argc, char **argv);
int kashim_disable(int argc, char **argv);

/* Where `make install` puts them. */
#define COMMAND KASHIM_BINDIR "/kashim"
#define LIBRARY KASHIM_LIBDIR "/libkashim.so"

/* One line to stderr, "kashim: " in front and a newline behind, printable as below. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same to stdout, without "kashim: ". */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What isn't a printable character of the locale becomes '?', a byte each, since a terminal
 * could obey it: names of files and processes are anybody's. Returns `text`. */
char *printable(char *text);

/* What stands behind the last slash. */
const char *base_name(const char *path);

/* The next option as getopt_long(3) has it; '?' for a wrong one, which has been said. */
int next_option(int argc, char **argv, const char *letters, const struct option *options);

#endif
