/* SPDX-License-Identifier: MIT */
#include "unit_file.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- lines ------------------------------------------------------------------- */

static char *strip(char *text)
{
    size_t len;

    text += strspn(text, " \t\r\n");
    for (len = strlen(text); len && strchr(" \t\r\n", text[len - 1]); len--)
        ;
    text[len] = '\0';
    return text;
}

/* Whether the line ends in a backslash that isn't itself escaped (config_parse of systemd's
 * conf-parser.c; a blank behind it makes it an ordinary one). */
static bool continues(const char *line)
{
    size_t len = strlen(line), backslashes = 0;

    while (backslashes < len && line[len - 1 - backslashes] == '\\')
        backslashes++;
    return backslashes % 2;
}

/* A line with those that continue it; a comment between these is none of it. NULL at the
 * end, or, without feof(3), where it can't be read; to be freed. */
static char *read_line(FILE *file)
{
    char *whole = NULL, *line = NULL;
    size_t size = 0;
    bool more = true;

    while (more && getline(&line, &size, file) >= 0) {
        char *text = line + strspn(line, " \t\r\n");
        bool comment = *text == '#' || *text == ';';

        if (comment && whole)
            continue;
        text[strcspn(text, "\r\n")] = '\0';
        more = !comment && continues(text);
        if (more)
            text[strlen(text) - 1] = ' ';
        whole = append(whole, text);
    }
    free(line);
    if (!more || feof(file))
        return whole;
    free(whole);
    return NULL;
}

/* systemd passes over it. */
static void skip_byte_order_mark(FILE *file)
{
    char mark[3];

    if (fread(mark, 1, sizeof mark, file) != sizeof mark ||
        memcmp(mark, "\xef\xbb\xbf", sizeof mark) != 0)
        rewind(file);
}

bool unit_file_read(FILE *file, const char *path, unit_setting *setting, void *context)
{
    bool service = false, good = true;
    char *line;

    skip_byte_order_mark(file);
    while (good && (line = read_line(file))) {
        char *text = strip(line), *equals = strchr(text, '=');

        if (*text == '[')
            service = !strcmp(text, "[Service]");
        else if (service && equals && *text != '#' && *text != ';') {
            *equals = '\0';
            good = setting(context, path, strip(text), strip(equals + 1));
        }
        free(line);
    }
    return good;
}

/* ---- words ------------------------------------------------------------------- */

static char *put_utf8(char *w, unsigned long c)
{
    if (c < 0x80)
        *w++ = (char)c;
    else if (c < 0x800) {
        *w++ = (char)(0xc0 | c >> 6);
        *w++ = (char)(0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000)
            *w++ = (char)(0xe0 | c >> 12);
        else {
            *w++ = (char)(0xf0 | (c >> 18 & 7));
            *w++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *w++ = (char)(0x80 | (c >> 6 & 0x3f));
        *w++ = (char)(0x80 | (c & 0x3f));
    }
    return w;
}

/* Exactly `count` digits of the base, of which one is not 0. */
static bool get_number(const char *digits, size_t count, int base, unsigned long *number)
{
    char text[9];

    snprintf(text, count + 1, "%s", digits);
    *number = strtoul(text, NULL, base);
    return *number &&
           strspn(text, base == 8 ? "01234567" : "0123456789abcdefABCDEF") == count;
}

/* Writes what the escape after a backslash stands for, and moves *v to its last character
 * (systemd.service(5), "escapes"). */
static char *unescape(const char **v, char *w)
{
    static const char from[] = "abfnrtvs", to[] = "\a\b\f\n\r\t\v ";
    static const char kinds[] = "xuU";
    static const size_t digits[] = {2, 4, 8};
    const char *at = strchr(from, **v), *kind = strchr(kinds, **v);
    unsigned long c;

    if (at)
        *w++ = to[at - from];
    else if (kind && get_number(*v + 1, digits[kind - kinds], 16, &c)) {
        *v += digits[kind - kinds];
        if (*kind == 'x')
            *w++ = (char)c;
        else
            w = put_utf8(w, c);
    } else if (get_number(*v, 3, 8, &c)) {
        *v += 2;
        *w++ = (char)c;
    } else
        *w++ = **v;
    return w;
}

char *unit_word(const char **value)
{
    const char *v = *value + strspn(*value, " \t");
    char quote = '\0', *word, *w;

    if (!*v)
        return NULL;
    w = word = allocate(strlen(v) + 1, 1);
    for (; *v && (quote || !strchr(" \t", *v)); v++)
        if (*v == quote)
            quote = '\0';
        else if (!quote && (*v == '"' || *v == '\''))
            quote = *v;
        else if (*v == '\\' && v[1]) {
            v++;
            w = unescape(&v, w);
        } else
            *w++ = *v;
    *value = v;
    return word;
}

void unit_write_word(FILE *file, const char *word)
{
    putc('"', file);
    for (; *word; word++)
        if ((unsigned char)*word < ' ' || *word == 0x7f)
            fprintf(file, "\\x%02x", (unsigned)*word);
        else
            fprintf(file, *word == '"' || *word == '\\' ? "\\%c" : "%c", *word);
    putc('"', file);
}
