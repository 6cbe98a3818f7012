/* SPDX-License-Identifier: MIT */
#include "tcp_socket.h"

#include "../sys.h"
#include "util.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* tcp_info has a listener's queue where a connection has its unacknowledged segments
 * (tcp_get_info). */
bool tcp_socket_read(int fd, ino_t inode, struct tcp_socket *s)
{
    struct tcp_info info = {.tcpi_state = TCP_CLOSE};
    socklen_t info_len = sizeof info, peer_len = sizeof s->peer;

    memset(s, 0, sizeof *s);
    if (!ka_is_tcp(fd) || !ka_local_address(fd, &s->local))
        return false;
    if (getpeername(fd, &s->peer.any, &peer_len))
        s->peer.any.sa_family = AF_UNSPEC;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_len);
    s->inode = inode;
    s->multipath = ka_getsockopt_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP;
    s->state = ka_is_listening(fd) ? TCP_LISTEN : info.tcpi_state;
    s->queue = s->state == TCP_LISTEN ? info.tcpi_unacked : 0;
    s->values = ka_values_read(fd, NULL);
    s->timer = -1;
    return s->state != TCP_CLOSE || s->peer.any.sa_family != AF_UNSPEC;
}

static const struct in_addr *mapped(const union ka_address *a)
{
    return IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)
               ? (const void *)&a->in6.sin6_addr.s6_addr[12]
               : NULL;
}

const char *host_text(const union ka_address *a, char text[ADDRESS_SIZE])
{
    const struct in_addr *in = a->any.sa_family == AF_INET6 ? mapped(a) : &a->in.sin_addr;

    if (in)
        return inet_ntop(AF_INET, in, text, ADDRESS_SIZE);
    return inet_ntop(AF_INET6, &a->in6.sin6_addr, text, ADDRESS_SIZE);
}

const char *address_text(const union ka_address *a, char text[ADDRESS_SIZE])
{
    char host[ADDRESS_SIZE];

    if (a->any.sa_family == AF_UNSPEC)
        return strcpy(text, "-");
    host_text(a, host);
    snprintf(text, ADDRESS_SIZE, strchr(host, ':') ? "[%.46s]:%u" : "%.46s:%u", host,
             address_port(a));
    return text;
}

unsigned address_port(const union ka_address *a)
{
    return ntohs(a->in.sin_port);
}

/* Return the host as IPv6, an IPv4 address mapped. */
static struct in6_addr host_of(const union ka_address *a)
{
    struct in6_addr host = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

    if (a->any.sa_family == AF_INET6)
        return a->in6.sin6_addr;
    memcpy(&host.s6_addr[12], &a->in.sin_addr, sizeof a->in.sin_addr);
    return host;
}

static bool same_host(const union ka_address *a, const union ka_address *b)
{
    struct in6_addr x = host_of(a), y = host_of(b);

    return !memcmp(&x, &y, sizeof x);
}

/* Tell whether a listener is on all addresses. "::" takes IPv4 as well, unless IPV6_V6ONLY
 * is set, which sock_diag needn't tell. */
static bool takes_all_of(const union ka_address *listener,
                         const union ka_address *address)
{
    const union ka_address any4 = {.in = {.sin_family = AF_INET}};
    struct in6_addr host = host_of(listener);

    if (IN6_IS_ADDR_UNSPECIFIED(&host))
        return true;
    return same_host(listener, &any4) && /* as 0.0.0.0 or ::ffff:0.0.0.0 */
           (address->any.sa_family == AF_INET || mapped(address));
}

void addresses_add(struct addresses *a, const union ka_address *address)
{
    for (size_t i = 0; i < a->count; i++)
        if (address_port(&a->all[i]) == address_port(address) &&
            a->all[i].any.sa_family == address->any.sa_family &&
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
    for (size_t i = 0; i < listening->count; i++) {
        const union ka_address *l = &listening->all[i];

        if (address_port(l) == address_port(&s->local) &&
            (takes_all_of(l, &s->local) || same_host(l, &s->local)))
            return ACCEPTED;
    }
    return OUTGOING;
}
