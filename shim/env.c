/* SPDX-License-Identifier: MIT */
#include "env.h"

#include "sys.h"

#include <asm/stat.h>
#include <elf.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

/* A program may define `environ` itself (old C), and libc fills that in only when main runs.
 * glibc and musl keep theirs under the other name. */
extern char **__environ __attribute__((weak));
extern char **environ __attribute__((weak));
extern unsigned long getauxval(unsigned long type) __attribute__((weak));

/* Common, which ld puts behind all other variables: what a start writes, the beginning of
 * this one included, lies in one page. */
struct ka_config ka_config __attribute__((common));
struct ka_listen_fds ka_listen_fds;
struct ka_complaints ka_complaints;
struct ka_file ka_stderr;
atomic_uint ka_sandboxed;

/* Whoever comes while the settings are read (a thread that a constructor before ours has
 * started, a signal handler) waits for nobody, and finds kashim inactive. */
enum { UNREAD, BEING_READ, READ };
static atomic_int stage;

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
    char **found = &__environ ? __environ : environ;

    return found && !secure_execution() ? found : none;
}

static bool is_socket(unsigned mode)
{
    return (mode & 0170000) == 0140000; /* S_ISSOCK, inode(7) */
}

#ifdef __loongarch__ /* fstat(2) came with Linux 6.11 */
bool ka_file_of(int fd, struct ka_file *file)
{
    struct statx st;

    if (ka_sys5(__NR_statx, fd, (long)"", AT_EMPTY_PATH, STATX_BASIC_STATS, (long)&st) <
        0)
        return false;
    file->dev = (unsigned long long)st.stx_dev_major << 32 | st.stx_dev_minor;
    file->ino = st.stx_ino;
    file->is_socket = is_socket(st.stx_mode);
    return true;
}
#else
bool ka_file_of(int fd, struct ka_file *file)
{
#    ifdef __NR_fstat64
    struct stat64 st;
    const long nr = __NR_fstat64;
#    else
    struct stat st;
    const long nr = __NR_fstat;
#    endif

    if (ka_sys5(nr, fd, (long)&st, 0, 0, 0) < 0)
        return false;
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    file->is_socket = is_socket(st.st_mode);
    return true;
}
#endif

static void keep_complaint(const char *name, size_t name_len, const char *value)
{
    char *line = ka_complaints.lines + ka_complaints.len;
    size_t room = sizeof ka_complaints.lines - ka_complaints.len;

    if (room >= KA_COMPLAINT_SIZE) /* or one variable came several times */
        ka_complaints.len += ka_config_complain(line, room, name, name_len, value);
}

/* What is no setting may be another program's: said with KA_LOG alone. */
static void read_setting(const char *variable, bool log_unknown)
{
    size_t name_len = 0;
    const char *value;
    enum ka_verdict verdict;

    while (variable[name_len] != '=')
        if (!variable[name_len++])
            return;
    value = variable + name_len + 1;
    verdict = ka_config_set(&ka_config, variable, name_len, value);
    if (verdict == (log_unknown ? KA_UNKNOWN : KA_REFUSED))
        keep_complaint(variable, name_len, value);
}

static bool is_setting(const char *variable)
{
    return variable[0] == 'K' && variable[1] == 'A' && variable[2] == '_';
}

/* NULL unless it is the variable called `name`. */
static char *value_of(char *variable, const char *name)
{
    while (*name && *name == *variable)
        name++, variable++;
    return !*name && *variable == '=' ? variable + 1 : NULL;
}

/* Where it stands there more than once, the last counts. */
static void read_if(char *variable, const char *name, const char **value)
{
    const char *found = value_of(variable, name);

    if (found)
        *value = found;
}

static void read_variable(char *variable)
{
    if (is_setting(variable))
        read_setting(variable, false);
    if (variable[0] != 'L')
        return;
    read_if(variable, "LISTEN_FDS", &ka_listen_fds.count);
    read_if(variable, "LISTEN_PID", &ka_listen_fds.pid);
    read_if(variable, "LISTEN_FDNAMES", &ka_listen_fds.names);
}

bool ka_env_read(void)
{
    int found = UNREAD;

    if (!&__environ &&
        !&environ) /* not relocated yet: an IFUNC resolver calls (next.c) */
        return false;
    /* The first that a start does in that page, and no load before it, or the page would be
     * faulted in twice. */
    if (!atomic_compare_exchange_strong(&stage, &found, BEING_READ))
        return found == READ;
    ka_config_defaults(&ka_config);
    for (char **e = environment(); *e; e++)
        read_variable(*e);
    for (char **e = environment(); ka_config.log && *e; e++)
        if (is_setting(*e))
            read_setting(*e, true);
    if (ka_config.log || ka_complaints.len)
        ka_file_of(2, &ka_stderr);
    atomic_store_explicit(&stage, READ, memory_order_release);
    return true;
}

bool ka_active(void)
{
    return (atomic_load_explicit(&stage, memory_order_acquire) == READ ||
            ka_env_read()) &&
           !ka_config.off && !atomic_load_explicit(&ka_sandboxed, memory_order_relaxed);
}

static bool ends_entry(char c)
{
    return !c || c == ':' || c == ' '; /* ld.so(8) */
}

static bool is_ours(const char *entry, const char *end)
{
    static const char name[] = "/libkashim.so";
    const char *n = name + sizeof name - 1;

    while (end > entry && n > name && end[-1] == n[-1])
        end--, n--;
    return n == name || (end == entry && n == name + 1); /* with a path, or all of it */
}

static void exclude_ours(char *list)
{
    char *to = list;

    for (char *from = list, *next; *from; from = next) {
        char *end = from;

        while (!ends_entry(*end))
            end++;
        next = *end ? end + 1 : end;
        if (!is_ours(from, end))
            while (from < next)
                *to++ = *from++;
    }
    while (to > list && ends_entry(to[-1]))
        to--;
    *to = '\0';
}

void ka_env_exclude_children(void)
{
    for (char **e = environment(); *e; e++) {
        char *list = value_of(*e, "LD_PRELOAD");

        /* The kernel puts the environment onto the stack, above all frames. A string that
         * a constructor before ours has set lies elsewhere, and may not be writable. */
        if (list > (char *)&list)
            exclude_ours(list);
    }
}
