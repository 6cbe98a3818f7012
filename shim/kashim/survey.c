/* SPDX-License-Identifier: MIT */
#include "survey.h"

#include "util.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what the kernel tells anyone -------------------------------------------- */

static void look_into(struct survey *survey, int pid)
{
    bool new;

    survey->view = views_look(&survey->views, pid, DIAG_ALL, &new);
    if (!new || !survey->view->error)
        return;
    survey->report.incomplete = true;
    if (pid == getpid())
        complain(
            "the kernel doesn't list sockets (sock_diag): %s. When the next probes come "
            "isn't known",
            diag_refusal(survey->view->error));
    else
        complain("the kernel doesn't list the sockets of process %d's network namespace "
                 "(sock_diag): %s. When the next probes come isn't known",
                 pid, diag_refusal(survey->view->error));
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
    r->groups[r->group_count] = (struct served_group){append(NULL, path), known,
                                                      cgroup_is_empty(path), *settings};
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
static const char *serving_group(struct survey *survey, int pid)
{
    char path[PATH_MAX];

    if (!cgroup_of_process(pid, path))
        return NULL;
    if (strcmp(survey->group_asked, path) != 0) {
        strcpy(survey->group_asked, path);
        survey->group_found = nearest_group(&survey->report, path);
    }
    return survey->group_found;
}

static bool add_its_processes(const char *path, void *arg)
{
    struct survey *survey = arg;
    struct unseen unseen = {0};

    group_add_own_processes(path, &survey->targets.pids, &unseen);
    survey->report.incomplete |= !group_is_seen(path, &unseen);
    return !unseen.error;
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
static void read_groups(struct survey *survey)
{
    survey->report.asked = survey->targets.groups;
    survey->report.asked_count = survey->targets.group_count;
    for (size_t i = 0; i < survey->targets.group_count; i++) {
        const char *path = survey->targets.groups[i];
        struct unseen missed = {0};

        survey->report.incomplete |= group_is_of_socket(path);
        nearest_group(&survey->report, path);
        cgroup_walk(path, add_if_served, &survey->report);
        missed.error = cgroup_walk(path, add_its_processes, survey);
        survey->report.incomplete |= !group_is_seen(path, &missed);
    }
    if (survey->all)
        cgroup_walk(cgroup_top(), add_if_served, &survey->report);
}

/* ---- one process ------------------------------------------------------------- */

static void add_row(struct survey *survey, struct section *s,
                    const struct tcp_socket *socket)
{
    s->rows = with_room(s->rows, s->count, sizeof *s->rows);
    s->rows[s->count++].socket = *socket;
    numbers_add(&survey->shown, socket->inode);
}

/* Ask the socket itself what it has on it; the rest the kernel may have told. Return an error
 * number if the socket may not be duplicated, or 0. */
static int read_socket(struct survey *survey, struct section *s, struct descriptor d)
{
    const struct tcp_socket *told = tcp_sockets_find(&survey->view->sockets, d.inode);
    struct tcp_socket socket = {.state = TCP_CLOSE};
    int fd = process_duplicate(&s->process, d);

    if (fd < 0) {
        if (told && fd != -EBADF && fd != -ESTALE)
            add_row(survey, s, told);
        return fd == -EBADF || fd == -ESTALE ? 0 : -fd;
    }
    if (told && told->connected >= 0)
        socket = *told;
    else if (tcp_socket_read(fd, d.inode, &socket) && socket.state != TCP_CLOSE) {
        tcp_socket_read_addresses(fd, &socket);
        socket.timer = told ? told->timer : -1;
    }
    if (socket.state != TCP_CLOSE) {
        socket.values = ka_values_read(fd, NULL);
        add_row(survey, s, &socket);
    }
    close(fd);
    return 0;
}

/* The process's own listeners count too, where sock_diag doesn't tell them. */
static void set_roles(struct survey *survey, struct section *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->rows[i].socket.state == TCP_LISTEN)
            addresses_add(&survey->view->listening, &s->rows[i].socket.local);
    for (size_t i = 0; i < s->count; i++)
        s->rows[i].role = tcp_socket_role(&s->rows[i].socket, &survey->view->listening);
}

static void add_section(struct survey *survey, struct section *s)
{
    set_roles(survey, s);
    survey->report.sections = with_room(survey->report.sections, survey->report.count,
                                        sizeof *survey->report.sections);
    survey->report.sections[survey->report.count++] = *s;
}

/* Add the sockets that processes of this user have made, for one that may not be looked
 * into. */
static void add_told_of_user(struct survey *survey, struct section *s, uid_t user)
{
    for (size_t i = 0; i < survey->view->sockets.inodes.count; i++) {
        const struct tcp_socket *told = &survey->view->sockets.all[i];

        if (told->user == user && !numbers_have(&survey->shown, told->inode))
            add_row(survey, s, told);
    }
}

/* Return 0, or an error number if not all could be read. */
static int read_sockets(struct survey *survey, struct section *s)
{
    struct sockets sockets;
    int error = process_sockets(&s->process, &sockets);

    if (sockets.count || error || !survey->all)
        look_into(survey, s->process.pid);
    for (size_t i = 0; i < sockets.count; i++) {
        int refused = read_socket(survey, s, sockets.all[i]);

        if (refused)
            error = refused;
    }
    complain_unreachable(&s->process, sockets.unreachable);
    survey->report.incomplete |= sockets.unreachable > 0;
    sockets_free(&sockets);
    return error;
}

/* Leave out those that have ended or have no sockets, unless the user has named them. */
static void read_process(struct survey *survey, int pid, bool named)
{
    struct section s = {.library = -1, .secure = -1};
    int error = process_open(pid, &s.process);

    if (!error)
        error = read_sockets(survey, &s);
    if (s.count || named) {
        s.library = process_has_library(&s.process);
        s.secure = process_is_secure(&s.process);
        s.group = serving_group(survey, pid);
    }
    if (error && error != ESRCH && survey->all) {
        survey->refused++;
        snprintf(survey->refusal, sizeof survey->refusal, "%s",
                 process_refusal(&s.process, error));
    } else if (error && !survey->all && (named || error != ESRCH)) {
        complain("%s", process_refusal(&s.process, error));
        survey->report.incomplete = true;
        s.of_user =
            !survey->certain && error != ESRCH && s.process.pidfd >= 0 && !s.count;
        if (s.of_user)
            add_told_of_user(survey, &s, process_user(pid));
    }
    if (s.count || (named && !error))
        add_section(survey, &s);
    process_close(&s.process);
}

/* ---- all of them ------------------------------------------------------------- */

/* Add sockets of our namespace that no process owned, if they are still listed. */
static void read_unseen(struct survey *survey)
{
    struct section s = {.library = -1, .secure = -1};
    struct tcp_sockets now = {0};
    size_t left = 0;

    look_into(survey, getpid());
    for (size_t i = 0; i < survey->view->sockets.inodes.count; i++) {
        const struct tcp_socket *told = &survey->view->sockets.all[i];
        bool meant =
            !survey->port || address_port(&told->local) == (unsigned)survey->port;

        if (!meant || numbers_have(&survey->shown, told->inode))
            continue;
        if (!left++)
            diag_read(getpid(), DIAG_ALL, &now);
        if (tcp_sockets_find(&now, told->inode))
            add_row(survey, &s, told);
    }
    tcp_sockets_free(&now);
    if (s.count)
        add_section(survey, &s);
}

static void read_processes(struct survey *survey, size_t named)
{
    bool unseen = survey->all || survey->port;

    if (unseen) /* before any process */
        look_into(survey, getpid());
    process_hurry_closing(true);
    for (size_t i = 0; i < survey->targets.pids.count; i++)
        if (!survey->all || (int)survey->targets.pids.all[i] != getpid())
            read_process(survey, (int)survey->targets.pids.all[i], i < named);
    process_hurry_closing(false);
    if (unseen)
        read_unseen(survey);
    if (survey->refused)
        complain("processes that may not be looked into: %zu; the last, %s",
                 survey->refused, survey->refusal);
    survey->report.incomplete |= survey->refused > 0;
}

void survey_all(struct survey *survey)
{
    size_t named = survey->all ? 0 : survey->targets.pids.count;

    if (survey->all)
        survey->targets.pids = pids_all();
    read_groups(survey);
    if (survey->children)
        pids_add_descendants(&survey->targets.pids);
    read_processes(survey, named);
}
