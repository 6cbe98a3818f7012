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

/* Return the long option to which getopt_long(3) comes next, or NULL. */
static const char *next_long(int argc, char **argv, bool in_order)
{
    int i = optind;

    while (!in_order && i < argc && (argv[i][0] != '-' || !argv[i][1]))
        i++;
    return i < argc && !strncmp(argv[i], "--", 2) && argv[i][2] ? argv[i] : NULL;
}

static void complain_no_option(const char *subcommand, const char *word, const char *hint)
{
    complain("%s: no such option: %s%s (kashim help %s lists them)", subcommand,
             quoted(word), hint, subcommand);
}

/* Tell whether a long option is among the names. An abbreviation isn't: getopt_long(3)
 * would take it, until another option begins like that. Print what is wrong and return
 * false. */
static bool check_long(const char *subcommand, const char *word,
                       const struct option *names)
{
    char *name = append(NULL, word), *value = strchr(name, '=');
    struct guess guess = {.word = name + 2};
    const struct option *o = names;
    bool good;

    if (value)
        *value = '\0';
    while (o->name && strcmp(o->name, name + 2) != 0)
        guess_compare(&guess, o++->name);
    good = o->name && (!value || o->has_arg);
    if (!o->name)
        complain_no_option(subcommand, name, guess_text(&guess, "--"));
    else if (!good)
        complain("%s: %s takes no value", subcommand, name);
    free(name);
    return good;
}

/* Return the letter that getopt_long(3) doesn't know, or the word with that character. */
static const char *wrong_letter(char **argv)
{
    static char letter[] = "-?";
    const char *word = argv[optind - 1];

    letter[1] = (char)optopt;
    if (optopt > 0 && optopt < 128)
        return letter;
    /* a byte of a character: more of it may be to come */
    return *word == '-' && word[strlen(word) - 1] == (char)optopt ? word : argv[optind];
}

int next_option(int argc, char **argv, const char *letters, const struct option *names)
{
    const char *word = next_long(argc, argv, *letters == '+');
    int option;

    if (word && !check_long(argv[0], word, names))
        return '?';
    option = getopt_long(argc, argv, letters, names, NULL);
    if (option == ':') /* the last one, or it would have a value */
        complain("%s: %s needs a value", argv[0], argv[argc - 1]);
    else if (option == '?')
        complain_no_option(argv[0], wrong_letter(argv), "");
    return option == ':' ? '?' : option;
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
    complain("%s: %s is not accepted (%s)", what, quoted(value),
             ka_config_accepts(variable, len));
    return false;
}

void options_begin(struct options *options)
{
    memset(options, 0, sizeof *options);
    ka_config_defaults(&options->config);
    options->config.retries = tcp_retries2();
}

enum { PREFIX = sizeof "KA_" - 1 };

/* A variable that is like none of kashim's is somebody else's. */
static void mention_misspelt(const char *name)
{
    struct guess guess = {.word = name + PREFIX};

    for (int i = 0; i < SETTINGS; i++)
        guess_compare(&guess, all[i].variable + PREFIX);
    guess_compare(&guess, "OFF");
    if (*guess.name)
        complain("%s is no setting%s", name, guess_text(&guess, "KA_"));
}

static bool set_by_environment(struct options *options, const char *name,
                               const char *value)
{
    int setting = setting_of(name, strlen(name));

    if (!ka_config_accepts(name, strlen(name)))
        mention_misspelt(name);
    else if (setting < 0 || !options->typed[setting]) {
        if (setting >= 0 && *value)
            options->value[setting] = value;
        return set(options, name, name, value);
    }
    return true;
}

bool options_read_environment(struct options *options)
{
    bool good = true;

    for (char **e = environ; *e; e++) {
        const char *value = strchr(*e, '=');
        char *name;

        if (strncmp(*e, "KA_", PREFIX) != 0 || !value)
            continue;
        name = strndup(*e, (size_t)(value - *e));
        good &= !name || set_by_environment(options, name, value + 1);
        free(name);
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
        options->typed[i] = true;
        return set(options, what, all[i].variable, value);
    }
    return false;
}

bool options_are_within(const struct options *options, int count)
{
    for (int i = count; i < SETTINGS; i++)
        if (options->value[i]) {
            complain("--%s is %s", option_name(all[i].option),
                     i < OUTSIDE_SETTINGS ? "not for detach"
                                          : "for the library alone: kashim run without "
                                            "--cgroup, kashim enable --preload");
            return false;
        }
    return true;
}

bool options_have(const struct options *options, const char *variable)
{
    return options->value[setting_of(variable, strlen(variable))];
}

const char *options_given(const struct options *options, int setting)
{
    static char text[32];

    if (!options->typed[setting])
        return all[setting].variable;
    snprintf(text, sizeof text, "--%s", option_name(all[setting].option));
    return text;
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
