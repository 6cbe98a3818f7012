/* SPDX-License-Identifier: MIT */
/* kashim disable: removes what kashim enable wrote, and with --now what it put on what
 * runs. */
#include "kashim.h"

#include "enable.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>

/* Take the timers of "KeepAlive=yes KeepAliveTimeSec=61 ...". */
static void take_socket_timers(struct ka_config *config, const char *settings)
{
    sscanf(settings,
           "KeepAlive=yes KeepAliveTimeSec=%d KeepAliveIntervalSec=%d KeepAliveProbes=%d",
           &config->idle, &config->intvl, &config->cnt);
}

static bool remove_drop_in(struct request *r, enum way way, char *settings)
{
    if (way == WAY_SOCKET)
        take_socket_timers(&r->options.config, settings);
    if (way == WAY_GROUP)
        options_read_back(&r->options, settings);
    if (!drop_in_remove(&r->drop_in))
        return false;
    say("removed " DROP_IN_PATH, r->drop_in.root, r->unit);
    return take_effect(r, way, false);
}

/* The name may be another one of the unit than the real one, which the drop-in has. */
static bool disable(struct request *r)
{
    enum way way = WAY_GROUP;
    char *settings;
    enum owner owner = drop_in_read(&r->drop_in, &way, &settings);
    bool done = true;

    if (owner == NOBODY) {
        struct units units;

        done = find_unit(r, &units);
        units_free(&units);
        if (!done)
            return false;
        owner = drop_in_read(&r->drop_in, &way, &settings);
    }
    if (owner == US)
        done = remove_drop_in(r, way, settings);
    else if (owner == NOBODY)
        say("%s is not enabled with kashim%s", r->unit,
            r->root ? "" : " (what attach did, detach undoes)");
    else {
        drop_in_complain(&r->drop_in, settings);
        done = false;
    }
    free(settings);
    return done;
}

static int help(void)
{
    puts(
        "kashim disable [--now] [--root DIR] UNIT\n"
        "\n"
        "Removes what kashim enable wrote.\n"
        "\n"
        "      --now                                 takes keepalive off what runs, too,\n"
        "                                            also what the program had set: its\n"
        "                                            restart brings that back. After\n"
        "                                            --preload it restarts the service\n"
        "      --root DIR                            of the system in DIR, an image say\n"
        "\n"
        "Exit status: 0 it was done, 1 something wasn't, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

int kashim_disable(int argc, char **argv)
{
    static const struct option names[] = {{"now", no_argument, NULL, OPTION_NOW},
                                          {"root", required_argument, NULL, OPTION_ROOT},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct request r;
    int status = request_read(&r, argc, argv, ":h", names, help);

    if (status >= 0)
        return status;
    if (*r.unit)
        return request_run(&r, disable);
    complain("disable: which UNIT? (kashim help disable; kashim enable lists them)");
    return EXIT_USAGE;
}
