/* SPDX-License-Identifier: MIT */
/*
 * kashim attach: puts the options on the sockets of running processes, by duplicates of
 * them. Listeners first, since what they accept from then on inherits; then the connections
 * that were accepted before; and again, until what was queued meanwhile has been accepted.
 */
#include "diag.h"
#include "inode_set.h"
#include "kashim.h"
#include "memory.h"
#include "options.h"
#include "process.h"
#include "refusal.h"
#include "targets.h"
#include "tcp_socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000, PAUSE_MS = 10, PROGRESS_AFTER_MS = 1000 };

struct tally {
    unsigned changed, right, failed;
};

/* One process. */
struct target {
    struct process process;
    bool named;  /* by the user; otherwise it was found below one */
    int refused; /* an error number: it may not be looked into, or has ended */
    struct addresses listening;
    struct inode_set settled;
    struct tally listeners, connections;
    unsigned left_alone; /* outgoing connections */
    unsigned other_ports;
    size_t unreachable;
    unsigned complained; /* of these options, 1 << enum ka_option */
};

/* A listener's queue from before the options were on it, and who was last seen to have the
 * listener. */
struct queue {
    size_t target;
    struct descriptor listener;
    unsigned length; /* at most so many of them are left */
};

static struct {
    struct settings settings;
    struct ka_values wanted;
    bool listeners_only, children;
    bool terminal; /* for the progress line */
    struct numbers pids;
    struct target *targets; /* in the order of `pids` */
    size_t target_count, target_limit;
    size_t too_many; /* beyond the limit */
    struct queue *queues;
    size_t queue_count;
    struct timespec start;
} job;

/* ---- time -------------------------------------------------------------------- */

static long elapsed_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - job.start.tv_sec) * 1000 +
           (now.tv_nsec - job.start.tv_nsec) / 1000000;
}

static unsigned long settled_count(void)
{
    unsigned long count = 0;

    for (size_t i = 0; i < job.target_count; i++)
        count += job.targets[i].settled.count;
    return count;
}

/* On a terminal, when it takes long; the last call, with `end`, removes it. */
static void show_progress(bool end)
{
    static long shown;
    long now = elapsed_ms();

    if (end && shown)
        fputs("\r\033[K", stderr);
    else if (!end && job.terminal && now > PROGRESS_AFTER_MS && now - shown > 100) {
        fprintf(stderr, "\rkashim: %lu sockets looked at", settled_count());
        shown = now;
    }
}

/* ---- one socket -------------------------------------------------------------- */

/* One line for each option that is refused, not for each socket. */
static void complain_of(struct target *t, struct ka_refusal refusal)
{
    for (int i = 0; i < KA_OPTIONS; i++) {
        unsigned bit = 1U << i;

        if (!(refusal.options & ~t->complained & bit))
            continue;
        t->complained |= bit;
        complain("%s (%d): %s is refused: %s", t->process.name, t->process.pid,
                 ka_option_name((enum ka_option)i), strerror(refusal.error[i]));
    }
}

/* What counts is what the socket has afterwards. */
static void set(struct target *t, int fd, const struct tcp_socket *s, struct tally *tally)
{
    struct ka_values after;

    if (ka_values_agree(&s->values, &job.wanted)) {
        tally->right++;
        return;
    }
    complain_of(t, ka_values_set(fd, &job.wanted));
    after = ka_values_read(fd);
    if (ka_values_agree(&after, &job.wanted))
        tally->changed++;
    else
        tally->failed++;
}

static void settle_listener(struct target *t, int fd, const struct tcp_socket *s)
{
    addresses_add(&t->listening, &s->local);
    if (ka_config_port(&job.settings.config, address_port(&s->local)))
        set(t, fd, s, &t->listeners);
    else
        t->other_ports++;
}

static void settle_connection(struct target *t, int fd, const struct tcp_socket *s)
{
    enum role role = tcp_socket_role(s, &t->listening);
    const union ka_address *address = role == ACCEPTED ? &s->local : &s->peer;

    if (role == OUTGOING && !job.settings.config.connect)
        t->left_alone++;
    else if (ka_config_port(&job.settings.config, address_port(address)))
        set(t, fd, s, &t->connections);
    else
        t->other_ports++;
}

/* ---- one process ------------------------------------------------------------- */

/* This process has the listener now: workers share it, and any of them may close it. False:
 * its queue isn't known. */
static bool update_queue(const struct target *t, struct descriptor listener)
{
    for (size_t i = 0; i < job.queue_count; i++)
        if (job.queues[i].listener.inode == listener.inode) {
            job.queues[i].target = (size_t)(t - job.targets);
            job.queues[i].listener = listener;
            return true;
        }
    return false;
}

static void add_queue(const struct target *t, struct descriptor listener)
{
    if (update_queue(t, listener))
        return;
    job.queues = with_room(job.queues, job.queue_count, sizeof *job.queues);
    job.queues[job.queue_count++] =
        (struct queue){(size_t)(t - job.targets), listener, (unsigned)-1};
}

enum pass { LISTENERS, CONNECTIONS };

/* False: it has to be looked at again. */
static bool settle(struct target *t, enum pass pass, struct descriptor d, int fd)
{
    struct tcp_socket s;

    if (pass == LISTENERS && !ka_is_tcp(fd))
        return true;
    if (pass == LISTENERS && !ka_is_listening(fd))
        return false;
    if (!tcp_socket_read(fd, d.inode, &s))
        return false;
    if (s.state == TCP_LISTEN) {
        settle_listener(t, fd, &s);
        add_queue(t, d);
    } else
        settle_connection(t, fd, &s);
    return true;
}

static void look_at(struct target *t, enum pass pass, struct descriptor d)
{
    int fd;

    if (inode_set_has(&t->settled, d.inode)) {
        if (pass == LISTENERS)
            update_queue(t, d);
        return;
    }
    fd = process_duplicate(&t->process, d);
    if (fd == -EBADF || fd == -ESTALE)
        return; /* closed meanwhile */
    if (fd < 0) {
        t->refused = -fd;
        return;
    }
    if (settle(t, pass, d, fd))
        inode_set_add(&t->settled, d.inode);
    close(fd);
}

static void visit(struct target *t, enum pass pass)
{
    struct sockets sockets;

    if (t->refused)
        return;
    t->refused = process_sockets(&t->process, &sockets);
    t->unreachable = sockets.unreachable;
    for (size_t i = 0; i < sockets.count && !t->refused; i++) {
        look_at(t, pass, sockets.all[i]);
        show_progress(false);
    }
    sockets_free(&sockets);
}

/* ---- all of them ------------------------------------------------------------- */

static void add_target(int pid, bool named)
{
    struct tcp_sockets listeners;
    struct target *t;

    job.targets = with_room(job.targets, job.target_count, sizeof *job.targets);
    t = &job.targets[job.target_count++];
    memset(t, 0, sizeof *t);
    t->named = named;
    t->refused = process_open(pid, &t->process);
    diag_read(pid, DIAG_LISTENERS, &listeners); /* without it, its own count */
    for (size_t i = 0; i < listeners.count; i++)
        addresses_add(&t->listening, &listeners.all[i].local);
    free(listeners.all);
}

/* Each keeps a descriptor. */
static void read_limit(void)
{
    enum { OTHERS = 32 };
    struct rlimit limit = {.rlim_max = RLIM_INFINITY};

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    job.target_limit = limit.rlim_max > OTHERS ? limit.rlim_max - OTHERS : 0;
}

static void add_targets(bool named)
{
    while (job.target_count < job.pids.count && job.target_count < job.target_limit)
        add_target(job.pids.all[job.target_count], named);
    job.too_many = job.pids.count - job.target_count;
}

static unsigned queue_length(const struct queue *q)
{
    struct tcp_socket s;
    int fd = process_duplicate(&job.targets[q->target].process, q->listener);
    bool listens = fd >= 0 && tcp_socket_read(fd, q->listener.inode, &s);

    if (fd >= 0)
        close(fd);
    return listens ? s.queue : 0;
}

/* How many connections are queued from before. A queue keeps its order, so never more of
 * them than it has ever been long since. */
static unsigned still_queued(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < job.queue_count; i++) {
        struct queue *q = &job.queues[i];
        unsigned length = q->length ? queue_length(q) : 0;

        if (length < q->length)
            q->length = length;
        sum += q->length;
    }
    return sum;
}

/* Returns how many connections are queued from before, at most. */
static unsigned visit_all(void)
{
    unsigned queued;

    if (job.children) {
        pids_add_descendants(&job.pids);
        add_targets(false);
    }
    for (size_t i = 0; i < job.target_count; i++)
        visit(&job.targets[i], LISTENERS);
    if (job.listeners_only)
        return 0;
    queued = still_queued();
    for (size_t i = 0; i < job.target_count; i++)
        visit(&job.targets[i], CONNECTIONS);
    return queued;
}

/* Twice at least: accept(2) takes a connection from the queue before it has a number. */
static unsigned visit_until_accepted(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    unsigned queued;

    visit_all();
    do {
        nanosleep(&pause, NULL);
        queued = visit_all();
    } while (queued && elapsed_ms() < PATIENCE_MS);
    show_progress(true);
    return queued;
}

/* ---- what came of it --------------------------------------------------------- */

static void print_tally(const char *what, const struct tally *t)
{
    printf("%s: %u changed, %u already right, %u failed", what, t->changed, t->right,
           t->failed);
}

/* A child that has ended since needs nothing. False: something wasn't done. */
static bool report(const struct target *t)
{
    const struct process *p = &t->process;
    bool refused = t->refused && (t->named || t->refused != ESRCH);

    if (t->settled.count) {
        printf("%s (%d): ", p->name, p->pid);
        print_tally("listeners", &t->listeners);
        if (!job.listeners_only)
            print_tally("; connections", &t->connections);
        if (t->left_alone)
            printf("; outgoing: %u left alone", t->left_alone);
        putchar('\n');
    }
    if (refused)
        complain("%s (%d): %s", p->name, p->pid, process_refusal(p, t->refused));
    complain_unreachable(p, t->unreachable);
    return !refused && !t->unreachable && !t->listeners.failed && !t->connections.failed;
}

static unsigned sum(const struct tally *t)
{
    return t->changed + t->right + t->failed;
}

static bool some_sockets(void)
{
    unsigned other_ports = 0;

    for (size_t i = 0; i < job.target_count; i++) {
        const struct target *t = &job.targets[i];

        if (t->refused || t->left_alone || sum(&t->listeners) || sum(&t->connections))
            return true;
        other_ports += t->other_ports;
    }
    if (other_ports)
        complain("none of the ports asked for: %u sockets with others were left alone",
                 other_ports);
    else
        complain("no TCP listener and no connection was found");
    return false;
}

static void mention_children(void)
{
    size_t named = job.pids.count;

    pids_add_descendants(&job.pids);
    if (job.pids.count > named)
        complain("not looked at: %zu processes that these have started (--children takes "
                 "them)",
                 job.pids.count - named);
}

static int report_all(unsigned queued)
{
    bool done = true, some;

    for (size_t i = 0; i < job.target_count; i++)
        done &= report(&job.targets[i]);
    if (queued)
        complain(
            "up to %u connections were queued before and haven't been accepted in %d "
            "seconds: attach again when they have",
            queued, PATIENCE_MS / 1000);
    if (job.too_many)
        complain("not looked at: %zu processes, for which the limit of open files is too "
                 "low (ulimit -n)",
                 job.too_many);
    some = job.too_many || some_sockets();
    if (!job.children)
        mention_children();
    return done && !queued && some && !job.too_many ? EXIT_SUCCESS : EXIT_UNDONE;
}

/* ---- the arguments ----------------------------------------------------------- */

enum { OPTION_LISTENERS_ONLY = OPTION_OWN, OPTION_CHILDREN, OPTION_PORT };

static const struct option options[] = {
    SETTING_OPTIONS,
    {"listeners-only", no_argument, NULL, OPTION_LISTENERS_ONLY},
    {"children", no_argument, NULL, OPTION_CHILDREN},
    {"port", required_argument, NULL, OPTION_PORT},
    {"help", no_argument, NULL, 'h'},
    {0}};

static int help(void)
{
    puts(
        "kashim attach [OPTIONS] [--listeners-only] [--children] (PID... | --port "
        "PORT)\n\n"
        "Puts TCP keepalive on the sockets of running processes: on their listeners, and "
        "on\n"
        "the connections that were accepted from these. Nothing is restarted, stopped "
        "or\n"
        "injected.\n\n"
        "      --listeners-only                      no connections\n"
        "      --children                            the processes below them too\n"
        "      --port PORT                           those that listen on it");
    settings_help(true);
    puts("\nExit status: 0 all was done, 1 something was not, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* The exit status if there is nothing more to do, or negative. */
static int read_arguments(int argc, char **argv, int *port)
{
    int option;

    while ((option = next_option(argc, argv, ":h" SETTING_LETTERS, options)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_LISTENERS_ONLY: job.listeners_only = true; break;
        case OPTION_CHILDREN: job.children = true; break;
        case OPTION_PORT:
            if (!targets_port(optarg, port))
                return EXIT_USAGE;
            break;
        default:
            if (settings_take(&job.settings, option, optarg) != SETTING_TAKEN)
                return EXIT_USAGE;
        }
    if (!targets_by_number(argv + optind, &job.pids))
        return EXIT_USAGE;
    if ((*port != 0) == (job.pids.count > 0)) {
        complain("attach: which processes? PID... or --port PORT%s (kashim help attach)",
                 job.settings.config.some_ports
                     ? "; -p, --ports, picks among their sockets"
                     : "");
        return EXIT_USAGE;
    }
    return -1;
}

int kashim_attach(int argc, char **argv)
{
    int port = 0, status;

    settings_begin(&job.settings, true);
    status = read_arguments(argc, argv, &port);
    if (status >= 0)
        return status;
    if (!settings_read(&job.settings))
        return EXIT_USAGE;
    if (job.settings.config.off) {
        complain("attach: KA_OFF=1 is set, so nothing was done");
        return EXIT_UNDONE;
    }
    if (!targets_visible() || (port && !targets_by_port(port, &job.pids)))
        return EXIT_UNDONE;
    clock_gettime(CLOCK_MONOTONIC, &job.start);
    job.terminal = isatty(STDERR_FILENO);
    job.wanted = ka_values_wanted(&job.settings.config);
    read_limit();
    add_targets(true);
    return report_all(visit_until_accepted());
}
