/* SPDX-License-Identifier: MIT */
/*
 * System calls made by the instruction itself.
 *
 * What kashim adds to a call must not be seen by the program around it. libc's
 * wrappers write errno, several are cancellation points, and their names may be
 * interposed by others or by us; these are none of that. Each returns what the kernel
 * returned: a result, or a negated error number (-EBADF).
 *
 * They are only for what kashim adds. A call that belongs to the program always goes
 * on to the next definition of its function (next.h).
 */
#ifndef KA_SYS_H
#define KA_SYS_H

#include <asm/unistd.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#if defined __x86_64__

static inline long ka_sys5(long nr, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return ret;
}

#elif defined __i386__

static inline long ka_sys5(long nr, long a, long b, long c, long d, long e)
{
    long ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return ret;
}

#elif defined __aarch64__

static inline long ka_sys5(long nr, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;

    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                     : "memory");
    return x0;
}

#else
#    error "kashim knows the system calls of x86-64, i386 and aarch64; add yours here"
#endif

/* The socket calls of i386 go through socketcall(2), as glibc's do: kernels before 4.3
 * have no others, and a sandbox that lets the program's through lets ours through. */
#ifdef __i386__
enum {
    KA_SYS_SOCKET = 1,
    KA_SYS_GETSOCKNAME = 6,
    KA_SYS_SETSOCKOPT = 14,
    KA_SYS_GETSOCKOPT = 15
};

static inline long ka_socketcall(int call, long a, long b, long c, long d, long e)
{
    long args[] = {a, b, c, d, e};

    return ka_sys5(__NR_socketcall, call, (long)args, 0, 0, 0);
}
#    define KA_SOCKET_CALL(NAME, name, ...) ka_socketcall(KA_SYS_##NAME, __VA_ARGS__)
#else
#    define KA_SOCKET_CALL(NAME, name, ...) ka_sys5(__NR_##name, __VA_ARGS__)
#endif

static inline int ka_setsockopt_int(int fd, int level, int name, int value)
{
    return (int)KA_SOCKET_CALL(SETSOCKOPT, setsockopt, fd, level, name, (long)&value,
                               sizeof value);
}

/* The option's value, all of them 0 or more, or a negated error number. */
static inline int ka_getsockopt_int(int fd, int level, int name)
{
    int value = 0;
    unsigned len = sizeof value;
    long err =
        KA_SOCKET_CALL(GETSOCKOPT, getsockopt, fd, level, name, (long)&value, (long)&len);

    return err < 0 ? (int)err : value;
}

static inline int ka_getsockname(int fd, void *addr, unsigned *len)
{
    return (int)KA_SOCKET_CALL(GETSOCKNAME, getsockname, fd, (long)addr, (long)len, 0, 0);
}

static inline int ka_socket(int domain, int type, int protocol)
{
    return (int)KA_SOCKET_CALL(SOCKET, socket, domain, type, protocol, 0, 0);
}

static inline int ka_close(int fd)
{
    return (int)ka_sys5(__NR_close, fd, 0, 0, 0, 0);
}

static inline int ka_getpid(void)
{
    return (int)ka_sys5(__NR_getpid, 0, 0, 0, 0, 0);
}

/*
 * Reading what the program points to. libc and the kernel answer a bad pointer with
 * EFAULT; a hook that looks first must not crash where they don't.
 */

/*
 * Whether the aligned eight bytes around `p`, which never straddle two pages, can be
 * read. rt_sigprocmask(2) copies its set before it looks at `how`, and an unknown `how`
 * changes nothing: EFAULT or EINVAL (kernel/signal.c).
 */
static inline bool ka_readable(const void *p)
{
    uintptr_t around = (uintptr_t)p & ~(uintptr_t)7;

    return ka_sys5(__NR_rt_sigprocmask, ~0L, (long)around, 0, 8, 0) == -EINVAL;
}

/* The int at `p`, however it is aligned. False: it can't be read. */
static inline bool ka_read_int(const void *p, int *value)
{
    const unsigned char *from = p;

    if (!ka_readable(from) || !ka_readable(from + sizeof *value - 1))
        return false;
    for (unsigned i = 0; i < sizeof *value; i++)
        ((unsigned char *)value)[i] = from[i];
    return true;
}

#endif
