/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH */
#include "drop_in.h"

#include "kashim.h"
#include "memory.h"
#include "root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK  "# Written by kashim enable; kashim disable removes it.\n"
#define START "ExecStartPre=-+"

/* ---- what it says ------------------------------------------------------------ */

/* As systemd takes one word, whatever is in it; "%" would begin a specifier. */
static void write_word(FILE *file, const char *word)
{
    putc('"', file);
    for (; *word; word++)
        if (*word == '%')
            fputs("%%", file);
        else
            fprintf(file, *word == '"' || *word == '\\' ? "\\%c" : "%c", *word);
    putc('"', file);
}

/* "-": it can fail to help, never to start the service. "+": with full rights, outside the
 * unit's sandbox. */
static void write_group(FILE *file, const struct settings *settings)
{
    fputs("[Service]\n" START, file);
    if (strpbrk(COMMAND, " \t\"'\\%"))
        write_word(file, COMMAND);
    else
        fputs(COMMAND, file);
    fputs(" attach ", file);
    settings_write(file, settings);
    fputs("self\n", file);
}

static void write_variable(FILE *file, const char *name, const char *value)
{
    char *assignment = append(append(append(NULL, name), "="), value);

    fputs("Environment=", file);
    write_word(file, assignment);
    putc('\n', file);
    free(assignment);
}

static void write_preload(FILE *file, const struct settings *settings,
                          const char *preload)
{
    fputs("[Service]\n", file);
    write_variable(file, "LD_PRELOAD", preload);
    for (int i = 0; i < SETTINGS; i++)
        if (settings->value[i])
            write_variable(file, setting_variable(i), settings->value[i]);
}

static void write_socket(FILE *file, const struct ka_config *config)
{
    fprintf(file,
            "[Socket]\nKeepAlive=yes\nKeepAliveTimeSec=%d\nKeepAliveIntervalSec=%d\n"
            "KeepAliveProbes=%d\n",
            config->idle, ka_config_intvl(config), config->cnt);
}

static void write_all(FILE *file, enum way way, const struct settings *settings,
                      const char *preload)
{
    fputs(MARK, file);
    switch (way) {
    case WAY_GROUP: write_group(file, settings); break;
    case WAY_PRELOAD: write_preload(file, settings, preload); break;
    case WAY_SOCKET: write_socket(file, &settings->config);
    }
}

/* ---- reading it -------------------------------------------------------------- */

/* No quote but such as write_word() has escaped. */
static bool is_one_word(const char *text)
{
    for (; *text && *text != '"'; text++)
        text += *text == '\\' && text[1];
    return !*text;
}

/* "... attach --idle 61 self": the options. */
static char *setting_of_start(char *line)
{
    char *options = strstr(line, " attach"), *end = line + strlen(line) - strlen(" self");

    if (!options || end < options + strlen(" attach") || strcmp(end, " self") != 0)
        return NULL;
    *end = '\0';
    options += strlen(" attach");
    return options + (*options == ' ');
}

/* KA_IDLE=61" or LD_PRELOAD=...", which is no setting: what stands before the quote. */
static char *setting_of_variable(char *assignment)
{
    char *quote = assignment + strlen(assignment) - 1;

    if (*quote != '"')
        return NULL;
    *quote = '\0';
    if (!is_one_word(assignment))
        return NULL;
    if (!strncmp(assignment, "LD_PRELOAD=", strlen("LD_PRELOAD=")))
        return quote;
    return setting_of(assignment, strcspn(assignment, "=")) < 0 ? NULL : assignment;
}

static bool begins(const char *line, const char *with)
{
    return !strncmp(line, with, strlen(with));
}

/* What a line of ours sets, cut out of it; "" for a line that sets nothing, NULL for one that
 * isn't ours. */
static char *setting_in(char *line, enum way *way)
{
    static const char variable[] = "Environment=\"";

    if (!strcmp(line, "[Service]") || !strcmp(line, "[Socket]"))
        return line + strlen(line);
    if (begins(line, START)) {
        *way = WAY_GROUP;
        return setting_of_start(line);
    }
    if (begins(line, variable)) {
        *way = WAY_PRELOAD;
        return setting_of_variable(line + strlen(variable));
    }
    *way = WAY_SOCKET;
    return begins(line, "KeepAlive") ? line : NULL;
}

/* What is wrong with it; NULL: nothing. */
static const char *not_ours(FILE *file, enum way *way, char **settings)
{
    char *line = NULL;
    size_t size = 0;
    const char *why = NULL;

    *settings = append(NULL, "");
    if (getline(&line, &size, file) < 0 || strcmp(line, MARK) != 0)
        why = "was not written by kashim";
    while (!why && getline(&line, &size, file) >= 0) {
        char *setting;

        line[strcspn(line, "\n")] = '\0';
        setting = setting_in(line, way);
        if (!setting)
            why = "has a line that kashim didn't write";
        else if (*setting) {
            *settings = append(*settings, **settings ? " " : "");
            *settings = append(*settings, setting);
        }
    }
    if (!why && !feof(file))
        why = "can't be read to its end";
    free(line);
    return why;
}

/* ---- where it lies ----------------------------------------------------------- */

static bool failed(const struct drop_in *d, const char *what)
{
    complain("%s/" UNITS_FOLDER "/%s.d%s: %s", d->root, d->unit, what, strerror(errno));
    return false;
}

static int open_folder(const struct drop_in *d)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, UNITS_FOLDER "/%s.d", d->unit);
    return open_in_root(d->root_fd, path, O_RDONLY | O_DIRECTORY);
}

/* `*made` becomes whether it wasn't there before. */
static bool make_folder(const struct drop_in *d, bool *made)
{
    char name[NAME_MAX + sizeof ".d"];
    int parent = open_in_root(d->root_fd, UNITS_FOLDER, O_RDONLY | O_DIRECTORY);
    bool good;

    if (parent < 0) {
        complain("%s/" UNITS_FOLDER ": %s", d->root, strerror(errno));
        return false;
    }
    snprintf(name, sizeof name, "%s.d", d->unit);
    *made = !mkdirat(parent, name, 0755);
    good = *made || errno == EEXIST || failed(d, "");
    close(parent);
    return good;
}

static void remove_folder_if_empty(const struct drop_in *d)
{
    char name[NAME_MAX + sizeof ".d"];
    int parent = open_in_root(d->root_fd, UNITS_FOLDER, O_RDONLY | O_DIRECTORY);

    snprintf(name, sizeof name, "%s.d", d->unit);
    unlinkat(parent, name, AT_REMOVEDIR);
    close(parent);
}

static enum owner owner_in(int folder, const struct drop_in *d, enum way *way,
                           char **settings)
{
    int fd = openat(folder, DROP_IN, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    const char *why;

    *settings = NULL;
    if (fd < 0 && errno == ENOENT)
        return NOBODY;
    why = file ? not_ours(file, way, settings) : "was not written by kashim";
    if (file)
        fclose(file);
    if (!why)
        return US;
    free(*settings);
    *settings = NULL;
    complain("%s/" UNITS_FOLDER "/%s.d/" DROP_IN " %s: left as it is", d->root, d->unit,
             why);
    return ANOTHER;
}

enum owner drop_in_read(const struct drop_in *d, enum way *way, char **settings)
{
    int folder = open_folder(d);
    enum owner owner = NOBODY;

    *settings = NULL;
    if (folder >= 0)
        owner = owner_in(folder, d, way, settings);
    else if (errno != ENOENT && errno != ENOTDIR) {
        failed(d, "");
        owner = ANOTHER;
    }
    close(folder);
    return owner;
}

static bool put(int folder, const struct drop_in *d, enum way way,
                const struct settings *settings, const char *preload)
{
    FILE *file;
    bool good;
    int fd;

    unlinkat(folder, DROP_IN ".new", 0); /* left behind, or a link to another file */
    fd = openat(folder, DROP_IN ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return failed(d, "/" DROP_IN ".new");
    write_all(file, way, settings, preload);
    good = !fflush(file) && !ferror(file) && !fsync(fd);
    if (fclose(file) || !good || renameat(folder, DROP_IN ".new", folder, DROP_IN)) {
        failed(d, "/" DROP_IN);
        unlinkat(folder, DROP_IN ".new", 0);
        return false;
    }
    return true;
}

bool drop_in_write(const struct drop_in *d, enum way way, const struct settings *settings,
                   const char *preload)
{
    bool made, good;
    int folder;

    umask(022); /* systemd's own are for all to read */
    if (!make_folder(d, &made))
        return false;
    folder = open_folder(d);
    good = folder >= 0 ? put(folder, d, way, settings, preload) : failed(d, "");
    close(folder);
    if (!good && made)
        remove_folder_if_empty(d);
    return good;
}

bool drop_in_remove(const struct drop_in *d)
{
    int folder = open_folder(d);
    bool good = folder >= 0 && !unlinkat(folder, DROP_IN, 0);

    if (!good)
        failed(d, "/" DROP_IN);
    close(folder);
    remove_folder_if_empty(d);
    return good;
}

/* ---- all of them ------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_one(const struct drop_in *d,
                     void (*each)(const char *unit, enum way way, const char *settings))
{
    enum way way = WAY_GROUP;
    char *settings;

    if (drop_in_read(d, &way, &settings) == US)
        each(d->unit, way, settings);
    free(settings);
}

/* Folders end in ".d". Those without a drop-in of ours are passed over. */
bool drop_in_list(const char *root, int root_fd,
                  void (*each)(const char *unit, enum way way, const char *settings))
{
    int fd = open_in_root(root_fd, UNITS_FOLDER, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    char **units = NULL;
    size_t count = 0;

    if (!dir) {
        complain("%s/" UNITS_FOLDER ": %s", root, strerror(errno));
        return false;
    }
    while ((entry = readdir(dir))) {
        size_t len = strlen(entry->d_name);

        if (len < 3 || strcmp(entry->d_name + len - 2, ".d") != 0)
            continue;
        units = with_room(units, count, sizeof *units);
        units[count] = append(NULL, entry->d_name);
        units[count++][len - 2] = '\0';
    }
    closedir(dir);
    if (count)
        qsort(units, count, sizeof *units, by_name);
    for (size_t i = 0; i < count; i++) {
        list_one(&(struct drop_in){root, root_fd, units[i]}, each);
        free(units[i]);
    }
    free(units);
    return true;
}
