/* SPDX-License-Identifier: MIT */
/*
 * What is known of each descriptor number as a listener: the reason why a steady accept
 * loop costs nothing.
 *
 * A number stands for another listener only if one arrives there: by listen(), dup and
 * its kin, SCM_RIGHTS or exec. Closing is no arrival. So a mark is withdrawn where
 * descriptors arrive, and it needn't be told of close, fclose, close_range and what else
 * there is to come.
 *
 * Each word holds a state and the count of withdrawals so far. A mark is set by
 * compare-and-swap on the word read before the listener was looked at: if the number
 * changed hands in between, nothing is set, nor while one is about to arrive. What remains
 * is a thread that has read the mark and not yet entered accept(2) when another replaces
 * the listener by dup2(2): which of the two it accepts from is chance, and a connection
 * from the new one may lack the options.
 *
 * fork copies the table together with the descriptors; a child forked while one is about
 * to arrive checks every accept there. A vfork child shares it but not the descriptors:
 * what it dups withdraws marks of its parent, as a dup2 that fails withdraws one, and the
 * listener is met anew.
 */
#ifndef KA_MARKS_H
#define KA_MARKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Numbers above have no mark, every accept there is checked. Smaller in a test. */
#ifndef KA_MARKS
#    define KA_MARKS 65536
#endif

enum ka_state {
    KA_UNMET,    /* nothing is known: ask */
    KA_QUEUED,   /* prepared, but older connections may wait in its queue */
    KA_SETTLED,  /* nothing to do: prepared with all that is queued, or none of ours */
    KA_ARRIVING, /* another descriptor is about to arrive: ask, and set nothing */
    KA_COPY,     /* a duplicate of one that was met; in a vfork child's table perhaps */
};
enum { KA_STATE_BITS = 3, KA_STATE_MASK = 7 };

extern _Atomic uint32_t ka_marks[KA_MARKS];
extern atomic_bool ka_marks_used; /* false: none was read, so none is set */

struct ka_mark {
    int fd;
    uint32_t word; /* as it was read */
};

static inline bool ka_mark_possible(int fd)
{
    return (unsigned)fd < KA_MARKS;
}

static inline bool ka_mark_settled(int fd)
{
    return ka_mark_possible(fd) &&
           (atomic_load_explicit(&ka_marks[fd], memory_order_acquire) & KA_STATE_MASK) ==
               KA_SETTLED;
}

/* To be read before the listener is looked at. */
struct ka_mark ka_mark_read(int fd);

static inline enum ka_state ka_mark_state(const struct ka_mark *mark)
{
    return (enum ka_state)(mark->word & KA_STATE_MASK);
}

/* Whether ka_mark_set may move it. */
static inline bool ka_mark_settable(const struct ka_mark *mark)
{
    return ka_mark_possible(mark->fd) && ka_mark_state(mark) != KA_ARRIVING;
}

/* Moves the number to `state` unless its word was KA_ARRIVING or has changed since `mark`
 * was read. On success `mark` is what a ka_mark_read would give now. */
void ka_mark_set(struct ka_mark *mark, enum ka_state state);

/* Keeps the state, unless the word has changed since `mark` was read, and has whoever read
 * the word before fail to set another. */
void ka_mark_renew(const struct ka_mark *mark);

/* A descriptor has arrived at this number, or hasn't after all. Negative numbers are let
 * pass, here and below. Returns what a ka_mark_read gives now. */
struct ka_mark ka_mark_withdraw(int fd);

/* The descriptor that has arrived at `to` duplicates the number of `from`, which was read
 * before. Moves `to` to KA_COPY if that was met, unless either has changed since. */
void ka_mark_copy(const struct ka_mark *from, struct ka_mark *to);

/* A descriptor is about to arrive at this number; ka_mark_withdraw must follow. */
void ka_mark_expect(int fd);

/* Withdraws the marks of all descriptors that a received message carries (SCM_RIGHTS,
 * unix(7)). */
void ka_marks_arrived(const struct msghdr *message);

#endif
