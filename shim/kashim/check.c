/* SPDX-License-Identifier: MIT */
/* kashim check: whether a program can be served, and if not, why. */
#include "kashim.h"
#include "program.h"
#include "tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int help(void)
{
    puts("kashim check PROGRAM\n\n"
         "Says whether the library can serve the program, and if not, why; and the "
         "setting\n"
         "that the program has itself, where it is known to have one. Of a program "
         "that\n"
         "gains rights by setuid or file capabilities it tells what holds for you: root "
         "gains\n"
         "none.\n\n"
         "Exit status: 0 it can, 1 it can't or isn't there, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* Servers that need no kashim, if only one knows what to set. */
static const struct {
    const char *program, *setting;
} own[] = {
    {"nginx", "listen ... so_keepalive=60s:10s:6"},
    {"postgres", "tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count"},
    {"mariadbd", "tcp-keepalive-time, tcp-keepalive-interval, tcp-keepalive-probes"},
    {"mysqld", "in MariaDB: tcp-keepalive-time, tcp-keepalive-interval, "
               "tcp-keepalive-probes"},
    {"haproxy", "option clitcpka, clitcpka-idle, clitcpka-intvl, clitcpka-cnt"},
    {"redis-server", "tcp-keepalive 60"},
    {"sshd", "ClientAliveInterval 60, ClientAliveCountMax 6"},
    {"systemd-socket-proxyd", "in its socket unit: KeepAlive=yes, KeepAliveTimeSec=, "
                              "KeepAliveIntervalSec=, KeepAliveProbes="},
};

static void tell_own_setting(const char *path)
{
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strcmp(own[i].program, base_name(path)))
            printf("it has a setting of its own: %s\n", own[i].setting);
}

static int check(const char *name)
{
    char library[PATH_MAX], shown[PATH_MAX];
    struct program program;

    if (program_find(AT_FDCWD, name, &program)) {
        complain("%s: %s", name, program.why_not);
        return EXIT_UNDONE;
    }
    if (!library_find(library))
        return EXIT_UNDONE;
    program_judge(&program, library, true);
    printable(strcpy(shown, program.path));
    if (*program.why_not)
        printf("%s: no: %s\n", shown, program.why_not);
    else
        printf("%s: yes%s\n", shown,
               program.script ? ", a script; what it starts isn't looked at" : "");
    if (*program.why_not && program.instead)
        printf("what can help: %s\n", program.instead);
    tell_own_setting(program.path);
    return *program.why_not ? EXIT_UNDONE : EXIT_SUCCESS;
}

int kashim_check(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = next_option(argc, argv, "+:h", options);

    if (option == 'h')
        return help();
    if (option != -1)
        return EXIT_USAGE;
    if (optind != argc - 1) {
        complain("check: which PROGRAM? One of them (kashim help check)");
        return EXIT_USAGE;
    }
    return check(argv[optind]);
}
