/* SPDX-License-Identifier: MIT */
/*
 * The settings of this process: read from the environment once, at load or in the hook
 * that runs before, and never again.
 */
#ifndef KA_SETTINGS_H
#define KA_SETTINGS_H

#include "config.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Not to be changed by anyone but ka_settings_read. */
extern struct ka_config ka_config;

/* How many seccomp filters the process has entered or is about to: counted, since one
 * thread may try in vain while another one succeeds. */
extern atomic_uint ka_sandboxed;

/* False: they are being read just now, below this frame or by another thread. */
bool ka_settings_read(void);

/* Whether kashim may do anything: it isn't switched off, and the process hasn't put
 * itself under a seccomp filter, which may kill for a system call that it doesn't expect.
 * Reads the settings if that is still to be done. */
bool ka_active(void);

/* Says which values were refused, once, when the first listen, accept or connect comes.
 */
void ka_settings_complain(void);

/* The program's name, for messages: the last part of what was executed. */
const char *ka_program(void);

/* The value of an environment variable; NULL if it isn't set or, in secure execution,
 * not to be trusted. */
const char *ka_getenv(const char *name);

#endif
