/* SPDX-License-Identifier: MIT */
/* What happens when the library is loaded. */
#include "env.h"
#include "hooks.h"
#include "next.h"
#include "sys.h"

#include <limits.h>
#include <stddef.h>

/* Whether the first of the names, which have colons between them, is `word`. */
static bool begins_with(const char *names, const char *word)
{
    while (*word && *names == *word)
        names++, word++;
    return !*word && (!*names || *names == ':');
}

static const char *behind_first(const char *names)
{
    while (*names && *names != ':')
        names++;
    return *names ? names + 1 : names;
}

/* sd_listen_fds(3): the descriptors from 3 on, if LISTEN_PID is this process. systemd calls
 * what it has accepted for a service "connection" (systemd.socket(5)); any other connection
 * is the program's own, back from the fd store. */
static void adopt_listen_fds(void)
{
    enum { FIRST = 3 };
    const char *names = ka_listen_fds.names;
    int count, pid;

    if (!ka_listen_fds.count || !ka_config_count(ka_listen_fds.count, KA_MARKS, &count) ||
        !ka_listen_fds.pid || !ka_config_count(ka_listen_fds.pid, INT_MAX - 1, &pid) ||
        pid != ka_getpid())
        return;
    for (int fd = FIRST; fd < FIRST + count; fd++) {
        ka_adopt(fd, ka_config.connect || !names || begins_with(names, "connection"));
        names = names ? behind_first(names) : NULL;
    }
}

/* inetd's way: the client, or with "wait" the listener. */
static void adopt_stdin(void)
{
    struct ka_file file;

    if (ka_file_of(0, &file) && file.is_socket)
        ka_adopt(0, true);
}

static __attribute__((constructor)) void init(void)
{
    ka_env_read();
    ka_next_find_all();
    if (!ka_active())
        return;
    if (!ka_config.children)
        ka_env_exclude_children();
    if (ka_config.connect)
        ka_outgoing_init();
    adopt_listen_fds();
    adopt_stdin();
}
