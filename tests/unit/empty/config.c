/* SPDX-License-Identifier: MIT */
/* A parser that does nothing: with it, every unit test must fail (make control). */
#include "config.h"

void ka_config_defaults(struct ka_config *config)
{
    (void)config;
}

enum ka_verdict ka_config_set(struct ka_config *config, const char *name, size_t name_len,
                              const char *value)
{
    (void)config;
    (void)name;
    (void)name_len;
    (void)value;
    return (enum ka_verdict) - 1;
}

bool ka_config_count(const char *s, int max, int *count)
{
    (void)s;
    (void)max;
    (void)count;
    return true;
}

size_t ka_config_complain(char *line, size_t size, const char *name, size_t name_len,
                          const char *value)
{
    (void)line;
    (void)size;
    (void)name;
    (void)name_len;
    (void)value;
    return 0;
}

int ka_config_rto_max_ms(const struct ka_config *config)
{
    (void)config;
    return -1;
}

int ka_in_flight_ms(int user_timeout_ms, int rto_max_ms, int retries)
{
    (void)user_timeout_ms;
    (void)rto_max_ms;
    (void)retries;
    return -1;
}

int ka_config_intvl(const struct ka_config *config)
{
    (void)config;
    return -1;
}

int ka_config_user_timeout_ms(const struct ka_config *config)
{
    (void)config;
    return -1;
}

int ka_drop_seconds(int idle, int intvl, int cnt, int user_timeout_ms)
{
    return idle & intvl & cnt & user_timeout_ms & 0;
}

bool ka_config_port(const struct ka_config *config, unsigned port)
{
    (void)config;
    return port == 79;
}
