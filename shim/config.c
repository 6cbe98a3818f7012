/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "text.h"

#include <limits.h>

enum kind { SECONDS, COUNT, SWITCH, USER_TIMEOUT, RTO_MAX, PORTS, LOG };

/* Arrays, not pointers: a table of pointers would have to be relocated, and its page
 * copied, in every process. */
static const struct variable {
    char name[16];
    char accepted[56];
    char otherwise[32];
    unsigned char kind;
    unsigned char field; /* offsetof */
} variables[] = {
#define FIELD(f) offsetof(struct ka_config, f)
    {"IDLE", "1 to 32767 seconds, or with s, m or h", "120", SECONDS, FIELD(idle)},
    {"INTVL", "1 to 32767 seconds, or with s, m or h", "30 or KA_IDLE, the lesser",
     SECONDS, FIELD(intvl)},
    {"CNT", "1 to 127", "6", COUNT, FIELD(cnt)},
    {"USER_TIMEOUT", "off, auto, 1 to 2147483 seconds, or with s, m or h", "off",
     USER_TIMEOUT, FIELD(user_timeout)},
    {"RTO_MAX", "off, auto, 1 to 120 seconds, or with s or m", "off", RTO_MAX,
     FIELD(rto_max)},
    {"PORTS", "ports and ranges from 1 to 65535, as in 5432,8000-8100", "all", PORTS, 0},
    {"CONNECT", "0 or 1", "0", SWITCH, FIELD(connect)},
    {"FORCE", "0 or 1", "0", SWITCH, FIELD(force)},
    {"CHILDREN", "0 or 1", "1", SWITCH, FIELD(children)},
    {"LOG", "off or stderr", "off", LOG, FIELD(log)},
    {"OFF", "0 or 1", "0", SWITCH, FIELD(off)},
#undef FIELD
};

void ka_config_defaults(struct ka_config *config)
{
    config->idle = 120;
    config->intvl = KA_INTVL_AUTO;
    config->cnt = 6;
    config->user_timeout = KA_USER_TIMEOUT_OFF;
    config->rto_max = KA_RTO_MAX_OFF;
    config->retries = 15;
    config->connect = false;
    config->force = false;
    config->children = true;
    config->log = false;
    config->off = false;
    config->some_ports = false;
}

static bool is(const char *value, const char *word)
{
    while (*value && *value == *word)
        value++, word++;
    return *value == *word;
}

/*
 * Reads digits, at least one, and moves *s behind them. The result is exact up to `max`;
 * whatever is larger comes back as max + 1.
 */
static bool read_number(const char **s, int max, int *number)
{
    const char *p = *s;
    int n = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        int digit = *p - '0';

        n = n > (max - digit) / 10 ? max + 1 : n * 10 + digit;
    }
    if (p == *s)
        return false;
    *s = p;
    *number = n;
    return true;
}

bool ka_config_count(const char *s, int max, int *count)
{
    int n;

    if (!read_number(&s, max, &n) || *s || n < 1 || n > max)
        return false;
    *count = n;
    return true;
}

/* Whole seconds, or a number with s, m or h. */
static bool parse_seconds(const char *s, int max, int *seconds)
{
    int n, unit = 1;

    if (!read_number(&s, max, &n))
        return false;
    if (*s == 's' || *s == 'm' || *s == 'h') {
        unit = *s == 's' ? 1 : *s == 'm' ? 60 : 3600;
        s++;
    }
    if (*s || n < 1 || n > max / unit)
        return false;
    *seconds = n * unit;
    return true;
}

/* What off and auto are for TCP_USER_TIMEOUT, they are for TCP_RTO_MAX_MS. */
static bool parse_limit(const char *s, int max, int *seconds)
{
    _Static_assert((int)KA_RTO_MAX_OFF == KA_USER_TIMEOUT_OFF &&
                       (int)KA_RTO_MAX_AUTO == KA_USER_TIMEOUT_AUTO,
                   "one parser for both");
    if (is(s, "off") || is(s, "0"))
        *seconds = KA_USER_TIMEOUT_OFF;
    else if (is(s, "auto"))
        *seconds = KA_USER_TIMEOUT_AUTO;
    else
        return parse_seconds(s, max, seconds);
    return true;
}

static bool parse_switch(const char *s, const char *no, const char *yes, bool *on)
{
    if (!is(s, no) && !is(s, yes))
        return false;
    *on = is(s, yes);
    return true;
}

/* Reads one port or range and moves *s behind it. */
static bool read_range(const char **s, int *low, int *high)
{
    if (!read_number(s, 65535, low))
        return false;
    *high = *low;
    if (**s == '-') {
        ++*s;
        if (!read_number(s, 65535, high))
            return false;
    }
    return *low >= 1 && *high <= 65535 && *low <= *high;
}

/* Reads the whole list, and puts it into `set` unless that is NULL. */
static bool read_ports(const char *s, unsigned char *set)
{
    do {
        int low, high;

        if (!read_range(&s, &low, &high))
            return false;
        for (int port = low; set && port <= high; port++)
            set[port / 8] |= (unsigned char)(1 << port % 8);
    } while (*s++ == ',');
    return !s[-1];
}

static bool parse_ports(const char *value, struct ka_config *config)
{
    if (!read_ports(value, NULL))
        return false;
    for (size_t i = 0; i < sizeof config->ports; i++)
        config->ports[i] = 0;
    config->some_ports = true;
    return read_ports(value, config->ports);
}

static const struct variable *find(const char *name, size_t len)
{
    if (len < 3 || name[0] != 'K' || name[1] != 'A' || name[2] != '_')
        return NULL;
    for (size_t v = 0; v < sizeof variables / sizeof *variables; v++) {
        size_t i = 0;

        while (i < len - 3 && variables[v].name[i] == name[3 + i])
            i++;
        if (i == len - 3 && !variables[v].name[i])
            return &variables[v];
    }
    return NULL;
}

static bool parse(const struct variable *v, const char *value, struct ka_config *config)
{
    void *field = (char *)config + v->field;

    switch (v->kind) {
    case SECONDS: return parse_seconds(value, KA_MAX_SECONDS, field);
    case COUNT: return ka_config_count(value, KA_MAX_CNT, field);
    case SWITCH: return parse_switch(value, "0", "1", field);
    case USER_TIMEOUT: return parse_limit(value, KA_MAX_USER_TIMEOUT, field);
    case RTO_MAX: return parse_limit(value, KA_MAX_RTO_MAX, field);
    case PORTS: return parse_ports(value, config);
    default: return parse_switch(value, "off", "stderr", field);
    }
}

enum ka_verdict ka_config_set(struct ka_config *config, const char *name, size_t name_len,
                              const char *value)
{
    const struct variable *v = find(name, name_len);

    if (!v)
        return KA_UNKNOWN;
    return !*value || parse(v, value, config) ? KA_ACCEPTED : KA_REFUSED;
}

const char *ka_config_accepts(const char *name, size_t name_len)
{
    const struct variable *v = find(name, name_len);

    return v ? v->accepted : NULL;
}

static void put_shown(struct ka_text *line, const char *value)
{
    enum { SHOWN = 40 };

    for (size_t i = 0; value[i]; i++) {
        if (i == SHOWN) {
            ka_put(line, "...");
            return;
        }
        ka_put_printable(line, value[i]);
    }
}

size_t ka_config_complain(char *line, size_t size, const char *name, size_t name_len,
                          const char *value)
{
    struct ka_text t = {line, size, 0};
    const struct variable *v = find(name, name_len);

    ka_put(&t, "kashim: ");
    for (size_t i = 0; i < name_len && i < 40; i++)
        ka_put_printable(&t, name[i]);
    if (!v) {
        ka_put(&t, " is no setting\n");
        return t.len;
    }
    ka_put(&t, "=\"");
    put_shown(&t, value);
    ka_put(&t, "\" is not accepted (");
    ka_put(&t, v->accepted);
    ka_put(&t, "); using the default, ");
    ka_put(&t, v->otherwise);
    ka_put(&t, "\n");
    return t.len;
}

int ka_config_intvl(const struct ka_config *config)
{
    if (config->intvl != KA_INTVL_AUTO)
        return config->intvl;
    return config->idle < 30 ? config->idle : 30;
}

int ka_config_user_timeout_ms(const struct ka_config *config)
{
    int seconds = config->user_timeout;

    if (seconds == KA_USER_TIMEOUT_AUTO)
        seconds = config->idle + ka_config_intvl(config) * config->cnt;
    return seconds > KA_MAX_USER_TIMEOUT ? INT_MAX : seconds * 1000;
}

int ka_config_rto_max_ms(const struct ka_config *config)
{
    int idle_seconds = config->idle + ka_config_intvl(config) * config->cnt;
    int seconds = config->rto_max;

    if (seconds == KA_RTO_MAX_AUTO)
        for (seconds = 1; seconds < KA_MAX_RTO_MAX; seconds++)
            if (ka_in_flight_ms(0, seconds * 1000, config->retries) / 1000 >=
                idle_seconds)
                break;
    return seconds * 1000;
}

int ka_seconds(int ms)
{
    return ms / 1000 + (ms % 1000 > 0);
}

int ka_drop_seconds(int idle, int intvl, int cnt, int user_timeout_ms)
{
    int waited = ka_seconds(user_timeout_ms) - idle;

    if (user_timeout_ms <= 0)
        return idle + intvl * cnt;
    /* tcp_keepalive_timer: judged when a probe is due, and after at least one */
    if (waited <= intvl)
        return idle + intvl;
    return idle + (waited - 1) / intvl * intvl + intvl;
}

int ka_in_flight_ms(int user_timeout_ms, int rto_max_ms, int retries)
{
    int max = rto_max_ms > 0 ? rto_max_ms : KA_MAX_RTO_MAX * 1000;
    int waited = 0;

    if (user_timeout_ms > 0)
        return user_timeout_ms;
    for (int rto = 200, i = 0; i <= retries; i++) {
        waited += rto;
        rto = rto > max / 2 ? max : rto * 2;
    }
    return waited;
}

bool ka_config_port(const struct ka_config *config, unsigned port)
{
    return !config->some_ports ||
           (port < 65536 && config->ports[port / 8] >> port % 8 & 1);
}
