/* SPDX-License-Identifier: MIT */
/* kashim enable and disable: write and remove one drop-in of a systemd service. */
#define _GNU_SOURCE /* O_PATH */
#include "kashim.h"
#include "memory.h"
#include "obstacles.h"
#include "options.h"
#include "preload.h"
#include "tree.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK "# Written by kashim enable; kashim disable removes it.\n"

extern char **environ;

static struct {
    struct settings settings;
    const char *root; /* NULL: this system's */
    bool now;
    int root_fd;
    char unit[256];
    char *preload; /* what the unit sets without us; NULL: nothing */
} job;

/* ---- the drop-in ------------------------------------------------------------- */

/* The library's path. "%" begins a specifier of systemd's; one that the unit has set stays
 * one. */
static char *library_escaped(void)
{
    char *text;
    size_t size;
    FILE *file = open_memory(&text, &size);

    for (const char *c = LIBRARY; *c; c++)
        fprintf(file, *c == '%' ? "%%%%" : "%c", *c);
    fclose(file);
    return text;
}

static void write_variable(FILE *file, const char *name, const char *value)
{
    char *assignment;
    size_t size;
    FILE *word = open_memory(&assignment, &size);

    fprintf(word, "%s=%s", name, value);
    fclose(word);
    fputs("Environment=", file);
    unit_write_word(file, assignment);
    putc('\n', file);
    free(assignment);
}

static void write_drop_in(FILE *file)
{
    char *library = library_escaped();
    char *list = preload_with(job.preload, library);

    fputs(MARK "[Service]\n", file);
    write_variable(file, "LD_PRELOAD", list);
    for (int i = 0; i < SETTINGS; i++)
        if (job.settings.value[i])
            write_variable(file, setting_variable(i), job.settings.value[i]);
    free(list);
    free(library);
}

/* ---- where it lies ----------------------------------------------------------- */

static bool failed(const char *what)
{
    complain("%s/" FOLDER "/%s.d%s: %s", job.root, job.unit, what, strerror(errno));
    return false;
}

static int open_folder(void)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, FOLDER "/%s.d", job.unit);
    return open_in_root(job.root_fd, path, O_RDONLY | O_DIRECTORY);
}

/* `*made` becomes whether it wasn't there before. */
static bool make_folder(bool *made)
{
    char name[NAME_MAX + sizeof ".d"];
    int parent = open_in_root(job.root_fd, FOLDER, O_RDONLY | O_DIRECTORY);
    bool good;

    if (parent < 0) {
        complain("%s/" FOLDER ": %s", job.root, strerror(errno));
        return false;
    }
    snprintf(name, sizeof name, "%s.d", job.unit);
    *made = !mkdirat(parent, name, 0755);
    good = *made || errno == EEXIST || failed("");
    close(parent);
    return good;
}

static void remove_folder_if_empty(void)
{
    char name[NAME_MAX + sizeof ".d"];
    int parent = open_in_root(job.root_fd, FOLDER, O_RDONLY | O_DIRECTORY);

    snprintf(name, sizeof name, "%s.d", job.unit);
    unlinkat(parent, name, AT_REMOVEDIR);
    close(parent);
}

enum owner { NOBODY, US, ANOTHER };

/* Whether it is such a line as write_drop_in writes below the mark. */
static bool is_our_line(char *line)
{
    const char *value = line + strlen("Environment=");
    char *word;
    size_t len;
    bool ours;

    line[strcspn(line, "\n")] = '\0';
    if (!strcmp(line, "[Service]"))
        return true;
    if (strncmp(line, "Environment=\"", strlen("Environment=\"")) != 0)
        return false;
    word = unit_word(&value);
    len = strcspn(word, "=");
    ours = !*value && (!strncmp(word, "LD_PRELOAD=", strlen("LD_PRELOAD=")) ||
                       setting_of(word, len) >= 0);
    free(word);
    return ours;
}

/* What is wrong with it; NULL: nothing. */
static const char *not_ours(FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    const char *why = NULL;

    if (getline(&line, &size, file) < 0 || strcmp(line, MARK) != 0)
        why = "was not written by kashim";
    while (!why && getline(&line, &size, file) >= 0)
        if (!is_our_line(line))
            why = "has a line that kashim didn't write";
    if (!why && !feof(file))
        why = "can't be read to its end";
    free(line);
    return why;
}

static enum owner owner_of_drop_in(int folder)
{
    int fd = openat(folder, DROP_IN, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    const char *why;

    if (fd < 0 && errno == ENOENT)
        return NOBODY;
    why = file ? not_ours(file) : "was not written by kashim";
    if (file)
        fclose(file);
    if (!why)
        return US;
    complain("%s/" FOLDER "/%s.d/" DROP_IN " %s: left as it is", job.root, job.unit, why);
    return ANOTHER;
}

/* The file is there as a whole, or not at all. */
static bool put_drop_in(int folder)
{
    FILE *file;
    bool good;
    int fd;

    unlinkat(folder, DROP_IN ".new", 0); /* left behind, or a link to another file */
    fd = openat(folder, DROP_IN ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return failed("/" DROP_IN ".new");
    write_drop_in(file);
    good = !fflush(file) && !ferror(file) && !fsync(fd);
    if (fclose(file) || !good || renameat(folder, DROP_IN ".new", folder, DROP_IN)) {
        failed("/" DROP_IN);
        unlinkat(folder, DROP_IN ".new", 0);
        return false;
    }
    return true;
}

/* ---- systemctl --------------------------------------------------------------- */

static bool systemctl(const char *verb, const char *unit)
{
    char *argv[] = {(char[]){"systemctl"}, (char[]){"--"}, (char *)verb, (char *)unit,
                    NULL};
    int status = 0, error;
    pid_t pid;

    fflush(stdout); /* what it prints comes after */
    error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (error) {
        complain("systemctl: %s", strerror(error));
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status)
        complain("systemctl %s has failed", verb);
    return !status;
}

/* Of a template its instances. */
static int restart(void)
{
    const char *at = strchr(job.unit, '@');
    char units[sizeof job.unit + 1];

    snprintf(units, sizeof units, "%s", job.unit);
    if (at && at[1] == '.')
        snprintf(units, sizeof units, "%.*s@*.service", (int)(at - job.unit), job.unit);
    if (job.now)
        return systemctl("daemon-reload", NULL) && systemctl("restart", units)
                   ? EXIT_SUCCESS
                   : EXIT_UNDONE;
    if (!*job.root)
        printf("now run: systemctl daemon-reload && systemctl restart %s'%s'\n",
               *units == '-' ? "-- " : "", units);
    return EXIT_SUCCESS;
}

/* ---- the two ----------------------------------------------------------------- */

static bool library_is_there(void)
{
    int fd = open_in_root(job.root_fd, LIBRARY, O_PATH);

    close(fd);
    if (fd < 0)
        complain("the library is missing: %s" LIBRARY " (make install%s%s puts it there)",
                 job.root, *job.root ? " DESTDIR=" : "", job.root);
    return fd >= 0;
}

static bool write_in_folder(void)
{
    int folder = open_folder();
    bool good = folder >= 0 ? owner_of_drop_in(folder) != ANOTHER && put_drop_in(folder)
                            : failed("");

    close(folder);
    return good;
}

static int enable(void)
{
    bool made;

    if (!library_is_there() ||
        !unit_admits(job.root_fd, job.unit, &job.settings, &job.preload))
        return EXIT_UNDONE;
    umask(022); /* systemd's own are for all to read */
    if (!make_folder(&made))
        return EXIT_UNDONE;
    if (!write_in_folder()) {
        if (made)
            remove_folder_if_empty();
        return EXIT_UNDONE;
    }
    printf("wrote %s/" FOLDER "/%s.d/" DROP_IN "\n", job.root, job.unit);
    return restart();
}

static int disable(void)
{
    int folder = open_folder();
    bool missing = folder < 0 && (errno == ENOENT || errno == ENOTDIR);
    bool good = folder >= 0 || missing || failed("");
    enum owner owner = folder < 0 ? NOBODY : owner_of_drop_in(folder);

    good = good && (owner != US || !unlinkat(folder, DROP_IN, 0) || failed("/" DROP_IN));
    close(folder);
    if (owner == ANOTHER || !good)
        return EXIT_UNDONE;
    if (owner == NOBODY && !unit_exists(job.root_fd, job.unit))
        return EXIT_UNDONE;
    if (owner == NOBODY) {
        printf("%s is not enabled\n", job.unit);
        return EXIT_SUCCESS;
    }
    remove_folder_if_empty();
    printf("removed %s/" FOLDER "/%s.d/" DROP_IN "\n", job.root, job.unit);
    return restart();
}

/* ---- the arguments ----------------------------------------------------------- */

enum { OPTION_NOW = OPTION_OWN, OPTION_ROOT };

static void help_on_own(void)
{
    puts(
        "      --now                                 reload systemd, restart the "
        "service\n"
        "      --root DIR                            of the system in DIR, an image say");
}

static int help_enable(void)
{
    puts("kashim enable [OPTIONS] [--now] [--root DIR] UNIT\n\n"
         "Has a systemd service run with TCP keepalive, from its next start, by a "
         "drop-in:\n"
         "/" FOLDER "/UNIT.d/" DROP_IN
         ". No other file is changed. Refused where kashim\n"
         "check would say no of its program.\n");
    help_on_own();
    settings_help(false);
    puts("\nExit status: 0 it was done, 1 it couldn't be, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

static int help_disable(void)
{
    puts("kashim disable [--now] [--root DIR] UNIT\n\n"
         "Removes what kashim enable wrote.\n");
    help_on_own();
    puts("\nExit status: 0 it was done, 1 it couldn't be, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* The exit status if there is nothing more to do, or negative. */
static int read_arguments(int argc, char **argv, const char *letters,
                          const struct option *options, int (*help)(void))
{
    int option;

    while ((option = next_option(argc, argv, letters, options)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_NOW: job.now = true; break;
        case OPTION_ROOT: job.root = optarg; break;
        default:
            if (settings_take(&job.settings, option, optarg) != SETTING_TAKEN)
                return EXIT_USAGE;
        }
    if (optind != argc - 1) {
        complain("%s: which UNIT? One of them (kashim help %s)", argv[0], argv[0]);
        return EXIT_USAGE;
    }
    if (job.now && job.root) {
        complain("%s: --now is for this system, and --root for another", argv[0]);
        return EXIT_USAGE;
    }
    return unit_name(argv[optind], job.unit) ? -1 : EXIT_USAGE;
}

static bool searchable(int root)
{
    int fd = open_in_root(root, "/", O_PATH);

    if (fd < 0)
        complain("--root: it takes openat2(2), which the kernel refuses: %s",
                 strerror(errno));
    else
        close(fd);
    return fd >= 0;
}

static int run(int (*action)(void))
{
    job.root_fd = open(job.root ? job.root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (job.root_fd < 0) {
        complain("--root %s: %s", job.root ? job.root : "/", strerror(errno));
        return EXIT_UNDONE;
    }
    if (job.root && !searchable(job.root_fd))
        return EXIT_UNDONE;
    job.root = job.root ? printable(append(NULL, job.root)) : ""; /* it is only shown */
    return action();
}

int kashim_enable(int argc, char **argv)
{
    static const struct option options[] = {
        SETTING_OPTIONS,
        {"now", no_argument, NULL, OPTION_NOW},
        {"root", required_argument, NULL, OPTION_ROOT},
        {"help", no_argument, NULL, 'h'},
        {0}};
    int status;

    settings_begin(&job.settings, false);
    status = read_arguments(argc, argv, ":h" SETTING_LETTERS, options, help_enable);
    if (status >= 0)
        return status;
    if (!settings_read(&job.settings))
        return EXIT_USAGE;
    if (job.settings.config.off) {
        complain("enable: KA_OFF=1 is set, so nothing was done");
        return EXIT_UNDONE;
    }
    return run(enable);
}

int kashim_disable(int argc, char **argv)
{
    static const struct option options[] = {
        {"now", no_argument, NULL, OPTION_NOW},
        {"root", required_argument, NULL, OPTION_ROOT},
        {"help", no_argument, NULL, 'h'},
        {0}};
    int status = read_arguments(argc, argv, ":h", options, help_disable);

    return status >= 0 ? status : run(disable);
}
