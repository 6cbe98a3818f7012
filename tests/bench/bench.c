/* SPDX-License-Identifier: MIT */
/*
 * One measurement, made by an ordinary program, whatever it runs under; the result goes to
 * stdout as a number.
 *
 *   bench accept COUNT OPEN [FD]   ns for each accept4() of COUNT queued connections, while
 *                                  OPEN others are open; FD: the listener's number
 *   bench connect COUNT            ns for each connect()
 *   bench cycles THREADS MS        connect, accept and close, so many per second
 *   bench sockets unix|tcp COUNT   ns for each socket() and close()
 *   bench starts COUNT LIBRARY...  a line for each LIBRARY: CPU time in us and page faults of
 *                                  a program that does nothing and has it preloaded ("":
 *                                  none). Medians of COUNT starts, each library in its turn
 *   bench cpu COMMAND...           CPU time in ms of the command, whose output is dropped
 *   bench dirty                    private dirty kB of the process, once it has accepted
 *   bench listen COUNT             ns for each socket(), listen() and close()
 *   bench crowd PROCESSES COUNT    nothing: so many processes, each with a listener and COUNT
 *                                  connections to it, until its stdin ends
 *   bench nothing
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 500 };

extern char **environ;

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct sockaddr_in address;

static int make_listener(struct sockaddr_in *a)
{
    socklen_t len = sizeof *a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *a = (struct sockaddr_in){.sin_family = AF_INET};
    a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)a, len) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)a, &len))
        err(1, "listener");
    return fd;
}

static int call(const struct sockaddr_in *a)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof *a))
        err(1, "connect");
    return fd;
}

/* Its instructions are counted: callgrind knows it by its name. */
static __attribute__((noinline)) int answer(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        err(1, "accept4");
    return fd;
}

/* Without the peer's TIME_WAIT, of which there would be too many. */
static void hang_up(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static double accept_queued(int listener, int count)
{
    static int client[BACKLOG], accepted[BACKLOG];
    double start, took;

    for (int i = 0; i < count; i++)
        client[i] = call(&address);
    start = now();
    for (int i = 0; i < count; i++)
        accepted[i] = answer(listener);
    took = now() - start;
    for (int i = 0; i < count; i++) {
        hang_up(client[i]);
        close(accepted[i]);
    }
    return took;
}

static void bench_accept(int count, int open, int number)
{
    int listener = make_listener(&address);
    double took = 0;

    if (number)
        listener = dup2(listener, number);
    for (int i = 0; i < open; i++) {
        call(&address);
        answer(listener);
    }
    for (int left = count; left > 0; left -= BACKLOG)
        took += accept_queued(listener, left < BACKLOG ? left : BACKLOG);
    printf("%.1f\n", took / count);
}

static void bench_connect(int count)
{
    int listener = make_listener(&address);
    double start, took = 0;

    for (int i = 0; i < count; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);

        start = now();
        if (connect(client, (struct sockaddr *)&address, sizeof address))
            err(1, "connect");
        took += now() - start;
        close(answer(listener));
        hang_up(client);
    }
    printf("%.1f\n", took / count);
}

static atomic_bool stop;
static atomic_ulong cycles;

static void *cycle(void *unused)
{
    struct sockaddr_in own;
    int listener = make_listener(&own);
    unsigned long count = 0;

    while (!stop) {
        int client = call(&own), accepted = answer(listener);

        hang_up(client);
        close(accepted);
        count++;
    }
    cycles += count;
    return unused;
}

static void bench_cycles(int threads, int ms)
{
    pthread_t thread[64];
    double start = now();

    for (int i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, cycle, NULL);
    usleep((useconds_t)ms * 1000);
    stop = true;
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("%.0f\n", (double)cycles / (now() - start) * 1e9);
}

static void bench_sockets(int family, int count)
{
    double start = now();

    for (int i = 0; i < count; i++)
        close(socket(family, SOCK_STREAM, 0));
    printf("%.1f\n", (now() - start) / count);
}

static void bench_listen(int count)
{
    struct sockaddr_in own;
    double start = now();

    for (int i = 0; i < count; i++)
        close(make_listener(&own));
    printf("%.1f\n", (now() - start) / count);
}

/* The children end with the pipe that they read from. */
static void bench_crowd(int count, int connections)
{
    struct sockaddr_in own;
    char byte;

    for (int i = 0; i < count; i++) {
        pid_t pid = fork();

        if (pid < 0)
            err(1, "fork");
        if (!pid) {
            int listener = make_listener(&own);

            for (int open = 0; open < connections; open++) {
                call(&own);
                answer(listener);
            }
            break;
        }
    }
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
}

static int by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return d < 0 ? -1 : d > 0;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

static double us(struct timeval t)
{
    return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

/* The CPU time in us, and what else it took. */
static double run(char **argv, const posix_spawn_file_actions_t *actions,
                  struct rusage *usage)
{
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], actions, NULL, argv, environ))
        err(1, "%s", argv[0]);
    wait4(pid, NULL, 0, usage);
    return us(usage->ru_utime) + us(usage->ru_stime);
}

/* A move to another CPU costs more than a library does. */
static void stay_on_this_cpu(void)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET((size_t)sched_getcpu(), &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
}

static void bench_starts(char *self, size_t count, char **library, size_t libraries)
{
    char *argv[] = {self, (char[]){"nothing"}, NULL};
    double *time = calloc(libraries * count, sizeof *time);
    double *faults = calloc(libraries * count, sizeof *faults);
    struct rusage usage;

    stay_on_this_cpu();
    for (size_t i = 0; i < count; i++)
        for (size_t l = 0; l < libraries; l++) {
            if (*library[l])
                setenv("LD_PRELOAD", library[l], true);
            else
                unsetenv("LD_PRELOAD");
            time[l * count + i] = run(argv, NULL, &usage);
            faults[l * count + i] = (double)usage.ru_minflt;
        }
    for (size_t l = 0; l < libraries; l++)
        printf("%.1f %.0f\n", median(time + l * count, count),
               median(faults + l * count, count));
}

static void bench_cpu(char **command)
{
    posix_spawn_file_actions_t quiet;
    struct rusage usage;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO);
    printf("%.1f\n", run(command, &quiet, &usage) / 1000);
}

static void bench_dirty(void)
{
    int listener = make_listener(&address), client = call(&address);
    char line[256];
    int kb;
    FILE *rollup;

    close(answer(listener));
    close(client);
    rollup = fopen("/proc/self/smaps_rollup", "r");
    while (rollup && fgets(line, sizeof line, rollup))
        if (sscanf(line, "Private_Dirty: %d", &kb) == 1)
            printf("%d\n", kb);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int a = argc > 2 ? atoi(argv[2]) : 0, b = argc > 3 ? atoi(argv[3]) : 0;

    if (!strcmp(what, "accept"))
        bench_accept(a, b, argc > 4 ? atoi(argv[4]) : 0);
    else if (!strcmp(what, "connect"))
        bench_connect(a);
    else if (!strcmp(what, "cycles"))
        bench_cycles(a, b);
    else if (!strcmp(what, "sockets"))
        bench_sockets(!strcmp(argv[2], "unix") ? AF_UNIX : AF_INET, b);
    else if (!strcmp(what, "starts"))
        bench_starts(argv[0], (size_t)a, argv + 3, (size_t)argc - 3);
    else if (!strcmp(what, "cpu"))
        bench_cpu(argv + 2);
    else if (!strcmp(what, "listen"))
        bench_listen(a);
    else if (!strcmp(what, "crowd"))
        bench_crowd(a, b);
    else if (!strcmp(what, "dirty"))
        bench_dirty();
    else if (strcmp(what, "nothing") != 0)
        errx(2, "what to measure? See the top of bench.c");
    return 0;
}
