/* SPDX-License-Identifier: MIT */
/* kashim check: says which ways serve a program, or are open on this host, and if not,
 * why. */
#include "kashim.h"

#include "diag.h"
#include "group.h"
#include "process.h"
#include "program.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int help(void)
{
    puts(
        "kashim check PROGRAM\n"
        "kashim check\n"
        "\n"
        "Says whether the library can serve PROGRAM; if not, why, and which other way\n"
        "can. Names the program's own keepalive setting, if kashim knows one. A program\n"
        "that gains rights, by setuid or file capabilities, is judged for the user who\n"
        "asks: root gains none.\n"
        "\n"
        "Without PROGRAM: says which ways this host allows, and what forbids the others.\n"
        "\n"
        "Exit status: 0 all yes, 1 something not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* Servers that have a setting of their own. */
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

static int check_program(char **argv)
{
    const char *name = *argv;
    char library[PATH_MAX];
    struct program program;

    if (program_find(name, &program)) {
        complain("%s: %s", quoted(name), program.why_not);
        return EXIT_UNDONE;
    }
    if (!library_find(library)) {
        complain(LIBRARY_MISSING, library, make_install());
        return EXIT_UNDONE;
    }
    program_judge(&program, argv + 1, library, true);
    if (*program.why_not)
        say("%s: no: %s", program.path, program.why_not);
    else
        say("%s: yes: kashim run%s", program.path,
            program.script ? "; a script, and what it starts isn't looked at" : "");
    if (*program.why_not && *program.instead)
        say("what can help: %s", program.instead);
    tell_own_setting(program.path);
    return *program.why_not ? EXIT_UNDONE : EXIT_SUCCESS;
}

/* ---- this host --------------------------------------------------------------- */

/* Print whether a way is open; `why` not, or NULL. Return whether. */
static bool tell(const char *way, const char *why)
{
    say("%-20s %s%s", way, why ? "no: " : "yes", why ? why : "");
    return !why;
}

static const char *why_no_groups(void)
{
    static char text[512];
    struct bpf_failure failure;
    char group[PATH_MAX] = "/";

    if (!cgroup_is_mounted())
        return cgroup_missing();
    cgroup_of_process(getpid(), group);
    switch (own_group_try(&failure)) {
    case TRIAL_WORKS: return NULL;
    case TRIAL_NO_EFFECT: return NO_EFFECT;
    case TRIAL_REFUSED: return group_refusal(group, &failure);
    default: break;
    }
    snprintf(text, sizeof text, "it can't be tried%s: %s",
             geteuid() ? ", which takes root" : "", strerror(failure.error));
    return text;
}

static const char *why_no_sock_diag(void)
{
    struct tcp_sockets sockets;
    int error = sock_diag_read(getpid(), DIAG_LISTENERS, &sockets);

    tcp_sockets_free(&sockets);
    return error ? diag_refusal(error) : NULL;
}

static int check_host(void)
{
    char library[PATH_MAX];
    bool all = tell("library", library_find(library) ? NULL : "it isn't installed");

    all &= tell("control groups", why_no_groups());
    all &= tell("attach to processes", why_no_duplicates());
    all &= tell("status by sock_diag", why_no_sock_diag());
    tell("KA_RTO_MAX",
         ka_values_of_kernel().of[KA_RTO_MAX] < 0 ? KA_RTO_MAX_SINCE : NULL);
    if (geteuid())
        puts("As an ordinary user you reach your own processes, and no control groups.");
    return all ? EXIT_SUCCESS : EXIT_UNDONE;
}

int kashim_check(int argc, char **argv)
{
    static const struct option names[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = next_option(argc, argv, "+:h", names);

    if (option == 'h')
        return help();
    if (option != -1)
        return EXIT_USAGE;
    if (optind < argc - 1) {
        complain(
            "check: one PROGRAM at a time, and %s is one too many (kashim help check)",
            quoted(argv[optind + 1]));
        return EXIT_USAGE;
    }
    return optind == argc ? check_host() : check_program(argv + optind);
}
