/* SPDX-License-Identifier: MIT */
#include "targets.h"

#include "cgroup.h"
#include "diag.h"
#include "process.h"
#include "util.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool targets_visible(void)
{
    if (!access("/proc/self/fd", F_OK))
        return true;
    complain("/proc isn't mounted here, or is another PID namespace's: without it no "
             "process can be looked into");
    return false;
}

/* ---- control groups ---------------------------------------------------------- */

static bool add_group(const char *path, struct targets *t)
{
    if (*path != '/')
        return false;
    for (size_t i = 0; i < t->group_count; i++)
        if (!strcmp(t->groups[i], path))
            return true;
    t->groups = with_room(t->groups, t->group_count, sizeof *t->groups);
    t->groups[t->group_count++] = append(NULL, path);
    return true;
}

/* Add our own group. Under Delegate= what ExecStartPre= starts is in a group .control below
 * the service's: take that of the service. */
static bool add_own(struct targets *t)
{
    char path[PATH_MAX];

    if (!cgroup_is_mounted() || !cgroup_of_process(getpid(), path)) {
        complain("self: %s", cgroup_missing());
        return false;
    }
    if (!strcmp(base_name(path), ".control"))
        cgroup_parent(path);
    if (cgroup_is_root(path)) {
        complain("self: kashim runs in the root of all control groups, and every process "
                 "would be meant; the path / means that");
        return false;
    }
    return add_group(path, t);
}

/* Add a group by its directory, or by its path as in /proc/PID/cgroup. */
static bool add_path(const char *argument, struct targets *t)
{
    char path[PATH_MAX], directory[PATH_MAX];

    if (cgroup_of_directory(argument, path) ||
        (cgroup_directory(argument, directory) && cgroup_of_directory(directory, path)))
        return add_group(path, t);
    complain("%s is no control group%s%s", quoted(argument),
             cgroup_is_mounted() ? "" : ": ",
             cgroup_is_mounted() ? "" : cgroup_missing());
    return false;
}

static bool add_by_name(const char *name, struct targets *t)
{
    char *path = group_by_name(name);

    if (path)
        add_group(path, t);
    free(path);
    return path != NULL;
}

/* ---- all of them ------------------------------------------------------------- */

bool targets_add(char **arguments, struct targets *t)
{
    for (; *arguments; arguments++) {
        const char *argument = *arguments;
        int pid;

        if (ka_config_count(argument, INT_MAX - 1, &pid))
            numbers_add(&t->pids, (uint64_t)pid);
        else if (!(!strcmp(argument, "self") ? add_own(t)
                   : strchr(argument, '/')   ? add_path(argument, t)
                                             : add_by_name(argument, t)))
            return false;
    }
    return true;
}

void targets_free(struct targets *t)
{
    for (size_t i = 0; i < t->group_count; i++)
        free(t->groups[i]);
    free(t->groups);
    numbers_free(&t->pids);
    memset(t, 0, sizeof *t);
}

/* ---- by port ----------------------------------------------------------------- */

bool targets_read_port(const char *argument, int *port)
{
    if (*port)
        complain("--port: %s is one too many (one port, or TARGET...)", quoted(argument));
    else if (ka_config_count(argument, 65535, port))
        return true;
    else
        complain("--port: %s is not accepted (1 to 65535)", quoted(argument));
    return false;
}

/* Tell whether it has a listener of the port, or a connection that was accepted there: one
 * that ends closes its listeners first. */
static bool serves(const struct sockets *sockets, const struct view *view, int port)
{
    for (size_t i = 0; i < sockets->count; i++) {
        const struct tcp_socket *s =
            tcp_sockets_find(&view->sockets, sockets->all[i].inode);

        if (s && address_port(&s->local) == (unsigned)port &&
            tcp_socket_role(s, &view->listening) != OUTGOING)
            return true;
    }
    return false;
}

static void add_serving(const struct view *view, int port, struct numbers *pids)
{
    struct numbers all = pids_all();

    for (size_t i = 0; i < all.count; i++) {
        struct process process;
        struct sockets sockets;

        process_open((int)all.all[i], &process); /* an error is printed later */
        process_sockets(&process, &sockets);
        if (serves(&sockets, view, port))
            numbers_add(pids, all.all[i]);
        sockets_free(&sockets);
        process_close(&process);
    }
    numbers_free(&all);
}

static bool somebody_listens(const struct tcp_sockets *sockets, int port)
{
    for (size_t i = 0; i < sockets->inodes.count; i++)
        if (sockets->all[i].state == TCP_LISTEN &&
            address_port(&sockets->all[i].local) == (unsigned)port)
            return true;
    return false;
}

bool targets_by_port(int port, struct numbers *pids)
{
    struct views views = {0};
    bool new;
    const struct view *view = views_look(&views, getpid(), DIAG_ALL, &new);

    if (view->error)
        complain(
            "--port: the kernel doesn't tell its listeners (sock_diag): %s. Or give the "
            "PID",
            diag_refusal(view->error));
    else if (!somebody_listens(&view->sockets, port))
        complain("nobody listens on port %d here (in a container? give the PID)", port);
    else {
        add_serving(view, port, pids);
        if (!pids->count)
            complain("the process that listens on port %d can't be seen: run kashim as "
                     "root%s",
                     port, geteuid() ? "" : " with CAP_SYS_PTRACE, or outside");
    }
    views_free(&views);
    return pids->count > 0;
}

bool targets_find(int port, char **arguments, struct targets *t)
{
    return targets_visible() && (!port || targets_by_port(port, &t->pids)) &&
           targets_add(arguments, t);
}

/* ---- what they don't name ---------------------------------------------------- */

void mention_children(struct numbers *pids)
{
    size_t named = pids->count, more;

    for (size_t i = 0; i < named; i++)
        if (process_is_kernels((int)pids->all[i]))
            return;
    pids_add_descendants(pids);
    more = pids->count - named;
    if (more)
        complain("not looked at: %zu process%s that these have started (--children takes "
                 "%s)",
                 more, more == 1 ? "" : "es", more == 1 ? "it" : "them");
}

/* ---- the arguments of attach and detach -------------------------------------- */

int arguments_read(int argc, char **argv, const struct option *names, int settings,
                   int (*help)(void), struct arguments *a)
{
    int option;

    memset(a, 0, sizeof *a);
    options_begin(&a->options);
    while ((option = next_option(argc, argv, ":h" SETTING_LETTERS, names)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_LISTENERS_ONLY: a->listeners_only = true; break;
        case OPTION_CHILDREN: a->children = true; break;
        case OPTION_PORT:
            if (!targets_read_port(optarg, &a->port))
                return EXIT_USAGE;
            break;
        default:
            if (!options_take(&a->options, option, optarg))
                return EXIT_USAGE;
        }
    if ((a->port != 0) == (optind < argc)) {
        complain("%s: either TARGET... or --port PORT%s (kashim help %s)", argv[0],
                 a->options.config.some_ports ? "; -p, --ports, picks among their sockets"
                                              : "",
                 argv[0]);
        return EXIT_USAGE;
    }
    return options_are_within(&a->options, settings) ? -1 : EXIT_USAGE;
}
