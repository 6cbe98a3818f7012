/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* process_vm_readv */
#include "filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#    define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

/* What a program may be of, whatever the command is: a 64-bit kernel runs both. The numbers
 * are of arch/x86/entry/syscalls/syscall_{64,32}.tbl, include/uapi/asm-generic/unistd.h and
 * arch/arm/tools/syscall.tbl. */
static const struct abi {
    unsigned arch, listen, connect;
    unsigned socketcall; /* 0: there is none */
} abis[] = {
    {AUDIT_ARCH_X86_64, 50, 42, 0},
    {AUDIT_ARCH_X86_64, 0x40000000 | 50, 0x40000000 | 42, 0}, /* x32 */
    {AUDIT_ARCH_I386, 363, 362, 102},
    {AUDIT_ARCH_AARCH64, 201, 203, 0},
    {AUDIT_ARCH_ARM, 284, 283, 0},
};
enum { ABIS = sizeof abis / sizeof *abis };

/* The first argument of socketcall(2), linux/net.h. */
enum { SOCKETCALL_CONNECT = 3, SOCKETCALL_LISTEN = 4 };

/* ---- the filter -------------------------------------------------------------- */

static struct sock_filter program[128];
static unsigned short length;

static void add(struct sock_filter instruction)
{
    program[length++] = instruction;
}

static void load(size_t offset)
{
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* Where to jump is known when it is there: land(). */
static unsigned short jump_unless(unsigned value)
{
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0));
    return (unsigned short)(length - 1);
}

static void land(unsigned short jump)
{
    program[jump].jf = (unsigned char)(length - jump - 1);
}

static void notify_if(unsigned value)
{
    unsigned short jump = jump_unless(value);

    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    land(jump);
}

/* All but socketcall(2) is decided by the number of the call, so that the kernel knows
 * beforehand which ones are allowed and runs no filter for them (seccomp_cache_prepare).
 * Of the first argument, the low half is all there is on a 32-bit machine. */
static void add_abi(const struct abi *abi, bool connect)
{
    unsigned short other_arch, other_call;

    load(offsetof(struct seccomp_data, arch));
    other_arch = jump_unless(abi->arch);
    load(offsetof(struct seccomp_data, nr));
    notify_if(abi->listen);
    if (connect)
        notify_if(abi->connect);
    if (abi->socketcall) {
        other_call = jump_unless(abi->socketcall);
        load(offsetof(struct seccomp_data, args[0]));
        notify_if(SOCKETCALL_LISTEN);
        if (connect)
            notify_if(SOCKETCALL_CONNECT);
        land(other_call);
    }
    land(other_arch);
}

static int install(unsigned long flags)
{
    struct sock_fprog filter = {.len = length, .filter = program};
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);

    return fd < 0 ? -errno : (int)fd;
}

int filter_install(bool connect)
{
    unsigned long flags =
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    int fd;

    length = 0;
    for (int i = 0; i < ABIS; i++)
        add_abi(&abis[i], connect);
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    /* so that no signal interrupts a call that the supervisor has taken up */
    fd = install(flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    return fd == -EINVAL ? install(flags) : fd;
}

/* ---- the notice -------------------------------------------------------------- */

static bool decode_socketcall(const struct seccomp_notif *notice,
                              struct filter_call *call)
{
    uint32_t args[3];
    struct iovec ours = {args, sizeof args};
    struct iovec theirs = {(void *)(uintptr_t)notice->data.args[1], sizeof args};

    if (process_vm_readv((pid_t)notice->pid, &ours, 1, &theirs, 1, 0) != sizeof args)
        return false;
    call->connect = notice->data.args[0] == SOCKETCALL_CONNECT;
    call->fd = (int)args[0];
    call->address = args[1];
    call->address_len = args[2];
    return true;
}

static bool decode_as(const struct abi *abi, const struct seccomp_notif *notice,
                      struct filter_call *call)
{
    unsigned nr = (unsigned)notice->data.nr;

    if (notice->data.arch != abi->arch)
        return false;
    if (abi->socketcall && nr == abi->socketcall)
        return decode_socketcall(notice, call);
    call->connect = nr == abi->connect;
    call->fd = (int)notice->data.args[0];
    call->address = notice->data.args[1];
    call->address_len = (unsigned)notice->data.args[2];
    return nr == abi->listen || nr == abi->connect;
}

bool filter_decode(const struct seccomp_notif *notice, struct filter_call *call)
{
    bool decoded = false;

    for (int i = 0; i < ABIS && !decoded; i++)
        decoded = decode_as(&abis[i], notice, call);
    return decoded;
}
