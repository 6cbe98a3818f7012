/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include "config.h"

static void put_seconds(struct ka_text *t, const char *what, int seconds)
{
    ka_put(t, what);
    ka_put_uint(t, (unsigned)seconds);
    ka_put(t, " s");
}

void ka_put_timers(struct ka_text *t, const struct ka_values *values)
{
    int idle = values->of[KA_IDLE], intvl = values->of[KA_INTVL],
        cnt = values->of[KA_CNT];
    int user_timeout = values->of[KA_USER_TIMEOUT]; /* milliseconds */

    if (idle < 0 || intvl < 0 || cnt < 0) {
        ka_put(t, "keepalive on, with timers that the kernel doesn't tell");
        return;
    }
    put_seconds(t, "idle ", idle);
    put_seconds(t, ", intvl ", intvl);
    ka_put(t, ", cnt ");
    ka_put_uint(t, (unsigned)cnt);
    if (user_timeout > 0)
        put_seconds(t, ", user timeout ",
                    user_timeout / 1000 + (user_timeout % 1000 > 0));
    put_seconds(t, "; an idle dead peer is dropped after ",
                ka_drop_seconds(idle, intvl, cnt, user_timeout));
    if (intvl > idle)
        put_seconds(t, "; warning: intvl > idle, a live peer is probed only every ",
                    intvl);
}
