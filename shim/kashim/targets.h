/* SPDX-License-Identifier: MIT */
/* What the arguments of attach, detach and status name: processes and control groups. */
#ifndef KASHIM_TARGETS_H
#define KASHIM_TARGETS_H

#include "numbers.h"
#include "options.h"

struct targets {
    struct numbers pids;
    char **groups; /* their paths, each once */
    size_t group_count;
};

void targets_free(struct targets *targets);

/* Add the processes that listen on `port` in our network namespace, if it isn't 0, and what
 * `arguments` name. Print what isn't found and return false. */
bool targets_find(int port, char **arguments, struct targets *targets);

/* The parts of targets_find(). targets_visible() tells whether /proc shows this process. */
bool targets_visible(void);
bool targets_by_port(int port, struct numbers *pids);
bool targets_add(char **arguments, struct targets *targets);

/* Return the path of the control group that a unit's or its own name means; free it. Print
 * why there is none, and what could be meant instead, and return NULL. (names.c) */
char *group_by_name(const char *name);

/* Tell whether a group is that of a socket unit, whose sockets are in process 1: nobody is
 * in there. Print what helps. (names.c) */
bool group_is_of_socket(const char *path);

/* Add what the processes have started, and print how many these are, which weren't looked
 * at. */
void mention_children(struct numbers *pids);

/* Read the port of --port, 1 to 65535, into `port`, which was 0. Print why not and return
 * false. */
bool targets_read_port(const char *argument, int *port);

/* ---- the arguments of attach and detach -------------------------------------- */

struct arguments {
    struct options options;
    struct targets targets;
    int port; /* 0: none */
    bool listeners_only, children;
};

enum { OPTION_CHILDREN = OPTION_OWN, OPTION_PORT, OPTION_LISTENERS_ONLY };
#define TARGET_OPTIONS                                                                   \
    {"children", no_argument, NULL, OPTION_CHILDREN},                                    \
        {"port", required_argument, NULL, OPTION_PORT},                                  \
    {                                                                                    \
        "help", no_argument, NULL, 'h'                                                   \
    }

/* Read all but the targets, which begin at argv[optind]; `names` are the long options, of
 * the settings the first `settings` are taken. Return the exit status if there is nothing
 * more to do, or -1. */
int arguments_read(int argc, char **argv, const struct option *names, int settings,
                   int (*help)(void), struct arguments *arguments);

/* Lines of --help: what a TARGET is, and TARGET_OPTIONS. */
#define TARGETS_HELP                                                                     \
    "A TARGET is a process number, the name of a systemd unit or of another control\n"   \
    "group (nginx, docker-1f.scope), a group's path, or self: the group of kashim.\n"
#define TARGET_OPTIONS_HELP                                                              \
    "      --children                            the processes below them too\n"         \
    "      --port PORT                           those that listen or accepted there"

#endif
