/* SPDX-License-Identifier: MIT */
/* kashim(1): finds the subcommand, which has a file of its name. */
#define _GNU_SOURCE /* O_PATH */
#include "kashim.h"

#include "util.h"

#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct subcommand {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *synopsis, *summary;
} subcommands[] = {
    {"run", kashim_run, "[OPTIONS] [--] PROGRAM...", "run a server with keepalive"},
    {"check", kashim_check, "[PROGRAM]", "say which way can serve PROGRAM"},
    {"attach", kashim_attach, "[OPTIONS] TARGET...",
     "put keepalive on running processes"},
    {"detach", kashim_detach, "[OPTIONS] TARGET...", "take it off again"},
    {"status", kashim_status, "[OPTIONS] [TARGET...]",
     "show which sockets have keepalive"},
    {"enable", kashim_enable, "[OPTIONS] [UNIT]", "keepalive for a systemd unit"},
    {"disable", kashim_disable, "UNIT", "remove what enable wrote"},
};

static const struct subcommand *find(const char *name)
{
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        if (!strcmp(subcommands[i].name, name))
            return &subcommands[i];
    return NULL;
}

static bool asks_for_help(const char *argument)
{
    return !strcmp(argument, "help") || !strcmp(argument, "--help") ||
           !strcmp(argument, "-h");
}

static int help(void)
{
    puts("TCP keepalive for servers that don't turn it on.\n");
    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        printf("  kashim %-7s %-26s %s\n", subcommands[i].name, subcommands[i].synopsis,
               subcommands[i].summary);
    puts("\nA TARGET is a process number, a unit (nginx), or the path of a control group."
         "\n\nkashim help SUBCOMMAND tells more of each, kashim(1) all. The library's\n"
         "variables, KA_IDLE and others, are in libkashim(7).");
    return EXIT_SUCCESS;
}

static int complain_unknown(const char *name)
{
    struct guess guess = {.word = name};

    for (size_t i = 0; i < sizeof subcommands / sizeof *subcommands; i++)
        guess_compare(&guess, subcommands[i].name);
    complain("no such subcommand: %s%s (kashim help lists them)", quoted(name),
             guess_text(&guess, ""));
    return EXIT_USAGE;
}

static int help_on(const char *name)
{
    const struct subcommand *s = find(name);
    char *argv[] = {(char *)name, (char[]){"--help"}, NULL};

    if (asks_for_help(name))
        return help();
    return s ? s->main(2, argv) : complain_unknown(name);
}

/* Return the exit status: `failure` instead of success if stdout has lost something. */
static int flushed(int status, int failure)
{
    bool lost = ferror(stdout);

    if (fclose(stdout) || lost) {
        complain("can't write to the standard output");
        return status ? status : failure;
    }
    return status;
}

/* Open / as each of 0 to 2 that is closed: or the duplicate of a socket gets the number,
 * and messages go into it. Reading and writing fail, as on a closed one. */
static void occupy_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/", O_PATH | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

int main(int argc, char **argv)
{
    const struct subcommand *s;

    setlocale(LC_CTYPE, "");                     /* for printable() */
    if (argc < 2 || strcmp(argv[1], "run") != 0) /* its program gets them as they are */
        occupy_standard_descriptors();
    if (argc < 2) {
        help();
        return flushed(EXIT_USAGE, EXIT_USAGE);
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        puts("kashim " KASHIM_VERSION);
        return flushed(EXIT_SUCCESS, EXIT_UNDONE);
    }
    if (asks_for_help(argv[1]))
        return flushed(argc > 2 ? help_on(argv[2]) : help(), EXIT_UNDONE);
    s = find(argv[1]);
    if (!s)
        return complain_unknown(argv[1]);
    return flushed(s->main(argc - 1, argv + 1),
                   s->main == kashim_run ? EXIT_RUN : EXIT_UNDONE);
}
