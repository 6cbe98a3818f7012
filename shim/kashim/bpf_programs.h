/* SPDX-License-Identifier: MIT */
/*
 * The two programs that the kernel runs on a control group: what they do, instruction by
 * instruction. bpf.c loads them.
 */
#ifndef KASHIM_BPF_PROGRAMS_H
#define KASHIM_BPF_PROGRAMS_H

#include "bpf_code.h"

#include "../keepalive.h"

/* The value in the map of settings. */
struct group_settings {
    struct ka_config config;
    struct ka_values values; /* that `config` asks for */
    struct ka_values kernel; /* the kernel's own timers, where kashim ran */
};

/* The mark of a socket, in a map that the kernel copies from a listener to the connections
 * accepted from it (BPF_F_CLONE). */
enum {
    MARK_OURS = 1,             /* kashim has set the options */
    MARK_OWN_TIMERS = 2,       /* the program has set timers itself */
    MARK_OWN_USER_TIMEOUT = 4, /* the program has set TCP_USER_TIMEOUT itself */
};

struct group_maps {
    int settings, marks; /* descriptors; marks may be -1 */
};

/* Whether sockets are marked: with `force`, and before Linux 6.1, whose bpf_getsockopt doesn't
 * tell the options. A mark costs each connection two allocations in the kernel. */
bool needs_marks(const struct ka_config *config);

/* BPF_PROG_TYPE_SOCK_OPS: puts the options on listeners, connections and, with `connect`,
 * outgoing sockets. */
void assemble_sock_ops(struct code *code, const struct group_settings *settings,
                       struct group_maps maps);

/* Whether the settings take the second program: `force`, or before Linux 6.1 `connect`. */
bool needs_setsockopt(const struct ka_config *config);

/* BPF_PROG_TYPE_CGROUP_SOCKOPT on BPF_CGROUP_SETSOCKOPT: with `force`, what the program sets
 * on a marked socket has no effect; with `connect` before Linux 6.1, notes what it sets on others. */
void assemble_setsockopt(struct code *code, const struct group_settings *settings,
                         struct group_maps maps);

#endif
