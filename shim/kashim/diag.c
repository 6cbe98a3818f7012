/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* setns */
#include "diag.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what the kernel answers ------------------------------------------------- */

static void read_address(union ka_address *a, unsigned family, unsigned short port,
                         const unsigned *host)
{
    memset(a, 0, sizeof *a);
    a->any.sa_family = (sa_family_t)family;
    a->in.sin_port = port;
    if (family == AF_INET)
        memcpy(&a->in.sin_addr, host, sizeof a->in.sin_addr);
    else
        memcpy(&a->in6.sin6_addr, host, sizeof a->in6.sin6_addr);
    address_unmap(a);
}

/* Tell SO_KEEPALIVE by the timer, if no other one runs: 0 none, 2 keepalive
 * (inet_sk_diag_fill). Return -1 if it can't be told. */
static int keepalive_by_timer(const struct inet_diag_msg *m)
{
    bool open = m->idiag_state == TCP_ESTABLISHED || m->idiag_state == TCP_CLOSE_WAIT;

    return open && (m->idiag_timer == 0 || m->idiag_timer == 2) ? m->idiag_timer / 2 : -1;
}

static void add(struct tcp_sockets *sockets, const struct inet_diag_msg *m,
                bool multipath)
{
    struct tcp_socket *s;

    sockets->all = with_room(sockets->all, sockets->count, sizeof *s);
    s = &sockets->all[sockets->count++];
    memset(s, 0, sizeof *s);
    s->inode = m->idiag_inode;
    s->multipath = multipath;
    s->state = m->idiag_state;
    read_address(&s->local, m->idiag_family, m->id.idiag_sport, m->id.idiag_src);
    if (s->state != TCP_LISTEN)
        read_address(&s->peer, m->idiag_family, m->id.idiag_dport, m->id.idiag_dst);
    s->values = KA_NO_VALUES;
    s->values.of[KA_KEEPALIVE] = multipath ? -1 : keepalive_by_timer(m);
    s->timer = s->values.of[KA_KEEPALIVE] == 1 ? (int)m->idiag_expires : -1;
    s->queue = s->state == TCP_LISTEN ? m->idiag_rqueue : 0;
    s->user = m->idiag_uid;
}

static int error_of(const struct nlmsghdr *h)
{
    const struct nlmsgerr *e = NLMSG_DATA(h);

    return h->nlmsg_len >= NLMSG_LENGTH(sizeof *e) && e->error < 0 ? e->error : -EPROTO;
}

int diag_parse(const void *message, size_t len, bool multipath,
               struct tcp_sockets *sockets)
{
    const struct nlmsghdr *h = message;
    int64_t left = (int64_t)len; /* below 0 if the last one isn't aligned */

    for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        const struct inet_diag_msg *m = NLMSG_DATA(h);

        if (h->nlmsg_type == NLMSG_DONE)
            return 1;
        if (h->nlmsg_type == NLMSG_ERROR)
            return error_of(h);
        if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
            h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) &&
            (m->idiag_family == AF_INET || m->idiag_family == AF_INET6))
            add(sockets, m, multipath);
    }
    return 0;
}

/* ---- asking it --------------------------------------------------------------- */

/* A byte of the request has the protocol; MPTCP's number takes the attribute. */
static int ask(int netlink, int family, unsigned protocol, unsigned states)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
        struct nlattr attribute;
        unsigned protocol;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (unsigned char)family,
                    .sdiag_protocol = (unsigned char)protocol,
                    .idiag_states = states},
        .attribute = {.nla_len = sizeof message.attribute + sizeof message.protocol,
                      .nla_type = INET_DIAG_REQ_PROTOCOL},
        .protocol = protocol,
    };

    return send(netlink, &message, sizeof message, 0) < 0 ? errno : 0;
}

static int dump(int netlink, int family, unsigned protocol, unsigned states,
                struct tcp_sockets *sockets)
{
    static _Alignas(struct nlmsghdr) char answer[65536];
    int error = ask(netlink, family, protocol, states), end = 0;

    while (!error && !end) {
        ssize_t len = recv(netlink, answer, sizeof answer, 0);

        if (len <= 0)
            return len ? errno : EPROTO;
        end = diag_parse(answer, (size_t)len, protocol == IPPROTO_MPTCP, sockets);
    }
    return end < 0 ? -end : error;
}

/* A kernel without IPv6 or MPTCP fails for these and has no such sockets. */
static int dump_all(int netlink, unsigned states, struct tcp_sockets *sockets)
{
    int error = dump(netlink, AF_INET, IPPROTO_TCP, states, sockets);

    if (error)
        return error;
    dump(netlink, AF_INET6, IPPROTO_TCP, states, sockets);
    dump(netlink, AF_INET, IPPROTO_MPTCP, states, sockets);
    dump(netlink, AF_INET6, IPPROTO_MPTCP, states, sockets);
    return 0;
}

/* ---- in which namespace ------------------------------------------------------ */

static int open_namespace(int pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

ino_t network_namespace(int pid)
{
    struct stat st = {0};
    int fd = open_namespace(pid);

    fstat(fd, &st);
    close(fd);
    return st.st_ino;
}

static int open_netlink(void)
{
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    return fd < 0 ? -errno : fd;
}

/* A socket stays in the namespace in which it was made. */
static int open_netlink_of(int pid)
{
    int own = open_namespace(getpid()), other = open_namespace(pid), fd;

    if (other < 0 || setns(other, CLONE_NEWNET))
        fd = -errno;
    else {
        fd = open_netlink();
        if (setns(own, CLONE_NEWNET)) {
            complain("can't get back to its own network namespace: %s", strerror(errno));
            exit(EXIT_UNDONE);
        }
    }
    close(own);
    close(other);
    return fd;
}

static int by_inode(const void *a, const void *b)
{
    ino_t x = ((const struct tcp_socket *)a)->inode;
    ino_t y = ((const struct tcp_socket *)b)->inode;

    return (x > y) - (x < y);
}

int diag_read(int pid, unsigned states, struct tcp_sockets *sockets)
{
    ino_t theirs = network_namespace(pid);
    bool same = !theirs || theirs == network_namespace(getpid());
    int fd = same ? open_netlink() : open_netlink_of(pid), error;

    memset(sockets, 0, sizeof *sockets);
    if (fd < 0)
        return -fd;
    error = dump_all(fd, states, sockets);
    close(fd);
    if (sockets->count)
        qsort(sockets->all, sockets->count, sizeof *sockets->all, by_inode);
    return error;
}

const struct tcp_socket *diag_find(const struct tcp_sockets *sockets, ino_t inode)
{
    struct tcp_socket key = {.inode = inode};

    return sockets->count
               ? bsearch(&key, sockets->all, sockets->count, sizeof key, by_inode)
               : NULL;
}
