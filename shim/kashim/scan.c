/* SPDX-License-Identifier: MIT */
#include "scan.h"

#include "../sys.h"
#include "util.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 10, PROGRESS_AFTER_MS = 1000 };

/* ---- time -------------------------------------------------------------------- */

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_ms(long ms)
{
    struct timespec left = {.tv_nsec = ms * 1000000};

    while (nanosleep(&left, &left) && errno == EINTR)
        ;
}

static bool takes_long(const struct scan *scan)
{
    return scan->on_terminal && now_ms() - scan->start > PROGRESS_AFTER_MS;
}

/* On a terminal, once it takes long, say after each process how far it is. */
static void show_progress(const struct scan *scan)
{
    if (takes_long(scan))
        fprintf(stderr, "\rkashim: %zu sockets looked at", scan->looked_at);
}

static void remove_progress(const struct scan *scan)
{
    if (takes_long(scan))
        fputs("\r\033[K", stderr);
}

/* ---- one socket -------------------------------------------------------------- */

/* Print one line for each option that is refused, not for each socket. */
static void complain_of(struct scanned *p, struct ka_refusal refusal)
{
    for (int i = 0; i < KA_OPTIONS; i++) {
        unsigned bit = 1U << i;

        if (!(refusal.options & ~p->complained & bit))
            continue;
        p->complained |= bit;
        complain("%s (%d): %s is refused: %s", p->process.name, p->process.pid,
                 ka_socket_options[i].text, strerror(refusal.error[i]));
    }
}

int value_when_off(enum ka_option option)
{
    return option == KA_RTO_MAX ? KA_MAX_RTO_MAX * 1000 : 0;
}

static void note(struct sample *sample, const struct ka_values *values)
{
    if (!sample->count++)
        sample->first = *values;
    sample->mixed |= !ka_values_agree(&sample->first, values);
}

/* Tell whether kashim has set the values before. */
static bool are_former(const struct scan *scan, const struct ka_values *values)
{
    return scan->former.of[KA_IDLE] >= 0 && ka_values_agree(values, &scan->former);
}

/* MPTCP sockets don't have all of them, and then nothing is to be turned off. */
static bool has_option(int fd, enum ka_option option)
{
    return ka_getsockopt_int(fd, ka_socket_options[option].level,
                             ka_socket_options[option].name) >= 0;
}

/* Return what a socket gets. What kashim has set before and is not to set any more, goes
 * back to the kernel's own. */
static struct ka_values wanted_of(const struct scan *scan, int fd,
                                  const struct tcp_socket *s, enum role role)
{
    struct ka_values wanted = scan->wanted;

    if (role == OUTGOING && scan->spare_own && !are_former(scan, &s->values))
        return ka_values_outgoing(scan->config, &s->values, &scan->kernel);
    for (enum ka_option i = KA_USER_TIMEOUT; i < KA_OPTIONS; i++)
        if (wanted.of[i] < 0 && scan->former.of[i] > 0 &&
            s->values.of[i] == scan->former.of[i])
            wanted.of[i] = value_when_off(i);
    for (enum ka_option i = KA_USER_TIMEOUT; i < KA_OPTIONS; i++)
        if (wanted.of[i] == value_when_off(i) && !has_option(fd, i))
            wanted.of[i] = -1;
    return wanted;
}

/* Take the marks from a socket. Return false if it is to get none. */
static bool unmark(struct scan *scan, int pid, int fd)
{
    if (scan->group) {
        bpf_unmark(&scan->group->programs, fd);
        bpf_unmark(&scan->group->outer, fd);
        return true;
    }
    group_find_serving(&scan->serving, pid);
    return bpf_unmark(&scan->serving.programs, fd);
}

/* Put the options on the socket, unless they are there already, and then the mark, which keeps
 * them. A program that sets its own all the time may do so between the two: then again. */
static bool set_and_mark(struct scan *scan, struct scanned *p, int fd, bool there,
                         const struct ka_values *wanted, bool marks)
{
    enum { TRIES = 20 };

    for (int i = 0; i < TRIES; i++) {
        if (!there) {
            complain_of(p, ka_values_set(fd, wanted));
            there = ka_has_values(fd, wanted);
        }
        if (!marks)
            return there;
        if (there && (!ka_has_values(fd, &scan->wanted) || !bpf_mark(scan->mark, fd) ||
                      ka_has_values(fd, wanted)))
            return true;
        bpf_unmark(scan->mark, fd);
        there = false;
    }
    return false;
}

/* Give the socket what it is to have. What it has afterwards counts. */
static void apply_options(struct scan *scan, struct scanned *p, int fd,
                          const struct tcp_socket *s, enum role role, struct tally *tally)
{
    struct ka_values wanted = wanted_of(scan, fd, s, role), values = KA_NO_VALUES;
    bool replaces = wanted.of[KA_KEEPALIVE] == 1 &&
                    ka_getsockopt_int(fd, SOL_SOCKET, SO_KEEPALIVE) == 1;
    bool right = (replaces || wanted.of[KA_KEEPALIVE] != 1) && ka_has_values(fd, &wanted);
    bool marks =
        unmark(scan, p->process.pid, fd) && scan->mark && scan->mark->maps.marks >= 0;

    if (!right && replaces)
        values = ka_values_read(fd, NULL);
    if (!set_and_mark(scan, p, fd, right, &wanted, marks)) {
        tally->failed++;
        return;
    }
    if (!right && replaces && !are_former(scan, &values))
        note(&p->before, &values);
    tally->right += right;
    tally->changed += !right;
}

bool scan_port_is_meant(const struct scan *scan, const struct tcp_socket *s,
                        enum role role)
{
    return ka_config_port(scan->config,
                          address_port(role == OUTGOING ? &s->peer : &s->local));
}

/* Tell whether what the socket has now decides what it gets. */
static bool values_matter(const struct scan *scan, enum role role)
{
    return scan->only.of[KA_IDLE] >= 0 || scan->former.of[KA_IDLE] >= 0 ||
           (role == OUTGOING && scan->spare_own);
}

static void handle_if_meant(struct scan *scan, struct scanned *p, int fd,
                            struct tcp_socket *s, enum role role, struct tally *tally)
{
    bool meant = scan_port_is_meant(scan, s, role);

    if (!meant || values_matter(scan, role))
        s->values = ka_values_read(fd, NULL);
    if (!meant) {
        p->other_ports++;
        if (s->values.of[KA_KEEPALIVE] == 1)
            note(&p->kept, &s->values);
    } else if (!ka_values_agree(&s->values, &scan->only) &&
               !ka_values_agree(&s->values, &scan->wanted))
        note(&p->other_timers, &s->values);
    else
        apply_options(scan, p, fd, s, role, tally);
}

static void handle_connection(struct scan *scan, struct scanned *p, int fd,
                              struct tcp_socket *s)
{
    enum role role;

    if (s->connected < 0 || scan->config->some_ports)
        tcp_socket_read_addresses(fd, s);
    role = tcp_socket_role(s, &p->view->listening);
    if (role == OUTGOING && !scan->config->connect)
        p->outgoing++;
    else
        handle_if_meant(scan, p, fd, s, role, &p->connections);
}

/* ---- one process ------------------------------------------------------------- */

/* Note that this process has the listener, if it is one: workers share it, and any of them
 * may close it. */
static void update_listener(struct scan *scan, const struct scanned *p,
                            struct descriptor listener)
{
    size_t place = numbers_place(&scan->listener_inodes, listener.inode);

    if (!place)
        return;
    scan->listeners[place - 1].process = (size_t)(p - scan->processes);
    scan->listeners[place - 1].listener = listener;
}

static void add_listener(struct scan *scan, const struct scanned *p,
                         struct descriptor listener, unsigned queue)
{
    size_t count = scan->listener_inodes.count;

    numbers_add(&scan->listener_inodes, listener.inode);
    if (scan->listener_inodes.count > count) {
        scan->listeners = with_room(scan->listeners, count, sizeof *scan->listeners);
        scan->listeners[count].length = queue;
    }
    update_listener(scan, p, listener);
}

/* Return how many connections wait, of a listener that has its options by now. */
static unsigned queue_of(const struct scan *scan, const struct tcp_socket *listener,
                         int fd)
{
    struct tcp_socket now;

    if (!scan_port_is_meant(scan, listener, LISTENER))
        return 0; /* they are none of ours */
    tcp_socket_read(fd, listener->inode, &now);
    return now.queue;
}

/* Of the first round only listeners are the business. Return false if the socket is to be
 * looked at again. */
static bool handle_socket(struct scan *scan, struct scanned *p, bool first,
                          struct descriptor d, int fd)
{
    struct tcp_socket s;

    if (!tcp_socket_read(fd, d.inode, &s))
        return true;
    if (s.state == TCP_CLOSE ||
        ((first || scan->listeners_only) && s.state != TCP_LISTEN))
        return false;
    if (s.state == TCP_LISTEN) {
        tcp_socket_read_addresses(fd, &s);
        addresses_add(&p->view->listening, &s.local);
        handle_if_meant(scan, p, fd, &s, LISTENER, &p->listeners);
        add_listener(scan, p, d, queue_of(scan, &s, fd));
    } else
        handle_connection(scan, p, fd, &s);
    return true;
}

static void handle_descriptor(struct scan *scan, struct scanned *p, bool first,
                              struct descriptor d)
{
    int fd;

    if (numbers_have(&p->done, d.inode)) {
        update_listener(scan, p, d);
        return;
    }
    if (first && !p->view->error && !tcp_sockets_find(&p->view->sockets, d.inode))
        return;
    fd = process_duplicate(&p->process, d);
    if (fd == -EBADF || fd == -ESTALE)
        return; /* closed meanwhile */
    if (fd < 0) {
        p->refused = -fd;
        return;
    }
    if (handle_socket(scan, p, first, d, fd)) {
        numbers_add(&p->done, d.inode);
        scan->looked_at++;
    }
    close(fd);
}

static void scan_process(struct scan *scan, struct scanned *p, bool first)
{
    struct sockets sockets;

    if (p->refused)
        return;
    p->refused = process_sockets(&p->process, &sockets);
    p->unreachable = sockets.unreachable;
    for (size_t i = 0; i < sockets.count && !p->refused; i++)
        handle_descriptor(scan, p, first, sockets.all[i]);
    sockets_free(&sockets);
}

/* ---- all of them ------------------------------------------------------------- */

static void open_process(struct scan *scan, int pid, bool named)
{
    struct scanned *p;
    bool new;

    scan->processes = with_room(scan->processes, scan->count, sizeof *scan->processes);
    p = &scan->processes[scan->count++];
    memset(p, 0, sizeof *p);
    p->named = named;
    p->refused = process_open(pid, &p->process);
    p->view = views_look(&scan->views, pid, DIAG_LISTENERS, &new);
}

/* Lift the limit of open files and return how many processes fit: each takes a
 * descriptor. */
static size_t process_limit(void)
{
    enum { OTHERS = 32 };
    struct rlimit limit = {.rlim_max = RLIM_INFINITY};

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max > OTHERS ? (size_t)limit.rlim_max - OTHERS : 0;
}

static void open_processes(struct scan *scan, bool named)
{
    size_t limit = process_limit();

    while (scan->count < scan->pids.count && scan->count < limit)
        open_process(scan, (int)scan->pids.all[scan->count], named);
    scan->too_many = scan->pids.count - scan->count;
}

/* Return a duplicate of a listener and read it, or -1. */
static int open_listener(const struct scan *scan, size_t listener, struct tcp_socket *s)
{
    const struct queue *q = &scan->listeners[listener];
    int fd = process_duplicate(&scan->processes[q->process].process, q->listener);

    if (fd < 0)
        return -1;
    if (tcp_socket_read(fd, q->listener.inode, s) && s->state == TCP_LISTEN)
        return fd;
    close(fd);
    return -1;
}

bool scan_read_listener(const struct scan *scan, size_t listener, struct tcp_socket *s)
{
    int fd = open_listener(scan, listener, s);

    if (fd < 0)
        return false;
    tcp_socket_read_addresses(fd, s);
    s->values = ka_values_read(fd, NULL);
    close(fd);
    return true;
}

/* A queue is FIFO, so its shortest length so far bounds how many old connections remain. */
static void measure_queues(struct scan *scan)
{
    for (size_t i = 0; i < scan->listener_inodes.count; i++) {
        struct queue *q = &scan->listeners[i];
        struct tcp_socket s;
        int fd = q->length ? open_listener(scan, i, &s) : -1;
        unsigned length = fd < 0 ? 0 : s.queue;

        if (fd >= 0)
            close(fd);
        if (length < q->length)
            q->length = length;
    }
}

/* What has ended accepts no more. */
static unsigned still_queued(const struct scan *scan)
{
    unsigned sum = 0;

    for (size_t i = 0; i < scan->listener_inodes.count; i++)
        if (!scan->processes[scan->listeners[i].process].refused)
            sum += scan->listeners[i].length;
    return sum;
}

static void scan_once(struct scan *scan, bool first)
{
    if (scan->group)
        scan->unseen = group_add_processes(scan->group, &scan->pids);
    if (scan->children)
        pids_add_descendants(&scan->pids);
    open_processes(scan, false);
    for (size_t i = 0; i < scan->count; i++, show_progress(scan))
        scan_process(scan, &scan->processes[i], first);
}

/* Prepare all listeners before the first connection is looked at. What was accepted before,
 * but still was in a queue or on its way from there to a number when the descriptors were
 * read, is there the next time: go on until the queues were empty, and there was no new
 * listener. */
void scan_all(struct scan *scan)
{
    size_t known;

    scan->start = now_ms();
    scan->on_terminal = isatty(STDERR_FILENO);
    scan->kernel = ka_values_of_kernel();
    open_processes(scan, true);
    process_hurry_closing(true);
    scan_once(scan, true);
    do {
        known = scan->listener_inodes.count;
        if (!scan->listeners_only)
            measure_queues(scan);
        wait_ms(PAUSE_MS);
        process_hurry_closing(true);
        scan_once(scan, false);
        scan->queued = scan->listeners_only ? 0 : still_queued(scan);
    } while ((scan->queued || scan->listener_inodes.count > known) &&
             now_ms() - scan->start < SCAN_PATIENCE_S * 1000);
    process_hurry_closing(false);
    remove_progress(scan);
}

void scan_free(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        process_close(&scan->processes[i].process);
        numbers_free(&scan->processes[i].done);
    }
    free(scan->processes);
    free(scan->listeners);
    numbers_free(&scan->listener_inodes);
    views_free(&scan->views);
    numbers_free(&scan->pids);
    bpf_close(&scan->serving.programs);
}
