/* SPDX-License-Identifier: MIT */
/*
 * The options of a subcommand. Those of the settings KA_* stand here: each overrides its
 * variable, and the library's own parser reads both.
 */
#ifndef KASHIM_OPTIONS_H
#define KASHIM_OPTIONS_H

#include "../config.h"

#include <getopt.h>
#include <stdio.h>

/* For getopt_long(3): the letters and names of the settings' options, and what the names
 * return that have no letter. A subcommand's own begin at OPTION_OWN. */
#define SETTING_LETTERS "i:n:c:u:r:p:"
enum { OPTION_CONNECT = 256, OPTION_FORCE, OPTION_NO_CHILDREN, OPTION_LOG, OPTION_OWN };
#define SETTING_OPTIONS                                                                  \
    {"idle", required_argument, NULL, 'i'}, {"intvl", required_argument, NULL, 'n'},     \
        {"cnt", required_argument, NULL, 'c'},                                           \
        {"user-timeout", required_argument, NULL, 'u'},                                  \
        {"rto-max", required_argument, NULL, 'r'},                                       \
        {"ports", required_argument, NULL, 'p'},                                         \
        {"connect", no_argument, NULL, OPTION_CONNECT},                                  \
        {"force", no_argument, NULL, OPTION_FORCE},                                      \
        {"no-children", no_argument, NULL, OPTION_NO_CHILDREN},                          \
    {                                                                                    \
        "log", required_argument, NULL, OPTION_LOG                                       \
    }

/* The settings that have an option, in this order: how many of the first ones are what. */
enum {
    SOCKET_SETTINGS =
        3,              /* a socket unit of systemd has them: KA_IDLE, KA_INTVL, KA_CNT */
    TIMER_SETTINGS = 5, /* and KA_USER_TIMEOUT, KA_RTO_MAX */
    DETACH_SETTINGS = 7,  /* tell sockets apart: and KA_PORTS, KA_CONNECT */
    OUTSIDE_SETTINGS = 8, /* act outside the program: and KA_FORCE */
    SETTINGS = 10,        /* all but KA_OFF: and KA_CHILDREN, KA_LOG */
};

struct options {
    struct ka_config config;
    const char *value[SETTINGS]; /* as it was given; NULL: by default */
    bool typed[SETTINGS];        /* given by an option, not by the environment */
};

/* getopt_long(3) for `letters` and `names`. Print what is wrong and return '?'. */
int next_option(int argc, char **argv, const char *letters, const struct option *names);

/* Set the defaults. net.ipv4.tcp_retries2 is that of this network namespace. */
void options_begin(struct options *options);

/* Take what next_option() has returned. Return false for '?', or print that the value isn't
 * accepted and return false. */
bool options_take(struct options *options, int option, const char *argument);

/* Tell whether only the first `count` settings were given. Print which other one was and
 * return false. Call it before options_read_environment(): those of the environment are
 * passed over. */
bool options_are_within(const struct options *options, int count);

/* Tell whether a setting was given, by an option or by the environment. */
bool options_have(const struct options *options, const char *variable);

/* Return how a setting was given, "--idle" or "KA_IDLE"; good until the next call. */
const char *options_given(const struct options *options, int setting);

/* Take from the environment what no option has set. Print each value that isn't accepted
 * and return false. Print which variables look like misspelt ones. */
bool options_read_environment(struct options *options);

/* Leave out of `config` what the kernel doesn't have, and print that. */
void options_fit_kernel(struct options *options);

/* Print that KA_OFF=1 is set, if it is, and return whether. */
bool options_are_off(const struct options *options, const char *subcommand);

/* Put what was given into the environment. */
void options_export(const struct options *options);

/* Write what was given as options, "--idle 61 ", a blank behind each, without what acts
 * inside the program. */
void options_write(FILE *file, const struct options *options);

/* Take what options_write() has written, and pass over other words. Cuts `text` up. */
void options_read_back(struct options *options, char *text);

/* Return the variable of a setting, "KA_IDLE" ..., and the setting of a variable, by its
 * name of `len` characters; -1: none. */
const char *setting_variable(int setting);
int setting_of(const char *variable, size_t len);

/* Print the lines of --help for the first `count` settings. */
void options_help(int count);

#endif
