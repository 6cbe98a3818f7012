/* SPDX-License-Identifier: MIT */
/* Why a process may not be looked into. */
#ifndef KASHIM_REFUSAL_H
#define KASHIM_REFUSAL_H

#include "process.h"

/* Why, and what to do, after `error` of one of the functions of process.h. The text is good
 * until the next call. */
const char *process_refusal(const struct process *process, int error);

/* Whether this process has the capability, CAP_SYS_PTRACE say. */
bool may_use(int capability);

/* Whether uname(2) tells of an older Linux. */
bool kernel_before(unsigned major, unsigned minor);

/* Says that it has so many sockets without a descriptor, if there are any. */
void complain_unreachable(const struct process *process, size_t count);

#endif
