/* SPDX-License-Identifier: MIT */
/* kashim run: checks the program, sets the environment, and becomes the program. */
#include "kashim.h"
#include "options.h"
#include "preload.h"
#include "program.h"
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int help(void)
{
    puts("kashim run [OPTIONS] [--] PROGRAM [ARG...]\n\n"
         "Runs the program with TCP keepalive on the connections that it accepts. It "
         "keeps\n"
         "this process, with its number, signals and descriptors.\n");
    puts("      --supervise                           by a seccomp filter, not the "
         "library: "
         "for\n"
         "                                            static and Go programs");
    settings_help(false);
    puts("\nExit status: the program's; 125 if kashim can't or won't run it, 126 if it "
         "can't\n"
         "be executed, 127 if there is no such program.");
    return EXIT_SUCCESS;
}

/* Where a variable stands there more than once, the loader and the library take the
 * last. */
static const char *last_of(const char *name)
{
    size_t len = strlen(name);
    const char *value = NULL;

    for (char **e = environ; *e; e++)
        if (!strncmp(*e, name, len) && (*e)[len] == '=')
            value = *e + len + 1;
    return value;
}

/* False: the library's path can't be said there. */
static bool preload(const char *library)
{
    char *list;

    if (!preload_takes(library)) {
        complain("the library's path can't stand in LD_PRELOAD, for it has a blank or a "
                 "colon: %s",
                 library);
        return false;
    }
    list = preload_with(last_of("LD_PRELOAD"), library);
    unsetenv("LD_PRELOAD"); /* all of them */
    setenv("LD_PRELOAD", list, 1);
    free(list);
    return true;
}

static int refuse(const char *name, const char *why, const char *instead)
{
    if (instead)
        complain("%s: not run: %s. What can help: %s", name, why, instead);
    else
        complain("%s: not run: %s", name, why);
    return EXIT_RUN;
}

/* The name stays as it was given: programs look at it. */
static int become(char **argv, const char *path)
{
    int error;

    execv(path, argv);
    error = errno;
    complain("%s: %s", argv[0], strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}

static int shim(const struct settings *settings, char **argv, struct program *program)
{
    char library[PATH_MAX];

    if (!library_find(library))
        return EXIT_RUN;
    program_judge(program, library, settings->config.children);
    if (*program->why_not)
        return refuse(argv[0], program->why_not, program->instead);
    if (!preload(library))
        return EXIT_RUN;
    settings_export(settings);
    return EXIT_SUCCESS;
}

enum { OPTION_SUPERVISE = OPTION_OWN };

int kashim_run(int argc, char **argv)
{
    static const struct option options[] = {
        SETTING_OPTIONS,
        {"supervise", no_argument, NULL, OPTION_SUPERVISE},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct settings settings;
    struct program program;
    bool supervised = false;
    int option, status;

    settings_begin(&settings, false);
    while ((option = next_option(argc, argv, "+:h" SETTING_LETTERS, options)) != -1) {
        if (option == 'h')
            return help();
        if (option == OPTION_SUPERVISE)
            supervised = true;
        else if (settings_take(&settings, option, optarg) != SETTING_TAKEN)
            return EXIT_RUN;
    }
    if (!settings_read(&settings))
        return EXIT_RUN;
    if (optind == argc) {
        complain("run: which PROGRAM? (kashim help run)");
        return EXIT_RUN;
    }
    status = program_find(AT_FDCWD, argv[optind], &program);
    if (status)
        complain("%s: %s", argv[optind], program.why_not);
    else if (!supervised)
        status = shim(&settings, argv + optind, &program);
    else if (!settings.config.off)
        status = supervise(&settings, argv);
    return status ? status : become(argv + optind, program.path);
}
