/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* vasprintf */
#include "util.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* ---- messages ---------------------------------------------------------------- */

char *printable(char *text)
{
    size_t len;

    for (char *c = text; *c; c += len) {
        mbstate_t begin = {0};
        wchar_t wide;

        len = mbrtowc(&wide, c, MB_CUR_MAX, &begin);
        if (len > MB_CUR_MAX || !iswprint((wint_t)wide)) { /* or it is no character */
            *c = '?';
            len = 1;
        }
    }
    return text;
}

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool ends_with(const char *name, size_t len, const char *suffix)
{
    size_t suffix_len = strlen(suffix);

    return len > suffix_len && !memcmp(name + len - suffix_len, suffix, suffix_len);
}

const char *quoted(const char *word)
{
    enum { SHOWN = 200 };
    static char text[SHOWN + sizeof "'...'"];

    snprintf(text, sizeof text, strlen(word) > SHOWN ? "'%.*s...'" : "'%.*s'", SHOWN,
             word);
    return text;
}

static void print_line(FILE *file, const char *prefix, const char *format, va_list ap)
{
    char *line;

    if (vasprintf(&line, format, ap) < 0)
        return; /* no memory */
    fprintf(file, "%s%s\n", prefix, printable(line));
    free(line);
}

static struct {
    bool on;
    char last[1024];
} kept;

const char *complaints_kept(void)
{
    kept.on = true;
    return kept.last;
}

void complain(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    if (kept.on)
        vsnprintf(kept.last, sizeof kept.last, format, ap);
    else
        print_line(stderr, "kashim: ", format, ap);
    va_end(ap);
}

void say(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    print_line(stdout, "", format, ap);
    va_end(ap);
}

void say_parts(char *text)
{
    enum { WIDTH = 80 };
    size_t column = 0;

    printable(text);
    for (const char *part = text, *next; part; part = next) {
        size_t len = strlen(part);

        next = strstr(part, "; ");
        if (next)
            len = (size_t)(next - part) + 1;
        if (column && column + 1 + len > WIDTH)
            column = (size_t)printf("\n ") - 1;
        column += (size_t)printf("%s%.*s", column ? " " : "", (int)len, part);
        if (next)
            next += 2;
    }
    putchar('\n');
    free(text);
}

/* ---- misspelt words ---------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Return how many characters have to be put in, taken out or replaced. `b` is shorter than
 * guess.name. */
static size_t distance(const char *a, const char *b)
{
    size_t
        row[sizeof(struct guess){0}.name]; /* from a's first characters to b's first i */
    size_t len = strlen(b);

    for (size_t i = 0; i <= len; i++)
        row[i] = i;
    for (size_t done = 1; *a; a++, done++) {
        size_t diagonal = row[0];

        row[0] = done;
        for (size_t i = 1; i <= len; i++) {
            size_t replaced = diagonal + (*a != b[i - 1]);

            diagonal = row[i];
            row[i] = least(row[i - 1] + 1, row[i] + 1, replaced);
        }
    }
    return row[len];
}

/* The word may be a name cut short, or differ in a few characters. */
void guess_compare(struct guess *g, const char *name)
{
    size_t len = strlen(g->word), limit = len < 4 ? 1 : len < 8 ? 2 : 3, d;
    char stem[sizeof g->name];

    if (len < 2 || strlen(name) >= sizeof stem)
        return;
    strcpy(stem, name);
    if (strrchr(stem, '.') && !strchr(g->word, '.'))
        *strrchr(stem, '.') = '\0';
    d = strncmp(stem, g->word, len) ? distance(g->word, stem) : 0;
    if (d > limit || (*g->name && d >= g->distance))
        return;
    strcpy(g->name, name);
    g->distance = d;
}

const char *guess_text(const struct guess *g, const char *prefix)
{
    static char text[sizeof g->name + 8];

    if (!*g->name)
        return "";
    snprintf(text, sizeof text, "; %s%s?", prefix, g->name);
    return text;
}

/* ---- the first of several ---------------------------------------------------- */

enum { FEW = 3 };

void few_add(struct few *f, const char *item)
{
    if (f->count++ < FEW)
        f->text = append(f->text ? append(f->text, ", ") : NULL, item);
}

const char *few_text(struct few *f)
{
    char more[40];

    if (f->count > FEW) {
        snprintf(more, sizeof more, " and %zu more", f->count - FEW);
        f->text = append(f->text, more);
    }
    return f->text;
}

/* ---- memory ------------------------------------------------------------------ */

static void *checked(void *memory)
{
    if (memory)
        return memory;
    complain("no memory");
    exit(EXIT_UNDONE);
}

void *allocate(size_t count, size_t size)
{
    return checked(calloc(count, size));
}

void *with_room(void *array, size_t count, size_t size)
{
    if (count & (count - 1)) /* no power of two, and not 0 */
        return array;
    return checked(reallocarray(array, count ? 2 * count : 1, size));
}

char *append(char *text, const char *more)
{
    size_t len = text ? strlen(text) : 0, more_len = strlen(more);

    text = checked(realloc(text, len + more_len + 1));
    memcpy(text + len, more, more_len + 1);
    return text;
}

FILE *open_memory(char **text, size_t *size)
{
    return checked(open_memstream(text, size));
}
