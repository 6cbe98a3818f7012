/* SPDX-License-Identifier: MIT */
#include "env.h"
#include "hooks.h"
#include "log.h"
#include "sys.h"

#include <sys/socket.h>

static const char inherited[] = "inherited listener";

static bool port_is_ours(int fd)
{
    return !ka_config.some_ports ||
           ka_config_port(&ka_config, (unsigned)ka_local_port(fd));
}

/* False where keepalive was refused: there is no use in trying again. */
static bool prepare(int fd)
{
    struct ka_refusal refusal = ka_keepalive_set(fd, &ka_config);

    ka_log_refusal(refusal);
    return !(refusal.options & 1U << KA_KEEPALIVE);
}

/* Where no mark can be set every accept is a first meeting, and at a duplicate's number it
 * may be one. What stands there is kept if it is on, or has our timers: then it was
 * prepared, and the program has turned it off. */
static bool met_before(int fd)
{
    struct ka_values timers;

    if (ka_getsockopt_int(fd, SOL_SOCKET, SO_KEEPALIVE) == 1)
        return true;
    timers = ka_values_wanted(&ka_config);
    timers.of[KA_KEEPALIVE] = -1;
    return ka_has_values(fd, &timers);
}

/*
 * Prepares a listener that this process hasn't met, as far as it is TCP and in KA_PORTS.
 * What stood on it before is overwritten: the program's own choice is what it sets later.
 * Returns whether the connections from it are still to be checked.
 */
static bool meet(struct ka_mark *mark, const char *kind)
{
    int fd = mark->fd;
    bool ours = ka_is_listening(fd) && port_is_ours(fd);

    if (ours && (!ka_mark_settable(mark) || ka_mark_state(mark) == KA_COPY) &&
        met_before(fd)) {
        ka_mark_set(mark, KA_QUEUED);
        return true;
    }
    if (ours && prepare(fd)) {
        ka_mark_set(mark, KA_QUEUED);
        ka_log_listener(fd, kind);
        return true;
    }
    if (ka_getsockopt_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1) /* of any kind */
        ka_mark_set(mark, KA_SETTLED);
    return false;
}

struct ka_listening ka_listen_begin(int fd)
{
    struct ka_listening listening = {.mark = {fd, 0}};
    int state;

    ka_log_complaints();
    if (!ka_active())
        return listening;
    listening.mark = ka_mark_read(fd);
    state = ka_tcp_state(fd);
    if (state == TCP_LISTEN) {
        /* the second call for a listener: what was set since the first one stays */
        if (ka_mark_state(&listening.mark) == KA_UNMET ||
            ka_mark_state(&listening.mark) == KA_COPY)
            meet(&listening.mark, inherited);
        return listening;
    }
    if (ka_mark_state(&listening.mark) != KA_UNMET) { /* left by one that was closed */
        ka_mark_withdraw(fd);
        listening.mark = ka_mark_read(fd);
    }
    if (state != KA_NOT_TCP) {
        listening.unbound = ka_config.some_ports && ka_local_port(fd) == 0;
        if (listening.unbound)
            return listening;
        /* on a connection listen() fails */
        listening.prepared = port_is_ours(fd) && state == TCP_CLOSE && prepare(fd);
    }
    listening.settle = true;
    return listening;
}

void ka_listen_end(struct ka_listening *listening, int result)
{
    if (result != 0)
        return;
    if (listening->unbound && ka_active()) /* it has its port now */
        meet(&listening->mark, "listener");
    if (!listening->settle)
        return;
    ka_mark_set(&listening->mark, KA_SETTLED);
    if (listening->prepared)
        ka_log_listener(listening->mark.fd, "listener");
}

struct ka_accepting ka_accept_begin(int fd)
{
    struct ka_accepting accepting = {.mark = {fd, 0}};
    enum ka_state state;

    ka_log_complaints();
    if (!ka_active())
        return accepting;
    accepting.mark = ka_mark_read(fd);
    state = ka_mark_state(&accepting.mark);
    accepting.check =
        state == KA_QUEUED || (state != KA_SETTLED && meet(&accepting.mark, inherited));
    return accepting;
}

/* The queue keeps its order: after the first connection that came with the listener's
 * values, all do. */
static bool came_with_the_values_of(int listener, int connection)
{
    struct ka_values wanted = ka_values_wanted(&ka_config);
    struct ka_values theirs = ka_values_read(listener, &wanted);
    struct ka_values its = ka_values_read(connection, &wanted);

    /* while accept waited, the number may have become something else */
    return ka_is_listening(listener) && ka_values_agree(&theirs, &its);
}

/* Where no mark can be set, every connection is looked at, which has to be cheap: one that
 * has keepalive on, or our timers, came after the listener was prepared. */
static bool came_prepared(const struct ka_accepting *accepting, int connection)
{
    return ka_mark_settable(&accepting->mark)
               ? came_with_the_values_of(accepting->mark.fd, connection)
               : met_before(connection);
}

void ka_accept_end(struct ka_accepting *accepting, int connection)
{
    if (connection < 0 || !accepting->check || !ka_active())
        return;
    if (came_prepared(accepting, connection)) {
        ka_mark_set(&accepting->mark, KA_SETTLED);
        return;
    }
    ka_log_refusal(ka_keepalive_set(connection, &ka_config));
    /* another preload's accept may have called this hook from within it: the outer one must
     * not take this connection for one that came prepared */
    ka_mark_renew(&accepting->mark);
}

void ka_adopt(int fd, bool connections)
{
    int state = ka_tcp_state(fd);

    if (state == TCP_LISTEN) {
        struct ka_mark mark = ka_mark_read(fd);

        meet(&mark, inherited);
    } else if (connections && state != KA_NOT_TCP && port_is_ours(fd) &&
               ka_getsockopt_int(fd, SOL_SOCKET, SO_KEEPALIVE) != 1)
        ka_log_refusal(ka_keepalive_set(fd, &ka_config));
}
