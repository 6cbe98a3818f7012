/* SPDX-License-Identifier: MIT */
#include "outgoing.h"

#include "keepalive.h"
#include "log.h"
#include "settings.h"
#include "sys.h"
#include "user_memory.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/* Linux's own, include/net/tcp.h, for where a socket can't be made. */
static struct ka_values kernel_timers = {{[KA_INTVL] = 75,
                                          [KA_CNT] = 9,
                                          [KA_KEEPALIVE] = -1,
                                          [KA_IDLE] = 7200,
                                          [KA_USER_TIMEOUT] = -1}};

void ka_outgoing_init(void)
{
    int fd = ka_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fd < 0)
        return;
    kernel_timers = ka_values_read(fd);
    kernel_timers.of[KA_KEEPALIVE] = -1;
    kernel_timers.of[KA_USER_TIMEOUT] = -1;
    ka_close(fd);
}

static bool port_is_ours(const void *addr, unsigned len)
{
    struct { /* the beginning of sockaddr_in and sockaddr_in6 */
        uint16_t family;
        uint16_t port;
    } head;

    if (!ka_config.some_ports)
        return true;
    _Static_assert(sizeof head == sizeof(int), "read as one");
    return len >= sizeof head && ka_read_int(addr, (int *)(void *)&head) &&
           (head.family == AF_INET || head.family == AF_INET6) &&
           ka_config_port(&ka_config, __builtin_bswap16(head.port));
}

void ka_connect_begin(int fd, const void *addr, unsigned len)
{
    struct ka_values wanted, now;

    if (!ka_active() || !ka_config.connect || !ka_is_tcp(fd) || !port_is_ours(addr, len))
        return;
    wanted = ka_values_wanted(&ka_config);
    now = ka_values_read(fd);
    if (!ka_values_agree(&now, &kernel_timers))
        wanted.of[KA_IDLE] = wanted.of[KA_INTVL] = wanted.of[KA_CNT] = -1;
    if (now.of[KA_USER_TIMEOUT] > 0)
        wanted.of[KA_USER_TIMEOUT] = -1;
    ka_log_refusal(ka_values_set(fd, &wanted));
}
