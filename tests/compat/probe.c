/* SPDX-License-Identifier: MIT */
/*
 * A server and its clients in one, with no keepalive of its own, for every libc and
 * machine that kashim is for.
 *
 *   probe options    SO_KEEPALIVE and the timers that each way to a connection gives it
 *   probe force      what is left of the program's own choice
 *   probe cancel     what becomes of threads cancelled where they wait in accept
 *   probe libc       which libc this is
 *   probe hand-over [NAME=VALUE...] PROGRAM [ARG...]
 *                    PROGRAM, with a listener as descriptor 9 that has clients waiting
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HANDED_OVER = 9, TIME_LIMIT = 20 };

static int checked(int result, const char *what)
{
    if (result < 0)
        err(1, "%s", what);
    return result;
}

/* ---- connections ------------------------------------------------------------- */

static int new_socket(void)
{
    return checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
}

/* At an address of the kernel's choice. */
static int new_listener(void)
{
    int fd = new_socket();

    checked(listen(fd, 10), "listen");
    return fd;
}

static void new_client(int listener)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;

    checked(getsockname(listener, (struct sockaddr *)&addr, &len), "getsockname");
    checked(connect(new_socket(), (struct sockaddr *)&addr, len), "connect");
}

/* A listener that no preload has seen listen. */
static int new_stranger(void)
{
    int fd = new_socket();

    checked((int)syscall(SYS_listen, fd, 10), "listen");
    return fd;
}

static int new_stranger_with_client(void)
{
    int fd = new_stranger();

    new_client(fd);
    return fd;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;

    checked(getsockopt(fd, level, name, &value, &len), "getsockopt");
    return value;
}

static void show(const char *what, int connection)
{
    checked(connection, what);
    printf("%s: %d %d %d %d\n", what, option(connection, SOL_SOCKET, SO_KEEPALIVE),
           option(connection, IPPROTO_TCP, TCP_KEEPIDLE),
           option(connection, IPPROTO_TCP, TCP_KEEPINTVL),
           option(connection, IPPROTO_TCP, TCP_KEEPCNT));
}

/* ---- a stranger comes to a number that stood for a listener ------------------- */

/* It is the next that socket() or recvmsg() will give. */
static int recycled_number(void)
{
    int fd = new_listener();

    close(fd);
    return fd;
}

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

static struct msghdr *message(union control *control)
{
    static char byte;
    static struct iovec data = {&byte, 1};
    static struct msghdr message;

    message = (struct msghdr){.msg_iov = &data, .msg_iovlen = 1};
    message.msg_control = control;
    message.msg_controllen = sizeof *control;
    return &message;
}

static int with_recvmsg(int socket, struct msghdr *header)
{
    return (int)recvmsg(socket, header, 0);
}

static int with_recvmmsg(int socket, struct msghdr *header)
{
    struct mmsghdr one = {.msg_hdr = *header};

    return recvmmsg(socket, &one, 1, 0, NULL);
}

static int received(int receive(int, struct msghdr *))
{
    int pair[2], number, fd = new_stranger_with_client();
    union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof fd),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS}};

    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    checked(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
    number = recycled_number();
    checked((int)sendmsg(pair[0], message(&control), 0), "sendmsg");
    checked(receive(pair[1], message(&control)), "receive");
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    if (fd != number)
        errx(1, "received as %d, not %d", fd, number);
    return fd;
}

static int duplicated(void)
{
    int fd = new_stranger_with_client(), number = recycled_number();

    if (fcntl(fd, F_DUPFD, number) != number)
        errx(1, "not duplicated to %d", number);
    return number;
}

static void options(void)
{
    int listener = new_listener();

    new_client(listener);
    show("accept", accept(listener, NULL, NULL));
    new_client(listener);
    show("accept4", accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    show("handed over, accept", accept(HANDED_OVER, NULL, NULL));
    show("handed over, accept4", accept4(HANDED_OVER, NULL, NULL, SOCK_CLOEXEC));
    new_client(HANDED_OVER);
    show("handed over, a later client", accept(HANDED_OVER, NULL, NULL));
    show("recvmsg", accept(received(with_recvmsg), NULL, NULL));
    show("recvmmsg", accept(received(with_recvmmsg), NULL, NULL));
    show("fcntl", accept(duplicated(), NULL, NULL));
}

/* ---- the program's own choice ------------------------------------------------- */

static void choose(int fd, int level, int name, int value)
{
    checked(setsockopt(fd, level, name, &value, sizeof value), "setsockopt");
}

static void force(void)
{
    int listener = new_listener(), connection;

    new_client(listener);
    connection = accept(listener, NULL, NULL);
    choose(connection, SOL_SOCKET, SO_KEEPALIVE, 0);
    choose(connection, IPPROTO_TCP, TCP_KEEPIDLE, 7);
    show("force", connection);
}

/* ---- cancellation ------------------------------------------------------------- */

struct acceptor {
    pthread_t thread;
    int listener;
    int tid;
    bool unwound;
};

static void unwind(void *acceptor)
{
    ((struct acceptor *)acceptor)->unwound = true;
}

static void *wait_in_accept(void *data)
{
    struct acceptor *acceptor = data;

    pthread_cleanup_push(unwind, acceptor);
    __atomic_store_n(&acceptor->tid, (int)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    accept(acceptor->listener, NULL, NULL);
    pthread_cleanup_pop(0);
    return NULL;
}

static bool sleeps(int tid)
{
    char path[64], state = '?';
    FILE *stat;

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    stat = fopen(path, "r");
    if (!stat || fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
        err(1, "%s", path);
    fclose(stat);
    return state == 'S';
}

/* Asleep, it is in accept: it does nothing else that waits. */
static void wait_until_it_waits(struct acceptor *acceptor)
{
    int tid;

    while (!(tid = __atomic_load_n(&acceptor->tid, __ATOMIC_SEQ_CST)) || !sleeps(tid))
        sched_yield();
}

static int descriptors(void)
{
    int open = 0;

    for (int fd = 0; fd < 100; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    return open;
}

static void cancel_in(const char *what, int listener)
{
    struct acceptor acceptor = {.listener = listener};
    int before = descriptors();
    void *end;

    if (pthread_create(&acceptor.thread, NULL, wait_in_accept, &acceptor))
        errx(1, "no thread");
    wait_until_it_waits(&acceptor);
    pthread_cancel(acceptor.thread);
    pthread_join(acceptor.thread, &end);
    printf("%s: %s, %s, %d more descriptors\n", what,
           end == PTHREAD_CANCELED ? "cancelled" : "not cancelled",
           acceptor.unwound ? "unwound" : "not unwound", descriptors() - before);
}

static void cancel(void)
{
    cancel_in("listener", new_listener());
    cancel_in("stranger", new_stranger());
}

/* ------------------------------------------------------------------------------- */

extern const char *gnu_get_libc_version(void) __attribute__((weak));

static void libc(void)
{
    printf("%s\n", gnu_get_libc_version ? gnu_get_libc_version() : "not glibc");
}

static void hand_over(char **argv)
{
    int listener = new_listener();

    new_client(listener);
    new_client(listener);
    checked(dup2(listener, HANDED_OVER), "dup2");
    for (; *argv && strchr(*argv, '='); argv++)
        putenv(*argv);
    if (*argv)
        execv(*argv, argv);
    err(1, "%s", *argv ? *argv : "no program");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    alarm(TIME_LIMIT);
    if (!strcmp(what, "options"))
        options();
    else if (!strcmp(what, "force"))
        force();
    else if (!strcmp(what, "cancel"))
        cancel();
    else if (!strcmp(what, "libc"))
        libc();
    else if (!strcmp(what, "hand-over"))
        hand_over(argv + 2);
    else
        errx(2, "usage: probe options|force|cancel|libc|hand-over");
    return 0;
}
