/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* dup3, process_vm_readv, O_PATH */
#include "supervisor.h"

#include "../keepalive.h"
#include "../timers.h"
#include "filter.h"
#include "process.h"
#include "supervised.h"
#include "tcp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LAUNCHER = 3, NOTICES = 4, RECORD = 5 }; /* its descriptors, beside 0 to 2 */

/* Listeners that it has prepared: the latest ones, by inode. */
enum { PREPARED = 4096 };

static struct {
    const struct ka_config *config;
    struct ka_values wanted, kernel;
    struct supervised *record;
    struct seccomp_notif_sizes sizes;
    struct seccomp_notif *notice;
    struct seccomp_notif_resp *response;
    bool proving; /* the launcher tries out the path */
    ino_t prepared[PREPARED];
    unsigned next;
} self;

/* ---- becoming nobody's ------------------------------------------------------- */

/* Whether the kernel, out of memory, takes that into account. */
static bool set_score(int score)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    bool taken = dprintf(fd, "%d", score) > 0;

    close(fd);
    return taken;
}

/* The least score that is allowed, unless what it has is less. */
static void ask_to_be_spared(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "re");
    int now = 0;

    if (file && fscanf(file, "%d", &now) != 1)
        now = 0;
    if (file)
        fclose(file);
    if (!set_score(-1000) && !set_score(-999) && now > 0)
        set_score(0);
}

/* A supervisor that is killed has every later listen fail: no signal that can be blocked
 * ends it, and the kernel, out of memory, looks elsewhere first, as far as that is
 * allowed. */
static void endure(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    ask_to_be_spared();
}

static void rename_self(char **argv)
{
    char *end = argv[0];

    for (char **a = argv; *a; a++)
        end = *a + strlen(*a);
    memset(argv[0], 0, (size_t)(end - argv[0]));
    snprintf(argv[0], (size_t)(end - argv[0]), "supervisor");
    prctl(PR_SET_NAME, SUPERVISOR_NAME);
}

static void move(int fd, int to)
{
    if (fd == to)
        return;
    dup3(fd, to, O_CLOEXEC);
    close(fd);
}

/* Holds nothing of the program's: not its terminal, session or directory, nor its files,
 * but with `log` its stderr. Any of 0 to 2 may be closed, and `launcher` have its
 * number. */
static void let_go(int launcher, bool log)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC), record;

    if (null < 0) /* a root without it: what can neither be read nor written */
        null = open("/", O_PATH | O_CLOEXEC);
    setsid();
    if (chdir("/"))
        _exit(1);
    launcher = fcntl(launcher, F_DUPFD_CLOEXEC, RECORD + 1);
    null = fcntl(null, F_DUPFD_CLOEXEC, RECORD + 1);
    for (int fd = STDIN_FILENO; fd <= (log ? STDOUT_FILENO : STDERR_FILENO); fd++)
        dup2(null, fd);
    move(launcher, LAUNCHER);
    syscall(SYS_close_range, LAUNCHER + 1, ~0U, 0);
    self.record = supervised_open(&record);
    move(record, RECORD);
}

/* Ends the supervisor unless `good`. That a caller has died (ENOENT) is, and a stop and its
 * end (EINTR). After any other error to go on would leave callers waiting; the end of this
 * process lets them go, with ENOSYS. */
static void give_up_unless(bool good)
{
    if (!good)
        _exit(1);
}

/* ---- the socket of a call ---------------------------------------------------- */

/* Whether the caller still waits, so that its number is still its own. */
static bool still_waits(const struct seccomp_notif *notice)
{
    return !ioctl(NOTICES, SECCOMP_IOCTL_NOTIF_ID_VALID, &notice->id);
}

/* A duplicate, or a negated error number. */
static int duplicate(const struct seccomp_notif *notice, int number)
{
    int pidfd = process_open_thread((int)notice->pid);
    int fd = pidfd;

    if (pidfd < 0)
        return pidfd;
    if (still_waits(notice)) {
        fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
        if (fd < 0)
            fd = -errno;
    } else
        fd = -ESRCH;
    close(pidfd);
    if (fd >= 0 && !still_waits(notice)) {
        close(fd);
        return -ESRCH;
    }
    return fd;
}

/* ---- what becomes of it ------------------------------------------------------ */

/* Whether the listener hasn't been prepared before. From now on it counts as prepared. */
static bool is_new(int fd)
{
    struct stat st = {0};

    fstat(fd, &st);
    for (int i = 0; i < PREPARED; i++)
        if (self.prepared[i] == st.st_ino)
            return false;
    self.prepared[self.next++ % PREPARED] = st.st_ino;
    return true;
}

/* A second listen() on what was prepared is the program's way to change its backlog; what
 * it has set in between stands. */
static struct ka_values values_for_listener(int fd)
{
    bool meant = self.proving || ka_config_port(self.config, (unsigned)ka_local_port(fd));

    return meant && (is_new(fd) || !ka_is_listening(fd)) ? self.wanted : KA_NO_VALUES;
}

static struct ka_values values_for_connection(const struct seccomp_notif *notice,
                                              const struct filter_call *call, int fd)
{
    union ka_address peer = {0};
    struct iovec ours = {&peer, sizeof peer.in};
    struct iovec theirs = {(void *)(uintptr_t)call->address, sizeof peer.in};
    struct ka_values now = ka_values_read(fd);

    if (ka_is_connecting(fd)) /* once more: what was set since stands */
        return KA_NO_VALUES;
    if (self.config->some_ports &&
        (call->address_len < sizeof peer.in ||
         process_vm_readv((pid_t)notice->pid, &ours, 1, &theirs, 1, 0) < 0 ||
         !ka_config_port(self.config, address_port(&peer))))
        return KA_NO_VALUES;
    return ka_values_outgoing(self.config, &now, &self.kernel);
}

/* What was done for a call. */
struct deed {
    int error;     /* number; 0: none */
    bool listener; /* it was for one, and that was prepared */
    struct tcp_socket socket;
};

/* The first error of those; 0: nothing was refused. */
static int error_of(const struct ka_refusal *refusal)
{
    for (int i = 0; i < KA_OPTIONS; i++)
        if (refusal->options & 1U << i)
            return refusal->error[i];
    return 0;
}

static void prepare(const struct seccomp_notif *notice, const struct filter_call *call,
                    int fd, struct deed *deed)
{
    struct ka_values set =
        call->connect ? values_for_connection(notice, call, fd) : values_for_listener(fd);
    struct ka_refusal refusal;

    refusal = ka_values_set(fd, &set);
    deed->error = error_of(&refusal);
    deed->listener = !call->connect && set.of[KA_KEEPALIVE] == 1;
    tcp_socket_read(fd, 0, &deed->socket);
}

static void serve(const struct seccomp_notif *notice, struct deed *deed)
{
    struct filter_call call;
    int fd;

    if (!filter_decode(notice, &call)) {
        deed->error = EFAULT;
        return;
    }
    fd = duplicate(notice, call.fd);
    if (fd < 0) {
        deed->error = -fd;
        return;
    }
    if (ka_is_tcp(fd))
        prepare(notice, &call, fd, deed);
    close(fd);
}

/* ---- what is said of it ------------------------------------------------------ */

/* Never to a peer, and only if it doesn't block: the next caller waits. */
static bool may_write(void)
{
    struct pollfd stderr_fd = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&stderr_fd, 1, 0) == 1 && stderr_fd.revents == POLLOUT &&
           !ka_is_tcp(STDERR_FILENO);
}

static void say(const struct process *p, const struct deed *deed)
{
    char address[ADDRESS_SIZE], timers[200];
    struct ka_text text = {timers, sizeof timers, 0};

    if (!may_write())
        return;
    if (deed->error)
        dprintf(STDERR_FILENO, "kashim: %s[%d]: not prepared: %s\n", p->name, p->pid,
                strerror(deed->error));
    else if (deed->listener) {
        ka_put_timers(&text, &deed->socket.values);
        dprintf(STDERR_FILENO, "kashim: %s[%d]: listener %s: %.*s\n", p->name, p->pid,
                address_text(&deed->socket.local, address), (int)text.len, timers);
    }
}

static void keep_books(const struct seccomp_notif *notice, const struct deed *deed)
{
    struct process p;
    int error = process_open(process_of_thread((int)notice->pid), &p);

    if (!error)
        supervised_add(self.record, p.pid);
    if (error != ESRCH && self.config->log && !self.proving)
        say(&p, deed);
    process_close(&p);
}

/* ---- notices ----------------------------------------------------------------- */

/* The call goes on whatever became of it; while the launcher tries, never. */
static void answer(const struct seccomp_notif *notice, const struct deed *deed)
{
    struct seccomp_notif_resp *response = self.response;

    memset(response, 0, self.sizes.seccomp_notif_resp);
    response->id = notice->id;
    if (self.proving)
        response->error = deed->error ? -deed->error : -ECANCELED;
    else
        response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    while (ioctl(NOTICES, SECCOMP_IOCTL_NOTIF_SEND, response) && errno != ENOENT)
        give_up_unless(errno == EINTR);
}

static void handle(void)
{
    struct seccomp_notif *notice = self.notice;
    struct deed deed = {0};

    memset(notice, 0, self.sizes.seccomp_notif);
    if (ioctl(NOTICES, SECCOMP_IOCTL_NOTIF_RECV, notice)) {
        give_up_unless(errno == ENOENT || errno == EINTR);
        return;
    }
    serve(notice, &deed);
    answer(notice, &deed);
    keep_books(notice, &deed);
}

/* The kernel's structures may be larger than they were when this was compiled, or
 * smaller. */
static void *room(size_t ours, size_t theirs)
{
    return calloc(1, theirs > ours ? theirs : ours);
}

static bool make_room(void)
{
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &self.sizes))
        return false;
    self.notice = room(sizeof *self.notice, self.sizes.seccomp_notif);
    self.response = room(sizeof *self.response, self.sizes.seccomp_notif_resp);
    return self.notice && self.response;
}

static bool receive_notices(void)
{
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec iov = {&byte, 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = space,
                             .msg_controllen = sizeof space};
    const struct cmsghdr *header;
    int fd;

    if (recvmsg(LAUNCHER, &message, MSG_CMSG_CLOEXEC) != 1 ||
        !(header = CMSG_FIRSTHDR(&message)) || header->cmsg_type != SCM_RIGHTS)
        return false;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    move(fd, NOTICES);
    return true;
}

/* The launcher's end is closed by its exec. That is looked at first, for the program may
 * call at once. */
static bool is_proving(void)
{
    struct pollfd launcher = {.fd = LAUNCHER, .events = POLLIN};

    return self.proving && poll(&launcher, 1, 0) == 0;
}

_Noreturn void supervisor(int launcher, const struct ka_config *config, char **argv)
{
    struct pollfd notices = {.fd = NOTICES, .events = POLLIN};

    self.config = config;
    self.wanted = ka_values_wanted(config);
    self.kernel = ka_values_of_kernel();
    endure();
    let_go(launcher, config->log);
    rename_self(argv);
    if (!make_room() || !receive_notices())
        _exit(1);
    for (self.proving = true; !(notices.revents & (POLLHUP | POLLERR));) {
        give_up_unless(poll(&notices, 1, -1) > 0 || errno == EINTR);
        self.proving = is_proving();
        if (notices.revents & POLLIN)
            handle();
    }
    _exit(0);
}
