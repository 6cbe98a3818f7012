/* SPDX-License-Identifier: MIT */
#include "scan.h"

#include "diag.h"
#include "util.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

/* On a terminal, once it takes long, say after each process how far it is. */
static void show_progress(const struct scan *scan, long start)
{
    if (isatty(STDERR_FILENO) && now_ms() - start > PROGRESS_AFTER_MS)
        fprintf(stderr, "\rkashim: %zu sockets looked at", scan->looked_at);
}

static void remove_progress(long start)
{
    if (isatty(STDERR_FILENO) && now_ms() - start > PROGRESS_AFTER_MS)
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

/* Return what a socket gets. What kashim has set before and is not to set any more, goes
 * back to the kernel's own. */
static struct ka_values wanted_of(const struct scan *scan, const struct tcp_socket *s,
                                  enum role role)
{
    struct ka_values wanted = scan->wanted;

    if (role == OUTGOING && scan->spare_own && !are_former(scan, &s->values)) {
        struct ka_values kernel = ka_values_of_kernel();

        return ka_values_outgoing(scan->config, &s->values, &kernel);
    }
    for (enum ka_option i = KA_USER_TIMEOUT; i < KA_OPTIONS; i++)
        if (wanted.of[i] < 0 && scan->former.of[i] > 0 &&
            s->values.of[i] == scan->former.of[i])
            wanted.of[i] = value_when_off(i);
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

/* Put the options on the socket. What it has afterwards counts. */
static void apply_options(struct scan *scan, struct scanned *p, int fd,
                          const struct tcp_socket *s, enum role role, struct tally *tally)
{
    struct ka_values after = s->values, wanted = wanted_of(scan, s, role);
    bool right = ka_values_agree(&s->values, &wanted);
    bool marks = unmark(scan, p->process.pid, fd) && scan->mark;

    if (!right) {
        complain_of(p, ka_values_set(fd, &wanted));
        after = ka_values_read(fd, NULL);
    }
    if (!ka_values_agree(&after, &wanted)) {
        tally->failed++;
        return;
    }
    tally->right += right;
    tally->changed += !right;
    note(&scan->now, &after);
    if (!right && wanted.of[KA_KEEPALIVE] == 1 && s->values.of[KA_KEEPALIVE] == 1 &&
        !are_former(scan, &s->values))
        note(&p->before, &s->values);
    if (marks && ka_values_agree(&after, &scan->wanted))
        bpf_mark(scan->mark, fd);
}

bool scan_port_is_meant(const struct scan *scan, const struct tcp_socket *s,
                        enum role role)
{
    return ka_config_port(scan->config,
                          address_port(role == OUTGOING ? &s->peer : &s->local));
}

static void handle_if_meant(struct scan *scan, struct scanned *p, int fd,
                            const struct tcp_socket *s, enum role role,
                            struct tally *tally)
{
    if (!scan_port_is_meant(scan, s, role)) {
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
                              const struct tcp_socket *s)
{
    enum role role = tcp_socket_role(s, &p->listening);

    if (role == OUTGOING && !scan->config->connect)
        p->outgoing++;
    else
        handle_if_meant(scan, p, fd, s, role, &p->connections);
}

/* ---- one process ------------------------------------------------------------- */

/* Note that this process has the listener: workers share it, and any of them may close it.
 * Return false if the listener isn't known. */
static bool update_listener(struct scan *scan, const struct scanned *p,
                            struct descriptor listener)
{
    for (size_t i = 0; i < scan->listener_count; i++)
        if (scan->listeners[i].listener.inode == listener.inode) {
            scan->listeners[i].process = (size_t)(p - scan->processes);
            scan->listeners[i].listener = listener;
            return true;
        }
    return false;
}

static void add_listener(struct scan *scan, const struct scanned *p,
                         struct descriptor listener)
{
    if (update_listener(scan, p, listener))
        return;
    scan->listeners =
        with_room(scan->listeners, scan->listener_count, sizeof *scan->listeners);
    scan->listeners[scan->listener_count++] =
        (struct queue){(size_t)(p - scan->processes), listener, (unsigned)-1};
}

enum pass { LISTENERS, CONNECTIONS };

/* Return false if the socket is to be looked at again in the next pass. */
static bool handle_socket(struct scan *scan, struct scanned *p, enum pass pass,
                          struct descriptor d, int fd)
{
    struct tcp_socket s;

    if (pass == LISTENERS && !ka_is_tcp(fd))
        return true;
    if (pass == LISTENERS && !ka_is_listening(fd))
        return false;
    if (!tcp_socket_read(fd, d.inode, &s))
        return false;
    if (s.state == TCP_LISTEN) {
        addresses_add(&p->listening, &s.local);
        add_listener(scan, p, d);
        handle_if_meant(scan, p, fd, &s, LISTENER, &p->listeners);
    } else
        handle_connection(scan, p, fd, &s);
    return true;
}

static void handle_descriptor(struct scan *scan, struct scanned *p, enum pass pass,
                              struct descriptor d)
{
    int fd;

    if (numbers_have(&p->done, d.inode)) {
        if (pass == LISTENERS)
            update_listener(scan, p, d);
        return;
    }
    fd = process_duplicate(&p->process, d);
    if (fd == -EBADF || fd == -ESTALE)
        return; /* closed meanwhile */
    if (fd < 0) {
        p->refused = -fd;
        return;
    }
    if (handle_socket(scan, p, pass, d, fd)) {
        numbers_add(&p->done, d.inode);
        scan->looked_at++;
    }
    close(fd);
}

static void scan_process(struct scan *scan, struct scanned *p, enum pass pass)
{
    struct sockets sockets;

    if (p->refused)
        return;
    p->refused = process_sockets(&p->process, &sockets);
    p->unreachable = sockets.unreachable;
    for (size_t i = 0; i < sockets.count && !p->refused; i++)
        handle_descriptor(scan, p, pass, sockets.all[i]);
    sockets_free(&sockets);
}

/* ---- all of them ------------------------------------------------------------- */

static void open_process(struct scan *scan, int pid, bool named)
{
    struct tcp_sockets listeners;
    struct scanned *p;

    scan->processes = with_room(scan->processes, scan->count, sizeof *scan->processes);
    p = &scan->processes[scan->count++];
    memset(p, 0, sizeof *p);
    p->named = named;
    p->refused = process_open(pid, &p->process);
    diag_read(pid, DIAG_LISTENERS,
              &listeners); /* if it fails, the process's own count alone */
    for (size_t i = 0; i < listeners.count; i++)
        addresses_add(&p->listening, &listeners.all[i].local);
    free(listeners.all);
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

bool scan_read_listener(const struct scan *scan, size_t listener, struct tcp_socket *s)
{
    const struct queue *q = &scan->listeners[listener];
    int fd = process_duplicate(&scan->processes[q->process].process, q->listener);
    bool listens =
        fd >= 0 && tcp_socket_read(fd, q->listener.inode, s) && s->state == TCP_LISTEN;

    if (fd >= 0)
        close(fd);
    return listens;
}

/* A queue is FIFO, so its shortest length so far bounds how many old connections remain. */
static unsigned still_queued(struct scan *scan)
{
    unsigned sum = 0;

    for (size_t i = 0; i < scan->listener_count; i++) {
        struct queue *q = &scan->listeners[i];
        struct tcp_socket s;
        unsigned length = q->length && scan_read_listener(scan, i, &s) ? s.queue : 0;

        if (length < q->length)
            q->length = length;
        sum += q->length;
    }
    return sum;
}

static void scan_once(struct scan *scan, long start)
{
    process_hurry_closing(true);
    if (scan->group)
        group_add_processes(scan->group, &scan->pids);
    if (scan->children)
        pids_add_descendants(&scan->pids);
    open_processes(scan, false);
    for (size_t i = 0; i < scan->count; i++, show_progress(scan, start))
        scan_process(scan, &scan->processes[i], LISTENERS);
    if (!scan->listeners_only)
        scan->queued = still_queued(scan);
    for (size_t i = 0; i < scan->count && !scan->listeners_only;
         i++, show_progress(scan, start))
        scan_process(scan, &scan->processes[i], CONNECTIONS);
    process_hurry_closing(false);
}

/* Scan twice at least: accept(2) takes a connection from the queue before it has a
 * number. */
void scan_all(struct scan *scan)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    long start = now_ms();

    open_processes(scan, true);
    scan_once(scan, start);
    do {
        nanosleep(&pause, NULL);
        scan_once(scan, start);
    } while (scan->queued && now_ms() - start < SCAN_PATIENCE_S * 1000);
    remove_progress(start);
}

void scan_free(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        process_close(&scan->processes[i].process);
        addresses_free(&scan->processes[i].listening);
        numbers_free(&scan->processes[i].done);
    }
    free(scan->processes);
    free(scan->listeners);
    numbers_free(&scan->pids);
    bpf_close(&scan->serving.programs);
}
