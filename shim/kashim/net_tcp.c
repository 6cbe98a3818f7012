/* SPDX-License-Identifier: MIT */
/* What sock_diag tells, from /proc/PID/net/tcp and tcp6, where the kernel has no tcp_diag or
 * the namespace can't be entered. MPTCP is missing there. */
#include "diag.h"
#include "util.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Read an address as the kernel prints it: words of memory, as numbers. */
static bool read_address(union ka_address *a, const char *host, unsigned port)
{
    unsigned word[4] = {0};
    int words = sscanf(host, "%8X%8X%8X%8X", &word[0], &word[1], &word[2], &word[3]);

    memset(a, 0, sizeof *a);
    a->in.sin_port = htons((in_port_t)port);
    if (words == 1) {
        a->any.sa_family = AF_INET;
        memcpy(&a->in.sin_addr, word, sizeof a->in.sin_addr);
    } else {
        a->any.sa_family = AF_INET6;
        memcpy(&a->in6.sin6_addr, word, sizeof a->in6.sin6_addr);
        address_unmap(a);
    }
    return words == 1 || words == 4;
}

bool net_tcp_parse(const char *line, struct tcp_socket *s)
{
    enum { TICK_MS = 10 }; /* USER_HZ */
    char local[33], peer[33];
    unsigned local_port, peer_port, queue, timer;
    unsigned long ticks, inode;

    memset(s, 0, sizeof *s);
    if (sscanf(
            line,
            "%*u: %32[0-9A-F]:%4X %32[0-9A-F]:%4X %2X %*8X:%8X %2X:%8lX %*8X %u %*u %lu",
            local, &local_port, peer, &peer_port, &s->state, &queue, &timer, &ticks,
            &s->user, &inode) != 10)
        return false;
    s->inode = inode;
    s->connected = -1;
    diag_set_timer(s, timer, ticks < INT_MAX / TICK_MS ? (int)ticks * TICK_MS : INT_MAX);
    s->queue = s->state == TCP_LISTEN ? queue : 0;
    return read_address(&s->local, local, local_port) &&
           (s->state == TCP_LISTEN || read_address(&s->peer, peer, peer_port));
}

static int read_file(int pid, const char *name, unsigned states,
                     struct tcp_sockets *sockets)
{
    char path[64], line[512];
    size_t lines = 0;
    FILE *file;
    int error;

    snprintf(path, sizeof path, "/proc/%d/net/%s", pid, name);
    file = fopen(path, "re");
    if (!file)
        return errno;
    for (errno = 0; fgets(line, sizeof line, file); lines++) {
        struct tcp_socket s;

        if (net_tcp_parse(line, &s) && s.state < 32 && states >> s.state & 1)
            tcp_sockets_add(sockets, &s);
    }
    error = ferror(file) ? errno : lines ? 0 : ENODATA; /* it has a headline */
    fclose(file);
    return error;
}

/* A kernel without IPv6 has no tcp6. */
int net_tcp_read(int pid, unsigned states, struct tcp_sockets *sockets)
{
    int error = read_file(pid, "tcp", states, sockets);

    if (!error)
        read_file(pid, "tcp6", states, sockets);
    return error;
}
