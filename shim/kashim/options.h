/* SPDX-License-Identifier: MIT */
/*
 * The settings of the library as options of the command: what the environment sets counts,
 * an option overrides it, and both go through the library's own parser. A value that isn't
 * accepted is refused, with one line.
 */
#ifndef KASHIM_OPTIONS_H
#define KASHIM_OPTIONS_H

#include "../config.h"

#include <getopt.h>
#include <stdio.h>

/* For getopt_long: the letters, the long options, and what the latter return that have no
 * letter. A subcommand's own begin at OPTION_OWN. */
#define SETTING_LETTERS "i:n:c:u:p:"
enum { OPTION_CONNECT = 256, OPTION_FORCE, OPTION_NO_CHILDREN, OPTION_LOG, OPTION_OWN };
#define SETTING_OPTIONS                                                                  \
    {"idle", required_argument, NULL, 'i'}, {"intvl", required_argument, NULL, 'n'},     \
        {"cnt", required_argument, NULL, 'c'},                                           \
        {"user-timeout", required_argument, NULL, 'u'},                                  \
        {"ports", required_argument, NULL, 'p'},                                         \
        {"connect", no_argument, NULL, OPTION_CONNECT},                                  \
        {"force", no_argument, NULL, OPTION_FORCE},                                      \
        {"no-children", no_argument, NULL, OPTION_NO_CHILDREN},                          \
    {                                                                                    \
        "log", required_argument, NULL, OPTION_LOG                                       \
    }

enum {
    TIMER_SETTINGS = 4, /* the first: KA_IDLE, KA_INTVL, KA_CNT, KA_USER_TIMEOUT */
    SETTINGS = 9,       /* the variables that have an option: all but KA_OFF */
};

struct settings {
    struct ka_config config;
    const char *value[SETTINGS]; /* what was set; NULL: nothing */
};

/* The defaults; before all others. */
void settings_begin(struct settings *settings);

enum setting_verdict { SETTING_TAKEN, SETTING_REFUSED, SETTING_NONE };

/* An option as getopt_long returned it, with its argument. SETTING_NONE: it is no
 * setting's. */
enum setting_verdict settings_take(struct settings *settings, int option,
                                   const char *argument);

/* Takes what settings_write has written, which is cut up; what is none of these words is passed
 * over. */
void settings_read_back(struct settings *settings, char *text);

/* False: an option was given that acts inside the program, which is said. Ask it before
 * settings_read: what the environment has for others is passed over. */
bool settings_act_outside(const struct settings *settings);

/* What the environment says, and no option has; after these. False: a value is refused,
 * which is said. */
bool settings_read(struct settings *settings);

/* The variable that stands for it: "KA_IDLE" ... for 0 to SETTINGS - 1. */
const char *setting_variable(int setting);

/* Which of them has the variable named by these `len` characters; -1: none. */
int setting_of(const char *variable, size_t len);

/* Puts what was set into the environment. */
void settings_export(const struct settings *settings);

/* Writes what was set as options, "--idle 61 ", a blank behind each; without what acts inside
 * the program. */
void settings_write(FILE *file, const struct settings *settings);

/* The lines of --help that tell the options, the variables and the defaults. */
void settings_help(bool outside);

#endif
