/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* musl's struct tcp_info */
#include "tcp_socket.h"

#include "../sys.h"
#include "../text.h"
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
static bool read_info(int fd, struct tcp_socket *s)
{
    union {
        struct tcp_info begin;
        char all[512];
    } info = {.begin.tcpi_state = TCP_CLOSE};
    socklen_t len = sizeof info;
    int queued = 0;
    bool told = !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);

    s->state = s->multipath && ka_is_listening(fd) ? TCP_LISTEN : info.begin.tcpi_state;
    s->queue = s->state == TCP_LISTEN ? info.begin.tcpi_unacked : 0;
    if (info.begin.tcpi_unacked && s->state != TCP_LISTEN)
        ioctl(fd, SIOCOUTQ, &queued);
    s->connected = tcp_info_connected(&info, told ? len : 0, (unsigned)queued);
    return told;
}

/* A raw socket with TCP's number has no TCP_INFO. */
bool tcp_socket_read(int fd, ino_t inode, struct tcp_socket *s)
{
    int protocol = ka_getsockopt_int(fd, SOL_SOCKET, SO_PROTOCOL);

    memset(s, 0, sizeof *s);
    s->inode = inode;
    s->multipath = protocol == IPPROTO_MPTCP;
    s->state = TCP_CLOSE;
    s->values = KA_NO_VALUES;
    s->timer = -1;
    if (s->multipath ? !ka_is_tcp(fd) : protocol != IPPROTO_TCP)
        return false;
    if (!read_info(fd, s) && !s->multipath)
        return false;
    if (s->multipath && s->state == TCP_CLOSE) {
        tcp_socket_read_addresses(fd, s);
        s->state = s->peer.any.sa_family ? TCP_ESTABLISHED : TCP_CLOSE;
    }
    return true;
}

void tcp_socket_read_addresses(int fd, struct tcp_socket *s)
{
    socklen_t len = sizeof s->peer;

    ka_local_address(fd, &s->local);
    if (getpeername(fd, &s->peer.any, &len))
        s->peer.any.sa_family = AF_UNSPEC;
    address_unmap(&s->local);
    address_unmap(&s->peer);
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

/* By the ten thousand: inet_ntop(3) makes an IPv4 address by sprintf(3). */
static void put_host(struct ka_text *t, const union ka_address *a)
{
    const unsigned char *byte = (const void *)&a->in.sin_addr;
    char host[INET6_ADDRSTRLEN];

    if (a->any.sa_family == AF_INET) {
        for (int i = 0; i < 4; i++) {
            ka_put(t, i ? "." : "");
            ka_put_uint(t, byte[i]);
        }
        return;
    }
    ka_put(t, inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof host));
    if (a->in6.sin6_scope_id) {
        ka_put(t, "%");
        ka_put_uint(t, a->in6.sin6_scope_id);
    }
}

const char *host_text(const union ka_address *a, char text[ADDRESS_SIZE])
{
    struct ka_text t = {text, ADDRESS_SIZE - 1, 0};

    put_host(&t, a);
    text[t.len] = '\0';
    return text;
}

const char *address_text(const union ka_address *a, char text[ADDRESS_SIZE])
{
    bool brackets = a->any.sa_family == AF_INET6;
    struct ka_text t = {text, ADDRESS_SIZE - 1, 0};

    if (a->any.sa_family == AF_UNSPEC)
        return strcpy(text, "-");
    ka_put(&t, brackets ? "[" : "");
    put_host(&t, a);
    ka_put(&t, brackets ? "]:" : ":");
    ka_put_uint(&t, address_port(a));
    text[t.len] = '\0';
    return text;
}

unsigned address_port(const union ka_address *a)
{
    return ntohs(a->in.sin_port);
}

static bool same_address(const union ka_address *a, const union ka_address *b)
{
    if (a->any.sa_family != b->any.sa_family || address_port(a) != address_port(b))
        return false;
    return a->any.sa_family == AF_INET
               ? a->in.sin_addr.s_addr == b->in.sin_addr.s_addr
               : IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr) &&
                     a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

/* Return the address's number, or the free one that is to be its. */
static uint64_t number_of(const struct addresses *a, const union ka_address *address)
{
    const unsigned char *host = address->any.sa_family == AF_INET
                                    ? (const void *)&address->in.sin_addr
                                    : (const void *)&address->in6.sin6_addr;
    size_t size = address->any.sa_family == AF_INET ? 4 : 16, place;
    uint64_t number = address_port(address);

    for (size_t i = 0; i < size; i++)
        number = (number ^ host[i]) * 0x100000001b3; /* FNV */
    while ((place = numbers_place(&a->numbers, number)) &&
           !same_address(&a->all[place - 1], address))
        number++;
    return number;
}

void addresses_add(struct addresses *a, const union ka_address *address)
{
    uint64_t number = number_of(a, address);

    if (numbers_have(&a->numbers, number))
        return;
    a->all = with_room(a->all, a->numbers.count, sizeof *a->all);
    a->all[a->numbers.count] = *address;
    numbers_add(&a->numbers, number);
}

void addresses_free(struct addresses *a)
{
    free(a->all);
    numbers_free(&a->numbers);
    memset(a, 0, sizeof *a);
}

static bool addresses_have(const struct addresses *a, const union ka_address *address)
{
    return numbers_have(&a->numbers, number_of(a, address));
}

/* Tell whether somebody listens on the address, or on all of its kind. "::" takes IPv4 as
 * well, unless IPV6_V6ONLY is set, which sock_diag needn't tell. */
static bool listened_on(const struct addresses *listening,
                        const union ka_address *address)
{
    union ka_address all4 = {
        .in = {.sin_family = AF_INET, .sin_port = address->in.sin_port}};
    union ka_address all = {
        .in6 = {.sin6_family = AF_INET6, .sin6_port = address->in.sin_port}};

    return addresses_have(listening, address) || addresses_have(listening, &all) ||
           (address->any.sa_family == AF_INET && addresses_have(listening, &all4));
}

enum role tcp_socket_role(const struct tcp_socket *s, const struct addresses *listening)
{
    if (s->state == TCP_LISTEN)
        return LISTENER;
    if (s->connected >= 0)
        return s->connected ? OUTGOING : ACCEPTED;
    return listened_on(listening, &s->local) ? ACCEPTED : OUTGOING;
}
