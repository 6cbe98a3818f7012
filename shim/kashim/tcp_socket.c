/* SPDX-License-Identifier: MIT */
#include "tcp_socket.h"

#include "../sys.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A listener's queue stands where a connection has its unacknowledged segments
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
    s->values = ka_values_read(fd);
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

enum role tcp_socket_role(const struct tcp_socket *s, const struct ports *listening)
{
    if (s->state == TCP_LISTEN)
        return LISTENER;
    return ports_have(listening, address_port(&s->local)) ? ACCEPTED : OUTGOING;
}
