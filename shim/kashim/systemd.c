/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* memfd_create, O_PATH */
#include "systemd.h"

#include "drop_in.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *const names[UNIT_PROPERTIES] = {
    [UNIT_ID] = "Id",
    [UNIT_LOAD_STATE] = "LoadState",
    [UNIT_ACTIVE_STATE] = "ActiveState",
    [UNIT_TYPE] = "Type",
    [UNIT_EXEC_START] = "ExecStart",
    [UNIT_CONSISTS_OF] = "ConsistsOf",
    [UNIT_TRIGGERS] = "Triggers",
    [UNIT_TRIGGERED_BY] = "TriggeredBy",
    [UNIT_LISTEN] = "Listen",
    [UNIT_ENVIRONMENT] = "Environment",
    [UNIT_CONTROL_GROUP] = "ControlGroup",
    [UNIT_ROOT_DIRECTORY] = "RootDirectory",
    [UNIT_ROOT_IMAGE] = "RootImage",
};

/* ---- names ------------------------------------------------------------------- */

bool unit_is_service(const char *unit)
{
    return ends_with(unit, strlen(unit), ".service");
}

bool unit_is_socket(const char *unit)
{
    return ends_with(unit, strlen(unit), ".socket");
}

bool unit_is_template(const char *unit)
{
    const char *at = strchr(unit, '@');

    return at && at[1] == '.';
}

bool unit_template(const char *unit, char template[UNIT_NAME_SIZE])
{
    const char *at = strchr(unit, '@');

    if (at)
        snprintf(template, UNIT_NAME_SIZE, "%.*s%s", (int)(at - unit + 1), unit,
                 strrchr(unit, '.'));
    return at != NULL;
}

bool unit_name(const char *argument, char name[UNIT_NAME_SIZE])
{
    static const char *const others[] = {".target", ".timer", ".mount",
                                         ".path",   ".slice", ".scope",
                                         ".device", ".swap",  ".automount"};
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          ":-_.\\@";
    bool suffixed = unit_is_service(argument) || unit_is_socket(argument);

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ends_with(argument, strlen(argument), others[i])) {
            complain("%s is neither a service nor a socket unit", quoted(argument));
            return false;
        }
    if (*argument && *argument != '.' && !argument[strspn(argument, allowed)] &&
        snprintf(name, UNIT_NAME_SIZE, "%s%s", argument, suffixed ? "" : ".service") <
            UNIT_NAME_SIZE)
        return true;
    complain("%s is no name of a unit", quoted(argument));
    return false;
}

/* ---- their files ------------------------------------------------------------- */

/* A generator makes a unit of each file in /etc/init.d, with its name. */
static bool has_file(int root, const char *unit)
{
    static const char *const folders[] = {UNITS_FOLDER, "usr/local/lib/systemd/system",
                                          "usr/lib/systemd/system", "lib/systemd/system"};
    char path[PATH_MAX];
    int fd = -1;

    for (size_t i = 0; i < sizeof folders / sizeof *folders && fd < 0; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], unit);
        fd = open_in_root(root, path, O_PATH);
    }
    if (fd < 0 && unit_is_service(unit)) {
        snprintf(path, sizeof path, "etc/init.d/%.*s",
                 (int)(strlen(unit) - strlen(".service")), unit);
        fd = open_in_root(root, path, O_PATH);
    }
    close(fd);
    return fd >= 0;
}

bool unit_is_in(int root, const char *unit)
{
    char template[UNIT_NAME_SIZE];

    return has_file(root, unit) ||
           (unit_template(unit, template) && has_file(root, template));
}

bool unit_is_installed(const char *name)
{
    const char *suffix = ends_with(name, strlen(name), ".service") ? "" : ".service";
    int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char unit[UNIT_NAME_SIZE];
    bool fits = snprintf(unit, sizeof unit, "%s%s", name, suffix) < (int)sizeof unit;
    bool found = *name && *name != '.' && fits && unit_is_in(root, unit);

    close(root);
    return found;
}

/* ---- running systemctl ------------------------------------------------------- */

/* Run it with its output to `out`. Return its exit status, or print why not and return
 * -1. */
static int run(char **argv, int out)
{
    posix_spawn_file_actions_t actions;
    int status = 0, error;
    pid_t pid;

    fflush(stdout); /* what it prints comes after */
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        complain("%s: %s", argv[0], strerror(error));
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool systemctl(const char *verb, const char *unit)
{
    char *argv[] = {(char[]){"systemctl"}, (char *)verb, (char[]){"--"}, (char *)unit,
                    NULL};
    int status = run(argv, STDOUT_FILENO);

    if (status)
        complain("systemctl %s%s%s has failed", verb, unit ? " " : "", unit ? unit : "");
    return !status;
}

bool unit_has_file(const char *name)
{
    char *argv[] = {(char[]){"systemctl"}, (char[]){"cat"}, (char[]){"--"}, (char *)name,
                    NULL};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool found = run(argv, nowhere) == 0;

    close(nowhere);
    return found;
}

/* Return what it prints, or print why not and return NULL. It goes to memory, not to a pipe:
 * nobody has to read while systemctl writes. */
static FILE *output_of(char **argv, int *status)
{
    int memory = memfd_create("systemctl", MFD_CLOEXEC);
    FILE *file = memory < 0 ? NULL : fdopen(memory, "r");

    *status = -1;
    if (!file) {
        complain("memfd_create: %s", strerror(errno));
        return NULL;
    }
    *status = run(argv, memory);
    rewind(file);
    return file;
}

/* Names are compared without their suffix, which would make all of them alike. */
const char *unit_guess(const char *unit)
{
    static char text[sizeof(struct guess){0}.name + 16];
    char *argv[] = {(char[]){"systemctl"}, (char[]){"list-unit-files"},
                    (char[]){"--no-legend"}, NULL};
    const char *suffix = strrchr(unit, '.');
    char *stem = append(NULL, unit), *line = NULL;
    struct guess guess = {.word = stem};
    size_t size = 0;
    int status;
    FILE *file = output_of(argv, &status);

    stem[suffix - unit] = '\0';
    while (file && getline(&line, &size, file) > 0) {
        char *dot;

        line[strcspn(line, " \n")] = '\0';
        dot = strrchr(line, '.');
        if (!dot || strcmp(dot, suffix) != 0)
            continue;
        *dot = '\0';
        guess_compare(&guess, line);
    }
    if (file)
        fclose(file);
    *text = '\0';
    if (*guess.name)
        snprintf(text, sizeof text, "; %s%s?", guess.name, suffix);
    free(line);
    free(stem);
    return text;
}

/* ---- what it shows ----------------------------------------------------------- */

void units_free(struct units *units)
{
    for (size_t i = 0; i < units->count; i++)
        for (int property = 0; property < UNIT_PROPERTIES; property++)
            free(units->all[i].properties[property]);
    free(units->all);
    memset(units, 0, sizeof *units);
}

static struct unit *add_unit(struct units *units)
{
    struct unit *u;

    units->all = with_room(units->all, units->count, sizeof *units->all);
    u = &units->all[units->count++];
    for (int i = 0; i < UNIT_PROPERTIES; i++)
        u->properties[i] = append(NULL, "");
    return u;
}

/* Take a property. Listen= comes once for each address. */
static void read_property(struct unit *u, const char *line)
{
    for (int i = 0; i < UNIT_PROPERTIES; i++) {
        size_t len = strlen(names[i]);

        if (strncmp(line, names[i], len) != 0 || line[len] != '=')
            continue;
        if (*u->properties[i])
            u->properties[i] = append(u->properties[i], " ");
        u->properties[i] = append(u->properties[i], line + len + 1);
    }
}

/* An empty line stands between units. */
static void read_units(FILE *file, struct units *units)
{
    struct unit *u = NULL;
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (!*line)
            u = NULL;
        else {
            u = u ? u : add_unit(units);
            read_property(u, line);
        }
    }
    free(line);
}

static char *property_argument(void)
{
    char *argument = append(NULL, "--property=");

    for (int i = 0; i < UNIT_PROPERTIES; i++) {
        argument = append(argument, i ? "," : "");
        argument = append(argument, names[i]);
    }
    return argument;
}

bool units_show(const char *name, struct units *units)
{
    char *properties = property_argument();
    char *argv[] = {(char[]){"systemctl"}, (char[]){"show"}, properties,
                    (char[]){"--"},        (char *)name,     NULL};
    int status;
    FILE *file = output_of(argv, &status);

    memset(units, 0, sizeof *units);
    if (file) {
        read_units(file, units);
        fclose(file);
    }
    free(properties);
    if (status > 0)
        complain("systemctl show %s has failed", name);
    return !status;
}

bool unit_runs(const struct unit *u)
{
    const char *state = u->properties[UNIT_ACTIVE_STATE];

    return strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0;
}

/* Cut off a word, which systemctl puts into quotes where a shell would need them; free
 * it. */
static char *read_word(const char **text)
{
    const char *t = *text + strspn(*text, " ");
    char *word = append(NULL, ""), quote = *t == '"' ? '"' : '\0';

    t += quote != '\0';
    for (; *t && *t != (quote ? quote : ' '); t++) {
        if (quote && *t == '\\' && t[1])
            t++;
        word = append(word, (char[]){*t, '\0'});
    }
    *text = t + (quote && *t);
    return word;
}

char *unit_variable(const struct unit *u, const char *name)
{
    const char *text = u->properties[UNIT_ENVIRONMENT];
    size_t len = strlen(name);
    char *value = NULL;

    while (*text) {
        char *word = read_word(&text);

        if (!strncmp(word, name, len) && word[len] == '=') {
            free(value);
            value = append(NULL, word + len + 1);
        }
        free(word);
    }
    return value;
}
