/* SPDX-License-Identifier: MIT */
/* After parse_env_file_internal of systemd's env-file.c, where since version 254 no backslash
 * continues a comment. */
#include "env_file.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

struct reader {
    FILE *file;
    char *line, *at;
    size_t size;
};

struct text {
    char *all;
    size_t len;
};

static const char blanks[] = " \t\r\n";

/* The next character, or EOF; a carriage return ends a line as well. */
static int get(struct reader *r)
{
    while (!r->at || !*r->at) {
        if (getline(&r->line, &r->size, r->file) < 0)
            return EOF;
        r->at = r->line;
    }
    return *r->at == '\r' ? (r->at++, '\n') : (unsigned char)*r->at++;
}

static bool is_blank(int c)
{
    return c != EOF && strchr(blanks, c);
}

static void put(struct text *t, int c)
{
    t->all = with_room(t->all, t->len, 1);
    t->all[t->len++] = (char)c;
}

/* Ends it, without the blanks behind the first `keep` characters. */
static void end(struct text *t, size_t keep)
{
    while (t->len > keep && is_blank((unsigned char)t->all[t->len - 1]))
        t->len--;
    put(t, '\0');
}

/* Up to its "=". False: the line has none, or is a comment. */
static bool read_name(struct reader *r, int c, struct text *name)
{
    bool comment = c == '#' || c == ';';

    for (; c != EOF && c != '\n' && (comment || c != '='); c = get(r))
        put(name, c);
    end(name, 0);
    return c == '=';
}

/* A backslash: a newline behind it continues the line, and quoted it stands for itself
 * before most others. */
static void escape(struct reader *r, struct text *value, char quote)
{
    int c = get(r);

    if (c == EOF || c == '\n')
        return;
    if (quote && !strchr("\"\\`$", c))
        put(value, '\\');
    put(value, c);
}

/* A quote begins where a value does, or behind another that has ended. */
static void read_value(struct reader *r, struct text *value)
{
    bool may_begin = true;
    size_t quoted = 0;
    char quote = '\0';
    int c;

    while ((c = get(r)) != EOF && (quote || c != '\n')) {
        if (c == quote) {
            quote = '\0';
            quoted = value->len;
            may_begin = true;
        } else if (may_begin && !quote && (c == '"' || c == '\''))
            quote = (char)c;
        else if (c == '\\' && quote != '\'') {
            may_begin = false;
            escape(r, value, quote);
        } else if (quote || !may_begin || !is_blank(c)) {
            may_begin = may_begin && quote;
            put(value, c);
        }
    }
    end(value, quoted);
}

bool env_file_read(FILE *file, env_variable *variable, void *context)
{
    struct reader r = {.file = file};
    bool good = true;
    int c;

    while (good && (c = get(&r)) != EOF) {
        struct text name = {0}, value = {0};

        if (is_blank(c))
            continue;
        if (read_name(&r, c, &name)) {
            read_value(&r, &value);
            good = variable(context, name.all, value.all);
        }
        free(name.all);
        free(value.all);
    }
    free(r.line);
    return good;
}
