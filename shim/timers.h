/* SPDX-License-Identifier: MIT */
/* The timers in words, for KA_LOG=stderr and the command. */
#ifndef KA_TIMERS_H
#define KA_TIMERS_H

#include "keepalive.h"
#include "text.h"

/* "idle 120 s, intvl 30 s, cnt 6; an idle dead peer is dropped after 300 s": what the
 * socket has, which isn't what was asked for where the kernel refused it. */
void ka_put_timers(struct ka_text *t, const struct ka_values *values);

#endif
