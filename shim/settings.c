/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include "log.h"

#include <elf.h>
#include <stddef.h>

extern char **environ __attribute__((weak));
extern unsigned long getauxval(unsigned long type) __attribute__((weak));

struct ka_config ka_config;
atomic_uint ka_sandboxed;

/* Of the settings: whoever comes while they are read (a thread that a constructor before
 * ours has started, a signal handler) waits for nobody, and finds kashim inactive. */
enum { UNREAD, BEING_READ, READ };
static atomic_int stage;

/* The lines about refused values, made at load, since a program may overwrite its
 * environment before they are due. */
static char complaints[10 * KA_COMPLAINT_SIZE]; /* one for each variable */
static size_t complaints_len;
static atomic_bool complained;

/* setuid, setgid, file capabilities: whoever started the program doesn't own it, and the
 * environment is theirs. A system that doesn't tell counts as such. */
static bool secure_execution(void)
{
    return !getauxval || getauxval(AT_SECURE);
}

/* Empty where it isn't to be trusted. */
static char **environment(void)
{
    static char *none[] = {NULL};

    return environ && !secure_execution() ? environ : none;
}

static void read_variable(const char *variable)
{
    size_t name_len = 0;
    const char *value;

    while (variable[name_len] != '=')
        if (!variable[name_len++])
            return;
    value = variable + name_len + 1;
    if (ka_config_set(&ka_config, variable, name_len, value) == KA_REFUSED &&
        sizeof complaints - complaints_len >= KA_COMPLAINT_SIZE) {
        size_t len = complaints_len;

        len += ka_config_complain(complaints + len, sizeof complaints - len, variable,
                                  name_len, value);
        complaints_len = len;
    }
}

bool ka_settings_read(void)
{
    int found = atomic_load_explicit(&stage, memory_order_acquire);

    if (!&environ) /* not relocated yet: an IFUNC resolver calls (next.c) */
        return false;
    if (found != UNREAD || !atomic_compare_exchange_strong(&stage, &found, BEING_READ))
        return found == READ;
    ka_config_defaults(&ka_config);
    for (char **e = environment(); *e; e++)
        if ((*e)[0] == 'K' && (*e)[1] == 'A' && (*e)[2] == '_')
            read_variable(*e);
    if (ka_config.log || complaints_len)
        ka_log_open();
    atomic_store_explicit(&stage, READ, memory_order_release);
    return true;
}

bool ka_active(void)
{
    return ka_settings_read() && !ka_config.off &&
           !atomic_load_explicit(&ka_sandboxed, memory_order_relaxed);
}

void ka_settings_complain(void)
{
    if (!ka_active() || !complaints_len || atomic_exchange(&complained, true))
        return;
    ka_log_write(complaints, complaints_len);
}

const char *ka_program(void)
{
    const char *path = getauxval ? (const char *)getauxval(AT_EXECFN) : NULL;
    const char *name = path ? path : "?";

    for (; path && *path; path++)
        if (*path == '/')
            name = path + 1;
    return name;
}

const char *ka_getenv(const char *name)
{
    for (char **e = environment(); *e; e++) {
        const char *v = *e, *n = name;

        while (*n && *n == *v)
            n++, v++;
        if (!*n && *v == '=')
            return v + 1;
    }
    return NULL;
}
