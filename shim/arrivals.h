/* SPDX-License-Identifier: MIT */
/* Descriptors that arrive in a message. */
#ifndef KA_ARRIVALS_H
#define KA_ARRIVALS_H

#include <sys/socket.h>

/* Withdraws the marks of all descriptors that a received message carries (SCM_RIGHTS,
 * unix(7)). */
void ka_arrived_in(const struct msghdr *message);

#endif
