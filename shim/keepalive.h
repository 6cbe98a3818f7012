/* SPDX-License-Identifier: MIT */
/*
 * The options on one socket, by descriptor. Only inline system calls: errno stays as it
 * is, nothing is interposed, nothing is a cancellation point.
 */
#ifndef KA_KEEPALIVE_H
#define KA_KEEPALIVE_H

#include "config.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>

#ifndef IPPROTO_MPTCP /* glibc 2.32 */
#    define IPPROTO_MPTCP 262
#endif
#ifndef TCP_RTO_MAX_MS /* Linux 6.15 */
#    define TCP_RTO_MAX_MS 44
#endif
#define KA_RTO_MAX_SINCE                                                                 \
    "it came with Linux 6.15; KA_USER_TIMEOUT is there on older kernels, but drops a "   \
    "live peer as well that keeps its window closed"

/*
 * In the order in which they are set. TCP_KEEPIDLE comes after SO_KEEPALIVE: then the
 * kernel counts the time that the connection has been idle already, while SO_KEEPALIVE
 * set last would start it anew (tcp_sock_set_keepidle_locked, tcp_set_keepalive).
 */
enum ka_option {
    KA_INTVL,
    KA_CNT,
    KA_KEEPALIVE,
    KA_IDLE,
    KA_USER_TIMEOUT,
    KA_RTO_MAX,
    KA_OPTIONS
};

/* What setsockopt(2) calls them. */
extern const struct ka_socket_option {
    int level, name;
    char text[20]; /* "SO_KEEPALIVE", "TCP_KEEPIDLE" ... */
} ka_socket_options[KA_OPTIONS];

/* KA_KEEPALIVE 0 or 1; KA_INTVL and KA_IDLE seconds; KA_CNT probes; KA_USER_TIMEOUT
 * and KA_RTO_MAX milliseconds. Negative: the kernel doesn't tell, or nothing is asked for. */
struct ka_values {
    int of[KA_OPTIONS];
};
#define KA_NO_VALUES ((struct ka_values){{[0 ... KA_OPTIONS - 1] = -1}})

/* The state of a stream socket of TCP or MPTCP: TCP_LISTEN, TCP_CLOSE if connect() hasn't
 * been called or has failed, or another of <netinet/tcp.h>. KA_NOT_TCP: other protocols,
 * files, closed descriptors. */
enum { KA_NOT_TCP = 0 };
int ka_tcp_state(int fd);

static inline bool ka_is_tcp(int fd)
{
    return ka_tcp_state(fd) != KA_NOT_TCP;
}

static inline bool ka_is_listening(int fd)
{
    return ka_tcp_state(fd) == TCP_LISTEN;
}

/* The port lies at the same place in `in` and `in6`. */
union ka_address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* The number in these two bytes, a port's say, whose order is the network's. */
static inline unsigned ka_from_network(const void *two_bytes)
{
    const unsigned char *byte = two_bytes;

    return (unsigned)byte[0] << 8 | byte[1];
}

/* The socket's local address. False: it has none, or neither IPv4 nor IPv6. */
bool ka_local_address(int fd, union ka_address *address);

/* Its port; 0 if it isn't bound, negative if there is no such address. */
int ka_local_port(int fd);

/* The values that the settings ask for. */
struct ka_values ka_values_wanted(const struct ka_config *config);

/* Reads the options that `asked` has a value for; NULL: all. */
struct ka_values ka_values_read(int fd, const struct ka_values *asked);

/* The timers that the kernel gives a new socket of this network namespace
 * (net.ipv4.tcp_keepalive_*, tcp_rto_max_ms). */
struct ka_values ka_values_of_kernel(void);

/* What a socket that is about to be connected gets, given what it has now: its timers stand
 * if they aren't the kernel's, for then the program has set them. */
struct ka_values ka_values_outgoing(const struct ka_config *config,
                                    const struct ka_values *now,
                                    const struct ka_values *kernel);

/* Whether the two agree wherever neither is negative. */
bool ka_values_agree(const struct ka_values *a, const struct ka_values *b);

/* Whether the socket has the values, wherever they aren't negative and the kernel tells. */
bool ka_has_values(int fd, const struct ka_values *values);

/* What the kernel refused. */
struct ka_refusal {
    unsigned options;      /* a bit for each, 1 << enum ka_option; 0: nothing */
    int error[KA_OPTIONS]; /* of these: the error number, EPERM say */
};

/*
 * Puts the values that aren't negative onto the socket. Each is tried whatever becomes of
 * the others: MPTCP, for one, refuses TCP_USER_TIMEOUT alone.
 */
struct ka_refusal ka_values_set(int fd, const struct ka_values *values);

/* The same for all that the settings ask for. */
struct ka_refusal ka_keepalive_set(int fd, const struct ka_config *config);

/* Puts what the socket has into words: "idle 120 s, intvl 30 s, cnt 6; an idle dead peer
 * is dropped after 300 s, one with data in flight after 925 s". `retries`: net.ipv4.tcp_retries2. */
struct ka_text;
void ka_put_timers(struct ka_text *t, const struct ka_values *values, int retries);

#endif
