/* SPDX-License-Identifier: MIT */
#include "log.h"

#include "env.h"
#include "sys.h"
#include "text.h"

#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

enum { LINE_SIZE = 320 };

extern unsigned long getauxval(unsigned long type) __attribute__((weak));

static bool same_file(const struct ka_file *a, const struct ka_file *b)
{
    return a->dev == b->dev && a->ino == b->ino;
}

/* Under inetd, and who does likewise, descriptors 0 to 2 are the client. */
static bool is_client(const struct ka_file *file)
{
    struct ka_file in;

    return file->is_socket &&
           (ka_is_tcp(2) || (ka_file_of(0, &in) && same_file(file, &in)));
}

/* After a daemon has closed it, the number may have gone to a client. */
static bool stderr_is_ours(void)
{
    struct ka_file now;

    return ka_file_of(2, &now) && same_file(&now, &ka_stderr) && !is_client(&now);
}

static const long long no_time[2]; /* a timespec of any width */

/* With room, and with a reader. */
static bool stderr_is_writable(void)
{
    struct pollfd pfd;

    pfd.fd = 2;
    pfd.events = POLLOUT;

    return ka_sys5(__NR_ppoll, (long)&pfd, 1, (long)no_time, 0, 0) == 1 &&
           pfd.revents == POLLOUT;
}

/* The kernel's sigset, as in rt_sigprocmask(2). */
typedef uint64_t signals;
#define SIGNAL(n) ((signals)1 << ((n)-1))

static signals change_mask(int how, signals set)
{
    signals old = 0;

    ka_sys5(__NR_rt_sigprocmask, how, (long)&set, (long)&old, sizeof set, 0);
    return old;
}

static signals pending(void)
{
    signals set = 0;

    ka_sys5(__NR_rt_sigpending, (long)&set, sizeof set, 0, 0, 0);
    return set;
}

static void consume(signals set)
{
    ka_sys5(__NR_rt_sigtimedwait, (long)&set, 0, (long)no_time, sizeof set, 0);
}

static void write_lines(const char *lines, size_t len)
{
    /* SIGPIPE and SIGXFSZ would kill; SIGTTOU would stop a background process whose
     * terminal has tostop set, unless it is blocked */
    signals kill = SIGNAL(SIGPIPE) | SIGNAL(SIGXFSZ);
    signals old, before;
    long written;

    if (!stderr_is_ours() || !stderr_is_writable())
        return;
    old = change_mask(SIG_BLOCK, kill | SIGNAL(SIGTTOU));
    before = pending();
    written = ka_sys5(__NR_write, 2, (long)lines, (long)len, 0, 0);
    if (written == -EPIPE && !(before & SIGNAL(SIGPIPE)))
        consume(SIGNAL(SIGPIPE));
    if (written == -EFBIG && !(before & SIGNAL(SIGXFSZ)))
        consume(SIGNAL(SIGXFSZ));
    change_mask(SIG_SETMASK, old);
}

void ka_log_complaints(void)
{
    static atomic_int said; /* of one byte, RISC-V would take a library's help */

    if (ka_active() && ka_complaints.len && !atomic_exchange(&said, 1))
        write_lines(ka_complaints.lines, ka_complaints.len);
}

static void put_ipv4(struct ka_text *t, const uint8_t *byte)
{
    for (int i = 0; i < 4; i++) {
        if (i)
            ka_put_char(t, '.');
        ka_put_uint(t, byte[i]);
    }
}

/* As in RFC 5952: the longest run of zero groups, the first of equals, becomes "::". */
static void put_ipv6(struct ka_text *t, const uint8_t *byte)
{
    int run = 0, run_len = 1;

    for (int i = 0, len = 0; i < 8; i++) {
        len = byte[2 * i] || byte[2 * i + 1] ? 0 : len + 1;
        if (len > run_len) {
            run_len = len;
            run = i + 1 - len;
        }
    }
    ka_put_char(t, '[');
    for (int i = 0; i < 8; i++) {
        if (run_len > 1 && i == run) {
            ka_put(t, "::");
            i += run_len - 1;
            continue;
        }
        if (i && !(run_len > 1 && i == run + run_len))
            ka_put_char(t, ':');
        ka_put_number(t, ka_from_network(&byte[2 * i]), 16);
    }
    ka_put_char(t, ']');
}

static void put_address(struct ka_text *t, int fd)
{
    union ka_address address;

    if (!ka_local_address(fd, &address)) {
        ka_put_char(t, '?');
        return;
    }
    if (address.any.sa_family == AF_INET)
        put_ipv4(t, (const uint8_t *)&address.in.sin_addr);
    else
        put_ipv6(t, (const uint8_t *)&address.in6.sin6_addr);
    ka_put_char(t, ':');
    ka_put_uint(t, ka_from_network(&address.in.sin_port));
}

/* The last part of what was executed. */
static const char *program_name(void)
{
    const char *path = getauxval ? (const char *)getauxval(AT_EXECFN) : NULL;
    const char *name = path ? path : "?";

    for (; path && *path; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

static struct ka_text begin_line(char *buffer)
{
    struct ka_text t = {buffer, LINE_SIZE, 0};

    ka_put(&t, "kashim: ");
    for (const char *c = program_name(); *c; c++)
        ka_put_printable(&t, *c);
    ka_put_char(&t, '[');
    ka_put_uint(&t, (unsigned)ka_getpid());
    ka_put(&t, "]: ");
    return t;
}

static void end_line(struct ka_text *t)
{
    if (t->len == t->size)
        t->len--;
    ka_put_char(t, '\n');
    write_lines(t->text, t->len);
}

void ka_log_listener(int fd, const char *kind)
{
    char buffer[LINE_SIZE];
    struct ka_values values;
    struct ka_text t;

    if (!ka_config.log)
        return;
    values = ka_values_read(fd, NULL);
    t = begin_line(buffer);
    ka_put(&t, kind);
    ka_put_char(&t, ' ');
    put_address(&t, fd);
    ka_put(&t, ": ");
    ka_put_timers(&t, &values, ka_config.retries);
    end_line(&t);
}

static const char *error_name(int error)
{
    switch (error) {
    case EPERM: return "EPERM";
    case EACCES: return "EACCES";
    case EINVAL: return "EINVAL";
    case ENOSYS: return "ENOSYS";
    case ENOPROTOOPT: return "ENOPROTOOPT";
    case EOPNOTSUPP: return "EOPNOTSUPP";
    default: return NULL;
    }
}

static void log_refused_option(enum ka_option option, int error)
{
    char buffer[LINE_SIZE];
    struct ka_text t = begin_line(buffer);
    const char *name = error_name(error);

    ka_put(&t, "the kernel refuses ");
    ka_put(&t, ka_socket_options[option].text);
    ka_put(&t, ": ");
    ka_put(&t, name ? name : "error ");
    if (!name)
        ka_put_uint(&t, (unsigned)error);
    if (option == KA_RTO_MAX && error == ENOPROTOOPT)
        ka_put(&t, " (" KA_RTO_MAX_SINCE ")");
    end_line(&t);
}

void ka_log_refusal(struct ka_refusal refusal)
{
    static atomic_uint said;
    unsigned news;

    if (!ka_config.log || !refusal.options)
        return;
    news = refusal.options & ~atomic_fetch_or(&said, refusal.options);
    for (int option = 0; option < KA_OPTIONS; option++)
        if (news & 1U << option)
            log_refused_option((enum ka_option)option, refusal.error[option]);
}
