/* SPDX-License-Identifier: MIT */
/* kashim status: what is on the sockets of processes now, and what isn't. */
#include "diag.h"
#include "group.h"
#include "inode_set.h"
#include "kashim.h"
#include "memory.h"
#include "process.h"
#include "refusal.h"
#include "report.h"
#include "targets.h"

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

static struct {
    bool json, children, all;
    int port;
    struct targets targets;
    struct view view; /* of the namespace that was looked at last */
    struct report report;
    char *group_asked, *group_found; /* of the last process */
    struct inode_set shown;
    size_t refused;    /* processes, of all */
    char refusal[512]; /* of the last of them */
    bool incomplete;
} job;

/* ---- what the kernel tells anyone -------------------------------------------- */

static void look_into(int pid)
{
    struct view *v = &job.view;
    ino_t netns = network_namespace(pid);

    if (!netns) /* not told: ours is as good as any */
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
        complain("the kernel doesn't tell the sockets of process %d's network namespace "
                 "(sock_diag): %s. The next probes aren't known",
                 pid, strerror(v->error));
    job.incomplete |= v->error != 0;
}

/* ---- control groups ---------------------------------------------------------- */

static void add_group(const char *path, bool known, const struct group_settings *settings)
{
    struct report *r = &job.report;

    for (size_t i = 0; i < r->group_count; i++)
        if (!strcmp(r->groups[i].path, path))
            return;
    r->groups = with_room(r->groups, r->group_count, sizeof *r->groups);
    r->groups[r->group_count++] =
        (struct served_group){append(NULL, path), known, *settings};
}

/* The path of the nearest group with our programs from there upwards, which is reported;
 * NULL: there is none, or it may not be asked. */
static char *nearest_group(const char *from)
{
    struct group_settings settings = {0};
    char path[PATH_MAX];
    enum bpf_found found;

    snprintf(path, sizeof path, "%s", from);
    found = group_nearest(path, &settings);
    if (found != BPF_FOUND && found != BPF_OTHER_VERSION)
        return NULL;
    add_group(path, found == BPF_FOUND, &settings);
    return append(NULL, path);
}

/* Processes of a group mostly follow each other. */
static char *serving_group(int pid)
{
    char path[PATH_MAX];

    if (!cgroup_of_process(pid, path))
        return NULL;
    if (!job.group_asked || strcmp(job.group_asked, path) != 0) {
        free(job.group_asked);
        free(job.group_found);
        job.group_asked = append(NULL, path);
        job.group_found = nearest_group(path);
    }
    return job.group_found ? append(NULL, job.group_found) : NULL;
}

static bool add_its_processes(const char *path, void *arg)
{
    (void)arg;
    cgroup_processes(path, &job.targets.pids);
    return true;
}

static bool add_if_served(const char *path, void *arg)
{
    struct group_settings settings = {0};
    enum bpf_found found = group_look(path, &settings);

    (void)arg;
    if (found == BPF_FOUND || found == BPF_OTHER_VERSION)
        add_group(path, found == BPF_FOUND, &settings);
    return found != BPF_UNKNOWN;
}

/* Of those that are named, what serves them and what is below; of all, where none is. */
static void read_groups(void)
{
    for (size_t i = 0; i < job.targets.group_count; i++) {
        const char *path = job.targets.groups[i];
        char *nearest = nearest_group(path);

        if (!nearest)
            complain("group %s: kashim has no programs there", path);
        free(nearest);
        cgroup_walk(path, add_if_served, NULL);
        cgroup_walk(path, add_its_processes, NULL);
    }
    if (job.all)
        cgroup_walk(cgroup_top(), add_if_served, NULL);
}

/* ---- one process ------------------------------------------------------------- */

static void add_row(struct section *s, const struct tcp_socket *socket)
{
    s->rows = with_room(s->rows, s->count, sizeof *s->rows);
    s->rows[s->count++].socket = *socket;
    inode_set_add(&job.shown, socket->inode);
}

/* Its own word, and of the timer the kernel's. An error number: it may not be had. */
static int read_socket(struct section *s, struct descriptor d)
{
    const struct tcp_socket *told = diag_find(&job.view.sockets, d.inode);
    struct tcp_socket socket;
    int fd = process_duplicate(&s->process, d);

    if (fd < 0) {
        if (told && fd != -EBADF && fd != -ESTALE)
            add_row(s, told);
        return fd == -EBADF || fd == -ESTALE ? 0 : -fd;
    }
    if (tcp_socket_read(fd, d.inode, &socket)) {
        socket.timer = told ? told->timer : -1;
        add_row(s, &socket);
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

/* Where sock_diag doesn't tell the listeners, there are the process's own. */
static void sort_rows(struct section *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].socket.state == TCP_LISTEN)
            addresses_add(&job.view.listening, &s->rows[i].socket.local);
    for (size_t i = 0; i < s->count; i++)
        s->rows[i].role = tcp_socket_role(&s->rows[i].socket, &job.view.listening);
    if (s->count)
        qsort(s->rows, s->count, sizeof *s->rows, by_role);
}

static void add_section(struct section *s)
{
    sort_rows(s);
    job.report.sections =
        with_room(job.report.sections, job.report.count, sizeof *job.report.sections);
    job.report.sections[job.report.count++] = *s;
}

/* Sockets that a process of this user has made, which may not be looked into. */
static void add_told_of_user(struct section *s, uid_t user)
{
    for (size_t i = 0; i < job.view.sockets.count; i++) {
        const struct tcp_socket *told = &job.view.sockets.all[i];

        if (told->user == user && told->inode && !inode_set_has(&job.shown, told->inode))
            add_row(s, told);
    }
}

/* 0 or an error number: not all could be read. */
static int read_sockets(struct section *s)
{
    struct sockets sockets;
    int error = process_sockets(&s->process, &sockets);

    for (size_t i = 0; i < sockets.count; i++) {
        int refused = read_socket(s, sockets.all[i]);

        if (refused)
            error = refused;
    }
    complain_unreachable(&s->process, sockets.unreachable);
    sockets_free(&sockets);
    return error;
}

/* Of all processes those are left out that have ended or have no sockets. */
static void read_process(int pid)
{
    struct section s = {.library = -1};
    int error = process_open(pid, &s.process);

    if (!error) {
        look_into(pid);
        error = read_sockets(&s);
        s.library = process_has_library(&s.process);
        s.group = serving_group(pid);
    }
    if (error && error != ESRCH && job.all) {
        job.refused++;
        snprintf(job.refusal, sizeof job.refusal, "%s (%d): %s", s.process.name, pid,
                 process_refusal(&s.process, error));
    } else if (error && !job.all) {
        complain("%s (%d): %s", s.process.name, pid, process_refusal(&s.process, error));
        job.incomplete = true;
        s.of_user = error != ESRCH && s.process.pidfd >= 0 && !s.count;
        if (s.of_user)
            add_told_of_user(&s, process_user(pid));
    }
    if (s.count || (!job.all && !error))
        add_section(&s);
    process_close(&s.process);
}

/* ---- all of them ------------------------------------------------------------- */

/* Those that sock_diag tells of in our namespace before and after the processes were looked
 * at, and none has shown. */
static void read_unseen(const struct tcp_sockets *before)
{
    struct section s = {.library = -1};

    job.view.netns = 0; /* what it holds may be old */
    look_into(getpid());
    for (size_t i = 0; i < job.view.sockets.count; i++) {
        const struct tcp_socket *told = &job.view.sockets.all[i];
        bool meant = !job.port || address_port(&told->local) == (unsigned)job.port;

        if (meant && told->inode && !inode_set_has(&job.shown, told->inode) &&
            diag_find(before, told->inode))
            add_row(&s, told);
    }
    if (s.count)
        add_section(&s);
}

static int show(void)
{
    bool unseen = job.all || job.port;
    struct tcp_sockets before = {0};

    if (unseen)
        diag_read(getpid(), DIAG_ALL, &before);
    for (size_t i = 0; i < job.targets.pids.count; i++)
        if (!job.all || job.targets.pids.all[i] != getpid())
            read_process(job.targets.pids.all[i]);
    if (unseen)
        read_unseen(&before);
    free(before.all);
    if (job.refused)
        complain("processes that may not be looked into: %zu; the last, %s", job.refused,
                 job.refusal);
    (job.json ? report_json : report_table)(&job.report);
    return job.incomplete || job.refused ? EXIT_UNDONE : EXIT_SUCCESS;
}

/* ---- the arguments ----------------------------------------------------------- */

static int help(void)
{
    puts("kashim status [--json] [--children] [TARGET... | --port PORT]\n\n"
         "Shows what the TCP sockets of processes have: of those named, of those that\n"
         "listen on the port, or of all; and which control groups have kashim's "
         "programs.\n"
         "Times are in seconds.\n\n" TARGETS_HELP "\n"
         "  KA     keepalive; what has it off is marked with !\n"
         "  IDLE   before the first probe\n"
         "  INTVL  between unanswered probes\n"
         "  CNT    unanswered probes until the connection is dropped\n"
         "  USER   TCP_USER_TIMEOUT\n"
         "  DROP   from its last sign of life until an idle dead peer is dropped\n"
         "  NEXT   until the kernel's keepalive timer ends\n\n"
         "      --json                                for programs: see kashim(1)\n"
         "      --children                            the processes below them too\n"
         "      --port PORT                           those that listen on it\n\n"
         "Exit status: 0 all was shown, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* The exit status if there is nothing more to do, or negative. */
static int read_arguments(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"children", no_argument, NULL, 'c'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;

    while ((option = next_option(argc, argv, ":h", options)) != -1)
        switch (option) {
        case 'h': return help();
        case 'j': job.json = true; break;
        case 'c': job.children = true; break;
        case 'p':
            if (!targets_port(optarg, &job.port))
                return EXIT_USAGE;
            break;
        default: return EXIT_USAGE;
        }
    if (job.port && optind < argc) {
        complain("status: either TARGET... or --port PORT (kashim help status)");
        return EXIT_USAGE;
    }
    return -1;
}

int kashim_status(int argc, char **argv)
{
    int status = read_arguments(argc, argv);

    if (status >= 0)
        return status;
    if (!targets_visible())
        return EXIT_UNDONE;
    if (!targets_add(argv + optind, &job.targets))
        return EXIT_UNDONE;
    if (job.port)
        job.incomplete = !targets_by_port(job.port, &job.targets.pids);
    else if (optind == argc) {
        job.all = true;
        job.targets.pids = pids_all();
    }
    read_groups();
    if (job.children)
        pids_add_descendants(&job.targets.pids);
    return show();
}
