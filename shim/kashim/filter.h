/* SPDX-License-Identifier: MIT */
/* The seccomp filter of `kashim run --supervise`, and what it notifies of. */
#ifndef KASHIM_FILTER_H
#define KASHIM_FILTER_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Puts this process, and all that come from it, under a filter that allows every system
 * call, and first notifies of listen, and of connect if that is wanted. Returns the
 * descriptor of the notices, or a negated error number: EACCES where it takes no_new_privs
 * or CAP_SYS_ADMIN, EBUSY where another filter above it notifies.
 */
int filter_install(bool connect);

/* A call that was notified of. */
struct filter_call {
    bool connect; /* or listen */
    int fd;
    uint64_t address; /* of connect's argument, in the process */
    unsigned address_len;
};

/* False: its arguments can't be read. */
bool filter_decode(const struct seccomp_notif *notice, struct filter_call *call);

#endif
