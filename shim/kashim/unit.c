/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* O_PATH */
#include "unit.h"

#include "kashim.h"
#include "memory.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where units lie; what stands in an earlier one counts. */
static const char *const folders[] = {
    "etc/systemd/system.control",   "run/systemd/system.control", "run/systemd/transient",
    "etc/systemd/system",           "run/systemd/system",         "run/systemd/generator",
    "usr/local/lib/systemd/system", "usr/lib/systemd/system",     "lib/systemd/system",
    "run/systemd/generator.late",
};
enum { FOLDERS = sizeof folders / sizeof *folders };

/* ---- names --------------------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);

    return len > suffix_len && !strcmp(name + len - suffix_len, suffix);
}

bool unit_name(const char *argument, char name[256])
{
    static const char *const others[] = {".socket", ".target",   ".timer", ".mount",
                                         ".path",   ".slice",    ".scope", ".device",
                                         ".swap",   ".automount"};
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                          ":-_.\\@";

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (has_suffix(argument, others[i])) {
            complain("'%s' is no service%s", argument,
                     i ? ""
                       : ": a socket unit has its own KeepAlive=, see "
                         "systemd.socket(5)");
            return false;
        }
    if (!*argument || *argument == '.' || argument[strspn(argument, allowed)] ||
        snprintf(name, 256, "%s%s", argument,
                 has_suffix(argument, ".service") ? "" : ".service") >= 256) {
        complain("'%s' is no name of a service", argument);
        return false;
    }
    return true;
}

/* ---- one file -------------------------------------------------------------------------- */

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

static bool read_settings(FILE *file, const char *path, unit_setting *setting,
                          void *context)
{
    bool service = false, good = true;
    char *line;

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

static bool read_file(int root, const char *path, unit_setting *setting, void *context)
{
    FILE *file = read_in_root(root, path);
    bool good;

    if (!file) {
        complain("/%s: %s", path, errno == EINVAL ? "not a file" : strerror(errno));
        return false;
    }
    good = read_settings(file, path, setting, context);
    if (good && !feof(file)) {
        complain("/%s: %s", path, strerror(errno));
        good = false;
    }
    fclose(file);
    return good;
}

/* ---- the unit's own file ------------------------------------------------------------------ */

/* "a@b.service" is made from "a@.service". False: it isn't made from another. */
static bool template_of(const char *name, char template[256])
{
    const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

    if (!at || at + 1 == dot)
        return false;
    snprintf(template, 256, "%.*s%s", (int)(at + 1 - name), name, dot);
    return true;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

#define NOTHING "/dev/null" /* a link to it masks */

/* What stands in a link. False: it is none. */
static bool link_target(int root, const char *path, char target[PATH_MAX])
{
    int fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);
    ssize_t len = fd < 0 ? -1 : readlinkat(fd, "", target, PATH_MAX - 1);

    close(fd);
    target[len < 0 ? 0 : len] = '\0';
    return len >= 0;
}

/* Another name of a service, or one that is masked, is no place for a drop-in of ours. */
static bool judge_link(int root, const char *path)
{
    char target[PATH_MAX];

    if (!link_target(root, path, target))
        return true;
    if (!strcmp(target, NOTHING))
        complain("%s is masked: /%s leads to " NOTHING, base_name(path), path);
    else if (strcmp(base_name(target), base_name(path)) != 0)
        complain("%s is another name of %s: name that", base_name(path),
                 base_name(target));
    else
        return true;
    return false;
}

/* The path of the first that is there. */
static bool find_file(int root, const char *name, char path[PATH_MAX])
{
    for (int i = 0; i < FOLDERS; i++) {
        int fd;

        snprintf(path, PATH_MAX, "%s/%s", folders[i], name);
        fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);
        close(fd);
        if (fd >= 0)
            return true;
    }
    return false;
}

/* ---- its names ------------------------------------------------------------------------------ */

struct names {
    char (*all)[256];
    size_t count;
};

static bool has_name(const struct names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (!strcmp(n->all[i], name))
            return true;
    return false;
}

static void add_name(struct names *n, const char *name)
{
    n->all = with_room(n->all, n->count, sizeof *n->all);
    snprintf(n->all[n->count++], sizeof *n->all, "%s", name);
}

/* "a-b-c@d.service" is one of the a-b-@d.service. False: there is no dash to cut at. */
static bool prefix_of(const char *name, char prefix[256])
{
    const char *dot = strrchr(name, '.'), *at = strchr(name, '@');
    const char *end = at ? at : dot, *rest = at && at + 1 == dot ? dot : end;
    size_t len = (size_t)(end - name);

    if (len)
        len--; /* a dash that ends it isn't meant */
    while (len && name[len - 1] != '-')
        len--;
    snprintf(prefix, 256, "%.*s%s", (int)len, name, rest);
    return len > 1;
}

/* Those whose drop-ins are also the unit's, in systemd's order (unit_file_find_dirs of its
 * dropin.c): of "a-b@c.service" a-b@, a-, a-@c and a-@. */
static void add_family(struct names *n, const char *name)
{
    char other[256];

    if (has_name(n, name))
        return;
    add_name(n, name);
    if (template_of(name, other))
        add_family(n, other);
    if (prefix_of(name, other))
        add_family(n, other);
}

/* A template becomes the instance that `unit` is. */
static void instantiate(const char *name, const char *unit, char instance[256])
{
    const char *at = strchr(name, '@'), *of = strchr(unit, '@');

    if (at && of && at[1] == '.')
        snprintf(instance, 256, "%.*s%s", (int)(at - name), name, of);
    else
        snprintf(instance, 256, "%s", name);
}

/* Whether the file, the first of its name, makes `alias` another name of the unit. */
static bool is_alias(int root, const char *path, const char *unit, char alias[256])
{
    char target[PATH_MAX], first[PATH_MAX], leads_to[256];

    if (!link_target(root, path, target) || !find_file(root, base_name(path), first) ||
        strcmp(first, path) != 0)
        return false;
    instantiate(base_name(path), unit, alias);
    instantiate(base_name(target), alias, leads_to);
    return !strcmp(leads_to, unit);
}

static void add_aliases(int root, const char *folder, const char *unit, struct names *n)
{
    int fd = open_in_root(root, folder, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    char path[PATH_MAX], alias[256];

    for (struct dirent *d; dir && (d = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (has_suffix(d->d_name, ".service") && is_alias(root, path, unit, alias) &&
            !has_name(n, alias))
            add_name(n, alias);
    }
    if (dir)
        closedir(dir);
}

/* Its own first; an alias can have aliases. */
static void find_names(int root, const char *unit, struct names *n)
{
    add_name(n, unit);
    for (size_t i = 0; i < n->count; i++)
        for (int f = 0; f < FOLDERS; f++) {
            char name[256];

            strcpy(name, n->all[i]); /* which may move */
            add_aliases(root, folders[f], name, n);
        }
}

/* ---- its drop-ins --------------------------------------------------------------------------- */

struct drop_ins {
    struct drop_in {
        char name[NAME_MAX + 1];
        char path[PATH_MAX];
    } * all;
    size_t count;
    const char *ours;        /* is none of them */
    char namesake[PATH_MAX]; /* of ours; empty: there is none */
};

static void add_drop_in(struct drop_ins *d, const char *folder, const char *name)
{
    struct drop_in new;

    snprintf(new.name, sizeof new.name, "%s", name);
    snprintf(new.path, sizeof new.path, "%s/%s", folder, name);
    if (!strcmp(name, base_name(d->ours))) {
        if (strcmp(new.path, d->ours) != 0)
            strcpy(d->namesake, new.path);
        return;
    }
    for (size_t i = 0; i < d->count; i++)
        if (!strcmp(d->all[i].name, name))
            return;
    d->all = with_room(d->all, d->count, sizeof *d->all);
    d->all[d->count++] = new;
}

static void add_folder(int root, const char *parent, const char *name,
                       struct drop_ins *drop_ins)
{
    char folder[NAME_MAX + sizeof "usr/local/lib/systemd/system/.d"];
    int fd;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/%s.d", parent, name);
    fd = open_in_root(root, folder, O_RDONLY | O_DIRECTORY);
    dir = fd < 0 ? NULL : fdopendir(fd);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (has_suffix(d->d_name, ".conf"))
            add_drop_in(drop_ins, folder, d->d_name);
    if (dir)
        closedir(dir);
}

/* Where it lies counts before whose it is. */
static void add_drop_ins(int root, const char *name, struct drop_ins *drop_ins)
{
    struct names family = {0};

    add_family(&family, name);
    for (int f = 0; f < FOLDERS; f++)
        for (size_t i = 0; i < family.count; i++)
            add_folder(root, folders[f], family.all[i], drop_ins);
    free(family.all);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct drop_in *)a)->name, ((const struct drop_in *)b)->name);
}

/* By all its names; where two have the same name, the first counts. */
static void find_drop_ins(int root, const char *unit, struct drop_ins *d)
{
    struct names names = {0};

    find_names(root, unit, &names);
    for (size_t i = 0; i < names.count; i++)
        add_drop_ins(root, names.all[i], d);
    for (int f = 0; f < FOLDERS; f++)
        add_folder(root, folders[f], "service", d);
    free(names.all);
    if (d->count)
        qsort(d->all, d->count, sizeof *d->all, by_name);
}

/* systemd takes only the first file of a name. */
static bool judge_names(const char *name, const struct drop_ins *d)
{
    if (*d->namesake)
        complain("%s: not enabled: /%s has the name of ours, and of one name systemd "
                 "takes only one file",
                 name, d->namesake);
    return !*d->namesake;
}

/* One that leads nowhere hides others of its name, and sets nothing. */
static bool read_drop_in(int root, const char *path, unit_setting *setting, void *context)
{
    char target[PATH_MAX];
    bool masked = link_target(root, path, target) && !strcmp(target, NOTHING);
    int fd = open_in_root(root, path, O_PATH);
    bool nowhere = fd < 0 && errno == ENOENT;

    close(fd);
    return masked || nowhere || read_file(root, path, setting, context);
}

bool unit_read(int root, const char *name, const char *ours, unit_setting *setting,
               void *context)
{
    char path[PATH_MAX], template[256];
    struct drop_ins drop_ins = {.ours = ours};
    bool good;

    if (!find_file(root, name, path) &&
        !(template_of(name, template) && find_file(root, template, path))) {
        complain("there is no %s: nothing of that name lies in /etc/systemd/system, "
                 "/usr/lib/systemd/system or their like",
                 name);
        return false;
    }
    find_drop_ins(root, name, &drop_ins);
    good = judge_link(root, path) && judge_names(name, &drop_ins) &&
           read_file(root, path, setting, context);
    for (size_t i = 0; good && i < drop_ins.count; i++)
        good = read_drop_in(root, drop_ins.all[i].path, setting, context);
    free(drop_ins.all);
    return good;
}

/* ---- words ----------------------------------------------------------------------------------- */

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
