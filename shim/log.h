/* SPDX-License-Identifier: MIT */
/*
 * Lines to descriptor 2 of a process that isn't ours. A line may be lost; it never
 * blocks, never kills, never raises a signal that wasn't there, and never reaches a peer.
 */
#ifndef KA_LOG_H
#define KA_LOG_H

#include "keepalive.h"

/* Says which values of the environment were refused: once, at the first listen, accept or
 * connect. */
void ka_log_complaints(void);

/* With KA_LOG=stderr: says that a listener was prepared. `kind` is "listener" or
 * "inherited listener". */
void ka_log_listener(int fd, const char *kind);

/* With KA_LOG=stderr: says once for each option that the kernel refused it. */
void ka_log_refusal(struct ka_refusal refusal);

#endif
