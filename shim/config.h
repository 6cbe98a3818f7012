/* SPDX-License-Identifier: MIT */
/*
 * The settings, KA_IDLE to KA_OFF, from text. Pure: no environment, no errno, nothing
 * printed, so that the library, its tests and kashim(1) agree on what a value means.
 */
#ifndef KA_CONFIG_H
#define KA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/* Bounds of the kernel: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL and MAX_TCP_KEEPCNT in
 * include/net/tcp.h; TCP_USER_TIMEOUT is an int of milliseconds (tcp_setsockopt). */
enum {
    KA_MAX_SECONDS = 32767,
    KA_MAX_CNT = 127,
    KA_MAX_USER_TIMEOUT = 2147483, /* seconds */
    KA_MAX_RTO_MAX = 120,          /* seconds, TCP_RTO_MAX_SEC */
};

enum { KA_USER_TIMEOUT_OFF = 0, KA_USER_TIMEOUT_AUTO = -1 };
enum { KA_RTO_MAX_OFF = 0, KA_RTO_MAX_AUTO = -1 };
enum { KA_INTVL_AUTO = 0 }; /* 30 s, or the idle time if that is less */

struct ka_config {
    int idle;         /* seconds before the first probe */
    int intvl;        /* seconds between unanswered probes, or KA_INTVL_AUTO */
    int cnt;          /* unanswered probes before the kernel drops the connection */
    int user_timeout; /* seconds, or KA_USER_TIMEOUT_OFF, KA_USER_TIMEOUT_AUTO */
    int rto_max;      /* seconds, or KA_RTO_MAX_OFF, KA_RTO_MAX_AUTO */
    int retries;      /* no setting: net.ipv4.tcp_retries2, by default 15 */
    bool connect;     /* outgoing connections too */
    bool force;       /* the program can't undo what was set */
    bool children;    /* programs that this one starts are shimmed too */
    bool log;         /* say on stderr what was done */
    bool off;         /* do nothing */
    bool some_ports;  /* only those in the set below; false: all */
    unsigned char ports[65536 / 8];
};

/* Sets the defaults. Leaves `ports` as it is, since nothing reads it before KA_PORTS fills
 * it: a process that doesn't use it doesn't touch its two pages. */
void ka_config_defaults(struct ka_config *config);

enum ka_verdict {
    KA_ACCEPTED,
    KA_REFUSED, /* a value that is not accepted: the setting is unchanged */
    KA_UNKNOWN, /* no such variable */
};

/*
 * Sets the variable named by the `name_len` characters at `name` ("KA_IDLE"). An empty
 * value means unset and changes nothing.
 */
enum ka_verdict ka_config_set(struct ka_config *config, const char *name, size_t name_len,
                              const char *value);

/*
 * Writes one line, newline included, that says which value of which variable was refused,
 * what is accepted, and that the default is used instead. Characters that a terminal
 * would obey are shown as '?', a long value is cut. Returns the length; a line that
 * doesn't fit `size` is cut. No terminating NUL. Of what is no variable it says that.
 */
size_t ka_config_complain(char *line, size_t size, const char *name, size_t name_len,
                          const char *value);
enum { KA_COMPLAINT_SIZE = 256 }; /* fits the longest */

/* Returns what the variable accepts, in words; NULL if there is no such variable. */
const char *ka_config_accepts(const char *name, size_t name_len);

/* Reads a number from 1 to `max`, which is below INT_MAX: digits and nothing else. */
bool ka_config_count(const char *s, int max, int *count);

/* Returns the seconds between unanswered probes. */
int ka_config_intvl(const struct ka_config *config);

/* Returns TCP_USER_TIMEOUT in milliseconds, 0 for off. */
int ka_config_user_timeout_ms(const struct ka_config *config);

/* Returns TCP_RTO_MAX_MS, milliseconds, 0 for off. KA_RTO_MAX_AUTO: the smallest, in whole
 * seconds, with which a dead peer with data in flight is given no less time than an idle
 * one, idle + intvl * cnt; or the kernel's own, where none is. */
int ka_config_rto_max_ms(const struct ka_config *config);

/* Milliseconds in whole seconds, rounded up. */
int ka_seconds(int ms);

/* Seconds from the last sign of life until an idle dead peer is dropped: idle + intvl *
 * cnt. TCP_USER_TIMEOUT (milliseconds; 0 or less: off) replaces the count (tcp(7)): then it
 * is the first probe due after that time. */
int ka_drop_seconds(int idle, int intvl, int cnt, int user_timeout_ms);

/* Milliseconds that a dead peer is given at least while data is in flight: TCP_USER_TIMEOUT, or else
 * `retries` retransmissions (net.ipv4.tcp_retries2, 1 to 255), from TCP_RTO_MIN, 200 ms, on
 * doubled up to TCP_RTO_MAX_MS. Both in milliseconds; 0 or less: off, not told
 * (tcp_model_timeout, retransmits_timed_out in net/ipv4/tcp_timer.c). */
int ka_in_flight_ms(int user_timeout_ms, int rto_max_ms, int retries);

/* Whether KA_PORTS means sockets with this port, 0 to 65535. */
bool ka_config_port(const struct ka_config *config, unsigned port);

#endif
