/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* musl's struct tcp_info */
#include "tcp_socket.h"

#include "../sys.h"
#include "tcp_info.h"
#include "util.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* tcp_info has a listener's queue where a connection has its unacknowledged segments
 * (tcp_get_info). Before Linux 5.16 there is none of MPTCP. */
static void read_info(int fd, struct tcp_socket *s)
{
    union {
        struct tcp_info begin;
        char all[512];
    } info = {.begin.tcpi_state = TCP_CLOSE};
    socklen_t len = sizeof info;
    int queued = 0;

    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    s->state = s->multipath && ka_is_listening(fd) ? TCP_LISTEN : info.begin.tcpi_state;
    s->queue = s->state == TCP_LISTEN ? info.begin.tcpi_unacked : 0;
    if (info.begin.tcpi_unacked)
        ioctl(fd, SIOCOUTQ, &queued);
    s->connected = tcp_info_connected(&info, len, (unsigned)queued);
}

bool tcp_socket_read(int fd, ino_t inode, struct tcp_socket *s)
{
    socklen_t peer_len = sizeof s->peer;

    memset(s, 0, sizeof *s);
    if (!ka_is_tcp(fd) || !ka_local_address(fd, &s->local))
        return false;
    if (getpeername(fd, &s->peer.any, &peer_len))
        s->peer.any.sa_family = AF_UNSPEC;
    address_unmap(&s->local);
    address_unmap(&s->peer);
    s->inode = inode;
    s->multipath = ka_getsockopt_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP;
    read_info(fd, s);
    s->values = ka_values_read(fd, NULL);
    s->timer = -1;
    return s->state != TCP_CLOSE || s->peer.any.sa_family != AF_UNSPEC;
}

int tcp_retries2(void)
{
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_retries2", "re");
    int retries;

    if (!file || fscanf(file, "%d", &retries) != 1)
        retries = 15;
    if (file)
        fclose(file);
    return retries;
}

void address_unmap(union ka_address *a)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = a->in6.sin6_port};

    if (a->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
        return;
    memcpy(&in.sin_addr, &a->in6.sin6_addr.s6_addr[12], sizeof in.sin_addr);
    memset(a, 0, sizeof *a);
    a->in = in;
}

const char *host_text(const union ka_address *a, char text[ADDRESS_SIZE])
{
    size_t len;

    if (a->any.sa_family == AF_INET)
        return inet_ntop(AF_INET, &a->in.sin_addr, text, ADDRESS_SIZE);
    inet_ntop(AF_INET6, &a->in6.sin6_addr, text, ADDRESS_SIZE);
    len = strlen(text);
    if (a->in6.sin6_scope_id)
        snprintf(text + len, ADDRESS_SIZE - len, "%%%u", a->in6.sin6_scope_id);
    return text;
}

const char *address_text(const union ka_address *a, char text[ADDRESS_SIZE])
{
    char host[ADDRESS_SIZE];

    if (a->any.sa_family == AF_UNSPEC)
        return strcpy(text, "-");
    host_text(a, host);
    snprintf(text, ADDRESS_SIZE, strchr(host, ':') ? "[%.55s]:%u" : "%.46s:%u", host,
             address_port(a));
    return text;
}

unsigned address_port(const union ka_address *a)
{
    return ntohs(a->in.sin_port);
}

static bool same_host(const union ka_address *a, const union ka_address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return false;
    return a->any.sa_family == AF_INET
               ? a->in.sin_addr.s_addr == b->in.sin_addr.s_addr
               : IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
                     a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

/* Tell whether a listener is on all addresses of this kind. "::" takes IPv4 as well, unless
 * IPV6_V6ONLY is set, which sock_diag needn't tell. */
static bool takes_all_of(const union ka_address *listener,
                         const union ka_address *address)
{
    return listener->any.sa_family == AF_INET
               ? address->any.sa_family == AF_INET && !listener->in.sin_addr.s_addr
               : IN6_IS_ADDR_UNSPECIFIED(&listener->in6.sin6_addr);
}

void addresses_add(struct addresses *a, const union ka_address *address)
{
    for (size_t i = 0; i < a->count; i++)
        if (address_port(&a->all[i]) == address_port(address) &&
            same_host(&a->all[i], address))
            return;
    a->all = with_room(a->all, a->count, sizeof *a->all);
    a->all[a->count++] = *address;
}

void addresses_free(struct addresses *a)
{
    free(a->all);
    memset(a, 0, sizeof *a);
}

enum role tcp_socket_role(const struct tcp_socket *s, const struct addresses *listening)
{
    if (s->state == TCP_LISTEN)
        return LISTENER;
    if (s->connected >= 0)
        return s->connected ? OUTGOING : ACCEPTED;
    for (size_t i = 0; i < listening->count; i++) {
        const union ka_address *l = &listening->all[i];

        if (address_port(l) == address_port(&s->local) &&
            (takes_all_of(l, &s->local) || same_host(l, &s->local)))
            return ACCEPTED;
    }
    return OUTGOING;
}
