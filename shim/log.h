/* SPDX-License-Identifier: MIT */
/*
 * Lines to descriptor 2 of a process that isn't ours. A line may be lost; it never
 * blocks, never kills, never raises a signal that wasn't there, and never reaches a peer.
 */
#ifndef KA_LOG_H
#define KA_LOG_H

#include "keepalive.h"

#include <stddef.h>

/* Remembers which file descriptor 2 is. Without it nothing is written: a daemon closes
 * 2, and the next client gets the number. */
void ka_log_open(void);

/* Writes whole lines, by one system call. */
void ka_log_write(const char *lines, size_t len);

/* With KA_LOG=stderr: that a listener was prepared, with `kind` "listener" or "inherited
 * listener". */
void ka_log_listener(int fd, const char *kind);

/* With KA_LOG=stderr, once for each option: that the kernel refused it. */
void ka_log_refusal(struct ka_refusal refusal);

#endif
