/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* openat2's constants */
#include "drop_in.h"

#include "program.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK  "# Written by kashim enable; kashim disable removes it.\n"
#define START "ExecStartPre=-+"

/* ---- files below a root ------------------------------------------------------- */

static bool is_system(int root)
{
    struct stat a, b;

    return !fstat(root, &a) && !stat("/", &b) && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Without openat2(2), before Linux 5.6 or under an old container's profile, only / itself
 * can be searched: elsewhere an absolute link would lead out of the tree. */
int open_in_root(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT};
    int tries = 1000;
    long fd;

    do /* EAGAIN: something was renamed, anywhere, while ".." of a link was followed */
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN && tries--);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM) && is_system(root))
        return openat(root, path + (*path == '/'), flags | O_CLOEXEC);
    return (int)fd;
}

/* ---- writing it ------------------------------------------------------------- */

/* Write what systemd reads as this one word; "%" would begin a specifier. */
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

/* "-": the service starts even if this fails. "+": with full rights, outside the unit's
 * sandbox. */
static void write_group(FILE *file, const struct options *options)
{
    fputs("[Service]\n" START, file);
    if (strpbrk(installed_command, " \t\"'\\%"))
        write_word(file, installed_command);
    else
        fputs(installed_command, file);
    fputs(" attach ", file);
    options_write(file, options);
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

static void write_preload(FILE *file, const struct options *options, const char *preload)
{
    fputs("[Service]\n", file);
    write_variable(file, "LD_PRELOAD", preload);
    for (int i = 0; i < SETTINGS; i++)
        if (options->value[i])
            write_variable(file, setting_variable(i), options->value[i]);
}

static void write_socket(FILE *file, const struct ka_config *config)
{
    fprintf(file,
            "[Socket]\nKeepAlive=yes\nKeepAliveTimeSec=%d\nKeepAliveIntervalSec=%d\n"
            "KeepAliveProbes=%d\n",
            config->idle, ka_config_intvl(config), config->cnt);
}

static void write_all(FILE *file, enum way way, const struct options *options,
                      const char *preload)
{
    fputs(MARK, file);
    switch (way) {
    case WAY_GROUP: write_group(file, options); break;
    case WAY_PRELOAD: write_preload(file, options, preload); break;
    case WAY_SOCKET: write_socket(file, &options->config);
    }
}

/* ---- reading it -------------------------------------------------------------- */

/* Undo write_word(). Free it. */
static char *unescaped(const char *text, size_t len)
{
    char *word = allocate(len + 1, 1), *to = word;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"')
            continue;
        i += (text[i] == '\\' || text[i] == '%') && i + 1 < len;
        *to++ = text[i];
    }
    return word;
}

/* Return the library of a list of preloads; free it. */
static char *library_in(const char *list)
{
    char *copy = unescaped(list, strlen(list)), *rest = copy, *entry, *library = NULL;

    while (!library && (entry = strsep(&rest, " :")))
        if (!strcmp(base_name(entry), base_name(installed_library)))
            library = append(NULL, entry);
    free(copy);
    return library;
}

/* Tell whether each quote in it is escaped, as write_word() does. */
static bool is_one_word(const char *text)
{
    for (; *text && *text != '"'; text++)
        text += *text == '\\' && text[1];
    return !*text;
}

/* Cut the options out of "... attach --idle 61 self"; NULL: it isn't that. `needs` becomes
 * the command. */
static char *setting_of_start(char *line, char **needs)
{
    char *options = strstr(line, " attach"), *end = line + strlen(line) - strlen(" self");

    if (!options || end < options + strlen(" attach") || strcmp(end, " self") != 0)
        return NULL;
    *end = '\0';
    free(*needs);
    *needs = unescaped(line, (size_t)(options - line));
    options += strlen(" attach");
    return options + (*options == ' ');
}

/* Cut the quote off KA_IDLE=61". Return "" for LD_PRELOAD=...", of which `needs` becomes the
 * library, NULL for another variable. */
static char *setting_of_variable(char *assignment, char **needs)
{
    static const char preload[] = "LD_PRELOAD=";
    char *quote = assignment + strlen(assignment) - 1;

    if (*quote != '"')
        return NULL;
    *quote = '\0';
    if (!is_one_word(assignment))
        return NULL;
    if (!strncmp(assignment, preload, strlen(preload))) {
        free(*needs);
        *needs = library_in(assignment + strlen(preload));
        return quote;
    }
    return setting_of(assignment, strcspn(assignment, "=")) < 0 ? NULL : assignment;
}

static bool begins(const char *line, const char *with)
{
    return !strncmp(line, with, strlen(with));
}

/* Cut out of a line what it sets, and tell the way and the file that it needs. Return "" for
 * a line that sets nothing, NULL for one that kashim doesn't write. */
static char *setting_in(char *line, enum way *way, char **needs)
{
    static const char variable[] = "Environment=\"";

    if (!strcmp(line, "[Service]") || !strcmp(line, "[Socket]"))
        return line + strlen(line);
    if (begins(line, START)) {
        *way = WAY_GROUP;
        return setting_of_start(line + strlen(START), needs);
    }
    if (begins(line, variable)) {
        *way = WAY_PRELOAD;
        return setting_of_variable(line + strlen(variable), needs);
    }
    *way = WAY_SOCKET;
    return begins(line, "KeepAlive") ? line : NULL;
}

/* Read what the file sets. Return what is wrong with it, or NULL. */
static const char *not_ours(FILE *file, enum way *way, char **settings, char **needs)
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
        setting = setting_in(line, way, needs);
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

/* Tell by `made` whether it wasn't there before. Print why it can't be made and return
 * false. */
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

static enum owner owner_in(int folder, enum way *way, char **text, char **needs)
{
    int fd = openat(folder, DROP_IN, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    const char *why;

    *text = NULL;
    if (fd < 0 && errno == ENOENT)
        return NOBODY;
    why = file ? not_ours(file, way, text, needs) : "was not written by kashim";
    if (file)
        fclose(file);
    if (!why)
        return US;
    free(*text);
    *text = append(NULL, why);
    return ANOTHER;
}

/* `needs` becomes the command or the library that it names, or NULL; free it. */
static enum owner read_drop_in(const struct drop_in *d, enum way *way, char **text,
                               char **needs)
{
    int folder = open_folder(d);
    enum owner owner = NOBODY;

    *text = *needs = NULL;
    if (folder >= 0)
        owner = owner_in(folder, way, text, needs);
    else if (errno != ENOENT && errno != ENOTDIR) {
        *text = append(append(NULL, "can't be read: "), strerror(errno));
        owner = ANOTHER;
    }
    close(folder);
    return owner;
}

enum owner drop_in_read(const struct drop_in *d, enum way *way, char **text)
{
    char *needs;
    enum owner owner = read_drop_in(d, way, text, &needs);

    free(needs);
    return owner;
}

void drop_in_complain(const struct drop_in *d, const char *why)
{
    complain(DROP_IN_PATH " %s: left as it is; remove or mend it yourself", d->root,
             d->unit, why);
}

static bool put(int folder, const struct drop_in *d, enum way way,
                const struct options *options, const char *preload)
{
    FILE *file;
    bool good;
    int fd;

    unlinkat(folder, DROP_IN ".new", 0); /* one left behind, or a link to another file */
    fd = openat(folder, DROP_IN ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return failed(d, "/" DROP_IN ".new");
    write_all(file, way, options, preload);
    good = !fflush(file) && !ferror(file) && !fsync(fd);
    if (fclose(file) || !good || renameat(folder, DROP_IN ".new", folder, DROP_IN)) {
        failed(d, "/" DROP_IN);
        unlinkat(folder, DROP_IN ".new", 0);
        return false;
    }
    return true;
}

bool drop_in_write(const struct drop_in *d, enum way way, const struct options *options,
                   const char *preload)
{
    bool made, good;
    int folder;

    umask(022); /* systemd's own are for all to read */
    if (!make_folder(d, &made))
        return false;
    folder = open_folder(d);
    good = folder >= 0 ? put(folder, d, way, options, preload) : failed(d, "");
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

static int is_folder(const struct dirent *entry)
{
    return ends_with(entry->d_name, strlen(entry->d_name), ".d");
}

static bool is_in(int root, const char *path)
{
    int fd = open_in_root(root, path, O_PATH);

    close(fd);
    return fd >= 0;
}

int drop_in_list(const struct drop_in *root,
                 void (*each)(const char *unit, enum owner owner, enum way way,
                              const char *text, const char *missing))
{
    int fd = open_in_root(root->root_fd, UNITS_FOLDER, O_RDONLY | O_DIRECTORY);
    char path[64];
    struct dirent **entries;
    int count, found = 0;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd); /* musl has no scandirat(3) */
    count = fd < 0 ? -1 : scandir(path, &entries, is_folder, alphasort);
    if (count < 0)
        complain("%s/" UNITS_FOLDER ": %s", root->root, strerror(errno));
    for (int i = 0; i < count; i++) {
        struct drop_in d = {root->root, root->root_fd, entries[i]->d_name};
        enum way way = WAY_GROUP;
        enum owner owner;
        char *text, *needs;

        entries[i]->d_name[strlen(d.unit) - strlen(".d")] = '\0';
        owner = read_drop_in(&d, &way, &text, &needs);
        if (owner != NOBODY) {
            bool missing = owner == US && needs && !is_in(root->root_fd, needs);

            each(d.unit, owner, way, text, missing ? needs : NULL);
            found++;
        }
        free(text);
        free(needs);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    close(fd);
    return count < 0 ? -1 : found;
}
