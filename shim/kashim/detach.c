/* SPDX-License-Identifier: MIT */
/* kashim detach: takes the programs off control groups, and keepalive off the sockets that
 * have it with the timers given. */
#include "kashim.h"

#include "group.h"
#include "scan.h"
#include "targets.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Turn keepalive off where the timers are those of `config`, and TCP_USER_TIMEOUT and
 * TCP_RTO_MAX_MS where it has them. */
static void begin_scan(struct scan *scan, const struct ka_config *config)
{
    *scan = (struct scan){.serving = NO_SERVING,
                          .config = config,
                          .wanted = KA_NO_VALUES,
                          .only = ka_values_wanted(config),
                          .former = ka_values_wanted(config),
                          .changed = "turned off",
                          .right = "already off"};
    scan->wanted.of[KA_KEEPALIVE] = 0;
}

/* Print with which timers something would have been turned off, if nothing was, and return
 * false. */
static bool some_turned_off(const struct scan *scan)
{
    const int *other = NULL;
    char user_timeout[24] = "", rto_max[24] = "";

    for (size_t i = 0; i < scan->count; i++) {
        const struct scanned *p = &scan->processes[i];

        if (p->listeners.changed || p->connections.changed)
            return true;
        if (p->other_timers.count)
            other = p->other_timers.first.of;
    }
    if (!other)
        return true;
    if (other[KA_USER_TIMEOUT] > 0)
        snprintf(user_timeout, sizeof user_timeout, " -u %d",
                 ka_seconds(other[KA_USER_TIMEOUT]));
    if (other[KA_RTO_MAX] > 0 && other[KA_RTO_MAX] != value_when_off(KA_RTO_MAX))
        snprintf(rto_max, sizeof rto_max, " -r %d", ka_seconds(other[KA_RTO_MAX]));
    complain(
        "nothing was turned off: what is on has other timers; detach it with -i %d -n %d -c "
        "%d%s%s",
        other[KA_IDLE], other[KA_INTVL], other[KA_CNT], user_timeout, rto_max);
    return false;
}

/* `given`: the user has given the timers. */
static bool finish_scan(struct scan *scan, bool given)
{
    bool done;

    scan_all(scan);
    done = scan_report(scan);
    done &= !given || some_turned_off(scan);
    scan_free(scan);
    return done;
}

static bool detach_processes(const struct arguments *a, bool given)
{
    struct scan scan;

    begin_scan(&scan, &a->options.config);
    scan.children = a->children;
    numbers_add_all(&scan.pids, &a->targets.pids);
    return finish_scan(&scan, given);
}

bool detach_from_processes(const struct numbers *pids, const struct options *options)
{
    const struct arguments a = {.options = *options, .targets.pids = *pids};

    return detach_processes(&a, false);
}

/* Print why not and return false. */
static bool remove_programs(const struct group *g)
{
    struct bpf_failure failure;

    if (bpf_detach(g->fd, &failure)) {
        say("group %s: kashim's programs are removed", g->path);
        return true;
    }
    complain("group %s: %s", g->path, group_refusal(g->path, &failure));
    return false;
}

/* Put the settings of an outer group, if there is one, on the sockets that were turned off:
 * it serves them from now on. */
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
    scan.only.of[KA_USER_TIMEOUT] = scan.only.of[KA_RTO_MAX] = -1;
    scan.former = KA_NO_VALUES;
    scan.group = g;
    scan.mark = &g->outer;
    scan.changed = "changed";
    scan.right = "already right";
    return finish_scan(&scan, false);
}

/* Turn off the sockets of the group that have the timers of `config`, if their ports are
 * those of `asked` too. */
static bool turn_off(struct group *g, struct ka_config config,
                     const struct ka_config *asked, bool given)
{
    struct scan scan;
    bool done;

    if (asked->some_ports) {
        config.some_ports = true;
        memcpy(config.ports, asked->ports, sizeof config.ports);
    }
    begin_scan(&scan, &config);
    scan.group = g;
    done = finish_scan(&scan, given);
    return hand_to_outer(g, &config) && done;
}

/* Which sockets of a group are turned off: those with its own timers, or with these. */
enum timers { THE_GROUPS, GIVEN, GIVEN_IF_UNKNOWN };

static bool detach_group(const char *path, const struct ka_config *asked,
                         enum timers timers)
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
    group_mention_below(&g);
    if (timers == GIVEN || (timers == GIVEN_IF_UNKNOWN && found != BPF_FOUND))
        done &= turn_off(&g, *asked, asked, timers == GIVEN);
    else if (done && found == BPF_FOUND)
        done = turn_off(&g, settings.config, asked, false);
    else if (done && found == BPF_OTHER_VERSION)
        complain("group %s: another version of kashim has set it up: give the timers of "
                 "the connections that are to lose keepalive",
                 path);
    group_close(&g);
    return done;
}

bool detach_from_group(const char *path, const struct options *options)
{
    return detach_group(path, &options->config, GIVEN_IF_UNKNOWN);
}

/* ---- the subcommand ---------------------------------------------------------- */

static int help(void)
{
    puts(
        "kashim detach [OPTIONS] [--children] TARGET...\n"
        "kashim detach [OPTIONS] [--children] --port PORT\n"
        "\n"
        "Undoes kashim attach. It removes kashim's programs from a control group. Then it\n"
        "turns keepalive off on listeners and accepted connections. It takes only those\n"
        "that have the timers given here; of a group, if none are given, those with the\n"
        "group's. What the program itself had set before attach is off as well: its\n"
        "restart brings that back.\n"
        "\n" TARGETS_HELP "\n" TARGET_OPTIONS_HELP);
    options_help(DETACH_SETTINGS);
    puts("\nExit status: 0 all was done, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

int kashim_detach(int argc, char **argv)
{
    static const struct option names[] = {SETTING_OPTIONS, TARGET_OPTIONS, {0}};
    struct arguments a;
    int status = arguments_read(argc, argv, names, DETACH_SETTINGS, help, &a);
    enum timers timers = THE_GROUPS;
    bool done = true;

    if (status >= 0)
        return status;
    for (int i = 0; i < TIMER_SETTINGS; i++)
        if (a.options.value[i])
            timers = GIVEN;
    if (!options_read_environment(&a.options))
        return EXIT_USAGE;
    if (!targets_find(a.port, argv + optind, &a.targets))
        return EXIT_UNDONE;
    if (a.targets.pids.count)
        done = detach_processes(&a, true);
    for (size_t i = 0; i < a.targets.group_count; i++)
        done &= detach_group(a.targets.groups[i], &a.options.config, timers);
    targets_free(&a.targets);
    return done ? EXIT_SUCCESS : EXIT_UNDONE;
}
