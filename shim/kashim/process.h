/* SPDX-License-Identifier: MIT */
/*
 * Processes: which there are, their sockets, duplicates of their descriptors, and why they
 * may not be looked into. A process may end at any moment and its number be given to
 * another: the pidfd tells (pidfd_open(2)).
 */
#ifndef KASHIM_PROCESS_H
#define KASHIM_PROCESS_H

#include "numbers.h"

#include <sys/types.h>

struct process {
    int pid;
    int thread;    /* by which it is looked into: the first one, if that lives */
    int pidfd;     /* of that thread; -1: refused */
    char name[16]; /* comm of proc(5), printable; "process" if it can't be read */
};

/* Fill `process`; close it in any case. Return 0 or an error number: ESRCH, EINVAL for a
 * thread's number, ENOSYS before Linux 5.3. */
int process_open(int pid, struct process *process);
void process_close(struct process *process);
bool process_has_ended(const struct process *process);

/* Return every process that /proc shows; free it. */
struct numbers pids_all(void);

/* Add the children of those that are there, their children, and so on. */
void pids_add_descendants(struct numbers *pids);

struct descriptor {
    int fd;
    ino_t inode;
};

/* The sockets among a process's descriptors. */
struct sockets {
    struct descriptor *all;
    size_t count;
    size_t descriptors; /* of all kinds */
    size_t unreachable; /* further ones that an io_uring holds, without a descriptor */
};

/* Fill `sockets`; free it in any case. Return 0 or an error number: EACCES say, ENOENT
 * where /proc hides the process, ENOTSUP before Linux 6.9 where the first thread has ended
 * and others live. */
int process_sockets(struct process *process, struct sockets *sockets);
void sockets_free(struct sockets *sockets);

/* Return a duplicate of a socket of the process (pidfd_getfd(2)), or a negated error
 * number; ESTALE: the descriptor is something else by now. */
int process_duplicate(const struct process *process, struct descriptor socket);

/* Let the close of a duplicate end soon, from here on or no longer: it can be the last one of
 * a socket that lingers (SO_LINGER), if the process has closed it meanwhile, and waits then
 * until the peer has taken everything. */
void process_hurry_closing(bool on);

/* Return the process of a thread; 0 if that can't be told. */
int process_of_thread(int thread);

/* Return the real user of the process; (uid_t)-1 if that can't be told. */
uid_t process_user(int pid);

/* Tell whether it is a thread of the kernel's. */
bool process_is_kernels(int pid);

/* Return 1 if the process has the library loaded, 0 if not, -1 if that can't be told. */
int process_has_library(const struct process *process);

/* Tell the same of secure execution, in which the loader ignores a preload (AT_SECURE of
 * getauxval(3)): no file shows it where a process had changed its user before. */
int process_is_secure(const struct process *process);

/* Copy what stands behind "FIELD:" in the process's status (proc(5)); "" if that can't be
 * read. */
void process_status(int pid, const char *field, char value[64]);

/* ---- refusal.c --------------------------------------------------------------- */

/* Return in one line, with the process's name, why one of the functions above has failed
 * with `error`, and what to do; good until the next call. */
const char *process_refusal(const struct process *process, int error);

/* Return why this process may not duplicate even its own descriptors, or NULL. */
const char *why_no_duplicates(void);

/* Print how many sockets have no descriptor, if there are any. */
void complain_unreachable(const struct process *process, size_t count);

/* Tell whether this process has the capability, CAP_SYS_PTRACE say. */
bool may_use(int capability);

/* Tell whether uname(2) names an older Linux. */
bool kernel_before(unsigned major, unsigned minor);

#endif
