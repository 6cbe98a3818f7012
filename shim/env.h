/* SPDX-License-Identifier: MIT */
/* What this process was started with. Read once, at load or in the hook that runs before,
 * and never again. */
#ifndef KA_ENV_H
#define KA_ENV_H

#include "config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The settings. Only ka_env_read writes them. */
extern struct ka_config ka_config;

/* sd_listen_fds(3): LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES. NULL: not set or, in secure
 * execution, not to be trusted. */
extern struct ka_listen_fds {
    const char *count, *pid, *names;
} ka_listen_fds;

/* The lines about refused values. They are made at load, since a program may overwrite its
 * environment before they are due. */
struct ka_complaints {
    size_t len;
    char lines[11 * KA_COMPLAINT_SIZE]; /* one for each variable */
};
extern struct ka_complaints ka_complaints;

/* Which file a descriptor stands for: fstat(2), with the kernel's own struct stat, which is
 * no libc's. */
struct ka_file {
    unsigned long long dev; /* never 0 */
    unsigned long long ino;
    bool is_socket;
};

/* False: no such descriptor. */
bool ka_file_of(int fd, struct ka_file *file);

/* Descriptor 2 at load, if anything may have to be written to it. */
extern struct ka_file ka_stderr;

/* How many seccomp filters the process has entered or is about to. Counted, since one
 * thread may try in vain while another one succeeds. */
extern atomic_uint ka_sandboxed;

/* Reads the settings unless that is done. False: they are being read just now, below this
 * frame or by another thread. */
bool ka_env_read(void);

/* Whether kashim may do anything: it isn't switched off, and the process isn't under a
 * seccomp filter, which may kill for a system call that it doesn't expect. Reads the
 * settings if that is still to be done. */
bool ka_active(void);

/* KA_CHILDREN=0: cuts our entries, files called libkashim.so, out of every LD_PRELOAD. In place:
 * programs walk from the environment array to what lies behind it. */
void ka_env_exclude_children(void);

#endif
