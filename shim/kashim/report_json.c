/* SPDX-License-Identifier: MIT */
/* The document is described in kashim(1): names stay, times are in seconds, what isn't
 * known is null. */
#include "report.h"

#include "util.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const roles[ROLES] = {
    [LISTENER] = "listener",
    [ACCEPTED] = "accepted",
    [OUTGOING] = "outgoing",
};

/* A byte that isn't text in this locale goes out as '?'. */
static void print_text(const char *value)
{
    char *text = printable(append(NULL, value));

    putchar('"');
    for (const char *c = text; *c; c++)
        printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    putchar('"');
    free(text);
}

static void print_string(const char *name, const char *value)
{
    printf("\"%s\": ", name);
    print_text(value);
}

static void print_bool(const char *name, int value)
{
    printf(", \"%s\": %s", name, value < 0 ? "null" : value ? "true" : "false");
}

static void print_number(const char *name, long value)
{
    if (value < 0)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %ld", name, value);
}

static void print_ms(const char *name, int ms)
{
    if (ms < 0)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": %d.%03d", name, ms / 1000, ms % 1000);
}

static void print_address(const char *name, const union ka_address *address)
{
    char host[ADDRESS_SIZE];

    if (address->any.sa_family == AF_UNSPEC)
        printf(", \"%s\": null", name);
    else
        printf(", \"%s\": {\"address\": \"%s\", \"port\": %u}", name,
               host_text(address, host), address_port(address));
}

static void print_row(const struct report *report, const struct row *row)
{
    const struct tcp_socket *s = &row->socket;

    print_string("role", roles[row->role]);
    printf(", \"protocol\": \"%s\", \"inode\": %lu", s->multipath ? "mptcp" : "tcp",
           (unsigned long)s->inode);
    print_address("local", &s->local);
    print_address("peer", &s->peer);
    print_bool("keepalive", row_keepalive(row));
    print_number("idle", s->values.of[KA_IDLE]);
    print_number("intvl", s->values.of[KA_INTVL]);
    print_number("cnt", s->values.of[KA_CNT]);
    print_ms("user_timeout", s->values.of[KA_USER_TIMEOUT]);
    print_ms("rto_max", row_rto_max_ms(row));
    print_number("drop", row_drop_seconds(row));
    print_number("drop_in_flight", row_in_flight_seconds(row, report));
    print_ms("next_probe", s->timer);
}

static void print_ports(const struct ka_config *config)
{
    printf(", \"ports\": %s", config->some_ports ? "\"" : "null");
    if (!config->some_ports)
        return;
    group_write_ports(stdout, config);
    putchar('"');
}

static void print_group(const struct served_group *g)
{
    const struct ka_config *config = &g->settings.config;

    putchar('{');
    print_string("path", g->path);
    print_bool("known", g->known);
    print_bool("empty", g->empty);
    if (g->known) {
        print_number("idle", config->idle);
        print_number("intvl", ka_config_intvl(config));
        print_number("cnt", config->cnt);
        print_ms("user_timeout", ka_config_user_timeout_ms(config));
        print_ms("rto_max", ka_config_rto_max_ms(config));
        print_bool("connect", config->connect);
        print_bool("force", config->force);
        print_ports(config);
    }
    putchar('}');
}

static void print_section(const struct report *report, const struct section *s)
{
    printf("{\"pid\": ");
    printf(s->process.pid ? "%d, " : "null, ", s->process.pid);
    print_string("name", s->process.pid ? s->process.name : "");
    print_bool("library", s->library);
    print_bool("secure", s->secure);
    printf(", %s", s->group ? "" : "\"group\": null");
    if (s->group)
        print_string("group", s->group);
    print_bool("all_of_user", s->of_user);
    printf(", \"sockets\": [");
    for (size_t i = 0; i < s->count; i++) {
        printf("%s\n      {", i ? "," : "");
        print_row(report, &s->rows[i]);
        putchar('}');
    }
    printf("%s]}", s->count ? "\n    " : "");
}

void report_json(const struct report *report)
{
    const struct totals *totals = &report->totals;

    printf("{\n  \"version\": 2");
    print_bool("complete", !report->incomplete);
    printf(",\n  \"asked\": [");
    for (size_t i = 0; i < report->asked_count; i++) {
        printf(i ? ", " : "");
        print_text(report->asked[i]);
    }
    printf("],\n  \"groups\": [");
    for (size_t i = 0; i < report->group_count; i++) {
        printf("%s\n    ", i ? "," : "");
        print_group(&report->groups[i]);
    }
    printf("%s],\n  \"processes\": [", report->group_count ? "\n  " : "");
    for (size_t i = 0; i < report->count; i++) {
        printf("%s\n    ", i ? "," : "");
        print_section(report, &report->sections[i]);
    }
    printf("%s],\n  \"totals\": {\"processes\": %zu", report->count ? "\n  " : "",
           report->processes);
    for (int r = 0; r < ROLES; r++)
        printf(", \"%s\": {\"sockets\": %zu, \"unprotected\": %zu, \"unknown\": %zu}",
               roles[r], totals->sockets[r], totals->unprotected[r], totals->unknown[r]);
    puts("}\n}");
}
