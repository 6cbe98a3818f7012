/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* setns */
#include "diag.h"

#include "tcp_info.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- sets of sockets --------------------------------------------------------- */

/* The first subflow of an MPTCP socket has its inode (mptcp_sock_graft). */
void tcp_sockets_add(struct tcp_sockets *sockets, const struct tcp_socket *s)
{
    size_t count = sockets->inodes.count,
           place = numbers_place(&sockets->inodes, s->inode);

    if (!s->inode)
        return;
    if (place && s->multipath)
        sockets->all[place - 1] = *s;
    if (place)
        return;
    sockets->all = with_room(sockets->all, count, sizeof *s);
    sockets->all[count] = *s;
    numbers_add(&sockets->inodes, s->inode);
}

const struct tcp_socket *tcp_sockets_find(const struct tcp_sockets *sockets, ino_t inode)
{
    size_t place = numbers_place(&sockets->inodes, inode);

    return place ? &sockets->all[place - 1] : NULL;
}

void tcp_sockets_free(struct tcp_sockets *sockets)
{
    free(sockets->all);
    numbers_free(&sockets->inodes);
    memset(sockets, 0, sizeof *sockets);
}

/* ---- what the kernel answers ------------------------------------------------- */

static void read_address(union ka_address *a, unsigned family, unsigned short port,
                         const unsigned *host, unsigned interface)
{
    memset(a, 0, sizeof *a);
    a->any.sa_family = (sa_family_t)family;
    a->in.sin_port = port;
    if (family == AF_INET)
        memcpy(&a->in.sin_addr, host, sizeof a->in.sin_addr);
    else
        memcpy(&a->in6.sin6_addr, host, sizeof a->in6.sin6_addr);
    if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6.sin6_addr))
        a->in6.sin6_scope_id = interface;
    address_unmap(a);
}

void diag_set_timer(struct tcp_socket *s, unsigned timer, int ms)
{
    bool open = s->state == TCP_ESTABLISHED || s->state == TCP_CLOSE_WAIT;

    s->values = KA_NO_VALUES;
    if (open && (timer == 0 || timer == 2))
        s->values.of[KA_KEEPALIVE] = timer == 2;
    s->timer = s->values.of[KA_KEEPALIVE] == 1 ? ms : -1;
}

/* Tell by the attribute of TCP_INFO; MPTCP's of that name tells other things. */
static int connected(const struct nlmsghdr *h)
{
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    const struct rtattr *a = (const void *)(m + 1);
    unsigned left = h->nlmsg_len - (unsigned)NLMSG_LENGTH(sizeof *m); /* or above all */

    for (; left <= h->nlmsg_len && RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == INET_DIAG_INFO)
            return tcp_info_connected(RTA_DATA(a), RTA_PAYLOAD(a), m->idiag_wqueue);
    return -1;
}

static void add(struct tcp_sockets *sockets, const struct nlmsghdr *h, bool multipath)
{
    const struct inet_diag_msg *m = NLMSG_DATA(h);
    struct tcp_socket s = {.inode = m->idiag_inode,
                           .multipath = multipath,
                           .state = m->idiag_state,
                           .connected = multipath ? -1 : connected(h),
                           .user = m->idiag_uid};

    read_address(&s.local, m->idiag_family, m->id.idiag_sport, m->id.idiag_src,
                 m->id.idiag_if);
    if (s.state == TCP_LISTEN)
        s.queue = m->idiag_rqueue;
    else
        read_address(&s.peer, m->idiag_family, m->id.idiag_dport, m->id.idiag_dst,
                     m->id.idiag_if);
    diag_set_timer(&s, multipath ? 1 : m->idiag_timer, (int)m->idiag_expires);
    tcp_sockets_add(sockets, &s);
}

/* Return the error number in a message of that type, negated; 0 if it tells of none. */
static int error_in(const struct nlmsghdr *h)
{
    const int *error = NLMSG_DATA(h); /* first in struct nlmsgerr, alone in NLMSG_DONE */

    if (h->nlmsg_len >= NLMSG_LENGTH(sizeof *error) && *error < 0)
        return *error;
    return h->nlmsg_type == NLMSG_ERROR ? -EPROTO : 0;
}

int diag_parse(const void *message, size_t len, struct diag_request request,
               struct tcp_sockets *sockets)
{
    const struct nlmsghdr *h = message;
    int64_t left = (int64_t)len; /* below 0 if the last one isn't aligned */

    for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        const struct inet_diag_msg *m = NLMSG_DATA(h);

        if (h->nlmsg_seq != request.sequence)
            continue;
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return error_in(h) ? error_in(h) : 1;
        if ((h->nlmsg_type == SOCK_DIAG_BY_FAMILY || h->nlmsg_type == TCPDIAG_GETSOCK) &&
            h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) &&
            (m->idiag_family == AF_INET || m->idiag_family == AF_INET6))
            add(sockets, h, request.multipath);
    }
    return 0;
}

/* ---- asking it --------------------------------------------------------------- */

enum { TCP_INFO_TOO = 1 << (INET_DIAG_INFO - 1) };

/* Ask for both families at once, as before Linux 3.3: each question is a walk over the
 * sockets of all namespaces. */
static int ask_tcp(int netlink, struct diag_request r)
{
    const struct {
        struct nlmsghdr header;
        struct inet_diag_req request;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = TCPDIAG_GETSOCK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                   .nlmsg_seq = r.sequence},
        .request = {.idiag_ext = TCP_INFO_TOO, .idiag_states = r.states},
    };

    return send(netlink, &message, sizeof message, 0) < 0 ? errno : 0;
}

/* A byte of the request has the protocol; MPTCP's number takes the attribute. */
static int ask_mptcp(int netlink, struct diag_request r)
{
    const struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
        struct nlattr attribute;
        unsigned protocol;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                   .nlmsg_seq = r.sequence},
        .request = {.sdiag_family = r.family,
                    .sdiag_protocol = (unsigned char)IPPROTO_MPTCP,
                    .idiag_states = r.states},
        .attribute = {.nla_len = sizeof message.attribute + sizeof message.protocol,
                      .nla_type = INET_DIAG_REQ_PROTOCOL},
        .protocol = IPPROTO_MPTCP,
    };

    return send(netlink, &message, sizeof message, 0) < 0 ? errno : 0;
}

/* Receive what the kernel sends. Others may have sent before the socket was connected to
 * it. */
static ssize_t receive(int netlink, void *answer, size_t size)
{
    enum { OTHERS = 1000 }; /* more than have room */

    for (int i = 0; i < OTHERS; i++) {
        struct sockaddr_nl sender = {.nl_pid = 0};
        socklen_t sender_len = sizeof sender;
        ssize_t len =
            recvfrom(netlink, answer, size, 0, (struct sockaddr *)&sender, &sender_len);

        if (len < 0 || !sender.nl_pid)
            return len;
    }
    errno = EBADMSG;
    return -1;
}

static int dump(int netlink, struct diag_request request, struct tcp_sockets *sockets)
{
    static _Alignas(struct nlmsghdr) char answer[65536];
    int error = (request.multipath ? ask_mptcp : ask_tcp)(netlink, request), end = 0;

    while (!error && !end) {
        ssize_t len = receive(netlink, answer, sizeof answer);

        if (len <= 0)
            return len ? errno : EPROTO;
        end = diag_parse(answer, (size_t)len, request, sockets);
    }
    return end < 0 ? -end : error;
}

static int dump_all(int netlink, unsigned states, struct tcp_sockets *sockets)
{
    const struct diag_request requests[] = {
        {1, states, .multipath = false},
        {2, states, .multipath = true, AF_INET},
        {3, states, .multipath = true, AF_INET6},
    };

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        int error = dump(netlink, requests[i], sockets);

        if (error && (i == 0 || error != ENOENT)) /* a kernel may have no MPTCP */
            return error;
    }
    return 0;
}

/* ---- in which namespace ------------------------------------------------------ */

static int open_namespace(int pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Return the inode of a process's network namespace; 0 if it can't be told. */
static ino_t network_namespace(int pid)
{
    struct stat st = {0};
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    return stat(path, &st) ? 0 : st.st_ino;
}

/* Connected to the kernel, the socket refuses what others send: anybody with CAP_NET_ADMIN
 * in the namespace could answer in its place. */
static int open_netlink(void)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), error;

    if (fd >= 0 && !connect(fd, (const struct sockaddr *)&kernel, sizeof kernel))
        return fd;
    error = errno;
    close(fd);
    return -error;
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

int sock_diag_read(int pid, unsigned states, struct tcp_sockets *sockets)
{
    bool same = network_namespace(pid) == network_namespace(getpid());
    int fd = same ? open_netlink() : open_netlink_of(pid), error;

    memset(sockets, 0, sizeof *sockets);
    if (fd < 0)
        return -fd;
    error = dump_all(fd, states, sockets);
    close(fd);
    return error;
}

int diag_read(int pid, unsigned states, struct tcp_sockets *sockets)
{
    int error = sock_diag_read(pid, states, sockets);

    if (!error)
        return 0;
    tcp_sockets_free(sockets);
    return net_tcp_read(pid, states, sockets) ? error : 0;
}

static void read_view(int pid, unsigned states, struct view *v)
{
    v->error = diag_read(pid, states, &v->sockets);
    for (size_t i = 0; i < v->sockets.inodes.count; i++)
        if (v->sockets.all[i].state == TCP_LISTEN)
            addresses_add(&v->listening, &v->sockets.all[i].local);
}

struct view *views_look(struct views *views, int pid, unsigned states, bool *new)
{
    ino_t namespace = network_namespace(pid);
    size_t place;

    if (!namespace) { /* take ours */
        pid = getpid();
        namespace = network_namespace(pid);
    }
    place = numbers_place(&views->namespaces, namespace);
    *new = !place;
    if (place)
        return views->all[place - 1];
    place = views->namespaces.count;
    views->all = with_room(views->all, place, sizeof *views->all);
    views->all[place] = allocate(1, sizeof *views->all[place]);
    numbers_add(&views->namespaces, namespace);
    read_view(pid, states, views->all[place]);
    return views->all[place];
}

void views_free(struct views *views)
{
    for (size_t i = 0; i < views->namespaces.count; i++) {
        tcp_sockets_free(&views->all[i]->sockets);
        addresses_free(&views->all[i]->listening);
        free(views->all[i]);
    }
    free(views->all);
    numbers_free(&views->namespaces);
}

const char *diag_refusal(int error)
{
    switch (error) {
    case ENOENT:
    case EOPNOTSUPP: return "the kernel has no tcp_diag (modprobe tcp_diag loads it)";
    case EBADMSG: return "somebody else answers in the kernel's place";
    default: return strerror(error);
    }
}
