/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* syscall */
#include "process.h"

#include "util.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static int yama_scope(void)
{
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope;
    bool told = file && fscanf(file, "%d", &scope) == 1;

    if (file)
        fclose(file);
    return told ? scope : 0;
}

bool kernel_before(unsigned major, unsigned minor)
{
    struct utsname u;
    unsigned x, y;

    return !uname(&u) && sscanf(u.release, "%u.%u", &x, &y) == 2 &&
           (x < major || (x == major && y < minor));
}

bool may_use(int capability)
{
    unsigned long long effective;
    char value[64];

    process_status(getpid(), "CapEff", value);
    return sscanf(value, "%llx", &effective) == 1 && effective >> capability & 1;
}

/* What is refused for a descriptor of our own is refused for every process. */
const char *why_no_duplicates(void)
{
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, pidfd, 0);
    int error = fd < 0 ? errno : 0;

    close(fd);
    close(pidfd);
    if (error == ENOSYS && kernel_before(5, 6))
        return "the kernel is older than 5.6 and has no pidfd_getfd(2)";
    if (error == ENOSYS || error == EPERM)
        return "pidfd_getfd(2) is refused to every program here, by a container's "
               "profile perhaps: run kashim outside, or allow it";
    return error ? strerror(error) : NULL;
}

static const char *as_root(void)
{
    return may_use(CAP_SYS_PTRACE) ? "run kashim as root of the host"
           : geteuid()             ? "run kashim as root"
                                   : "run kashim as root with CAP_SYS_PTRACE";
}

/* Tell whether nothing but CAP_DAC_READ_SEARCH is missing: /proc/PID/fd is its user's
 * directory. */
static bool lacks_search(int error)
{
    return error == EACCES && geteuid() && !may_use(CAP_DAC_READ_SEARCH) &&
           !may_use(CAP_DAC_OVERRIDE);
}

static const char *why(const struct process *p, int error)
{
    static char text[256];
    uid_t user = process_user(p->pid);

    if (error == ESRCH)
        return "it has ended";
    if (error == ENOTSUP)
        return "its first thread has ended, and to look into the others takes Linux 6.9";
    if ((error == ENOSYS || error == EPERM) && why_no_duplicates())
        return why_no_duplicates();
    if (error != EPERM && error != EACCES && error != ENOENT)
        return strerror(error);
    if (error == ENOENT)
        snprintf(text, sizeof text, "/proc hides it (hidepid, ProtectProc=): %s",
                 as_root());
    else if (may_use(CAP_SYS_PTRACE) && lacks_search(error))
        return "it takes CAP_DAC_READ_SEARCH, too, besides CAP_SYS_PTRACE";
    else if (may_use(CAP_SYS_PTRACE))
        snprintf(
            text, sizeof text,
            "refused, by a security module or since its user namespace is another: %s",
            as_root());
    else if (user == 0 && geteuid())
        return "it is root's: run kashim as root";
    else if (user != (uid_t)-1 && user != geteuid())
        snprintf(text, sizeof text, "it is another user's, %u: %s%s", user, as_root(),
                 geteuid() ? " or as that user" : "");
    else if (error == EPERM && yama_scope() > 0)
        snprintf(text, sizeof text, "Yama forbids it (kernel.yama.ptrace_scope = %d): %s",
                 yama_scope(), as_root());
    else
        snprintf(text, sizeof text, "it has more rights than you, or had: %s", as_root());
    return text;
}

const char *process_refusal(const struct process *p, int error)
{
    static char text[320];

    if (error == ESRCH && p->pidfd < 0)
        snprintf(text, sizeof text, "there is no process %d", p->pid);
    else if (error == EINVAL)
        snprintf(text, sizeof text, "%d is the number of a thread, not of a process",
                 p->pid);
    else
        snprintf(text, sizeof text, "%s (%d): %s", p->name, p->pid, why(p, error));
    return text;
}

void complain_unreachable(const struct process *p, size_t count)
{
    if (count)
        complain("%s (%d): out of reach: %zu sockets that an io_uring has as direct "
                 "descriptors",
                 p->name, p->pid, count);
}
