/* SPDX-License-Identifier: MIT */
#include "keepalive.h"

#include "sys.h"
#include "text.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

const struct ka_socket_option ka_socket_options[KA_OPTIONS] = {
    [KA_INTVL] = {IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL"},
    [KA_CNT] = {IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT"},
    [KA_KEEPALIVE] = {SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE"},
    [KA_IDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE"},
    [KA_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"},
    [KA_RTO_MAX] = {IPPROTO_TCP, TCP_RTO_MAX_MS, "TCP_RTO_MAX_MS"},
};

/*
 * UNIX, VSOCK and TIPC sockets take some of the options and mean something else by them or
 * nothing: so the kind is asked, not tried. Only TCP answers TCP_INFO with a state: the
 * others and raw sockets refuse it, TIPC gives nothing, SMC passes it on to its TCP socket.
 * MPTCP of older kernels refuses it as well: what has refused is asked by its numbers, which
 * a raw socket can carry too.
 */
int ka_tcp_state(int fd)
{
    unsigned char state = 0; /* tcpi_state, the first byte of struct tcp_info */
    int protocol;

    if (ka_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, sizeof state) >= 0 &&
        state >= TCP_ESTABLISHED && state <= TCP_CLOSING)
        return state;
    protocol = ka_getsockopt_int(fd, SOL_SOCKET, SO_PROTOCOL);
    if ((protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP) ||
        ka_getsockopt_int(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
        return KA_NOT_TCP;
    return ka_getsockopt_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1 ? TCP_LISTEN : TCP_CLOSE;
}

bool ka_local_address(int fd, union ka_address *address)
{
    unsigned len = sizeof *address;

    return ka_getsockname(fd, address, &len) >= 0 &&
           (address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6);
}

int ka_local_port(int fd)
{
    union ka_address address;

    return ka_local_address(fd, &address) ? (int)ka_from_network(&address.in.sin_port)
                                          : -1;
}

struct ka_values ka_values_wanted(const struct ka_config *config)
{
    int user_timeout = ka_config_user_timeout_ms(config);
    int rto_max = ka_config_rto_max_ms(config);

    return (struct ka_values){{
        [KA_INTVL] = ka_config_intvl(config),
        [KA_CNT] = config->cnt,
        [KA_KEEPALIVE] = 1,
        [KA_IDLE] = config->idle,
        [KA_USER_TIMEOUT] = user_timeout ? user_timeout : -1,
        [KA_RTO_MAX] = rto_max ? rto_max : -1,
    }};
}

struct ka_values ka_values_read(int fd, const struct ka_values *asked)
{
    struct ka_values values;

    for (int i = 0; i < KA_OPTIONS; i++)
        values.of[i] = asked && asked->of[i] < 0
                           ? -1
                           : ka_getsockopt_int(fd, ka_socket_options[i].level,
                                               ka_socket_options[i].name);
    return values;
}

struct ka_values ka_values_of_kernel(void)
{
    struct ka_values values = KA_NO_VALUES;
    int fd = ka_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

    values.of[KA_INTVL] = 75; /* where there can't be a socket: include/net/tcp.h */
    values.of[KA_CNT] = 9;
    values.of[KA_IDLE] = 7200;
    values.of[KA_RTO_MAX] = KA_MAX_RTO_MAX * 1000;
    if (fd >= 0) {
        values = ka_values_read(fd, &values);
        ka_close(fd);
    }
    return values;
}

struct ka_values ka_values_outgoing(const struct ka_config *config,
                                    const struct ka_values *now,
                                    const struct ka_values *kernel)
{
    struct ka_values wanted = ka_values_wanted(config), timers = *kernel;

    timers.of[KA_RTO_MAX] = -1;
    if (!ka_values_agree(now, &timers))
        wanted.of[KA_IDLE] = wanted.of[KA_INTVL] = wanted.of[KA_CNT] = -1;
    if (now->of[KA_USER_TIMEOUT] > 0)
        wanted.of[KA_USER_TIMEOUT] = -1;
    if (now->of[KA_RTO_MAX] != kernel->of[KA_RTO_MAX])
        wanted.of[KA_RTO_MAX] = -1;
    return wanted;
}

bool ka_values_agree(const struct ka_values *a, const struct ka_values *b)
{
    for (int i = 0; i < KA_OPTIONS; i++)
        if (a->of[i] >= 0 && b->of[i] >= 0 && a->of[i] != b->of[i])
            return false;
    return true;
}

bool ka_has_values(int fd, const struct ka_values *values)
{
    struct ka_values now = ka_values_read(fd, values);

    return ka_values_agree(&now, values);
}

struct ka_refusal ka_values_set(int fd, const struct ka_values *values)
{
    struct ka_refusal refusal;

    refusal.options = 0;
    for (int i = 0; i < KA_OPTIONS; i++) {
        int err;

        if (values->of[i] < 0)
            continue;
        err = ka_setsockopt_int(fd, ka_socket_options[i].level, ka_socket_options[i].name,
                                values->of[i]);
        if (err < 0) {
            refusal.options |= 1U << i;
            refusal.error[i] = -err;
        }
    }
    return refusal;
}

struct ka_refusal ka_keepalive_set(int fd, const struct ka_config *config)
{
    struct ka_values wanted = ka_values_wanted(config);

    return ka_values_set(fd, &wanted);
}

static void put_seconds(struct ka_text *t, const char *what, int seconds)
{
    ka_put(t, what);
    ka_put_uint(t, (unsigned)seconds);
    ka_put(t, " s");
}

void ka_put_timers(struct ka_text *t, const struct ka_values *values, int retries)
{
    int idle = values->of[KA_IDLE], intvl = values->of[KA_INTVL],
        cnt = values->of[KA_CNT];
    int user_timeout = values->of[KA_USER_TIMEOUT]; /* milliseconds, as is the next */
    int rto_max = values->of[KA_RTO_MAX];

    if (idle < 0 || intvl < 0 || cnt < 0) {
        ka_put(t, "keepalive on, with timers that the kernel doesn't tell");
        return;
    }
    put_seconds(t, "idle ", idle);
    put_seconds(t, ", intvl ", intvl);
    ka_put(t, ", cnt ");
    ka_put_uint(t, (unsigned)cnt);
    if (user_timeout > 0)
        put_seconds(t, ", user timeout ", ka_seconds(user_timeout));
    if (rto_max > 0 && rto_max < KA_MAX_RTO_MAX * 1000)
        put_seconds(t, ", rto max ", ka_seconds(rto_max));
    put_seconds(t, "; an idle dead peer is dropped after ",
                ka_drop_seconds(idle, intvl, cnt, user_timeout));
    put_seconds(t, ", one with data in flight after ",
                ka_seconds(ka_in_flight_ms(user_timeout, rto_max, retries)));
    if (intvl > idle)
        put_seconds(t, "; warning: intvl > idle, a live peer is probed only every ",
                    intvl);
}
