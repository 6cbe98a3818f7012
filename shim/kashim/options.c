/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "tcp_socket.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>

extern char **environ;

static const struct setting {
    const char *variable;
    int option;
    const char *value; /* of an option without an argument; NULL: it takes one */
    const char *help;
} all[SETTINGS] = {
    {"KA_IDLE", 'i', NULL,
     "-i, --idle TIME          KA_IDLE          before the first probe (120)"},
    {"KA_INTVL", 'n', NULL,
     "-n, --intvl TIME         KA_INTVL         between probes (30, or idle if less)"},
    {"KA_CNT", 'c', NULL,
     "-c, --cnt NUMBER         KA_CNT           unanswered probes until dropped (6)"},
    {"KA_USER_TIMEOUT", 'u', NULL,
     "-u, --user-timeout TIME  KA_USER_TIMEOUT  off, auto, or a time (off)"},
    {"KA_RTO_MAX", 'r', NULL,
     "-r, --rto-max TIME       KA_RTO_MAX       off, auto, or a time to 120 s (off)"},
    {"KA_PORTS", 'p', NULL,
     "-p, --ports LIST         KA_PORTS         only these: 5432,8000-8100 (all)"},
    {"KA_CONNECT", OPTION_CONNECT, "1",
     "    --connect            KA_CONNECT=1     outgoing connections too"},
    {"KA_FORCE", OPTION_FORCE, "1",
     "    --force              KA_FORCE=1       the program can't undo it"},
    {"KA_CHILDREN", OPTION_NO_CHILDREN, "0",
     "    --no-children        KA_CHILDREN=0    not the programs it starts"},
    {"KA_LOG", OPTION_LOG, NULL,
     "    --log WHERE          KA_LOG           off or stderr (off)"},
};

/* ---- by getopt --------------------------------------------------------------- */

static bool ends_with(const char *argument, char last)
{
    return *argument == '-' && argument[strlen(argument) - 1] == last;
}

/* Return what getopt_long has complained of: its letter, or the argument with a long
 * option. */
static const char *wrong_option(int option, int argc, char **argv)
{
    static char letter[] = "-?";

    if (option == ':') /* the last one, or it would have a value */
        return argv[argc - 1];
    if (optopt < 0 && !ends_with(argv[optind - 1], (char)optopt))
        return argv[optind]; /* a byte of a character, of which more are to come */
    letter[1] = (char)optopt;
    return optopt > 0 && optopt < 128 ? letter : argv[optind - 1];
}

int next_option(int argc, char **argv, const char *letters, const struct option *names)
{
    int option = getopt_long(argc, argv, letters, names, NULL);

    if (option != '?' && option != ':')
        return option;
    complain("%s: %s %s (kashim help %s lists the options)", argv[0],
             option == ':' ? "no value for" : "no such option, or no value taken:",
             wrong_option(option, argc, argv), argv[0]);
    return '?';
}

static const char *option_name(int option)
{
    static const struct option names[] = {SETTING_OPTIONS, {0}};
    const struct option *o = names;

    while (o->name && o->val != option)
        o++;
    return o->name;
}

/* ---- values ------------------------------------------------------------------ */

const char *setting_variable(int setting)
{
    return all[setting].variable;
}

int setting_of(const char *variable, size_t len)
{
    for (int i = 0; i < SETTINGS; i++)
        if (strlen(all[i].variable) == len && !strncmp(all[i].variable, variable, len))
            return i;
    return -1;
}

/* Set a variable; `what` the user gave, it or an option. Print what is wrong and return
 * false. "" means unset to the parser, which an option can't mean. */
static bool set(struct options *options, const char *what, const char *variable,
                const char *value)
{
    size_t len = strlen(variable);

    if ((*value || *what != '-') &&
        ka_config_set(&options->config, variable, len, value) != KA_REFUSED)
        return true;
    complain("%s: '%s' is not accepted (%s)", what, value,
             ka_config_accepts(variable, len));
    return false;
}

void options_begin(struct options *options)
{
    memset(options, 0, sizeof *options);
    ka_config_defaults(&options->config);
    options->config.retries = tcp_retries2();
}

bool options_read_environment(struct options *options)
{
    const struct options given = *options;
    bool good = true;

    for (char **e = environ; *e; e++) {
        char name[16];
        size_t len = strcspn(*e, "=");
        int setting;

        if (strncmp(*e, "KA_", 3) != 0 || !(*e)[len] || len >= sizeof name)
            continue;
        setting = setting_of(*e, len);
        if (setting >= 0 && given.value[setting])
            continue;
        snprintf(name, sizeof name, "%.*s", (int)len, *e);
        good &= set(options, name, name, *e + len + 1);
        if (setting >= 0 && (*e)[len + 1])
            options->value[setting] = *e + len + 1;
    }
    return good;
}

bool options_take(struct options *options, int option, const char *argument)
{
    for (int i = 0; i < SETTINGS; i++) {
        const char *value = all[i].value ? all[i].value : argument;
        char what[32];

        if (all[i].option != option)
            continue;
        snprintf(what, sizeof what, "--%s", option_name(option));
        options->value[i] = value;
        return set(options, what, all[i].variable, value);
    }
    return false;
}

bool options_are_within(const struct options *options, int count)
{
    for (int i = count; i < SETTINGS; i++)
        if (options->value[i]) {
            complain("--%s means nothing here: %s", option_name(all[i].option),
                     i < OUTSIDE_SETTINGS ? "nothing is put anywhere"
                                          : "it acts inside the program");
            return false;
        }
    return true;
}

void options_fit_kernel(struct options *options)
{
    if (!options->config.rto_max || ka_values_of_kernel().of[KA_RTO_MAX] >= 0)
        return;
    complain("KA_RTO_MAX has no effect on this kernel: " KA_RTO_MAX_SINCE);
    options->config.rto_max = KA_RTO_MAX_OFF;
}

bool options_are_off(const struct options *options, const char *subcommand)
{
    if (options->config.off)
        complain("%s: KA_OFF=1 is set, so nothing was done", subcommand);
    return options->config.off;
}

/* ---- handed on --------------------------------------------------------------- */

void options_export(const struct options *options)
{
    for (int i = 0; i < SETTINGS; i++)
        if (options->value[i]) {
            unsetenv(all[i].variable); /* of several the last would count */
            setenv(all[i].variable, options->value[i], 1);
        }
}

/* Leave out a switch that the environment turns off. */
void options_write(FILE *file, const struct options *options)
{
    for (int i = 0; i < OUTSIDE_SETTINGS; i++) {
        const char *value = options->value[i];

        if (value && !all[i].value)
            fprintf(file, "--%s %s ", option_name(all[i].option), value);
        else if (value && !strcmp(value, all[i].value))
            fprintf(file, "--%s ", option_name(all[i].option));
    }
}

void options_read_back(struct options *options, char *text)
{
    char *word;

    while ((word = strsep(&text, " ")))
        for (int i = 0; i < SETTINGS; i++)
            if (!strncmp(word, "--", 2) &&
                !strcmp(word + 2, option_name(all[i].option))) {
                const char *value = all[i].value ? all[i].value : strsep(&text, " ");

                ka_config_set(&options->config, all[i].variable, strlen(all[i].variable),
                              value ? value : "");
            }
}

void options_help(int count)
{
    for (int i = 0; i < count; i++)
        printf("  %s\n", all[i].help);
    puts("\nA TIME is in seconds, or a number with s, m or h: 90, 90s, 2m.");
}
