/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "group.h"

#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PREFIX "kashim-"

/* ---- making and removing ----------------------------------------------------- */

int own_group_make(const char *kind, char path[PATH_MAX])
{
    char own[PATH_MAX], directory[PATH_MAX];

    errno = ENOENT;
    if (!cgroup_of_process(getpid(), own) ||
        snprintf(path, PATH_MAX, "%s/" PREFIX "%s-%d", own[1] ? own : "", kind,
                 getpid()) >= PATH_MAX ||
        !cgroup_directory(path, directory))
        return -1;
    rmdir(directory); /* left by a process that had our number */
    return mkdir(directory, 0755) ? -1 : cgroup_open(path);
}

bool own_group_enter(const char *path)
{
    char directory[PATH_MAX], name[PATH_MAX + sizeof "/cgroup.procs"];
    bool entered;
    int fd, error;

    errno = ENOENT;
    if (!cgroup_directory(path, directory))
        return false;
    snprintf(name, sizeof name, "%s/cgroup.procs", directory);
    fd = open(name, O_WRONLY | O_CLOEXEC);
    entered = fd >= 0 && write(fd, "0", 1) == 1;
    error = errno;
    close(fd);
    errno = error;
    return entered;
}

bool own_group_remove(const char *path)
{
    char directory[PATH_MAX];

    errno = ENOENT;
    return cgroup_directory(path, directory) && !rmdir(directory);
}

/* Tell whether a group is left over. One that a living kashim is making isn't; if its
 * number can't be seen from here, that kashim makes the group again. */
static bool is_left_over(const char *path)
{
    const char *dash = strrchr(path, '-'), *trial = PREFIX "trial-";

    if (!kill(atoi(dash + 1), 0) || errno != ESRCH)
        return false;
    return !strncmp(base_name(path), trial, strlen(trial)) /* with programs or without */
           || group_has_programs(path);
}

static bool remove_if_left_over(const char *path, void *arg)
{
    if (!strcmp(path, arg))
        return true;
    if (!strncmp(base_name(path), PREFIX, strlen(PREFIX)) && is_left_over(path))
        own_group_remove(path); /* EBUSY: its program has children that live */
    return false;
}

static void remove_left_over(void)
{
    char own[PATH_MAX];

    if (cgroup_of_process(getpid(), own))
        cgroup_walk(own, remove_if_left_over, own);
}

/* ---- the trial --------------------------------------------------------------- */

/* Return a listener, or -1 and set errno. */
static int listen_on_loopback(void)
{
    union ka_address address = {.in = {.sin_family = AF_INET}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        address.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                            .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (fd >= 0 && (bind(fd, &address.any, sizeof address.in6) || listen(fd, 0)))
        return -1;
    return fd;
}

/* The exit status of a child: a socket belongs to the group in which it was made. */
enum { HAS_OPTIONS = 0, HAS_NONE = 1, HAS_ERROR = 2 /* and the error number */ };

static int listen_there(const char *path, const struct ka_values *wanted)
{
    struct ka_values found;
    int listener;

    if (!own_group_enter(path))
        return HAS_ERROR + errno;
    listener = listen_on_loopback();
    if (listener < 0)
        return HAS_ERROR + errno;
    found = ka_values_read(listener, NULL);
    return found.of[KA_KEEPALIVE] == 1 && ka_values_agree(&found, wanted) ? HAS_OPTIONS
                                                                          : HAS_NONE;
}

static enum trial listen_in_child(const char *path, const struct ka_config *config,
                                  struct bpf_failure *f)
{
    struct ka_values wanted = ka_values_wanted(config);
    int status = 0, told;
    pid_t child = fork();

    if (!child)
        _exit(listen_there(path, &wanted));
    f->error = errno;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || !WIFEXITED(status))
        return TRIAL_UNTRIED;
    told = WEXITSTATUS(status);
    if (told >= HAS_ERROR)
        f->error = told - HAS_ERROR;
    return told == HAS_OPTIONS ? TRIAL_WORKS
           : told == HAS_NONE  ? TRIAL_NO_EFFECT
                               : TRIAL_UNTRIED;
}

enum trial own_group_try(struct bpf_failure *f)
{
    struct group_programs programs;
    struct ka_config config = {.idle = 61, .intvl = 11, .cnt = 7};
    char path[PATH_MAX];
    enum trial result = TRIAL_REFUSED;
    int fd;

    remove_left_over();
    fd = own_group_make("trial", path);
    if (fd < 0) {
        *f = (struct bpf_failure){.error = errno, .step = "to make a group"};
        return TRIAL_UNTRIED;
    }
    if (bpf_attach(fd, &config, &programs, f)) {
        result = listen_in_child(path, &config, f);
        bpf_close(&programs);
    }
    close(fd);
    own_group_remove(path);
    return result;
}
