/* SPDX-License-Identifier: MIT */
#include "force.h"

#include "keepalive.h"
#include "settings.h"
#include "user_memory.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* What the kernel accepts, sk_setsockopt and do_tcp_setsockopt; all else it refuses
 * itself. A len of which the sign bit is set is negative to it. */
static bool kernel_accepts(int level, int name, const void *value, unsigned len)
{
    int v;

    if (len < sizeof v || len > INT_MAX || !ka_read_int(value, &v))
        return false;
    if (level == SOL_SOCKET)
        return name == SO_KEEPALIVE;
    if (level != IPPROTO_TCP)
        return false;
    switch (name) {
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL: return v >= 1 && v <= KA_MAX_SECONDS;
    case TCP_KEEPCNT: return v >= 1 && v <= KA_MAX_CNT;
    case TCP_USER_TIMEOUT: return v >= 0 && ka_config_user_timeout_ms(&ka_config);
    default: return false;
    }
}

bool ka_force_ignores(int fd, int level, int name, const void *value, unsigned len)
{
    struct ka_values wanted, now;

    if (!ka_active() || !kernel_accepts(level, name, value, len) || !ka_is_tcp(fd))
        return false;
    wanted = ka_values_wanted(&ka_config);
    now = ka_values_read(fd);
    return ka_values_agree(&wanted, &now);
}
