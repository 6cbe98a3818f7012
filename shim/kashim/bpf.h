/* SPDX-License-Identifier: MIT */
/*
 * kashim's programs on a control group: put there, found again, removed (bpf(2)). They stay
 * until they are removed or the group is; no process is needed for that.
 */
#ifndef KASHIM_BPF_H
#define KASHIM_BPF_H

#include "bpf_programs.h"

#include <stdbool.h>

/* What is on a group, by descriptors of ours; -1: none. */
struct group_programs {
    int sock_ops, setsockopt;
    struct group_maps maps;
};
#define NO_PROGRAMS ((struct group_programs){-1, -1, {-1, -1}})

/* Why a call has failed. */
struct bpf_failure {
    int error;        /* an error number */
    const char *step; /* "to attach the program" ... */
    char log[256];    /* what the verifier complained of; empty: nothing */
};

/* `group` is a descriptor of the group's directory in all of these.
 *
 * Puts the programs there, or new ones in the place of those that are there: the kernel
 * exchanges them in one step, and sockets keep their marks. To be closed if true. */
bool bpf_attach(int group, const struct ka_config *config,
                struct group_programs *programs, struct bpf_failure *failure);

/* Removes all of ours; true where there were none, too. */
bool bpf_detach(int group, struct bpf_failure *failure);

enum bpf_found {
    BPF_FOUND,
    BPF_NONE,
    BPF_OTHER_VERSION, /* ours, with settings that this version can't read */
    BPF_UNKNOWN,       /* it may not be asked; errno says why */
};

/* What is there, to be closed in any case. `settings` may be NULL. */
enum bpf_found bpf_find(int group, struct group_programs *programs,
                        struct group_settings *settings);
void bpf_close(struct group_programs *programs);

/* Marks a socket, by a descriptor, as one that has the options. With `force`, setsockopt has
 * no effect on it then, for kashim neither. */
void bpf_mark(const struct group_programs *programs, int fd);

/* Takes the mark away; false: it had none. */
bool bpf_unmark(const struct group_programs *programs, int fd);

/* Whether a program of another's there lets no other stand beside it. */
bool bpf_is_exclusive(int group);

#endif
