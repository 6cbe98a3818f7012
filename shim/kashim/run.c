/* SPDX-License-Identifier: MIT */
/* kashim run: checks the program, sets the environment, and becomes the program. */
#include "kashim.h"
#include "preload.h"
#include "program.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int help(void)
{
    puts("kashim run [OPTIONS] [--] PROGRAM [ARG...]\n\n"
         "Runs the program with TCP keepalive on the connections that it accepts. It "
         "keeps\n"
         "this process, with its number, signals and descriptors.\n");
    settings_help(0);
    puts("\nExit status: the program's; 125 if kashim can't or won't run it, 126 if it "
         "can't\n"
         "be executed, 127 if there is no such program.");
    return EXIT_SUCCESS;
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
    list = preload_with(getenv("LD_PRELOAD"), library);
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
    execv(path, argv);
    complain("%s: %s", argv[0], strerror(errno));
    return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}

static int run(const struct settings *settings, char **argv)
{
    char library[PATH_MAX];
    struct program program;
    int status = program_find(argv[0], &program);

    if (status) {
        complain("%s: %s", argv[0], program.why_not);
        return status;
    }
    if (!library_find(library)) {
        complain("the library is missing: %s (make install puts it there)", library);
        return EXIT_RUN;
    }
    program_judge(&program, library);
    if (*program.why_not)
        return refuse(argv[0], program.why_not, program.instead);
    if (program.script && !settings->config.children)
        return refuse(argv[0],
                      "a script's server is its child: with --no-children it would "
                      "go bare",
                      NULL);
    if (!preload(library))
        return EXIT_RUN;
    settings_export(settings);
    return become(argv, program.path);
}

int kashim_run(int argc, char **argv)
{
    static const struct option options[] = {
        SETTING_OPTIONS, {"help", no_argument, NULL, 'h'}, {0}};
    struct settings settings;
    int option;

    if (!settings_read(&settings, 0))
        return EXIT_RUN;
    while ((option = next_option(argc, argv, "+:h" SETTING_LETTERS, options)) != -1) {
        if (option == 'h')
            return help();
        if (option == '?' || settings_take(&settings, option, optarg) == SETTING_REFUSED)
            return EXIT_RUN;
    }
    if (optind == argc) {
        complain("run: which PROGRAM? (kashim help run)");
        return EXIT_RUN;
    }
    return run(&settings, argv + optind);
}
