/* SPDX-License-Identifier: MIT */
/* What the kernel counts of a TCP connection. */
#ifndef KASHIM_TCP_INFO_H
#define KASHIM_TCP_INFO_H

#include <stddef.h>

/* Tell by a struct tcp_info (tcp_get_info), and by how many bytes are queued to be sent or
 * acknowledged, who opened a connection. Return 1 if connect(2) did, 0 if accept(2) returned
 * it, -1 if that can't be told: a local firewall has dropped what was sent, say. */
int tcp_info_connected(const void *info, size_t len, unsigned queued);

#endif
