/* SPDX-License-Identifier: MIT */
#include "env.h"
#include "hooks.h"
#include "keepalive.h"
#include "sys.h"

#include <limits.h>

/* KA_OPTIONS: kashim doesn't set it. */
static enum ka_option option_of(int level, int name)
{
    int option = 0;

    while (option < KA_OPTIONS && (ka_socket_options[option].level != level ||
                                   ka_socket_options[option].name != name))
        option++;
    return (enum ka_option)option;
}

/* What the kernel accepts, sk_setsockopt and do_tcp_setsockopt; all else it refuses
 * itself. A len of which the sign bit is set is negative to it. Read only where it counts:
 * the program's value may lie anywhere. */
static bool kernel_accepts(enum ka_option option, const void *value, unsigned len)
{
    int v;

    if (len < sizeof v || len > INT_MAX || !ka_read_int(value, &v))
        return false;
    switch (option) {
    case KA_KEEPALIVE: return true;
    case KA_USER_TIMEOUT: return v >= 0;
    case KA_RTO_MAX: return v >= 1000 && v <= KA_MAX_RTO_MAX * 1000;
    case KA_CNT: return v >= 1 && v <= KA_MAX_CNT;
    default: return v >= 1 && v <= KA_MAX_SECONDS;
    }
}

bool ka_force_ignores(int fd, int level, int name, const void *value, unsigned len)
{
    struct ka_values wanted, now;
    enum ka_option option;

    if (!ka_active() || !ka_config.force)
        return false;
    option = option_of(level, name);
    if (option == KA_OPTIONS)
        return false;
    wanted = ka_values_wanted(&ka_config);
    if (wanted.of[option] < 0 || !kernel_accepts(option, value, len) || !ka_is_tcp(fd))
        return false;
    now = ka_values_read(fd, &wanted);
    /* what the kernel doesn't tell (TCP_USER_TIMEOUT of MPTCP) it refuses as well */
    return now.of[option] >= 0 && ka_values_agree(&wanted, &now);
}
