/* SPDX-License-Identifier: MIT */
/* A TCP or MPTCP socket, as a descriptor or sock_diag(7) tells it. */
#ifndef KASHIM_TCP_SOCKET_H
#define KASHIM_TCP_SOCKET_H

#include "../keepalive.h"
#include "numbers.h"

#include <sys/types.h>

struct tcp_socket {
    ino_t inode;
    bool multipath;               /* MPTCP */
    unsigned state;               /* TCP_LISTEN ... of netinet/tcp.h */
    int connected;                /* 1: by connect(2), 0: accepted, negative: unknown */
    union ka_address local, peer; /* peer: AF_UNSPEC where there is none */
    struct ka_values values;      /* negative where unknown */
    unsigned queue;               /* of a listener: connections not yet accepted */
    int timer;                    /* ms to the keepalive timer's end; negative: unknown */
    uid_t user;                   /* who made it; by sock_diag only */
};

/* Read the socket of a descriptor, but for its values and addresses. State is TCP_CLOSE if
 * it neither listens nor is connected. Return false if it isn't TCP. */
bool tcp_socket_read(int fd, ino_t inode, struct tcp_socket *socket);
void tcp_socket_read_addresses(int fd, struct tcp_socket *socket);

/* Turn an IPv4 address that is mapped into IPv6 into IPv4, before it is compared or
 * shown. */
void address_unmap(union ka_address *address);

/* Return net.ipv4.tcp_retries2 of this network namespace; 15 if it can't be read. */
int tcp_retries2(void);

/* Write "127.0.0.1" and "127.0.0.1:80", "::1" and "[::1]:80", a link-local address with the
 * number of its interface, "fe80::1%2", or "-" for no address. */
enum { ADDRESS_SIZE = 64 };
const char *host_text(const union ka_address *address, char text[ADDRESS_SIZE]);
const char *address_text(const union ka_address *address, char text[ADDRESS_SIZE]);
unsigned address_port(const union ka_address *address);

/* A set of addresses on which somebody listens. */
struct addresses {
    union ka_address *all;
    struct numbers numbers; /* of each its own, made of it */
};

void addresses_add(struct addresses *addresses, const union ka_address *address);
void addresses_free(struct addresses *addresses);

/* Tell a socket's role. Where the kernel's numbers don't tell it, a connection was accepted
 * if somebody listens on its local address, or on all addresses with its port: connect(2)
 * never chooses such a port (inet_hash_connect). The listener may be another process's. */
enum role { LISTENER, ACCEPTED, OUTGOING };
enum role tcp_socket_role(const struct tcp_socket *socket,
                          const struct addresses *listening);

#endif
