/* SPDX-License-Identifier: MIT */
#include "env.h"
#include "hooks.h"
#include "log.h"
#include "sys.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>

static struct ka_values kernel_timers;
static atomic_bool known;

void ka_outgoing_init(void)
{
    kernel_timers = ka_values_of_kernel();
    known = true;
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
           ka_config_port(&ka_config, ka_from_network(&head.port));
}

void ka_connect_begin(int fd, const void *addr, unsigned len)
{
    struct ka_values wanted, now;

    if (!ka_active() || !ka_config.connect || ka_tcp_state(fd) != TCP_CLOSE ||
        !port_is_ours(addr, len))
        return;
    if (!known) /* in a constructor before ours */
        ka_outgoing_init();
    wanted = ka_values_wanted(&ka_config);
    wanted.of[KA_KEEPALIVE] = -1; /* on or off, it is turned on */
    now = ka_values_read(fd, &wanted);
    wanted = ka_values_outgoing(&ka_config, &now, &kernel_timers);
    ka_log_refusal(ka_values_set(fd, &wanted));
}
