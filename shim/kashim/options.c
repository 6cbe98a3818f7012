/* SPDX-License-Identifier: MIT */
#include "options.h"

#include "kashim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const struct setting {
    const char *variable;
    int option;
    bool inside;       /* it acts inside the program */
    const char *value; /* of an option without an argument; NULL: it takes one */
    const char *help;
} all[SETTINGS] = {
    {"KA_IDLE", 'i', false, NULL,
     "-i, --idle TIME          KA_IDLE          before the first probe (120)"},
    {"KA_INTVL", 'n', false, NULL,
     "-n, --intvl TIME         KA_INTVL         between unanswered probes (30 or idle)"},
    {"KA_CNT", 'c', false, NULL,
     "-c, --cnt NUMBER         KA_CNT           unanswered probes until dropped (6)"},
    {"KA_USER_TIMEOUT", 'u', false, NULL,
     "-u, --user-timeout TIME  KA_USER_TIMEOUT  off, auto, or a time (off)"},
    {"KA_PORTS", 'p', false, NULL,
     "-p, --ports LIST         KA_PORTS         only these: 5432,8000-8100 (all)"},
    {"KA_CONNECT", OPTION_CONNECT, false, "1",
     "    --connect            KA_CONNECT=1     outgoing connections too"},
    {"KA_FORCE", OPTION_FORCE, false, "1",
     "    --force              KA_FORCE=1       the program can't undo it"},
    {"KA_CHILDREN", OPTION_NO_CHILDREN, true, "0",
     "    --no-children        KA_CHILDREN=0    not the programs it starts"},
    {"KA_LOG", OPTION_LOG, true, NULL,
     "    --log WHERE          KA_LOG           off or stderr (off)"},
};

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

static bool set(struct settings *settings, const char *what, const char *variable,
                size_t variable_len, const char *value)
{
    if (ka_config_set(&settings->config, variable, variable_len, value) != KA_REFUSED)
        return true;
    complain("%s: '%s' is not accepted (%s)", what, value,
             ka_config_accepts(variable, variable_len));
    return false;
}

void settings_begin(struct settings *settings)
{
    memset(settings, 0, sizeof *settings);
    ka_config_defaults(&settings->config);
}

bool settings_read(struct settings *settings)
{
    const struct settings options = *settings;
    bool good = true;

    for (char **e = environ; *e; e++) {
        char name[16];
        size_t len = strcspn(*e, "=");
        int setting;

        if (strncmp(*e, "KA_", 3) != 0 || !(*e)[len] || len >= sizeof name)
            continue;
        setting = setting_of(*e, len);
        if (setting >= 0 && options.value[setting])
            continue;
        snprintf(name, sizeof name, "%.*s", (int)len, *e);
        good &= set(settings, name, name, len, *e + len + 1);
        if (setting >= 0 && (*e)[len + 1])
            settings->value[setting] = *e + len + 1;
    }
    return good;
}

static const char *option_name(int option)
{
    static const struct option names[] = {SETTING_OPTIONS, {0}};
    const struct option *o = names;

    while (o->name && o->val != option)
        o++;
    return o->name;
}

enum setting_verdict settings_take(struct settings *settings, int option,
                                   const char *argument)
{
    for (int i = 0; i < SETTINGS; i++) {
        const char *value = all[i].value ? all[i].value : argument;
        char what[32];

        if (all[i].option != option)
            continue;
        snprintf(what, sizeof what, "--%s", option_name(option));
        if (!*value) { /* to the parser that is "unset", which no option can mean */
            complain("%s: '' is not accepted (%s)", what,
                     ka_config_accepts(all[i].variable, strlen(all[i].variable)));
            return SETTING_REFUSED;
        }
        if (!set(settings, what, all[i].variable, strlen(all[i].variable), value))
            return SETTING_REFUSED;
        settings->value[i] = value;
        return SETTING_TAKEN;
    }
    return SETTING_NONE;
}

/* A switch that the environment turns off is none. */
void settings_write(FILE *file, const struct settings *settings)
{
    for (int i = 0; i < SETTINGS; i++) {
        const char *value = settings->value[i];

        if (!value || all[i].inside)
            continue;
        if (!all[i].value)
            fprintf(file, "--%s %s ", option_name(all[i].option), value);
        else if (!strcmp(value, all[i].value))
            fprintf(file, "--%s ", option_name(all[i].option));
    }
}

void settings_read_back(struct settings *settings, char *text)
{
    char *word;

    while ((word = strsep(&text, " ")))
        for (int i = 0; i < SETTINGS; i++)
            if (!strncmp(word, "--", 2) &&
                !strcmp(word + 2, option_name(all[i].option))) {
                const char *value = all[i].value ? all[i].value : strsep(&text, " ");

                ka_config_set(&settings->config, all[i].variable, strlen(all[i].variable),
                              value ? value : "");
            }
}

bool settings_act_outside(const struct settings *settings)
{
    for (int i = 0; i < SETTINGS; i++)
        if (settings->value[i] && all[i].inside) {
            complain("--%s means nothing here: it acts inside the program",
                     option_name(all[i].option));
            return false;
        }
    return true;
}

void settings_export(const struct settings *settings)
{
    for (int i = 0; i < SETTINGS; i++)
        if (settings->value[i]) {
            unsetenv(all[i].variable); /* of several the last would count */
            setenv(all[i].variable, settings->value[i], 1);
        }
}

void settings_help(bool outside)
{
    for (int i = 0; i < SETTINGS; i++)
        if (!(outside && all[i].inside))
            printf("  %s\n", all[i].help);
    puts("\nA TIME is in seconds, or a number with s, m or h: 90, 90s, 2m.");
}
