/* SPDX-License-Identifier: MIT */
/* kashim detach: takes the programs off control groups, and keepalive off the sockets that
 * have it with these timers. */
#include "attach.h"
#include "group.h"
#include "kashim.h"
#include "options.h"
#include "scan.h"
#include "targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct detach {
    struct settings settings;
    bool timers_given; /* they count more than the group's own */
    bool timers_known; /* they count where the group's own can't be had */
    struct targets targets;
    int port;
    bool children;
};

/* Off, where the timers are those of `config`. TCP_USER_TIMEOUT goes where that has one. */
static void begin_scan(struct scan *scan, const struct ka_config *config)
{
    *scan = (struct scan){.config = config,
                          .wanted = KA_NO_VALUES,
                          .only = ka_values_wanted(config),
                          .former = KA_NO_VALUES,
                          .changed = "turned off",
                          .right = "already off"};
    scan->wanted.of[KA_KEEPALIVE] = 0;
    if (scan->only.of[KA_USER_TIMEOUT] > 0)
        scan->wanted.of[KA_USER_TIMEOUT] = 0;
}

static bool finish_scan(struct scan *scan)
{
    bool done;

    scan_all(scan);
    done = scan_report(scan);
    scan_free(scan);
    return done;
}

static bool detach_processes(const struct detach *d)
{
    struct serving serving = NO_SERVING;
    struct scan scan;
    bool done;

    begin_scan(&scan, &d->settings.config);
    scan.context = &serving;
    scan.before = serving_unmark;
    numbers_add_all(&scan.pids, &d->targets.pids);
    if (d->children)
        scan.find = scan_find_descendants;
    done = finish_scan(&scan);
    bpf_close(&serving.programs);
    return done;
}

bool detach_from_processes(const struct numbers *pids, const struct settings *settings)
{
    const struct detach d = {.settings = *settings, .targets.pids = *pids};

    return detach_processes(&d);
}

/* False: they are still there, which is said. */
static bool remove_programs(const struct group *g)
{
    struct bpf_failure failure;

    if (bpf_detach(g->fd, &failure)) {
        say("group %s: the kernel's programs are removed", g->path);
        return true;
    }
    complain("group %s: %s", g->path, group_refusal(g->path, &failure));
    return false;
}

/* An outer group serves from now on what was turned off: it gets its settings. */
static bool hand_to_outer(struct group *g, const struct ka_config *inner)
{
    struct group_settings outer;
    struct scan scan;
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s", g->path);
    if (group_nearest(path, &outer) != BPF_FOUND)
        return true;
    say("group %s: group %s serves it now", g->path, path);
    begin_scan(&scan, &outer.config);
    scan.wanted = outer.values;
    scan.only = ka_values_wanted(inner);
    scan.only.of[KA_KEEPALIVE] = 0;
    scan.only.of[KA_USER_TIMEOUT] = -1;
    scan.context = g;
    scan.find = group_find_processes;
    scan.before = group_unmark;
    scan.after = group_mark_outer;
    scan.changed = "changed";
    scan.right = "already right";
    return finish_scan(&scan);
}

/* Those of the group are its own timers, unless others are given. */
static bool turn_off(const struct detach *d, struct group *g, struct ka_config config)
{
    struct scan scan;
    bool done;

    if (d->settings.config.some_ports) {
        config.some_ports = true;
        memcpy(config.ports, d->settings.config.ports, sizeof config.ports);
    }
    begin_scan(&scan, &config);
    scan.context = g;
    scan.find = group_find_processes;
    scan.before = group_unmark;
    done = finish_scan(&scan);
    return hand_to_outer(g, &config) && done;
}

static bool detach_group(const struct detach *d, const char *path)
{
    struct group_settings settings;
    struct group g;
    enum bpf_found found;
    bool done = true;

    if (!group_open(path, &g))
        return false;
    found = bpf_find(g.fd, &g.programs, &settings);
    if (found == BPF_NONE && g.programs.setsockopt < 0) /* left by one that was killed */
        say("group %s: kashim has no programs there", path);
    else
        done = remove_programs(&g);
    if (d->timers_given || (d->timers_known && found != BPF_FOUND))
        done &= turn_off(d, &g, d->settings.config);
    else if (done && found == BPF_FOUND)
        done = turn_off(d, &g, settings.config);
    else if (done && found == BPF_OTHER_VERSION)
        complain("group %s: another version of kashim has set it up: give the timers of "
                 "the connections that are to lose keepalive",
                 path);
    group_close(&g);
    return done;
}

bool detach_from_group(const char *path, const struct settings *settings)
{
    struct detach d = {.settings = *settings, .timers_known = true};

    return detach_group(&d, path);
}

/* ---- the arguments ----------------------------------------------------------- */

enum { OPTION_CHILDREN = OPTION_OWN, OPTION_PORT };

static const struct option options[] = {SETTING_OPTIONS,
                                        {"children", no_argument, NULL, OPTION_CHILDREN},
                                        {"port", required_argument, NULL, OPTION_PORT},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

static int help(void)
{
    puts("kashim detach [OPTIONS] [--children] TARGET...\n"
         "kashim detach [OPTIONS] [--children] --port PORT\n\n"
         "Undoes kashim attach: removes what it has put on a control group, and turns\n"
         "keepalive off on listeners and accepted connections that have it with the\n"
         "timers given here; without, those of the group. Sockets with other timers are\n"
         "left alone. What a program had set before isn't known: it is off as well.\n"
         "\n" TARGETS_HELP "\n"
         "      --children                            the processes below them too\n"
         "      --port PORT                           those that listen on it");
    settings_help(true);
    puts("\nExit status: 0 all was done, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* The exit status if there is nothing more to do, or negative. */
static int read_arguments(int argc, char **argv, struct detach *d)
{
    int option;

    while ((option = next_option(argc, argv, ":h" SETTING_LETTERS, options)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_CHILDREN: d->children = true; break;
        case OPTION_PORT:
            if (!targets_port(optarg, &d->port))
                return EXIT_USAGE;
            break;
        case OPTION_FORCE:
            complain("--force means nothing here: nothing is put anywhere");
            return EXIT_USAGE;
        default:
            if (settings_take(&d->settings, option, optarg) != SETTING_TAKEN)
                return EXIT_USAGE;
        }
    if ((d->port != 0) == (optind < argc)) {
        complain("detach: from what? TARGET... or --port PORT (kashim help detach)");
        return EXIT_USAGE;
    }
    if (!settings_act_outside(&d->settings))
        return EXIT_USAGE;
    for (int i = 0; i < TIMER_SETTINGS; i++)
        d->timers_given |= d->settings.value[i] != NULL;
    return settings_read(&d->settings) ? -1 : EXIT_USAGE;
}

int kashim_detach(int argc, char **argv)
{
    struct detach d = {.port = 0};
    bool done = true;
    int status;

    settings_begin(&d.settings);
    status = read_arguments(argc, argv, &d);
    if (status >= 0)
        return status;
    if (!targets_find(d.port, argv + optind, &d.targets))
        return EXIT_UNDONE;
    if (d.targets.pids.count)
        done = detach_processes(&d);
    for (size_t i = 0; i < d.targets.group_count; i++)
        done &= detach_group(&d, d.targets.groups[i]);
    targets_free(&d.targets);
    return done ? EXIT_SUCCESS : EXIT_UNDONE;
}
