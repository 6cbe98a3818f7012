/* SPDX-License-Identifier: MIT */
/* What enable and disable do with --now: a unit's name becomes its control group, of which
 * systemd tells, and the group gets kashim's programs or loses them. */
#include "enable.h"

#include "cgroup.h"
#include "kashim.h"
#include "util.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Call `act` for the unit, or for the loaded instances of a template. Return false if one
 * of the calls does, or systemd doesn't tell them. */
static bool for_each_unit(const struct request *r,
                          bool (*act)(const struct request *r, const struct unit *u))
{
    char pattern[sizeof r->unit + 1];
    const char *at = strchr(r->unit, '@');
    struct units units;
    bool done;

    if (unit_is_template(r->unit))
        snprintf(pattern, sizeof pattern, "%.*s@*%s", (int)(at - r->unit), r->unit,
                 at + 1);
    else
        strcpy(pattern, r->unit);
    done = units_show(pattern, &units);
    for (size_t i = 0; i < units.count; i++)
        done &= act(r, &units.all[i]);
    units_free(&units);
    return done;
}

static bool is_enabled(const struct request *r, const char *unit)
{
    const struct drop_in drop_in = {r->drop_in.root, r->drop_in.root_fd, unit};
    enum way way;
    char *settings;
    bool ours = drop_in_read(&drop_in, &way, &settings) == US;

    free(settings);
    return ours;
}

/* Name the socket units that aren't enabled and start the service: the listener is theirs
 * then, and in another group. */
static void mention_socket(const struct request *r, const struct unit *u)
{
    char *units = append(NULL, u->properties[UNIT_TRIGGERED_BY]), *rest = units, *name;

    while ((name = strsep(&rest, " ")))
        if (unit_is_socket(name) && !is_enabled(r, name))
            complain("%s: its listener comes from %s: enable that as well",
                     u->properties[UNIT_ID], name);
    free(units);
}

/* Return the control group of a unit that runs, or NULL. */
static const char *group_of(const struct unit *u)
{
    const char *group = u->properties[UNIT_CONTROL_GROUP];
    char directory[PATH_MAX];

    return *group && cgroup_directory(group, directory) && !access(directory, F_OK)
               ? group
               : NULL;
}

static void say_it_waits(const struct unit *u)
{
    say("%s isn't running: it gets keepalive when it starts", u->properties[UNIT_ID]);
}

static bool attach_now(const struct request *r, const struct unit *u)
{
    const char *group = group_of(u);
    bool done = true;

    if (group)
        done = attach_to_group(group, &r->options);
    else
        say_it_waits(u);
    mention_socket(r, u);
    return done;
}

static bool detach_now(const struct request *r, const struct unit *u)
{
    const char *group = group_of(u);

    return !group || detach_from_group(group, &r->options);
}

/* A service that is stopped stays so. */
static bool restart_now(const struct request *r, const struct unit *u)
{
    (void)r;
    if (unit_runs(u))
        say("restarting %s", u->properties[UNIT_ID]);
    return systemctl("try-restart", u->properties[UNIT_ID]);
}

static bool restart_with_library(const struct request *r, const struct unit *u)
{
    if (!unit_runs(u))
        say_it_waits(u);
    return restart_now(r, u);
}

/* Set KA_PORTS to those of "[::]:22 (Stream) 0.0.0.0:80 (Stream)". */
static void take_ports(struct ka_config *config, const char *listen)
{
    char *copy = append(NULL, listen), *rest = copy, *word, *list = NULL;

    for (const char *address = ""; (word = strsep(&rest, " ")); address = word) {
        const char *colon = strrchr(address, ':');

        if (strcmp(word, "(Stream)") != 0 || !colon ||
            colon[1 + strspn(colon + 1, "0123456789")])
            continue; /* a UNIX socket, say */
        list = append(list, list ? "," : "");
        list = append(list, colon + 1);
    }
    if (list)
        ka_config_set(config, "KA_PORTS", strlen("KA_PORTS"), list);
    free(list);
    free(copy);
}

/* Add the processes of units, with blanks between their names. */
static void add_processes_of(const char *names, struct numbers *pids)
{
    char *copy = append(NULL, names), *rest = copy, *name;
    struct units units;
    size_t unseen;

    while ((name = strsep(&rest, " "))) {
        if (!*name || !units_show(name, &units))
            continue;
        for (size_t i = 0; i < units.count; i++)
            cgroup_processes(units.all[i].properties[UNIT_CONTROL_GROUP], pids, &unseen);
        units_free(&units);
    }
    free(copy);
}

/* The listener is in process 1. What was accepted from it is in the group of the service,
 * or with Accept=yes in those of its instances. */
static bool change_socket(const struct request *r, bool on)
{
    struct options options = r->options;
    struct numbers pids = {0};
    struct units units;
    bool done = units_show(r->unit, &units);

    numbers_add(&pids, 1);
    for (size_t i = 0; i < units.count; i++) {
        if (on && !unit_runs(&units.all[i]))
            say_it_waits(&units.all[i]);
        take_ports(&options.config, units.all[i].properties[UNIT_LISTEN]);
        add_processes_of(units.all[i].properties[UNIT_TRIGGERS], &pids);
    }
    units_free(&units);
    if (done && options.config.some_ports)
        done = (on ? attach_to_processes : detach_from_processes)(&pids, &options);
    numbers_free(&pids);
    return done;
}

static bool act_now(const struct request *r, enum way way, bool on)
{
    if (!systemctl("daemon-reload", NULL))
        return false;
    switch (way) {
    case WAY_PRELOAD: return for_each_unit(r, on ? restart_with_library : restart_now);
    case WAY_SOCKET: return change_socket(r, on);
    default: return for_each_unit(r, on ? attach_now : detach_now);
    }
}

bool take_effect(const struct request *r, enum way way, bool on)
{
    if (r->now)
        return act_now(r, way, on);
    if (!r->root)
        say("now run: systemctl daemon-reload; it takes effect when %s starts next",
            r->unit);
    return true;
}
