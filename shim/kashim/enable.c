/* SPDX-License-Identifier: MIT */
/* kashim enable: a systemd unit gets keepalive whenever it starts, by one drop-in, and with
 * --now while it runs. The unit's name becomes its control group in now.c; without --now,
 * ExecStartPre= of the drop-in runs `kashim attach self`, in the group. */
#define _GNU_SOURCE /* O_PATH */
#include "enable.h"

#include "kashim.h"
#include "program.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the unit ---------------------------------------------------------------- */

static bool unit_is_in_root(const struct request *r)
{
    if (unit_is_in(r->drop_in.root_fd, r->unit))
        return true;
    complain("there is no %s in %s", r->unit, r->root);
    return false;
}

bool find_unit(struct request *r, struct units *units)
{
    bool there = true;

    memset(units, 0, sizeof *units);
    if (r->root)
        return unit_is_in_root(r);
    if (unit_is_template(r->unit))
        there = unit_has_file(r->unit);
    else if (!units_show(r->unit, units))
        return false;
    else if (units->count) {
        char **properties = units->all[0].properties;

        there = strcmp(properties[UNIT_LOAD_STATE], "not-found") != 0;
        if (strlen(properties[UNIT_ID]) < sizeof r->unit)
            strcpy(r->unit, properties[UNIT_ID]);
    } else {
        complain("systemctl show %s: it says nothing", r->unit);
        return false;
    }
    if (!there)
        complain("there is no %s%s", r->unit, unit_guess(r->unit));
    return there;
}

/* ---- whether it can be served ------------------------------------------------ */

/* Debian's postgresql.service, tor.service, postfix.service and others do nothing but start
 * and stop others with them: ExecStart=/bin/true. */
static bool stands_for_others(const struct unit *u)
{
    return !strcmp(u->properties[UNIT_TYPE], "oneshot") &&
           strstr(u->properties[UNIT_EXEC_START], "/bin/true ");
}

static bool complain_placeholder(const struct request *r, const struct unit *u)
{
    const char *others = u->properties[UNIT_CONSISTS_OF];
    const char *why = "not enabled: it serves nothing itself and only stands for others";

    if (*others)
        complain("%s: %s: enable %s", r->unit, why, others);
    else
        complain("%s: %s: enable its instances, %.*s@NAME.service", r->unit, why,
                 (int)(strlen(r->unit) - strlen(".service")), r->unit);
    return false;
}

/* Print that --preload wouldn't reach the server, if so, and return false. */
static bool preload_reaches(const struct request *r, const struct unit *u)
{
    static const char path[] = "{ path="; /* as systemctl shows it */
    const char *start = u->properties[UNIT_EXEC_START], *why;
    char library[PATH_MAX], *name, *no_arguments[] = {NULL};
    struct program program;

    if (strncmp(start, path, strlen(path)) != 0)
        return true;
    name = append(NULL, start + strlen(path));
    name[strcspn(name, " ")] = '\0';
    why = program_drops_environment(name);
    if (!why && !program_find(name, &program) && library_find(library)) {
        program_judge(&program, no_arguments, library, r->options.config.children);
        why = *program.why_not ? program.why_not : NULL;
    }
    if (why)
        complain("%s: not enabled: %s: %s; without --preload it works", r->unit, name,
                 why);
    free(name);
    return !why;
}

/* Print why a drop-in wouldn't serve the unit, if so, and return false. */
static bool can_be_served(const struct request *r, const struct unit *u)
{
    const char *state = u->properties[UNIT_LOAD_STATE];
    const char *root = u->properties[UNIT_ROOT_DIRECTORY];
    const char *setting = *u->properties[UNIT_ROOT_IMAGE] ? "RootImage=" : NULL;

    if (strcmp(state, "loaded") != 0) {
        complain("%s: not enabled: systemd says of it: %s", r->unit, state);
        return false;
    }
    if (unit_is_socket(r->unit))
        return true;
    if (stands_for_others(u))
        return complain_placeholder(r, u);
    if (*root && strcmp(root, "/") != 0)
        setting = "RootDirectory=";
    if (setting)
        complain("%s: not enabled: it has %s, in which systemd doesn't find kashim: run "
                 "kashim attach after each start",
                 r->unit, setting);
    return !setting && (!r->preload || preload_reaches(r, u));
}

/* ---- the drop-in ------------------------------------------------------------- */

static const char *const way_names[] = {
    [WAY_GROUP] = "group", [WAY_PRELOAD] = "preload", [WAY_SOCKET] = "socket"};

/* Tell whether the file that the drop-in names is there. Print why not and return false. */
static bool is_there(const struct request *r, const char *file, const char *what)
{
    struct stat st;
    int fd = open_in_root(r->drop_in.root_fd, file, O_PATH);
    bool found = fd >= 0 && !fstat(fd, &st);

    if (found && !S_ISREG(st.st_mode)) {
        complain("%s%s is no file, and not %s", r->drop_in.root, file, what);
        found = false;
    } else if (!found && errno != ENOENT)
        complain("%s%s: %s", r->drop_in.root, file, strerror(errno));
    else if (!found)
        complain("%s is missing: %s%s (%s%s%s puts it there)", what, r->drop_in.root,
                 file, make_install(), r->root ? " DESTDIR=" : "", r->drop_in.root);
    close(fd);
    return found;
}

static enum way way_of(const struct request *r)
{
    return unit_is_socket(r->unit) ? WAY_SOCKET : r->preload ? WAY_PRELOAD : WAY_GROUP;
}

/* Print which argument systemd has no setting for and return false. */
static bool fits_socket(const struct request *r)
{
    for (int i = SOCKET_SETTINGS; i < SETTINGS; i++)
        if (r->options.value[i]) {
            complain("%s: not enabled: systemd has no such setting for a socket unit: %s",
                     r->unit, options_given(&r->options, i));
            return false;
        }
    if (r->preload)
        complain("%s: not enabled: --preload is for services", r->unit);
    return !r->preload;
}

/* Return the unit's own LD_PRELOAD with the library in it; free it. */
static char *preload_list(const struct request *r, const struct units *units)
{
    char *own = units->count ? unit_variable(&units->all[0], "LD_PRELOAD") : NULL;
    char *list = preload_with(own, installed_library);

    if (r->root)
        complain(
            "%s: if it sets LD_PRELOAD itself, that is replaced: units of another system "
            "aren't read",
            r->unit);
    free(own);
    return list;
}

/* Print what the drop-in needs and isn't there, and return false. */
static bool has_what_it_takes(const struct request *r, enum way way)
{
    switch (way) {
    case WAY_SOCKET: return fits_socket(r);
    case WAY_PRELOAD: return is_there(r, installed_library, "the library");
    default: return is_there(r, installed_command, "the command");
    }
}

static bool write_drop_in(struct request *r, const struct units *units)
{
    enum way way = way_of(r), before = way;
    char *settings, *preload = NULL;
    enum owner owner;
    bool written;

    if (!has_what_it_takes(r, way))
        return false;
    owner = drop_in_read(&r->drop_in, &before, &settings);
    if (owner == ANOTHER) {
        drop_in_complain(&r->drop_in, settings);
        free(settings);
        return false;
    }
    if (way == WAY_PRELOAD)
        preload = preload_list(r, units);
    written = drop_in_write(&r->drop_in, way, &r->options, preload);
    if (written && owner == US)
        say("wrote " DROP_IN_PATH ", in place of: %s %s", r->drop_in.root, r->unit,
            way_names[before], *settings ? settings : "defaults");
    else if (written)
        say("wrote " DROP_IN_PATH, r->drop_in.root, r->unit);
    free(preload);
    free(settings);
    return written;
}

static bool enable(struct request *r)
{
    struct units units;
    bool done = find_unit(r, &units) &&
                (!units.count || can_be_served(r, &units.all[0])) &&
                write_drop_in(r, &units) && take_effect(r, way_of(r), true);

    units_free(&units);
    return done;
}

static void print_enabled(const char *unit, enum owner owner, enum way way,
                          const char *text, const char *missing)
{
    text = *text ? text : "defaults";
    if (missing)
        say("%-40s missing %s (%s %s)", unit, missing, way_names[way], text);
    else
        say("%-40s %-7s %s", unit, owner == US ? way_names[way] : "other", text);
}

static bool list(struct request *r)
{
    int count = drop_in_list(&r->drop_in, print_enabled);

    if (!count)
        say("no unit is enabled with kashim");
    return count >= 0;
}

/* ---- the arguments ----------------------------------------------------------- */

int request_read(struct request *r, int argc, char **argv, const char *letters,
                 const struct option *names, int (*help)(void))
{
    int option;

    memset(r, 0, sizeof *r);
    options_begin(&r->options);
    while ((option = next_option(argc, argv, letters, names)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_NOW: r->now = true; break;
        case OPTION_PRELOAD: r->preload = true; break;
        case OPTION_ROOT: r->root = optarg; break;
        default:
            if (!options_take(&r->options, option, optarg))
                return EXIT_USAGE;
        }
    if (r->now && r->root) {
        complain("%s: --now is for this system, and --root for another", argv[0]);
        return EXIT_USAGE;
    }
    if (optind < argc - 1) {
        complain("%s: one UNIT at a time, and %s is one too many (kashim help %s)",
                 argv[0], quoted(argv[optind + 1]), argv[0]);
        return EXIT_USAGE;
    }
    return optind == argc || unit_name(argv[optind], r->unit) ? -1 : EXIT_USAGE;
}

/* Return the root as it stands before the slash of a path: "" for "/". */
static const char *without_last_slashes(const char *root)
{
    char *copy = append(NULL, root ? root : "");

    for (size_t len = strlen(copy); len && copy[len - 1] == '/'; len--)
        copy[len - 1] = '\0';
    return copy;
}

int request_run(struct request *r, bool (*action)(struct request *r))
{
    const char *root = r->root ? r->root : "/";
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), top;

    if (fd < 0) {
        complain("--root %s: %s", quoted(root), strerror(errno));
        return EXIT_UNDONE;
    }
    top = open_in_root(fd, "/", O_PATH);
    if (top < 0) {
        complain("--root: it takes openat2(2), which the kernel refuses: %s",
                 strerror(errno));
        return EXIT_UNDONE;
    }
    close(top);
    r->drop_in = (struct drop_in){without_last_slashes(r->root), fd, r->unit};
    return action(r) ? EXIT_SUCCESS : EXIT_UNDONE;
}

static int help(void)
{
    puts(
        "kashim enable [OPTIONS] [--now] [--preload] [--root DIR] UNIT\n"
        "kashim enable [--root DIR]\n"
        "\n"
        "Gives a systemd service keepalive whenever it starts: a drop-in puts kashim's\n"
        "programs on its control group. A socket unit gets systemd's own settings.\n"
        "Without UNIT: lists what is enabled.\n"
        "\n"
        "      --now                                 also now, while it runs: no restart\n"
        "      --preload                             by the library, at its next start:\n"
        "                                            for kernels before 5.9. --now\n"
        "                                            restarts a service that runs\n"
        "      --root DIR                            of the system in DIR, an image say");
    options_help(SETTINGS);
    puts("\nExit status: 0 it was done, 1 something wasn't, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

int kashim_enable(int argc, char **argv)
{
    static const struct option names[] = {SETTING_OPTIONS,
                                          {"now", no_argument, NULL, OPTION_NOW},
                                          {"preload", no_argument, NULL, OPTION_PRELOAD},
                                          {"root", required_argument, NULL, OPTION_ROOT},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct request r;
    int status = request_read(&r, argc, argv, ":h" SETTING_LETTERS, names, help);

    if (status >= 0)
        return status;
    if (!*r.unit) {
        for (int i = 0; i < SETTINGS; i++)
            if (r.options.value[i] || r.now || r.preload) {
                complain("enable: of which UNIT? (kashim help enable)");
                return EXIT_USAGE;
            }
        return request_run(&r, list);
    }
    if ((!r.preload && !options_are_within(&r.options, OUTSIDE_SETTINGS)) ||
        !options_read_environment(&r.options))
        return EXIT_USAGE;
    if (options_are_off(&r.options, argv[0]))
        return EXIT_UNDONE;
    options_fit_kernel(&r.options);
    return request_run(&r, enable);
}
