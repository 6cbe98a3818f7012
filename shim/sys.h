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

/* Defines ka_sys5(number, five arguments): the instruction, what holds its result, the
 * registers of all six, and what else it destroys. */
#define KA_SYSCALL(instruction, result, NR, A, B, C, D, E, ...)                          \
    static inline long ka_sys5(long number, long first, long second, long third,         \
                               long fourth, long fifth)                                  \
    {                                                                                    \
        register long nr __asm__(NR) = number;                                           \
        register long a __asm__(A) = first;                                              \
        register long b __asm__(B) = second;                                             \
        register long c __asm__(C) = third;                                              \
        register long d __asm__(D) = fourth;                                             \
        register long e __asm__(E) = fifth;                                              \
                                                                                         \
        __asm__ volatile(instruction                                                     \
                         : "+r"(nr), "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e)         \
                         :                                                               \
                         : __VA_ARGS__);                                                 \
        return result;                                                                   \
    }

/* clang-format off */
#if defined __x86_64__
KA_SYSCALL("syscall", nr, "rax", "rdi", "rsi", "rdx", "r10", "r8", "rcx", "r11", "memory")
#elif defined __i386__
KA_SYSCALL("int $0x80", nr, "eax", "ebx", "ecx", "edx", "esi", "edi", "memory")
#elif defined __aarch64__
KA_SYSCALL("svc 0", a, "x8", "x0", "x1", "x2", "x3", "x4", "memory")
#elif defined __ARM_EABI__ /* r7 may be the frame pointer: no compiler lends it then */
KA_SYSCALL("mov r5, r7; mov r7, ip; svc 0; mov r7, r5", a, "ip", "r0", "r1", "r2", "r3", "r4",
           "r5", "memory")
#elif defined __riscv
KA_SYSCALL("ecall", a, "a7", "a0", "a1", "a2", "a3", "a4", "memory")
#elif defined __loongarch__
KA_SYSCALL("syscall 0", a, "$a7", "$a0", "$a1", "$a2", "$a3", "$a4",
           "$t0", "$t1", "$t2", "$t3", "$t4", "$t5", "$t6", "$t7", "$t8", "memory")
#elif defined __powerpc64__ && _CALL_ELF == 2 /* cr0 tells of an error */
KA_SYSCALL("sc; bns+ 0f; neg 3, 3; 0:", a, "r0", "r3", "r4", "r5", "r6", "r7",
           "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory")
#elif defined __s390x__
KA_SYSCALL("svc 0", a, "r1", "r2", "r3", "r4", "r5", "r6", "memory")
#elif defined __mips__
#    error "MIPS: its libc has DT_MIPS_XHASH alone, in which kashim finds no function"
#else
#    error "kashim doesn't know the system calls of this machine; add them here"
#endif
/* clang-format on */

/* The socket calls of i386 and s390x go through socketcall(2), as glibc's do: kernels
 * before 4.3 have no others, and a sandbox that lets the program's through lets ours
 * through. */
#if defined __i386__ || defined __s390x__
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

/* The first `len` bytes of the option. */
static inline int ka_getsockopt(int fd, int level, int name, void *value, unsigned len)
{
    return (int)KA_SOCKET_CALL(GETSOCKOPT, getsockopt, fd, level, name, (long)value,
                               (long)&len);
}

/* The option's value, all of them 0 or more, or a negated error number. */
static inline int ka_getsockopt_int(int fd, int level, int name)
{
    int value = 0, err = ka_getsockopt(fd, level, name, &value, sizeof value);

    return err < 0 ? err : value;
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
    const unsigned char *from = p, *last = from + sizeof *value - 1;

    if (!ka_readable(from) ||
        ((uintptr_t)from / 8 != (uintptr_t)last / 8 && !ka_readable(last)))
        return false;
    for (unsigned i = 0; i < sizeof *value; i++)
        ((unsigned char *)value)[i] = from[i];
    return true;
}

#endif
