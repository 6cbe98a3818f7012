/* SPDX-License-Identifier: MIT */
/*
 * The interposed functions, and why each is:
 *
 *   listen              put the options on before the first connection can be queued
 *   accept, accept4     the guarantee, for listeners and connections that listen missed
 *   connect             KA_CONNECT=1
 *   setsockopt          KA_FORCE=1
 *   dup, dup2, dup3, fcntl, fcntl64, recvmsg, recvmmsg
 *                       a listener may arrive at a number that stood for another: marks.h
 *   prctl               the process enters a seccomp filter: not a system call more
 *   __setsockopt64, __fcntl_time64, __recvmsg64, __recvmmsg64, __prctl_time64
 *                       the same in 32-bit programs built with _TIME_BITS=64
 *   __recvmmsg_time64   the same in 32-bit programs built with musl
 *
 * Any of them may run in a signal handler, in a vfork child, in a thread that is being
 * cancelled, and before the constructor.
 */
#include "hooks.h"

#include "env.h"
#include "log.h"
#include "next.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

/* With _GNU_SOURCE, under which the headers declare these, glibc's accept takes a
 * transparent union in place of a pointer. */
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned msg_len;
};
int accept4(int, struct sockaddr *, socklen_t *, int);
int dup3(int, int, int);
int fcntl64(int, int, ...);
int recvmmsg(int, struct mmsghdr *, unsigned, int, struct timespec *);

HOOK int listen(int fd, int backlog)
{
    __typeof__(listen) *next = KA_NEXT(listen);
    struct ka_listening listening = ka_listen_begin(fd);
    int result = next(fd, backlog);

    ka_listen_end(&listening, result);
    return result;
}

/* Apart from its hook: the way of a settled listener is a dozen instructions. The next
 * accept is looked up first: once the listener is settled, it counts as found. */
static __attribute__((noinline)) int accept_checked(int fd, struct sockaddr *addr,
                                                    socklen_t *len)
{
    __typeof__(accept) *next = KA_NEXT(accept);
    struct ka_accepting accepting = ka_accept_begin(fd);
    int connection = next(fd, addr, len);

    ka_accept_end(&accepting, connection);
    return connection;
}

HOOK int accept(int fd, struct sockaddr *restrict addr, socklen_t *restrict len)
{
    if (ka_mark_settled(fd))
        return KA_NEXT_FOUND(accept)(fd, addr, len);
    return accept_checked(fd, addr, len);
}

static __attribute__((noinline)) int accept4_checked(int fd, struct sockaddr *addr,
                                                     socklen_t *len, int flags)
{
    __typeof__(accept4) *next = KA_NEXT(accept4);
    struct ka_accepting accepting = ka_accept_begin(fd);
    int connection = next(fd, addr, len, flags);

    ka_accept_end(&accepting, connection);
    return connection;
}

HOOK int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    if (ka_mark_settled(fd))
        return KA_NEXT_FOUND(accept4)(fd, addr, len, flags);
    return accept4_checked(fd, addr, len, flags);
}

/* The next connect and setsockopt where kashim has no part in them: one load, one branch,
 * and the call is passed on. */
static _Atomic(__typeof__(connect) *) connect_passed_to;
static _Atomic(__typeof__(setsockopt) *) setsockopt_passed_to;

static __attribute__((noinline)) int connect_slow(int fd, const struct sockaddr *addr,
                                                  socklen_t len)
{
    ka_log_complaints();
    if (ka_env_read() && (ka_config.off || !ka_config.connect) && !ka_next_asking)
        connect_passed_to = KA_NEXT_FOUND(connect);
    else
        ka_connect_begin(fd, addr, len);
    return KA_NEXT(connect)(fd, addr, len);
}

HOOK int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    __typeof__(connect) *next =
        atomic_load_explicit(&connect_passed_to, memory_order_relaxed);

    return next ? next(fd, addr, len) : connect_slow(fd, addr, len);
}

static __attribute__((noinline)) int setsockopt_slow(int fd, int level, int name,
                                                     const void *value, socklen_t len)
{
    if (ka_env_read() && (ka_config.off || !ka_config.force) && !ka_next_asking)
        setsockopt_passed_to = KA_NEXT_FOUND(setsockopt);
    else if (ka_force_ignores(fd, level, name, value, len))
        return 0;
    return KA_NEXT(setsockopt)(fd, level, name, value, len);
}

HOOK int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    __typeof__(setsockopt) *next =
        atomic_load_explicit(&setsockopt_passed_to, memory_order_relaxed);

    return next ? next(fd, level, name, value, len)
                : setsockopt_slow(fd, level, name, value, len);
}

/*
 * Arrivals. The mark is withdrawn after the call, however long that took: what is marked
 * now may not have been when it began. Where the number is known before, it is withdrawn
 * before as well, or an accept in between would take the new listener for the old one.
 */
static struct ka_mark known(int fd)
{
    return atomic_load(&ka_marks_used) ? ka_mark_read(fd) : (struct ka_mark){fd, 0};
}

static int arrived(struct ka_mark from, int fd)
{
    if (atomic_load(&ka_marks_used)) {
        struct ka_mark mark = ka_mark_withdraw(fd);

        ka_mark_copy(&from, &mark);
    }
    return fd;
}

static void arriving(int fd)
{
    if (atomic_load(&ka_marks_used))
        ka_mark_expect(fd);
}

HOOK int dup(int fd)
{
    struct ka_mark from = known(fd);

    return arrived(from, KA_NEXT(dup)(fd));
}

/* Behind a call that has failed, `fd` isn't at `to`. */
static int arrived_at(struct ka_mark from, int to, int result)
{
    arrived(result < 0 ? (struct ka_mark){-1, 0} : from, to);
    return result;
}

HOOK int dup2(int fd, int to)
{
    struct ka_mark from = known(fd);

    if (fd == to) /* nothing arrives */
        return KA_NEXT(dup2)(fd, to);
    arriving(to);
    return arrived_at(from, to, KA_NEXT(dup2)(fd, to));
}

HOOK int dup3(int fd, int to, int flags)
{
    struct ka_mark from = known(fd);

    arriving(to);
    return arrived_at(from, to, KA_NEXT(dup3)(fd, to, flags));
}

/* The one argument of any command, as libc itself takes it. */
#define FCNTL_HOOK(name)                                                                 \
    HOOK int name(int fd, int command, ...)                                              \
    {                                                                                    \
        struct ka_mark from = known(fd);                                                 \
        va_list ap;                                                                      \
        void *arg;                                                                       \
                                                                                         \
        va_start(ap, command);                                                           \
        arg = va_arg(ap, void *);                                                        \
        va_end(ap);                                                                      \
        if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)                            \
            return KA_NEXT(name)(fd, command, arg);                                      \
        return arrived(from, KA_NEXT(name)(fd, command, arg));                           \
    }
FCNTL_HOOK(fcntl)
FCNTL_HOOK(fcntl64)

static ssize_t arrived_in_one(ssize_t received, const struct msghdr *message)
{
    if (received >= 0 && atomic_load(&ka_marks_used))
        ka_marks_arrived(message);
    return received;
}

static int arrived_in_many(int received, const struct mmsghdr *messages)
{
    if (atomic_load(&ka_marks_used))
        for (int i = 0; i < received; i++)
            ka_marks_arrived(&messages[i].msg_hdr);
    return received;
}

HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    return arrived_in_one(KA_NEXT(recvmsg)(fd, message, flags), message);
}

HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                  struct timespec *timeout)
{
    return arrived_in_many(KA_NEXT(recvmmsg)(fd, messages, count, flags, timeout),
                           messages);
}

/*
 * kashim falls silent before the filter is in force, since a signal handler may accept
 * right behind the call, and speaks again if the call fails. Not for a NULL filter, with
 * which libseccomp and others ask what the kernel knows: a child that another thread forked
 * meanwhile would stay silent for ever.
 */
static bool enter_sandbox(int option, unsigned long mode, unsigned long filter)
{
    if (option != PR_SET_SECCOMP || (mode == SECCOMP_MODE_FILTER && !filter))
        return false;
    atomic_fetch_add(&ka_sandboxed, 1);
    return true;
}

static int entered_sandbox(bool entering, int result)
{
    if (entering && result != 0)
        atomic_fetch_sub(&ka_sandboxed, 1);
    return result;
}

#define PRCTL_HOOK(name)                                                                 \
    HOOK int name(int option, ...)                                                       \
    {                                                                                    \
        va_list ap;                                                                      \
        unsigned long a, b, c, d;                                                        \
        bool entering;                                                                   \
                                                                                         \
        va_start(ap, option);                                                            \
        a = va_arg(ap, unsigned long);                                                   \
        b = va_arg(ap, unsigned long);                                                   \
        c = va_arg(ap, unsigned long);                                                   \
        d = va_arg(ap, unsigned long);                                                   \
        va_end(ap);                                                                      \
        entering = enter_sandbox(option, a, b);                                          \
        return entered_sandbox(entering, KA_NEXT(name)(option, a, b, c, d));             \
    }
PRCTL_HOOK(prctl)

#ifdef KA_TIME64
int __setsockopt64(int, int, int, const void *, socklen_t);
int __fcntl_time64(int, int, ...);
ssize_t __recvmsg64(int, struct msghdr *, int);
int __recvmmsg64(int, struct mmsghdr *, unsigned, int, struct timespec *);
int __recvmmsg_time64(int, struct mmsghdr *, unsigned, int, struct timespec *);
int __prctl_time64(int, ...);

HOOK int __setsockopt64(int fd, int level, int name, const void *value, socklen_t len)
{
    if (ka_force_ignores(fd, level, name, value, len))
        return 0;
    return KA_NEXT(__setsockopt64)(fd, level, name, value, len);
}

FCNTL_HOOK(__fcntl_time64)
PRCTL_HOOK(__prctl_time64)

HOOK ssize_t __recvmsg64(int fd, struct msghdr *message, int flags)
{
    return arrived_in_one(KA_NEXT(__recvmsg64)(fd, message, flags), message);
}

#    define RECVMMSG_HOOK(name)                                                          \
        HOOK int name(int fd, struct mmsghdr *messages, unsigned count, int flags,       \
                      struct timespec *timeout)                                          \
        {                                                                                \
            return arrived_in_many(KA_NEXT(name)(fd, messages, count, flags, timeout),   \
                                   messages);                                            \
        }
RECVMMSG_HOOK(__recvmmsg64)
RECVMMSG_HOOK(__recvmmsg_time64)
#endif
