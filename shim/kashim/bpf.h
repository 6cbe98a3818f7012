/* SPDX-License-Identifier: MIT */
/*
 * kashim's programs on a control group. They stay until they are removed or the group is;
 * no process is needed for that. bpf_programs.c assembles them, bpf.c loads and finds them
 * (bpf(2)).
 */
#ifndef KASHIM_BPF_H
#define KASHIM_BPF_H

#include "../keepalive.h"
#include "bpf_code.h"

/* The value in the map of settings. */
struct group_settings {
    struct ka_config config;
    struct ka_values values; /* that `config` asks for */
    struct ka_values kernel; /* the kernel's own timers, where kashim ran */
};

/* Descriptors of the maps; -1: none. */
struct group_maps {
    int settings, marks;
};

/* ---- bpf.c ------------------------------------------------------------------- */

/* What is on a group, by descriptors; -1: none. */
struct group_programs {
    int sock_ops, setsockopt;
    struct group_maps maps;
};
#define NO_PROGRAMS ((struct group_programs){-1, -1, {-1, -1}})

/* Why a call has failed. */
struct bpf_failure {
    int error;        /* an error number */
    const char *step; /* "to attach the program" ... */
    char log[256];    /* what the verifier complained of; "": nothing */
};

/* `group` is a descriptor of the group's directory in all of these. */

/* Put the programs there, in the place of any that are there: the kernel exchanges them in
 * one step, and sockets keep their marks. Close `programs` if the result is true. */
bool bpf_attach(int group, const struct ka_config *config,
                struct group_programs *programs, struct bpf_failure *failure);

/* Remove all of kashim's programs. Return true where there were none, too. */
bool bpf_detach(int group, struct bpf_failure *failure);

enum bpf_found {
    BPF_FOUND,
    BPF_NONE,
    BPF_OTHER_VERSION, /* kashim's, with settings that this version can't read */
    BPF_UNKNOWN,       /* the kernel doesn't tell; errno says why */
};

/* Find the programs that are there; close them in any case. `settings` may be NULL. */
enum bpf_found bpf_find(int group, struct group_programs *programs,
                        struct group_settings *settings);
void bpf_close(struct group_programs *programs);

/* Mark a socket, by a descriptor, as one that has the options. With `force`, setsockopt has
 * no effect on it from then on, not even kashim's. Return false if it can't be marked. */
bool bpf_mark(const struct group_programs *programs, int fd);

/* Take the mark away. Return false if the socket had none. */
bool bpf_unmark(const struct group_programs *programs, int fd);

/* Tell whether somebody else's program there lets no other stand beside it. */
bool bpf_is_exclusive(int group);

/* ---- bpf_programs.c ---------------------------------------------------------- */

/* The mark of a socket, in a map that the kernel copies from a listener to the connections
 * accepted from it (BPF_F_CLONE). */
enum {
    MARK_OURS = 1,             /* kashim has set the options */
    MARK_OWN_TIMERS = 2,       /* the program has set timers itself */
    MARK_OWN_USER_TIMEOUT = 4, /* the program has set TCP_USER_TIMEOUT itself */
    MARK_OWN_RTO_MAX = 8,      /* and TCP_RTO_MAX_MS */
};

/* Tell whether sockets are marked: with `force`, and before Linux 6.1, whose bpf_getsockopt
 * doesn't tell the options. A mark costs each connection two allocations in the kernel. */
bool needs_marks(const struct ka_config *config);

/* Tell whether the second program is needed: with `force`, and before Linux 6.1 with
 * `connect`. */
bool needs_setsockopt(const struct ka_config *config);

/* Assemble the BPF_PROG_TYPE_SOCK_OPS: it puts the options on listeners, connections and,
 * with `connect`, outgoing sockets. */
void assemble_sock_ops(struct code *code, const struct group_settings *settings,
                       struct group_maps maps);

/* Assemble the BPF_PROG_TYPE_CGROUP_SOCKOPT for BPF_CGROUP_SETSOCKOPT: with `force`, what
 * the program sets on a marked socket has no effect; with `connect` before Linux 6.1, it
 * notes what the program sets on others. */
void assemble_setsockopt(struct code *code, const struct group_settings *settings,
                         struct group_maps maps);

#endif
