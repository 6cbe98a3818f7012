/* SPDX-License-Identifier: MIT */
/* kashim status: shows which sockets of which processes have keepalive, and which control
 * groups have kashim's programs. */
#include "kashim.h"

#include "diag.h"
#include "group.h"
#include "process.h"
#include "report.h"
#include "targets.h"
#include "util.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What sock_diag tells of one network namespace. */
struct view {
    ino_t netns;
    int error;
    struct tcp_sockets sockets;
    struct addresses listening;
};

struct status {
    bool json, children, all;
    int port;
    struct targets targets;
    struct view view; /* of the namespace that was looked at last */
    struct report report;
    char group_asked[PATH_MAX]; /* of the last process, and what serves it */
    const char *group_found;
    struct numbers shown; /* inodes of the sockets in the report */
    size_t refused;       /* processes, of all */
    char refusal[512];    /* of the last of them */
    bool incomplete;
};

/* ---- what the kernel tells anyone -------------------------------------------- */

static void look_into(struct status *st, int pid)
{
    struct view *v = &st->view;
    ino_t netns = network_namespace(pid);

    if (!netns) /* it can't be told: take ours */
        netns = network_namespace(getpid());
    if (v->netns == netns && netns)
        return;
    free(v->sockets.all);
    addresses_free(&v->listening);
    memset(v, 0, sizeof *v);
    v->netns = netns;
    v->error = diag_read(pid, DIAG_ALL, &v->sockets);
    for (size_t i = 0; i < v->sockets.count; i++)
        if (v->sockets.all[i].state == TCP_LISTEN)
            addresses_add(&v->listening, &v->sockets.all[i].local);
    if (v->error)
        complain("the kernel doesn't list the sockets of process %d's network namespace "
                 "(sock_diag): %s. When the next probes come isn't known",
                 pid, diag_refusal(v->error));
    st->incomplete |= v->error != 0;
}

/* ---- control groups ---------------------------------------------------------- */

/* Report a group, once, and return its path. */
static const char *add_group(struct report *r, const char *path, bool known,
                             const struct group_settings *settings)
{
    for (size_t i = 0; i < r->group_count; i++)
        if (!strcmp(r->groups[i].path, path))
            return r->groups[i].path;
    r->groups = with_room(r->groups, r->group_count, sizeof *r->groups);
    r->groups[r->group_count] =
        (struct served_group){append(NULL, path), known, *settings};
    return r->groups[r->group_count++].path;
}

/* Report the nearest group with kashim's programs from there upwards and return its path;
 * NULL if there is none, or the kernel doesn't tell. */
static const char *nearest_group(struct report *r, const char *from)
{
    struct group_settings settings = {0};
    char path[PATH_MAX];
    enum bpf_found found;

    snprintf(path, sizeof path, "%s", from);
    found = group_nearest(path, &settings);
    return found == BPF_FOUND || found == BPF_OTHER_VERSION
               ? add_group(r, path, found == BPF_FOUND, &settings)
               : NULL;
}

/* Processes of a group mostly follow each other. */
static const char *serving_group(struct status *st, int pid)
{
    char path[PATH_MAX];

    if (!cgroup_of_process(pid, path))
        return NULL;
    if (strcmp(st->group_asked, path) != 0) {
        strcpy(st->group_asked, path);
        st->group_found = nearest_group(&st->report, path);
    }
    return st->group_found;
}

static bool add_its_processes(const char *path, void *arg)
{
    cgroup_processes(path, arg);
    return true;
}

static bool add_if_served(const char *path, void *arg)
{
    struct group_settings settings = {0};
    enum bpf_found found = group_look(path, &settings);

    if (found == BPF_FOUND || found == BPF_OTHER_VERSION)
        add_group(arg, path, found == BPF_FOUND, &settings);
    return found != BPF_UNKNOWN;
}

/* Of each group that is named, report what serves it and what is below; of all processes,
 * every group. */
static void read_groups(struct status *st)
{
    for (size_t i = 0; i < st->targets.group_count; i++) {
        const char *path = st->targets.groups[i];

        if (!nearest_group(&st->report, path))
            complain("group %s: kashim has no programs there", path);
        cgroup_walk(path, add_if_served, &st->report);
        cgroup_walk(path, add_its_processes, &st->targets.pids);
    }
    if (st->all)
        cgroup_walk(cgroup_top(), add_if_served, &st->report);
}

/* ---- one process ------------------------------------------------------------- */

static void add_row(struct status *st, struct section *s, const struct tcp_socket *socket)
{
    s->rows = with_room(s->rows, s->count, sizeof *s->rows);
    s->rows[s->count++].socket = *socket;
    numbers_add(&st->shown, socket->inode);
}

/* Ask the socket itself; of its timer only the kernel tells. Return an error number if the
 * socket may not be duplicated, or 0. */
static int read_socket(struct status *st, struct section *s, struct descriptor d)
{
    const struct tcp_socket *told = diag_find(&st->view.sockets, d.inode);
    struct tcp_socket socket;
    int fd = process_duplicate(&s->process, d);

    if (fd < 0) {
        if (told && fd != -EBADF && fd != -ESTALE)
            add_row(st, s, told);
        return fd == -EBADF || fd == -ESTALE ? 0 : -fd;
    }
    if (tcp_socket_read(fd, d.inode, &socket)) {
        socket.timer = told ? told->timer : -1;
        add_row(st, s, &socket);
    }
    close(fd);
    return 0;
}

static int by_role(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->role != y->role)
        return x->role < y->role ? -1 : 1;
    return (x->socket.inode > y->socket.inode) - (x->socket.inode < y->socket.inode);
}

/* The process's own listeners count too, where sock_diag doesn't tell them. */
static void sort_rows(struct status *st, struct section *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].socket.state == TCP_LISTEN)
            addresses_add(&st->view.listening, &s->rows[i].socket.local);
    for (size_t i = 0; i < s->count; i++)
        s->rows[i].role = tcp_socket_role(&s->rows[i].socket, &st->view.listening);
    if (s->count)
        qsort(s->rows, s->count, sizeof *s->rows, by_role);
}

static void add_section(struct status *st, struct section *s)
{
    sort_rows(st, s);
    st->report.sections =
        with_room(st->report.sections, st->report.count, sizeof *st->report.sections);
    st->report.sections[st->report.count++] = *s;
}

/* Add the sockets that processes of this user have made, for one that may not be looked
 * into. */
static void add_told_of_user(struct status *st, struct section *s, uid_t user)
{
    for (size_t i = 0; i < st->view.sockets.count; i++) {
        const struct tcp_socket *told = &st->view.sockets.all[i];

        if (told->user == user && told->inode && !numbers_have(&st->shown, told->inode))
            add_row(st, s, told);
    }
}

/* Return 0, or an error number if not all could be read. */
static int read_sockets(struct status *st, struct section *s)
{
    struct sockets sockets;
    int error = process_sockets(&s->process, &sockets);

    for (size_t i = 0; i < sockets.count; i++) {
        int refused = read_socket(st, s, sockets.all[i]);

        if (refused)
            error = refused;
    }
    complain_unreachable(&s->process, sockets.unreachable);
    sockets_free(&sockets);
    return error;
}

/* Among all processes, leave out those that have ended or have no sockets. */
static void read_process(struct status *st, int pid)
{
    struct section s = {.library = -1};
    int error = process_open(pid, &s.process);

    if (!error) {
        look_into(st, pid);
        error = read_sockets(st, &s);
        s.library = process_has_library(&s.process);
        s.group = serving_group(st, pid);
    }
    if (error && error != ESRCH && st->all) {
        st->refused++;
        snprintf(st->refusal, sizeof st->refusal, "%s",
                 process_refusal(&s.process, error));
    } else if (error && !st->all) {
        complain("%s", process_refusal(&s.process, error));
        st->incomplete = true;
        s.of_user = error != ESRCH && s.process.pidfd >= 0 && !s.count;
        if (s.of_user)
            add_told_of_user(st, &s, process_user(pid));
    }
    if (s.count || (!st->all && !error))
        add_section(st, &s);
    process_close(&s.process);
}

/* ---- all of them ------------------------------------------------------------- */

/* Add sockets of our namespace that sock_diag listed both before and after the processes
 * were looked at, and that no process owned. */
static void read_unseen(struct status *st, const struct tcp_sockets *before)
{
    struct section s = {.library = -1};

    st->view.netns = 0; /* what it holds may be old */
    look_into(st, getpid());
    for (size_t i = 0; i < st->view.sockets.count; i++) {
        const struct tcp_socket *told = &st->view.sockets.all[i];
        bool meant = !st->port || address_port(&told->local) == (unsigned)st->port;

        if (meant && told->inode && !numbers_have(&st->shown, told->inode) &&
            diag_find(before, told->inode))
            add_row(st, &s, told);
    }
    if (s.count)
        add_section(st, &s);
}

static int show(struct status *st)
{
    bool unseen = st->all || st->port;
    struct tcp_sockets before = {0};

    if (unseen)
        diag_read(getpid(), DIAG_ALL, &before);
    process_hurry_closing(true);
    for (size_t i = 0; i < st->targets.pids.count; i++)
        if (!st->all || (int)st->targets.pids.all[i] != getpid())
            read_process(st, (int)st->targets.pids.all[i]);
    process_hurry_closing(false);
    if (unseen)
        read_unseen(st, &before);
    free(before.all);
    if (st->refused)
        complain("processes that may not be looked into: %zu; the last, %s", st->refused,
                 st->refusal);
    if (st->json)
        report_json(&st->report);
    else if (st->report.count || st->report.group_count || !st->incomplete)
        report_table(&st->report);
    return st->incomplete || st->refused ? EXIT_UNDONE : EXIT_SUCCESS;
}

/* ---- the arguments ----------------------------------------------------------- */

static int help(void)
{
    puts(
        "kashim status [--json] [--children] [TARGET... | --port PORT]\n"
        "\n"
        "Shows what the TCP sockets of processes have: of those named, of those that\n"
        "listen on the port, or of all; and which control groups have kashim's programs.\n"
        "Times are in seconds.\n"
        "\n" TARGETS_HELP "\n"
        "  KA     keepalive on or off; ! marks what has it off\n"
        "  IDLE   before the first probe\n"
        "  INTVL  between unanswered probes\n"
        "  CNT    unanswered probes until the connection is dropped\n"
        "  UTO    TCP_USER_TIMEOUT, if there is one\n"
        "  RTO    TCP_RTO_MAX_MS, if there is one\n"
        "  DROP   until a dead peer is dropped: an idle one/one with data in flight,\n"
        "         of which keepalive knows nothing\n"
        "  NEXT   until the kernel's keepalive timer ends\n"
        "\n" TARGET_OPTIONS_HELP "\n"
        "      --json                                for programs: see kashim(1)\n"
        "\n"
        "Exit status: 0 all was shown, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* Return the exit status if there is nothing more to do, or -1. */
static int read_arguments(int argc, char **argv, struct status *st)
{
    enum { OPTION_JSON = OPTION_LISTENERS_ONLY + 1 };
    static const struct option names[] = {
        {"json", no_argument, NULL, OPTION_JSON}, TARGET_OPTIONS, {0}};
    int option;

    while ((option = next_option(argc, argv, ":h", names)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_JSON: st->json = true; break;
        case OPTION_CHILDREN: st->children = true; break;
        case OPTION_PORT:
            if (!targets_read_port(optarg, &st->port))
                return EXIT_USAGE;
            break;
        default: return EXIT_USAGE;
        }
    if (st->port && optind < argc) {
        complain("status: either TARGET... or --port PORT (kashim help status)");
        return EXIT_USAGE;
    }
    return -1;
}

int kashim_status(int argc, char **argv)
{
    struct status st = {.report.retries = tcp_retries2()};
    int status = read_arguments(argc, argv, &st);

    if (status >= 0)
        return status;
    if (!targets_visible() || !targets_add(argv + optind, &st.targets))
        return EXIT_UNDONE;
    if (st.port)
        st.incomplete = !targets_by_port(st.port, &st.targets.pids);
    else if (optind == argc) {
        st.all = true;
        st.targets.pids = pids_all();
    }
    read_groups(&st);
    if (st.children)
        pids_add_descendants(&st.targets.pids);
    return show(&st);
}
