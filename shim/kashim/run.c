/* SPDX-License-Identifier: MIT */
/* kashim run: becomes the program, with the library preloaded, or in a control group of its
 * own that has kashim's programs. */
#include "kashim.h"

#include "group.h"
#include "program.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int help(void)
{
    puts(
        "kashim run [OPTIONS] [--] PROGRAM [ARG...]\n"
        "kashim run --cgroup [OPTIONS] [--] PROGRAM [ARG...]\n"
        "\n"
        "Runs the program with TCP keepalive on the connections that it accepts. It\n"
        "keeps this process, with its number, signals and descriptors.\n"
        "\n"
        "      --cgroup                              in a control group of its own, not\n"
        "                                            by the library: static, Go and\n"
        "                                            set-id programs too; takes root\n"
        "                                            and Linux 5.9");
    options_help(SETTINGS);
    puts("\nExit status: the program's; 125 if kashim can't or won't run it, 126 if it\n"
         "can't be executed, 127 if there is no such program.");
    return EXIT_SUCCESS;
}

/* Print why the program isn't run. */
static int say_not_run(const char *name, const char *why, const char *instead)
{
    if (*instead)
        complain("%s: not run: %s. What can help: %s", name, why, instead);
    else
        complain("%s: not run: %s", name, why);
    return EXIT_RUN;
}

/* ---- by the library ---------------------------------------------------------- */

/* Return the last value of a variable: the loader and the library take that. */
static const char *last_of(const char *name)
{
    size_t len = strlen(name);
    const char *value = NULL;

    for (char **e = environ; *e; e++)
        if (!strncmp(*e, name, len) && (*e)[len] == '=')
            value = *e + len + 1;
    return value;
}

/* Print that the library's path can't stand in LD_PRELOAD, if so, and return false. */
static bool set_preload(const char *library)
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

static int prepare_preload(const struct options *options, char **argv,
                           struct program *program)
{
    const char *name = *argv;
    char library[PATH_MAX];

    if (!library_find(library)) {
        complain(LIBRARY_MISSING, library, make_install());
        return EXIT_RUN;
    }
    program_judge(program, argv + 1, library, options->config.children);
    if (*program->why_not)
        return say_not_run(name, program->why_not, program->instead);
    if (!set_preload(library))
        return EXIT_RUN;
    options_export(options);
    return EXIT_SUCCESS;
}

/* ---- by a group -------------------------------------------------------------- */

/* Return false with errno set if the group can't be made or entered, with errno 0 if the
 * kernel refuses the programs: the failure says why. */
static bool enter_own_group(const struct ka_config *config, char path[PATH_MAX],
                            struct bpf_failure *failure)
{
    struct group_programs programs;
    int fd = own_group_make("run", path), error = 0;
    bool entered = false;

    if (fd < 0)
        return false;
    if (bpf_attach(fd, config, &programs, failure)) {
        entered = own_group_enter(path);
        error = errno;
        bpf_close(&programs);
    }
    close(fd);
    if (!entered)
        own_group_remove(path);
    errno = error;
    return entered;
}

/* Print why there is no group for the program, and what can help. */
static int say_no_group(char **argv, struct program *program, const char *why)
{
    char library[PATH_MAX];

    if (library_find(library)) {
        program_judge(program, argv + 1, library, true);
        if (!*program->why_not)
            return say_not_run(*argv, why,
                               geteuid() ? "root, or kashim run without --cgroup"
                                         : "kashim run without --cgroup");
    }
    return say_not_run(*argv, why, geteuid() ? "root" : "");
}

static int prepare_group(const struct options *options, char **argv,
                         struct program *program)
{
    enum { TRIES = 10 }; /* another kashim may take a new group for one that was left */
    struct bpf_failure failure;
    char path[PATH_MAX] = "", why[256];
    bool entered = false;

    if (!cgroup_is_mounted())
        return say_no_group(argv, program, cgroup_missing());
    if (own_group_try(&failure) == TRIAL_NO_EFFECT)
        return say_no_group(argv, program, NO_EFFECT);
    for (int i = 0; i < TRIES && !entered; i++) {
        entered = enter_own_group(&options->config, path, &failure);
        if (!entered && errno != ENOENT && errno != ENODEV)
            break;
    }
    if (entered)
        return EXIT_SUCCESS;
    if (!errno)
        return say_no_group(argv, program, group_refusal(path, &failure));
    snprintf(why, sizeof why, "a control group can't be made for it: %s",
             strerror(errno));
    return say_no_group(argv, program, why);
}

/* ------------------------------------------------------------------------------ */

/* The name stays as it was given: programs look at it. */
static int become(char **argv, const char *path)
{
    int error;

    execv(path, argv);
    error = errno;
    complain("%s: %s", argv[0], strerror(error));
    return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}

/* Return the exit status if there is nothing more to do, or -1. */
static int read_arguments(int argc, char **argv, struct options *options, bool *cgroup)
{
    enum { OPTION_CGROUP = OPTION_OWN, OPTION_SUPERVISE };
    static const struct option names[] = {
        SETTING_OPTIONS,
        {"cgroup", no_argument, NULL, OPTION_CGROUP},
        {"supervise", no_argument, NULL, OPTION_SUPERVISE}, /* of version 1.0 */
        {"help", no_argument, NULL, 'h'},
        {0}};
    int option;

    options_begin(options);
    while ((option = next_option(argc, argv, "+:h" SETTING_LETTERS, names)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_CGROUP: *cgroup = true; break;
        case OPTION_SUPERVISE:
            complain("run: there is no --supervise any more: kashim run --cgroup serves "
                     "what the library doesn't reach");
            return EXIT_RUN;
        default:
            if (!options_take(options, option, optarg))
                return EXIT_RUN;
        }
    if ((*cgroup && !options_are_within(options, OUTSIDE_SETTINGS)) ||
        !options_read_environment(options))
        return EXIT_RUN;
    options_fit_kernel(options);
    if (optind < argc)
        return -1;
    complain("run: which PROGRAM? (kashim help run)");
    return EXIT_RUN;
}

int kashim_run(int argc, char **argv)
{
    struct options options;
    struct program program;
    bool cgroup = false;
    int status = read_arguments(argc, argv, &options, &cgroup);

    if (status >= 0)
        return status;
    if (options.config.off)
        complain("run: KA_OFF=1 is set: %s runs without keepalive", quoted(argv[optind]));
    status = program_find(argv[optind], &program);
    if (status)
        complain("%s: %s", quoted(argv[optind]), program.why_not);
    else if (!cgroup)
        status = prepare_preload(&options, argv + optind, &program);
    else if (!options.config.off)
        status = prepare_group(&options, argv + optind, &program);
    return status ? status : become(argv + optind, program.path);
}
