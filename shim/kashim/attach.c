/* SPDX-License-Identifier: MIT */
/* kashim attach: puts keepalive on what runs: by kashim's programs on control groups, and
 * on the sockets that processes have. */
#include "kashim.h"

#include "../text.h"
#include "group.h"
#include "scan.h"
#include "targets.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* What limits data in flight stays as it is, unless the user turns it off. */
static struct scan begin_scan(const struct arguments *a)
{
    struct scan scan = {.config = &a->options.config,
                        .wanted = ka_values_wanted(&a->options.config),
                        .only = KA_NO_VALUES,
                        .former = KA_NO_VALUES,
                        .listeners_only = a->listeners_only,
                        .serving = NO_SERVING,
                        .changed = "changed",
                        .right = "already right"};

    if (options_have(&a->options, "KA_USER_TIMEOUT") && !scan.config->user_timeout)
        scan.wanted.of[KA_USER_TIMEOUT] = value_when_off(KA_USER_TIMEOUT);
    if (options_have(&a->options, "KA_RTO_MAX") && !scan.config->rto_max &&
        ka_values_of_kernel().of[KA_RTO_MAX] >= 0)
        scan.wanted.of[KA_RTO_MAX] = value_when_off(KA_RTO_MAX);
    return scan;
}

/* ---- processes --------------------------------------------------------------- */

static unsigned sum(const struct tally *t)
{
    return t->changed + t->right + t->failed;
}

/* Add what all sockets of the process had before, and still have since it isn't asked for. */
static void add_former(struct ka_values *values, const struct scanned *p,
                       unsigned sockets)
{
    if (p->before.mixed || p->before.count != sockets)
        return;
    for (enum ka_option i = KA_USER_TIMEOUT; i <= KA_RTO_MAX; i++)
        if (values->of[i] < 0)
            values->of[i] = p->before.first.of[i];
}

static void say_undo(const struct arguments *a)
{
    enum { NAMED = 3 };
    const struct numbers *pids = &a->targets.pids;
    char *command;
    size_t size;
    FILE *file = open_memory(&command, &size);

    options_write(file, &a->options);
    fputs(a->children ? "--children " : "", file);
    if (a->port)
        fprintf(file, "--port %d", a->port);
    else if (pids->count > NAMED)
        fputs("PID...", file);
    else
        for (size_t i = 0; i < pids->count; i++)
            fprintf(file, i ? " %d" : "%d", (int)pids->all[i]);
    fclose(file);
    say("to undo it: kashim detach %s", command);
    free(command);
}

/* Print what the sockets have now, how long that lasts, and what undoes it: what was asked
 * for, and what else all of them have. */
static void report_timers(const struct arguments *a, const struct scan *scan)
{
    struct ka_values values = scan->wanted;
    char text[256];
    struct ka_text timers = {text, sizeof text - 1, 0};
    unsigned changed = 0, have = 0; /* sockets that got them; and with those that had */

    for (size_t i = 0; i < scan->count; i++) {
        const struct tally *l = &scan->processes[i].listeners,
                           *c = &scan->processes[i].connections;

        have += l->changed + l->right + c->changed + c->right;
        changed += l->changed + c->changed;
    }
    if (!have)
        return;
    if (scan->count == 1)
        add_former(&values, &scan->processes[0], have);
    ka_put_timers(&timers, &values, scan->config->retries);
    text[timers.len] = '\0';
    say_parts(append(
        append(NULL, scan->count == 1 ? "until it ends: " : "until they end: "), text));
    if (changed)
        say_undo(a);
}

/* Print that there was nothing to do, if so, and return false. */
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
    else if (scan->count == 1 && process_is_kernels(scan->processes[0].process.pid))
        complain("%s (%d) is a thread of the kernel's and has no sockets",
                 scan->processes[0].process.name, scan->processes[0].process.pid);
    else
        complain("no TCP listener and no connection was found");
    return false;
}

static bool none_refused(const struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        if (scan->processes[i].refused)
            return false;
    return true;
}

/* `quiet`: say nothing of children, nor where there are no sockets. */
static bool attach_processes(const struct arguments *a, bool quiet)
{
    struct scan scan = begin_scan(a);
    bool done;

    scan.children = a->children;
    scan.mark = &scan.serving.programs;
    numbers_add_all(&scan.pids, &a->targets.pids);
    scan_all(&scan);
    done = scan_report(&scan);
    if (!quiet)
        report_timers(a, &scan);
    done &= quiet || some_sockets(&scan);
    if (!a->children && !quiet && none_refused(&scan))
        mention_children(&scan.pids);
    scan_free(&scan);
    return done;
}

bool attach_to_processes(const struct numbers *pids, const struct options *options)
{
    const struct arguments a = {.options = *options, .targets.pids = *pids};

    return attach_processes(&a, true);
}

/* ---- groups ------------------------------------------------------------------ */

/* Put the programs there; where there were none, try first whether they have an effect.
 * `former` becomes what the ones before had set. Print why not and return false. */
static bool put_programs(const struct ka_config *config, struct group *g,
                         struct ka_values *former)
{
    struct group_settings before = {.values = KA_NO_VALUES};
    struct group_programs programs;
    struct bpf_failure failure;
    enum bpf_found found = bpf_find(g->fd, &programs, &before);

    *former = before.values;
    bpf_close(&programs);
    if (found == BPF_NONE && own_group_try(&failure) == TRIAL_NO_EFFECT) {
        complain("group %s: " NO_EFFECT, g->path);
        return false;
    }
    if (bpf_attach(g->fd, config, &g->programs, &failure))
        return true;
    complain("group %s: kashim's programs can't be put there: %s", g->path,
             group_refusal(g->path, &failure));
    return false;
}

/* Print what the listener has now; if it has no keepalive, complain and return false. */
static bool report_listener(const struct scan *scan, size_t i)
{
    const struct scanned *owner = &scan->processes[scan->listeners[i].process];
    const struct process *p = &owner->process;
    bool failed = owner->listeners.failed > 0;
    char address[ADDRESS_SIZE];
    struct tcp_socket s;

    if (!scan_read_listener(scan, i, &s) || !scan_port_is_meant(scan, &s, LISTENER))
        return true;
    address_text(&s.local, address);
    if (s.values.of[KA_KEEPALIVE] != 1) {
        complain("listener %s of %s (%d) has no keepalive%s%s", address, p->name, p->pid,
                 failed ? "" : ": the program turns it off itself",
                 failed || scan->config->force ? "" : " (--force keeps it on)");
        return false;
    }
    say("listener %s of %s (%d): %s", address, p->name, p->pid, timers_text(&s.values));
    return true;
}

/* Tell whether each process that still runs has been looked at. */
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

    process_hurry_closing(true);
    for (size_t i = 0; i < scan->listener_inodes.count; i++)
        good &= report_listener(scan, i);
    process_hurry_closing(false);
    if (scan->count && !scan->listener_inodes.count && all_seen(scan))
        puts("nothing listens there yet");
    return good;
}

/* `until` says how long that lasts. */
static void report_programs(const struct ka_config *config, const struct group *g,
                            const char *until)
{
    struct group_settings settings = {.config = *config,
                                      .values = ka_values_wanted(config)};
    char *text = group_settings_text(&settings);
    char *line = append(append(append(NULL, "group "), g->path), ": ");

    say_parts(append(append(line, text), until));
    free(text);
}

static bool attach_group(const struct arguments *a, const char *path, const char *until)
{
    const struct ka_config *config = &a->options.config;
    struct scan scan = begin_scan(a);
    struct group g;
    bool done;

    if (!group_open(path, &g))
        return false;
    done = put_programs(config, &g, &scan.former);
    if (done)
        report_programs(config, &g, until);
    group_mention_below(&g);
    scan.spare_own = true;
    scan.names_listeners = true;
    scan.group = &g;
    scan.mark = &g.programs;
    scan_all(&scan);
    done &= scan_report(&scan);
    done &= report_listeners(&scan);
    scan_free(&scan);
    group_close(&g);
    return done;
}

bool attach_to_group(const char *path, const struct options *options)
{
    const struct arguments a = {.options = *options};

    return attach_group(&a, path, "");
}

/* ---- the subcommand ---------------------------------------------------------- */

static int help(void)
{
    puts(
        "kashim attach [OPTIONS] [--listeners-only] [--children] TARGET...\n"
        "kashim attach [OPTIONS] [--listeners-only] [--children] --port PORT\n"
        "\n"
        "Puts TCP keepalive on the listeners of running processes, and on the\n"
        "connections accepted from them. On a control group, it also stays there for\n"
        "whatever listens or accepts later. Nothing is restarted, stopped or injected.\n"
        "\n" TARGETS_HELP "\n"
        "      --listeners-only                      no connections\n" TARGET_OPTIONS_HELP);
    options_help(OUTSIDE_SETTINGS);
    puts("\nExit status: 0 all was done, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

int kashim_attach(int argc, char **argv)
{
    static const struct option names[] = {
        SETTING_OPTIONS,
        TARGET_OPTIONS,
        {"listeners-only", no_argument, NULL, OPTION_LISTENERS_ONLY},
        {0}};
    struct arguments a;
    int status = arguments_read(argc, argv, names, OUTSIDE_SETTINGS, help, &a);
    bool force = a.options.config.force; /* the environment's would be passed over */
    bool done = true;

    if (status >= 0)
        return status;
    if (!options_read_environment(&a.options))
        return EXIT_USAGE;
    if (options_are_off(&a.options, argv[0]) ||
        !targets_find(a.port, argv + optind, &a.targets))
        return EXIT_UNDONE;
    if (force && a.targets.pids.count) {
        complain("--force takes a control group: with a process nothing stays that could "
                 "keep it on");
        return EXIT_USAGE;
    }
    options_fit_kernel(&a.options);
    if (a.targets.pids.count)
        done = attach_processes(&a, false);
    for (size_t i = 0; i < a.targets.group_count; i++)
        done &= attach_group(&a, a.targets.groups[i],
                             "; until kashim detach, or the end of the group");
    targets_free(&a.targets);
    return done ? EXIT_SUCCESS : EXIT_UNDONE;
}
