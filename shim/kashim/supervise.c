/* SPDX-License-Identifier: MIT */
#include "supervise.h"

#include "../keepalive.h"
#include "filter.h"
#include "kashim.h"
#include "process.h"
#include "refusal.h"
#include "supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the supervisor ---------------------------------------------------------- */

/* As fork(2), but its end raises no SIGCHLD: blocked, that would stay pending for the
 * program. To be awaited with __WALL. */
static pid_t fork_quietly(void)
{
    return (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
}

/* With what a child of these has ended, an error number. */
static int status_of(pid_t child)
{
    int status = 0;

    waitpid(child, &status, __WALL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : EPROTO;
}

/* Tells the launcher its number. */
static _Noreturn void become_supervisor(int launcher, const struct ka_config *config,
                                        char **argv)
{
    pid_t self = getpid();

    if (send(launcher, &self, sizeof self, MSG_NOSIGNAL) != sizeof self)
        _exit(1);
    supervisor(launcher, config, argv);
}

/* Where 0 to 2 are closed: what goes to stderr must not go there. */
static void above_standard(int *fd)
{
    int above = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (above >= 0) {
        close(*fd);
        *fd = above;
    }
}

/* To process 1, and to a subreaper, comes back whose parent has ended. */
static bool is_reaper(void)
{
    int subreaper = 0;

    prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
    return subreaper || getpid() == 1;
}

/* Its number; 0: it has ended; or a negated error number. It is the child of a child that has
 * ended, so that the program has no child that it didn't start; where that would come back
 * with SIGCHLD, a child that no wait(2) sees unless asked for by __WALL. */
static pid_t start_supervisor(const struct ka_config *config, char **argv, int *launcher)
{
    bool direct = is_reaper();
    pid_t child, supervisor_pid = 0;
    int ends[2], error = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        return -errno;
    above_standard(&ends[0]);
    above_standard(&ends[1]);
    child = fork_quietly();
    if (child == 0) {
        close(ends[0]);
        if (!direct)
            child = fork_quietly();
        if (child == 0)
            become_supervisor(ends[1], config, argv);
        _exit(child < 0 ? errno : 0);
    }
    if (child < 0)
        error = errno;
    else if (!direct)
        error = status_of(child);
    close(ends[1]);
    *launcher = ends[0];
    if (error)
        return -error;
    recv(ends[0], &supervisor_pid, sizeof supervisor_pid, 0);
    return supervisor_pid;
}

static bool send_notices(int launcher, int notices)
{
    _Alignas(struct cmsghdr) char space[CMSG_SPACE(sizeof notices)] = {0};
    struct iovec iov = {(char[]){0}, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = space,
                             .msg_controllen = sizeof space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof notices);
    memcpy(CMSG_DATA(header), &notices, sizeof notices);
    return sendmsg(launcher, &message, MSG_NOSIGNAL) == 1;
}

/* ---- the filter -------------------------------------------------------------- */

/* The descriptor of the notices, or a negated error number. */
static int put_under_filter(bool connect)
{
    int fd = filter_install(connect);

    if (fd != -EACCES)
        return fd;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    complain(
        "--supervise without CAP_SYS_ADMIN sets no_new_privs: a setuid program, this one "
        "or one that it starts, gains no rights");
    return filter_install(connect);
}

static const char *filter_refusal(int error)
{
    switch (error) {
    case EBUSY:
        return "a filter above it notifies already: of a container's runtime, or of "
               "another kashim run --supervise";
    case ENOSYS:
    case EPERM:
    case EACCES: return "seccomp(2) is refused, by a container's profile perhaps";
    default: return strerror(error);
    }
}

/* ---- the proof --------------------------------------------------------------- */

/* A listen() that doesn't take place. 0, or the number of what went wrong: EPROTO if it
 * did. */
static int try_out(const struct ka_config *config)
{
    struct ka_values wanted = ka_values_wanted(config), now;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = fd >= 0 && !listen(fd, 1) ? EPROTO : errno;

    if (error == ECANCELED) {
        now = ka_values_read(fd);
        error = ka_values_agree(&now, &wanted) ? 0 : EPROTO;
    }
    close(fd);
    return error;
}

static int try_out_in_child(const struct ka_config *config)
{
    pid_t child = fork_quietly();

    if (child == 0)
        _exit(try_out(config));
    return child < 0 ? errno : status_of(child);
}

static bool supervisor_has_ended(int launcher)
{
    struct pollfd supervisor = {.fd = launcher};

    return poll(&supervisor, 1, 0) > 0; /* POLLHUP */
}

/* What is refused to the supervisor, it is refused of this process. */
static const char *path_refusal(int launcher, int error)
{
    struct process self;

    if (error == EPROTO)
        return "listen() was not intercepted";
    if (error == ENOSYS && supervisor_has_ended(launcher))
        return "the supervisor has ended";
    process_open(getpid(), &self);
    return process_refusal(&self, error);
}

/* ---- what the program is born with ------------------------------------------- */

static void adopt(const struct ka_config *config, int fd)
{
    if (ka_is_tcp(fd) && ka_config_port(config, (unsigned)ka_local_port(fd)))
        ka_keepalive_set(fd, config);
}

/* It won't listen on these: sd_listen_fds(3)'s, and inetd's descriptor 0, unless that is a
 * connection which has been tuned already. As the library has it (shim/init.c). */
static void adopt_inherited(const struct ka_config *config)
{
    enum { FIRST = 3 };
    const char *fds = getenv("LISTEN_FDS"), *listen_pid = getenv("LISTEN_PID");
    int count = 0, pid = 0;

    if (fds && listen_pid && ka_config_count(listen_pid, INT_MAX - 1, &pid) &&
        pid == getpid() && ka_config_count(fds, INT_MAX - FIRST, &count))
        for (int fd = FIRST; fd < FIRST + count && fcntl(fd, F_GETFD) >= 0; fd++)
            adopt(config, fd);
    if (ka_is_listening(STDIN_FILENO) ||
        ka_values_read(STDIN_FILENO).of[KA_KEEPALIVE] == 0)
        adopt(config, STDIN_FILENO);
}

/* ---- all of it --------------------------------------------------------------- */

static int refuse(const char *why)
{
    complain("--supervise: not run: %s", why);
    return EXIT_RUN;
}

static int refuse_to_start(int error)
{
    if (!error)
        return refuse("the supervisor has ended");
    complain("--supervise: not run: the supervisor can't be started: %s",
             strerror(error));
    return EXIT_RUN;
}

static const char *why_impossible(const struct ka_config *config)
{
    if (config->force)
        return "--force can't be had, it takes the library";
    if (!config->children)
        return "--no-children can't be had, a filter passes on to every child";
    if (kernel_before(5, 9))
        return "the kernel is older than 5.9";
    return NULL;
}

int supervise(const struct settings *settings, char **argv)
{
    const struct ka_config *config = &settings->config;
    const char *why = why_impossible(config);
    int launcher = -1, notices, error;
    pid_t pid;

    if (why)
        return refuse(why);
    pid = start_supervisor(config, argv, &launcher);
    if (pid <= 0)
        return refuse_to_start(-pid);
    adopt_inherited(config);
    prctl(PR_SET_PTRACER, pid, 0, 0, 0); /* where Yama asks for it */
    notices = put_under_filter(config->connect);
    if (notices < 0)
        return refuse(filter_refusal(-notices));
    if (!send_notices(launcher, notices))
        return refuse("the supervisor has ended");
    close(notices);
    error = try_out(config);
    if (error)
        return refuse(path_refusal(launcher, error));
    error = try_out_in_child(config);
    if (error)
        complain("--supervise: only the first process is served, none that it starts: %s",
                 path_refusal(launcher, error));
    return EXIT_SUCCESS;
}
