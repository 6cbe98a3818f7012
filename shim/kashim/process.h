/* SPDX-License-Identifier: MIT */
/*
 * Another process: its sockets, its children, duplicates of its descriptors. It may end at
 * any moment, and its number be given to another: the pidfd tells (pidfd_open(2)).
 */
#ifndef KASHIM_PROCESS_H
#define KASHIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process {
    int pid;
    int thread;    /* by which it is looked into: the first one, if that lives */
    int pidfd;     /* of that thread; -1: refused */
    char name[16]; /* comm of proc(5), printable; "process" if it can't be read */
};

/* 0 or an error number, and to be closed in either case: ESRCH, EINVAL for a thread's number, ENOSYS before Linux 5.3,
 * ENOTSUP before 6.9 where the first thread has ended and others have not. */
int process_open(int pid, struct process *process);
void process_close(struct process *process);
bool process_has_ended(const struct process *process);

struct descriptor {
    int fd;
    ino_t inode;
};

/* The sockets among its descriptors. */
struct sockets {
    struct descriptor *all;
    size_t count;
    size_t unreachable; /* further ones that an io_uring holds, without a descriptor */
};

/* 0 or an error number, EACCES say. To be freed in either case. */
int process_sockets(const struct process *process, struct sockets *sockets);
void sockets_free(struct sockets *sockets);

/* A duplicate of a socket of the process (pidfd_getfd(2)), or a negated error number;
 * ESTALE: the number belongs to something else by now. */
int process_duplicate(const struct process *process, struct descriptor socket);

/* 0 where it can't be told. */
int process_of_thread(int thread);
int process_parent(int pid);

/* The text behind "FIELD:" in its status (proc(5)); empty if it can't be read. */
void process_status(int pid, const char *field, char value[64]);

/* The user of the process; (uid_t)-1 if that can't be told. */
uid_t process_user(int pid);

/* Whether it has the library loaded: 1, 0, or -1 if that can't be told. */
int process_has_library(const struct process *process);

#endif
