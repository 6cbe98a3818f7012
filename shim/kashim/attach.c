/* SPDX-License-Identifier: MIT */
/* kashim attach: keepalive for what runs: by the kernel's programs on control groups, and on
 * the sockets that processes have. */
#include "attach.h"

#include "../text.h"
#include "group.h"
#include "kashim.h"
#include "options.h"
#include "own_group.h"
#include "scan.h"
#include "targets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct attach {
    struct settings settings;
    struct targets targets;
    int port;
    bool listeners_only, children;
    bool force; /* as an option, not by the environment */
    bool quiet; /* of children, and where there are no sockets */
};

static void begin_scan(const struct attach *a, struct scan *scan)
{
    *scan = (struct scan){.config = &a->settings.config,
                          .wanted = ka_values_wanted(&a->settings.config),
                          .only = KA_NO_VALUES,
                          .former = KA_NO_VALUES,
                          .listeners_only = a->listeners_only,
                          .changed = "changed",
                          .right = "already right"};
}

/* ---- processes --------------------------------------------------------------- */

static unsigned sum(const struct tally *t)
{
    return t->changed + t->right + t->failed;
}

/* False: there was nothing to do, which is said. */
static bool some_sockets(const struct scan *scan)
{
    unsigned other_ports = 0;

    for (size_t i = 0; i < scan->count; i++) {
        const struct scanned *p = &scan->processes[i];

        if (p->refused || p->outgoing || sum(&p->listeners) || sum(&p->connections))
            return true;
        other_ports += p->other_ports;
    }
    if (scan->too_many)
        return true;
    if (other_ports)
        complain("none of the ports asked for: %u sockets with others were left alone",
                 other_ports);
    else
        complain("no TCP listener and no connection was found");
    return false;
}

static void mention_children(struct scan *scan)
{
    size_t named = scan->pids.count;

    pids_add_descendants(&scan->pids);
    if (scan->pids.count > named)
        complain("not looked at: %zu processes that these have started (--children takes "
                 "them)",
                 scan->pids.count - named);
}

static bool attach_processes(const struct attach *a)
{
    struct serving serving = NO_SERVING;
    struct scan scan;
    bool done;

    begin_scan(a, &scan);
    scan.context = &serving;
    scan.before = serving_unmark;
    scan.after = serving_mark;
    numbers_add_all(&scan.pids, &a->targets.pids);
    if (a->children)
        scan.find = scan_find_descendants;
    scan_all(&scan);
    done = scan_report(&scan);
    done &= a->quiet || some_sockets(&scan);
    if (!a->children && !a->quiet)
        mention_children(&scan);
    scan_free(&scan);
    bpf_close(&serving.programs);
    return done;
}

bool attach_to_processes(const struct numbers *pids, const struct settings *settings)
{
    struct attach a = {.settings = *settings, .targets.pids = *pids, .quiet = true};

    return attach_processes(&a);
}

/* ---- groups ------------------------------------------------------------------ */

/* The first time the programs are tried elsewhere. */
static bool put_programs(const struct attach *a, struct group *g,
                         struct ka_values *former)
{
    struct group_settings before = {.values = KA_NO_VALUES};
    struct group_programs programs;
    struct bpf_failure failure;
    enum bpf_found found = bpf_find(g->fd, &programs, &before);

    *former = before.values;
    bpf_close(&programs);
    if (found == BPF_NONE && own_group_try(&failure) == TRIAL_NO_EFFECT) {
        complain(
            "group %s: the kernel's programs have no effect here: they take Linux 5.9",
            g->path);
        return false;
    }
    if (bpf_attach(g->fd, &a->settings.config, &g->programs, &failure))
        return true;
    complain("group %s: the kernel's programs can't be put there: %s", g->path,
             group_refusal(g->path, &failure));
    return false;
}

static bool report_listener(const struct scan *scan, size_t i)
{
    const struct scanned *owner = &scan->processes[scan->listeners[i].process];
    const struct process *p = &owner->process;
    char address[ADDRESS_SIZE], text[256];
    struct ka_text timers = {text, sizeof text, 0};
    struct tcp_socket s;

    if (!scan_read_listener(scan, i, &s) ||
        !ka_config_port(scan->config, address_port(&s.local)))
        return true;
    address_text(&s.local, address);
    if (s.values.of[KA_KEEPALIVE] != 1) {
        complain("listener %s of %s (%d) has no keepalive%s%s", address, p->name, p->pid,
                 owner->listeners.failed ? "" : ": the program turns it off itself",
                 owner->listeners.failed || scan->config->force
                     ? ""
                     : " (--force keeps it on)");
        return false;
    }
    ka_put_timers(&timers, &s.values, scan->config->retries);
    printf("listener %s of %s (%d): %.*s\n", address, p->name, p->pid, (int)timers.len,
           text);
    return true;
}

/* Whether each process that runs has been looked at. */
static bool all_seen(const struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        if (scan->processes[i].refused && scan->processes[i].refused != ESRCH)
            return false;
    return !scan->too_many;
}

static bool report_listeners(const struct scan *scan)
{
    bool good = true;

    for (size_t i = 0; i < scan->listener_count; i++)
        good &= report_listener(scan, i);
    if (!scan->listener_count && all_seen(scan))
        puts("nothing listens there yet");
    return good;
}

static void report_programs(const struct attach *a, const struct group *g)
{
    struct group_settings settings = {.config = a->settings.config,
                                      .values = ka_values_wanted(&a->settings.config)};
    char *text = group_settings_text(&settings);

    say("group %s: %s", g->path, text);
    free(text);
}

static bool attach_group(const struct attach *a, const char *path)
{
    struct group g;
    struct scan scan;
    struct ka_values former;
    bool done;

    if (!group_open(path, &g))
        return false;
    done = put_programs(a, &g, &former);
    if (done)
        report_programs(a, &g);
    begin_scan(a, &scan);
    scan.former = former;
    scan.spare_own = true;
    scan.context = &g;
    scan.find = group_find_processes;
    scan.before = group_unmark;
    scan.after = group_mark;
    scan_all(&scan);
    done &= scan_report(&scan);
    done &= report_listeners(&scan);
    scan_free(&scan);
    group_close(&g);
    return done;
}

bool attach_to_group(const char *path, const struct settings *settings)
{
    struct attach a = {.settings = *settings};

    return attach_group(&a, path);
}

/* ---- the arguments ----------------------------------------------------------- */

enum { OPTION_LISTENERS_ONLY = OPTION_OWN, OPTION_CHILDREN, OPTION_PORT };

static const struct option options[] = {
    SETTING_OPTIONS,
    {"listeners-only", no_argument, NULL, OPTION_LISTENERS_ONLY},
    {"children", no_argument, NULL, OPTION_CHILDREN},
    {"port", required_argument, NULL, OPTION_PORT},
    {"help", no_argument, NULL, 'h'},
    {0}};

static int help(void)
{
    puts("kashim attach [OPTIONS] [--listeners-only] [--children] TARGET...\n"
         "kashim attach [OPTIONS] [--listeners-only] [--children] --port PORT\n\n"
         "Puts TCP keepalive on the listeners of running processes, and on the\n"
         "connections accepted from these. On a control group, it also stays there for\n"
         "whatever listens or accepts later. Nothing is restarted, stopped or injected.\n"
         "\n" TARGETS_HELP "\n"
         "      --listeners-only                      no connections\n"
         "      --children                            the processes below them too\n"
         "      --port PORT                           those that listen on it");
    settings_help(true);
    puts("\nExit status: 0 all was done, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* The exit status if there is nothing more to do, or negative. */
static int read_arguments(int argc, char **argv, struct attach *a)
{
    int option;

    while ((option = next_option(argc, argv, ":h" SETTING_LETTERS, options)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_LISTENERS_ONLY: a->listeners_only = true; break;
        case OPTION_CHILDREN: a->children = true; break;
        case OPTION_PORT:
            if (!targets_port(optarg, &a->port))
                return EXIT_USAGE;
            break;
        default:
            if (settings_take(&a->settings, option, optarg) != SETTING_TAKEN)
                return EXIT_USAGE;
        }
    if ((a->port != 0) == (optind < argc)) {
        complain("attach: to what? TARGET... or --port PORT%s (kashim help attach)",
                 a->settings.config.some_ports
                     ? "; -p, --ports, picks among their sockets"
                     : "");
        return EXIT_USAGE;
    }
    if (!settings_act_outside(&a->settings))
        return EXIT_USAGE;
    a->force = a->settings.config.force;
    return settings_read(&a->settings) ? -1 : EXIT_USAGE;
}

int kashim_attach(int argc, char **argv)
{
    struct attach a = {.port = 0};
    bool done = true;
    int status;

    settings_begin(&a.settings);
    status = read_arguments(argc, argv, &a);
    if (status >= 0)
        return status;
    if (a.settings.config.off) {
        complain("attach: KA_OFF=1 is set, so nothing was done");
        return EXIT_UNDONE;
    }
    if (!targets_find(a.port, argv + optind, &a.targets))
        return EXIT_UNDONE;
    if (a.force && a.targets.pids.count) {
        complain("--force takes a control group: nothing stays with a process that could "
                 "refuse what it does");
        return EXIT_USAGE;
    }
    if (a.targets.pids.count)
        done = attach_processes(&a);
    for (size_t i = 0; i < a.targets.group_count; i++)
        done &= attach_group(&a, a.targets.groups[i]);
    targets_free(&a.targets);
    return done ? EXIT_SUCCESS : EXIT_UNDONE;
}
