/* SPDX-License-Identifier: MIT */
#include "env.h"
#include "hooks.h"
#include "keepalive.h"
#include "sys.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* Read only where it counts: the program's value may lie anywhere. */
static bool is_option_of_ours(int level, int name)
{
    if (level == SOL_SOCKET)
        return name == SO_KEEPALIVE;
    if (level != IPPROTO_TCP)
        return false;
    return name == TCP_KEEPIDLE || name == TCP_KEEPINTVL || name == TCP_KEEPCNT ||
           (name == TCP_USER_TIMEOUT && ka_config_user_timeout_ms(&ka_config));
}

/* What the kernel accepts, sk_setsockopt and do_tcp_setsockopt; all else it refuses
 * itself. A len of which the sign bit is set is negative to it. */
static bool kernel_accepts(int level, int name, const void *value, unsigned len)
{
    int v;

    if (len < sizeof v || len > INT_MAX || !ka_read_int(value, &v))
        return false;
    if (level == SOL_SOCKET)
        return true;
    if (name == TCP_USER_TIMEOUT)
        return v >= 0;
    return v >= 1 && v <= (name == TCP_KEEPCNT ? KA_MAX_CNT : KA_MAX_SECONDS);
}

bool ka_force_ignores(int fd, int level, int name, const void *value, unsigned len)
{
    struct ka_values wanted, now;

    if (!ka_active() || !ka_config.force || !is_option_of_ours(level, name) ||
        !kernel_accepts(level, name, value, len) || !ka_is_tcp(fd))
        return false;
    wanted = ka_values_wanted(&ka_config);
    now = ka_values_read(fd);
    return ka_values_agree(&wanted, &now);
}
