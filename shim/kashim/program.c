/* SPDX-License-Identifier: MIT */
#include "program.h"

#include "elf_file.h"
#include "util.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* The kernel follows so many (fs/exec.c). */
enum { MAX_INTERPRETERS = 5 };

static void __attribute__((format(printf, 2, 3)))
set_reason(struct program *p, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsnprintf(p->why_not, sizeof p->why_not, format, ap);
    va_end(ap);
}

/* ---- where it is ------------------------------------------------------------- */

/* Return 0 or execve(2)'s error number. */
static int judge_file(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? EISDIR : ENOTSUP;
    return access(path, X_OK) ? errno : 0;
}

/* Find the first in PATH that can be executed or, if there is none, the first that is
 * there. Return 0 or an error number. */
static int search(const char *name, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");
    int error = ENOENT;

    for (const char *f = folders ? folders : "/bin:/usr/bin"; f;) {
        size_t len = strcspn(f, ":");
        char candidate[PATH_MAX];
        int e;

        if (snprintf(candidate, sizeof candidate, "%.*s%s%s", (int)len, f, len ? "/" : "",
                     name) < (int)sizeof candidate) {
            e = judge_file(candidate);
            if (!e || (e != ENOENT && e != ENOTDIR && error == ENOENT)) {
                strcpy(path, candidate);
                error = e;
            }
            if (!e)
                return 0;
        }
        f = f[len] ? f + len + 1 : NULL;
    }
    return error;
}

static const char *why_not_found(const struct program *p, const char *name, int error)
{
    struct stat st;

    if (error == EISDIR)
        return "it is a directory";
    if (error == ENOTSUP)
        return "it is no regular file";
    if (error == ENOENT && !strchr(name, '/'))
        return "it is in no directory of PATH";
    if (error == EACCES && !stat(p->path, &st) && !(st.st_mode & 0111))
        return "it isn't executable";
    return strerror(error);
}

int program_find(const char *name, struct program *p)
{
    int error;

    memset(p, 0, sizeof *p);
    if (strlen(name) >= sizeof p->path)
        error = ENAMETOOLONG;
    else if (strchr(name, '/')) {
        strcpy(p->path, name);
        error = judge_file(name);
    } else
        error = *name ? search(name, p->path) : ENOENT;
    if (!error)
        return 0;
    set_reason(p, "%s", why_not_found(p, name, error));
    return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_EXEC;
}

static bool is_file(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISREG(st.st_mode);
}

bool library_find(char path[PATH_MAX])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - sizeof "/libkashim.so");
    char *slash;

    if (len > 0) {
        path[len] = '\0';
        slash = strrchr(path, '/');
        strcpy(slash, "/libkashim.so");
        if (is_file(path))
            return true;
    }
    snprintf(path, PATH_MAX, "%s", installed_library);
    return is_file(path);
}

const char *make_install(void)
{
    static char text[2 * PATH_MAX];

    if (!strcmp(installed_command, "/usr/local/bin/kashim") &&
        !strcmp(installed_library, "/usr/local/lib/libkashim.so"))
        return "make install";
    snprintf(
        text, sizeof text, "make install BINDIR=%.*s LIBDIR=%.*s",
        (int)(base_name(installed_command) - installed_command - 1), installed_command,
        (int)(base_name(installed_library) - installed_library - 1), installed_library);
    return text;
}

/* ---- whether a preload reaches it -------------------------------------------- */

/* What can help where the library doesn't. */
#define OTHER_CLASS                                                                      \
    "LD_PRELOAD=libkashim.so where a library of its class is installed as well, "

static void set_later(struct program *p, const char *before)
{
    snprintf(p->instead, sizeof p->instead,
             "%s%skashim run --cgroup, or kashim attach once it runs", before,
             geteuid() ? "as root, " : "");
}

/* It may be one that starts another, and that isn't judged: tini, gosu, qemu's. */
static void add_behind(struct program *p)
{
    size_t len = strlen(p->instead);

    snprintf(p->instead + len, sizeof p->instead - len,
             "; if it starts another program: %.100s ... kashim run PROGRAM",
             base_name(p->path));
}

/* Tell whether the program gains rights: in secure execution the loader ignores the preload
 * (ld.so(8)). Who has the identity already gains none. */
static bool gains_rights(struct program *p, int fd)
{
    struct stat st = {0};

    fstat(fd, &st);
    if (st.st_mode & S_ISUID && st.st_uid != geteuid())
        set_reason(p, "setuid: the loader ignores a preload");
    else if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid())
        set_reason(p, "setgid: the loader ignores a preload");
    else if (geteuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
        set_reason(p, "file capabilities: the loader ignores a preload");
    if (*p->why_not)
        set_later(p, "");
    return *p->why_not;
}

/* Without its loader, execve(2) says "No such file" of a program that is there. */
static void judge_loader(struct program *p, const char *loader)
{
    int error = judge_file(loader);

    *p->instead = '\0';
    if (error)
        set_reason(p, "its loader, %.200s: %s", loader, strerror(error));
}

static void judge_elf(struct program *p, const struct elf_facts *facts,
                      const char *library)
{
    struct elf_facts ours;
    const char *error;
    int fd = open(library, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool readable = fd >= 0 && elf_read(fd, &ours, &error) == ELF_READ;

    close(fd);
    if (!readable) {
        set_reason(p, "the library can't be read: %s", library);
        return;
    }
    set_later(p, facts->class == ours.class ? "" : OTHER_CLASS);
    if (facts->class != ours.class)
        set_reason(p, "a %d-bit program, and the library is for %d-bit ones (%s)",
                   facts->class == ELFCLASS32 ? 32 : 64,
                   ours.class == ELFCLASS32 ? 32 : 64, library);
    else if (facts->machine != ours.machine)
        set_reason(p, "for another machine than the library (%s)", library);
    else if (facts->go)
        set_reason(p,
                   "a Go program makes its system calls itself (and turns keepalive on "
                   "itself, every 15 s, unless told otherwise)");
    else if (!*facts->interpreter)
        set_reason(p, "linked statically: there is no loader to preload anything");
    else if (facts->asan)
        set_reason(p, "built with gcc's AddressSanitizer, which refuses any preload");
    else
        judge_loader(p, facts->interpreter);
    if (facts->go || !*facts->interpreter)
        add_behind(p);
}

/* So much of it the kernel reads (fs/binfmt_script.c). */
enum { FIRST_LINE = 256 };

/* Read the interpreter of a script from its first line: a path, or behind env(1) a name.
 * Return false if it is no script. */
static bool read_interpreter(int fd, char interpreter[PATH_MAX])
{
    char line[FIRST_LINE + 1];
    ssize_t len = pread(fd, line, FIRST_LINE, 0);
    char *start, *argument, *name;
    size_t line_len, start_len;

    if (len < 3 || line[0] != '#' || line[1] != '!')
        return false;
    line[len] = '\0';
    line_len = strcspn(line, "\n");
    line[line_len] = '\0';
    start = line + 2 + strspn(line + 2, " \t");
    start_len = strcspn(start, " \t");
    if (line_len == FIRST_LINE && !start[start_len])
        return false; /* the name may go on */
    argument = start + start_len;
    if (*argument)
        *argument++ = '\0';
    argument += strspn(argument, " \t");
    for (size_t end = strlen(argument); end && strchr(" \t", argument[end - 1]);)
        argument[--end] = '\0';
    name = strrchr(start, '/');
    /* #!/usr/bin/env python3: the one that counts is python3 */
    if (name && !strcmp(name, "/env") && *argument && *argument != '-')
        strcpy(interpreter, argument);
    else
        sprintf(interpreter, "%s%s", *start && !name ? "./" : "", start);
    return true;
}

static void judge(struct program *p, const char *path, const char *library, int depth);

static void judge_interpreter(struct program *p, const char *name, const char *library,
                              int depth)
{
    struct program interpreter;

    if (depth == MAX_INTERPRETERS)
        set_reason(p, "a script of a script, too often");
    else if (program_find(name, &interpreter))
        set_reason(p, "its interpreter, %.200s: %.200s", name, interpreter.why_not);
    else {
        judge(&interpreter, interpreter.path, library, depth + 1);
        if (*interpreter.why_not)
            set_reason(p, "its interpreter, %.200s: %.700s", interpreter.path,
                       interpreter.why_not);
        strcpy(p->instead, interpreter.instead);
    }
}

static void judge(struct program *p, const char *path, const char *library, int depth)
{
    struct elf_facts facts;
    char interpreter[PATH_MAX];
    const char *error;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        set_reason(p, "it can't be read: %s", strerror(errno));
        return;
    }
    switch (elf_read(fd, &facts, &error)) {
    case ELF_READ:
        if (!gains_rights(p, fd))
            judge_elf(p, &facts, library);
        break;
    case ELF_BAD: set_reason(p, "%s", error); break;
    case ELF_NONE:
        p->script = read_interpreter(fd, interpreter);
        if (p->script)
            judge_interpreter(p, interpreter, library, depth);
        else
            set_reason(p, "neither an ELF file nor a script");
    }
    close(fd);
}

/* Return the program that a dynamic loader is given (ld.so(8)), or NULL. */
static const char *loaded_by(const char *path, char **arguments)
{
    static const char *const with_value[] = {
        "--library-path",     "--argv0",
        "--preload",          "--audit",
        "--inhibit-rpath",    "--glibc-hwcaps-prepend",
        "--glibc-hwcaps-mask"};

    if ((strncmp(base_name(path), "ld-", 3) != 0 || !strstr(base_name(path), ".so")) &&
        strcmp(base_name(path), "ld.so") != 0)
        return NULL;
    while (*arguments && !strncmp(*arguments, "--", 2)) {
        const char *option = *arguments++;

        for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++)
            if (!strcmp(option, with_value[i]) && *arguments)
                arguments++;
    }
    return *arguments;
}

static void judge_loaded(struct program *p, const char *name, const char *library)
{
    struct program loaded;

    if (program_find(name, &loaded) == EXIT_NOT_FOUND) {
        set_reason(p, "what it loads, %.200s: %.200s", name, loaded.why_not);
        return;
    }
    judge(&loaded, loaded.path, library, 0);
    if (*loaded.why_not)
        set_reason(p, "what it loads, %.200s: %.700s", name, loaded.why_not);
    strcpy(p->instead, loaded.instead);
}

const char *program_drops_environment(const char *path)
{
    static const struct {
        const char *name, *why;
    } launchers[] = {
        {"pg_ctlcluster", "it wipes the environment of its server"},
        {"postfix", "its daemons get the environment that import_environment names"},
        {"postmulti", "its daemons get the environment that import_environment names"},
        {"squid", "its workers run in secure execution, in which the loader ignores a "
                  "preload"},
    };

    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (!strcmp(launchers[i].name, base_name(path)))
            return launchers[i].why;
    return NULL;
}

void program_judge(struct program *p, char **arguments, const char *library,
                   bool children)
{
    const char *loaded = loaded_by(p->path, arguments);
    const char *drops = program_drops_environment(p->path);

    *p->why_not = '\0';
    if (loaded)
        judge_loaded(p, loaded, library);
    else
        judge(p, p->path, library, 0);
    if (!*p->why_not && drops) {
        set_reason(p, "%s", drops);
        set_later(p, "kashim enable its unit; ");
    }
    if (p->script && !*p->why_not && !children) {
        set_reason(p,
                   "a script's server is its child: with --no-children it would go bare");
        *p->instead = '\0';
    }
}

/* ---- LD_PRELOAD -------------------------------------------------------------- */

bool preload_takes(const char *path)
{
    return !strpbrk(path, " :");
}

static bool has(const char *list, const char *library)
{
    size_t len = strlen(library);

    for (const char *at = list; (at = strstr(at, library)); at++)
        if ((at == list || strchr(" :", at[-1])) && strchr(" :", at[len])) /* or NUL */
            return true;
    return false;
}

char *preload_with(const char *list, const char *library)
{
    if (!list || !*list)
        return append(NULL, library);
    if (has(list, library))
        return append(NULL, list);
    return append(append(append(NULL, list), ":"), library);
}
