/* SPDX-License-Identifier: MIT */
#include "targets.h"

#include "diag.h"
#include "kashim.h"
#include "process.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool targets_visible(void)
{
    if (!access("/proc/self/fd", F_OK))
        return true;
    complain("/proc isn't mounted here, or is another PID namespace's: without it no "
             "process can be looked into");
    return false;
}

bool targets_by_number(char **arguments, struct numbers *pids)
{
    for (; *arguments; arguments++) {
        int pid;

        if (!ka_config_count(*arguments, INT_MAX - 1, &pid)) {
            complain("'%s' is no process number", *arguments);
            return false;
        }
        numbers_add(pids, pid);
    }
    return true;
}

bool targets_port(const char *argument, int *port)
{
    if (*port)
        complain("--port: '%s' is one too many (one port, or PID...)", argument);
    else if (ka_config_count(argument, 65535, port))
        return true;
    else
        complain("--port: '%s' is not accepted (1 to 65535)", argument);
    return false;
}

static bool listens(const struct sockets *sockets, const struct tcp_sockets *listeners,
                    int port)
{
    for (size_t i = 0; i < sockets->count; i++) {
        const struct tcp_socket *s = diag_find(listeners, sockets->all[i].inode);

        if (s && address_port(&s->local) == (unsigned)port)
            return true;
    }
    return false;
}

static void add_listening(const struct tcp_sockets *listeners, int port,
                          struct numbers *pids)
{
    struct numbers all = pids_all();

    for (size_t i = 0; i < all.count; i++) {
        struct process process;
        struct sockets sockets;

        process_open(all.all[i], &process); /* an error is told when it is looked into */
        process_sockets(&process, &sockets);
        if (listens(&sockets, listeners, port))
            numbers_add(pids, all.all[i]);
        sockets_free(&sockets);
        process_close(&process);
    }
    free(all.all);
}

static bool somebody_listens(const struct tcp_sockets *listeners, int port)
{
    for (size_t i = 0; i < listeners->count; i++)
        if (address_port(&listeners->all[i].local) == (unsigned)port)
            return true;
    return false;
}

bool targets_by_port(int port, struct numbers *pids)
{
    struct tcp_sockets listeners;
    int error = diag_read(getpid(), DIAG_LISTENERS, &listeners);

    if (error)
        complain(
            "--port: the kernel doesn't tell its listeners (sock_diag): %s. Give the "
            "PID",
            strerror(error));
    else if (!somebody_listens(&listeners, port))
        complain("nobody listens on port %d here (in a container? give the PID)", port);
    else {
        add_listening(&listeners, port, pids);
        if (!pids->count)
            complain("the process that listens on port %d can't be seen: run kashim as "
                     "root%s",
                     port, geteuid() ? "" : " with CAP_SYS_PTRACE, or outside");
    }
    free(listeners.all);
    return pids->count > 0;
}
