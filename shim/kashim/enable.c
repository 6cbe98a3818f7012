/* SPDX-License-Identifier: MIT */
/* kashim enable and disable: a systemd unit gets keepalive whenever it starts, by one drop-in,
 * and with --now while it runs. */
#define _GNU_SOURCE /* O_PATH */
#include "attach.h"
#include "cgroup.h"
#include "drop_in.h"
#include "kashim.h"
#include "memory.h"
#include "options.h"
#include "preload.h"
#include "root.h"
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    struct settings settings;
    const char *root; /* NULL: this system */
    bool now, preload;
    char unit[UNIT_NAME_SIZE];
    struct drop_in drop_in;
};

static const char *const way_names[] = {
    [WAY_GROUP] = "group", [WAY_PRELOAD] = "preload", [WAY_SOCKET] = "socket"};

/* ---- the unit ---------------------------------------------------------------- */

/* In an image. What a generator makes of /etc/init.d has the name of the file there. */
static bool is_in_root(int root, const char *name)
{
    static const char *const folders[] = {"etc/systemd/system",
                                          "usr/local/lib/systemd/system",
                                          "usr/lib/systemd/system", "lib/systemd/system"};
    char path[PATH_MAX];
    int fd = -1;

    for (size_t i = 0; i < sizeof folders / sizeof *folders && fd < 0; i++) {
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        fd = open_in_root(root, path, O_PATH);
    }
    if (fd < 0 && unit_is_service(name)) {
        snprintf(path, sizeof path, "etc/init.d/%.*s",
                 (int)(strlen(name) - strlen(".service")), name);
        fd = open_in_root(root, path, O_PATH);
    }
    close(fd);
    return fd >= 0;
}

static bool unit_is_in_root(const struct job *j)
{
    char template[UNIT_NAME_SIZE];

    if (is_in_root(j->drop_in.root_fd, j->unit) ||
        (unit_template(j->unit, template) && is_in_root(j->drop_in.root_fd, template)))
        return true;
    complain("there is no %s in %s", j->unit, j->root);
    return false;
}

static bool is_set(const struct unit *u, enum property property)
{
    return *u->properties[property] != '\0';
}

static bool refuse(const struct job *j, const char *why)
{
    complain("%s: not enabled: %s", j->unit, why);
    return false;
}

/* Debian's postgresql.service, tor.service, postfix.service and others do nothing but start
 * and stop others with them: ExecStart=/bin/true. */
static bool stands_for_others(const struct unit *u)
{
    return !strcmp(u->properties[UNIT_TYPE], "oneshot") &&
           strstr(u->properties[UNIT_EXEC_START], "/bin/true ");
}

static bool refuse_placeholder(const struct job *j, const struct unit *u)
{
    const char *others = u->properties[UNIT_CONSISTS_OF];

    if (*others)
        complain("%s: not enabled: it serves nothing itself and only stands for others: "
                 "enable %s",
                 j->unit, others);
    else
        complain("%s: not enabled: it serves nothing itself and only stands for others: "
                 "enable its instances, %.*s@NAME.service",
                 j->unit, (int)(strlen(j->unit) - strlen(".service")), j->unit);
    return false;
}

/* Whether a drop-in of ours would serve it; why not is said. */
static bool admits(const struct job *j, const struct unit *u)
{
    const char *state = u->properties[UNIT_LOAD_STATE];
    const char *root = u->properties[UNIT_ROOT_DIRECTORY];

    if (!strcmp(state, "not-found")) {
        complain("there is no %s", j->unit);
        return false;
    }
    if (strcmp(state, "loaded") != 0) {
        complain("%s: not enabled: systemd says of it: %s", j->unit, state);
        return false;
    }
    if (unit_is_socket(j->unit))
        return true;
    if (stands_for_others(u))
        return refuse_placeholder(j, u);
    if ((*root && strcmp(root, "/") != 0) || is_set(u, UNIT_ROOT_IMAGE))
        return refuse(
            j, *root ? "it has RootDirectory=, in which systemd doesn't find kashim: "
                       "run kashim attach after each start"
                     : "it has RootImage=, in which systemd doesn't find kashim: run "
                       "kashim attach after each start");
    return true;
}

/* What systemd says of it, which of a template is nothing; its name becomes the real one. */
static bool ask_systemd(struct job *j, struct units *units)
{
    bool good;

    memset(units, 0, sizeof *units);
    if (unit_is_template(j->unit)) {
        if (unit_has_file(j->unit))
            return true;
        complain("there is no %s", j->unit);
        return false;
    }
    if (!units_show(j->unit, units))
        return false;
    if (!units->count) {
        complain("systemctl show %s: it says nothing", j->unit);
        return false;
    }
    good = admits(j, &units->all[0]);
    if (good && strlen(units->all[0].properties[UNIT_ID]) < sizeof j->unit)
        strcpy(j->unit, units->all[0].properties[UNIT_ID]);
    return good;
}

/* ---- what runs --------------------------------------------------------------- */

/* Calls `act` for the unit, or of a template for the instances that are loaded. False: one
 * returned that, or they can't be had. */
static bool each_meant(const struct job *j,
                       bool (*act)(const struct job *j, const struct unit *u))
{
    char pattern[sizeof j->unit + 1];
    const char *at = strchr(j->unit, '@');
    struct units units;
    bool done;

    if (unit_is_template(j->unit))
        snprintf(pattern, sizeof pattern, "%.*s@*%s", (int)(at - j->unit), j->unit,
                 at + 1);
    else
        strcpy(pattern, j->unit);
    done = units_show(pattern, &units);
    for (size_t i = 0; i < units.count; i++)
        done &= act(j, &units.all[i]);
    units_free(&units);
    return done;
}

static bool is_enabled(const struct job *j, const char *unit)
{
    const struct drop_in drop_in = {j->drop_in.root, j->drop_in.root_fd, unit};
    enum way way;
    char *settings;
    bool ours = drop_in_read(&drop_in, &way, &settings) == US;

    free(settings);
    return ours;
}

/* The listener is systemd's then, and in another group. */
static void mention_socket(const struct job *j, const struct unit *u)
{
    char *units = append(NULL, u->properties[UNIT_TRIGGERED_BY]), *rest = units, *name;

    while ((name = strsep(&rest, " ")))
        if (unit_is_socket(name) && !is_enabled(j, name))
            complain("%s: its listener comes from %s: enable that as well",
                     u->properties[UNIT_ID], name);
    free(units);
}

static bool is_running(const struct unit *u)
{
    char directory[PATH_MAX];

    return is_set(u, UNIT_CONTROL_GROUP) &&
           cgroup_directory(u->properties[UNIT_CONTROL_GROUP], directory) &&
           !access(directory, F_OK);
}

static bool attach_now(const struct job *j, const struct unit *u)
{
    bool done = true;

    if (is_running(u))
        done = attach_to_group(u->properties[UNIT_CONTROL_GROUP], &j->settings);
    else
        printf("%s isn't running: it gets keepalive when it starts\n",
               u->properties[UNIT_ID]);
    mention_socket(j, u);
    return done;
}

static bool detach_now(const struct job *j, const struct unit *u)
{
    return !is_running(u) ||
           detach_from_group(u->properties[UNIT_CONTROL_GROUP], &j->settings);
}

/* A stopped service stays stopped. */
static bool restart_now(const struct job *j, const struct unit *u)
{
    (void)j;
    return systemctl("try-restart", u->properties[UNIT_ID]);
}

/* "[::]:22 (Stream)" and "0.0.0.0:80 (Stream)": the port stands behind the last colon. */
static void take_ports(struct ka_config *config, const char *listen)
{
    char *list = NULL;

    for (const char *stream = listen; (stream = strstr(stream, " (Stream)")); stream++) {
        const char *start = stream;

        while (start > listen && start[-1] >= '0' && start[-1] <= '9')
            start--;
        if (start == stream || start == listen || start[-1] != ':')
            continue; /* a UNIX socket */
        list = append(list, list ? "," : "");
        for (; start < stream; start++)
            list = append(list, (char[]){*start, '\0'});
    }
    if (list)
        ka_config_set(config, "KA_PORTS", strlen("KA_PORTS"), list);
    free(list);
}

/* `names`: units, with blanks between. */
static void add_processes_of(const char *names, struct numbers *pids)
{
    char *copy = append(NULL, names), *rest = copy, *name;
    struct units units;

    while ((name = strsep(&rest, " "))) {
        if (!*name || !units_show(name, &units))
            continue;
        for (size_t i = 0; i < units.count; i++)
            cgroup_processes(units.all[i].properties[UNIT_CONTROL_GROUP], pids);
        units_free(&units);
    }
    free(copy);
}

/* The listener is in process 1; what was accepted from it, in the group of the service, or with
 * Accept=yes in those of its instances. */
static bool change_socket(const struct job *j, bool on)
{
    struct settings settings = j->settings;
    struct numbers pids = {0};
    struct units units;
    bool done = units_show(j->unit, &units);

    numbers_add(&pids, 1);
    for (size_t i = 0; i < units.count; i++) {
        take_ports(&settings.config, units.all[i].properties[UNIT_LISTEN]);
        add_processes_of(units.all[i].properties[UNIT_TRIGGERS], &pids);
    }
    units_free(&units);
    if (done && settings.config.some_ports)
        done = (on ? attach_to_processes : detach_from_processes)(&pids, &settings);
    free(pids.all);
    return done;
}

/* ---- the two ----------------------------------------------------------------- */

/* Whether the file of ours that the drop-in names is there. */
static bool is_there(const struct job *j, const char *file, const char *what)
{
    struct stat st;
    int fd = open_in_root(j->drop_in.root_fd, file, O_PATH);
    bool found = fd >= 0 && !fstat(fd, &st);

    if (found && !S_ISREG(st.st_mode)) {
        complain("%s%s is no file, and not %s", j->drop_in.root, file, what);
        found = false;
    } else if (!found && errno != ENOENT)
        complain("%s%s: %s", j->drop_in.root, file, strerror(errno));
    else if (!found)
        complain("%s is missing: %s%s (make install%s%s puts it there)", what,
                 j->drop_in.root, file, j->root ? " DESTDIR=" : "", j->drop_in.root);
    close(fd);
    return found;
}

static enum way way_of(const struct job *j)
{
    return unit_is_socket(j->unit) ? WAY_SOCKET : j->preload ? WAY_PRELOAD : WAY_GROUP;
}

/* KA_IDLE, KA_INTVL and KA_CNT are what systemd has for a socket unit. */
enum { SOCKET_SETTINGS = 3 };

static bool fits_socket(const struct job *j)
{
    for (int i = 0; i < SETTINGS; i++)
        if (i >= SOCKET_SETTINGS && j->settings.value[i]) {
            complain("%s: not enabled: systemd has no such setting for a socket unit: %s",
                     j->unit, setting_variable(i));
            return false;
        }
    if (j->preload)
        complain("%s: not enabled: --preload is for services", j->unit);
    return !j->preload;
}

/* The unit's own list with the library; of an image's unit it isn't read. To be freed. */
static char *preload_list(const struct job *j, const struct units *units)
{
    char *own = units->count ? unit_variable(&units->all[0], "LD_PRELOAD") : NULL;
    char *list = preload_with(own, LIBRARY);

    if (j->root)
        complain(
            "%s: if it sets LD_PRELOAD itself, that is replaced: units of another system "
            "aren't read",
            j->unit);
    free(own);
    return list;
}

static bool needs_are_there(const struct job *j, enum way way)
{
    return way == WAY_SOCKET ||
           (way == WAY_PRELOAD ? is_there(j, LIBRARY, "the library")
                               : is_there(j, COMMAND, "the command"));
}

/* `before`: the way that the drop-in had until now, with these settings; NULL: none. */
static void report_written(const struct job *j, const char *before, const char *settings)
{
    if (before)
        say("wrote %s/" UNITS_FOLDER "/%s.d/" DROP_IN ", in place of: %s %s",
            j->drop_in.root, j->unit, before, *settings ? settings : "defaults");
    else
        say("wrote %s/" UNITS_FOLDER "/%s.d/" DROP_IN, j->drop_in.root, j->unit);
}

static bool write_drop_in(struct job *j, const struct units *units)
{
    enum way way = way_of(j), before = way;
    char *settings, *preload = NULL;
    enum owner owner;
    bool written;

    j->drop_in.unit = j->unit;
    if ((way == WAY_SOCKET && !fits_socket(j)) || !needs_are_there(j, way))
        return false;
    owner = drop_in_read(&j->drop_in, &before, &settings);
    if (owner == ANOTHER)
        return false;
    if (way == WAY_PRELOAD)
        preload = preload_list(j, units);
    written = drop_in_write(&j->drop_in, way, &j->settings, preload);
    if (written)
        report_written(j, owner == US ? way_names[before] : NULL, settings);
    free(preload);
    free(settings);
    return written;
}

static bool act_now(const struct job *j, enum way way, bool on)
{
    if (!systemctl("daemon-reload", NULL))
        return false;
    switch (way) {
    case WAY_PRELOAD: return each_meant(j, restart_now);
    case WAY_SOCKET: return change_socket(j, on);
    default: return each_meant(j, on ? attach_now : detach_now);
    }
}

static bool finish(const struct job *j, enum way way, bool on)
{
    if (j->now)
        return act_now(j, way, on);
    if (!j->root)
        printf("now run: systemctl daemon-reload; it takes effect when %s starts next\n",
               j->unit);
    return true;
}

static bool enable(struct job *j)
{
    struct units units = {0};
    bool done = j->root ? unit_is_in_root(j) : ask_systemd(j, &units);

    done = done && write_drop_in(j, &units) && finish(j, way_of(j), true);
    units_free(&units);
    return done;
}

/* "KeepAlive=yes KeepAliveTimeSec=61 ..." */
static void take_socket_timers(struct job *j, const char *settings)
{
    struct ka_config *config = &j->settings.config;

    sscanf(settings,
           "KeepAlive=yes KeepAliveTimeSec=%d KeepAliveIntervalSec=%d KeepAliveProbes=%d",
           &config->idle, &config->intvl, &config->cnt);
}

/* Nothing is to be removed. Of what isn't there at all that is a mistake. */
static bool not_enabled(const struct job *j, bool there)
{
    if (there)
        printf("%s is not enabled with kashim\n", j->unit);
    else
        complain("there is no %s", j->unit);
    return there;
}

static enum owner find_drop_in(struct job *j, enum way *way, char **settings)
{
    j->drop_in.unit = j->unit;
    return drop_in_read(&j->drop_in, way, settings);
}

static bool remove_drop_in(struct job *j, enum owner owner, enum way way, char *settings)
{
    if (owner != US)
        return false;
    if (way == WAY_SOCKET)
        take_socket_timers(j, settings);
    if (way == WAY_GROUP)
        settings_read_back(&j->settings, settings);
    if (!drop_in_remove(&j->drop_in))
        return false;
    printf("removed %s/" UNITS_FOLDER "/%s.d/" DROP_IN "\n", j->drop_in.root, j->unit);
    return finish(j, way, false);
}

/* The drop-in has the unit's real name, as enable has it. */
static bool disable_by_real_name(struct job *j)
{
    enum way way = WAY_GROUP;
    struct units units;
    char *settings = NULL;
    bool done = units_show(j->unit, &units) && units.count;

    if (done) {
        char **properties = units.all[0].properties;
        enum owner owner;

        snprintf(j->unit, sizeof j->unit, "%s", properties[UNIT_ID]);
        owner = find_drop_in(j, &way, &settings);
        done = owner == NOBODY
                   ? not_enabled(j, strcmp(properties[UNIT_LOAD_STATE], "not-found") != 0)
                   : remove_drop_in(j, owner, way, settings);
    }
    free(settings);
    units_free(&units);
    return done;
}

static bool disable(struct job *j)
{
    enum way way = WAY_GROUP;
    char *settings;
    enum owner owner = find_drop_in(j, &way, &settings);
    bool done;

    if (owner != NOBODY)
        done = remove_drop_in(j, owner, way, settings);
    else if (j->root)
        done = unit_is_in_root(j) && not_enabled(j, true);
    else if (unit_is_template(j->unit))
        done = not_enabled(j, unit_has_file(j->unit));
    else
        done = disable_by_real_name(j);
    free(settings);
    return done;
}

static void print_enabled(const char *unit, enum way way, const char *settings)
{
    say("%-40s %-7s %s", unit, way_names[way], *settings ? settings : "defaults");
}

static bool list(struct job *j)
{
    return drop_in_list(j->drop_in.root, j->drop_in.root_fd, print_enabled);
}

/* ---- the arguments ----------------------------------------------------------- */

enum { OPTION_NOW = OPTION_OWN, OPTION_ROOT, OPTION_PRELOAD };

static int help_enable(void)
{
    puts(
        "kashim enable [OPTIONS] [--now] [--preload] [--root DIR] UNIT\n"
        "kashim enable [--root DIR]\n\n"
        "Gives a systemd service keepalive whenever it starts: a drop-in puts the\n"
        "kernel's programs on its control group. A socket unit gets it by systemd's own\n"
        "settings.\n"
        "Without UNIT: lists what is enabled.\n\n"
        "      --now                                 also now, while it runs: no "
        "restart\n"
        "      --preload                             by the library, at its next start:\n"
        "                                            for kernels before 5.9. --now\n"
        "                                            restarts it then\n"
        "      --root DIR                            of the system in DIR, an image say");
    settings_help(false);
    puts("\nExit status: 0 it was done, 1 something wasn't, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

static int help_disable(void)
{
    puts("kashim disable [--now] [--root DIR] UNIT\n\n"
         "Removes what kashim enable wrote.\n\n"
         "      --now                                 takes keepalive off what runs, "
         "too;\n"
         "                                            after --preload by a restart\n"
         "      --root DIR                            of the system in DIR, an image "
         "say\n\n"
         "Exit status: 0 it was done, 1 something wasn't, 2 wrong arguments.");
    return EXIT_SUCCESS;
}

/* The exit status if there is nothing more to do, or negative. */
static int read_arguments(struct job *j, int argc, char **argv, const char *letters,
                          const struct option *options, int (*help)(void))
{
    int option;

    while ((option = next_option(argc, argv, letters, options)) != -1)
        switch (option) {
        case 'h': return help();
        case OPTION_NOW: j->now = true; break;
        case OPTION_PRELOAD: j->preload = true; break;
        case OPTION_ROOT: j->root = optarg; break;
        default:
            if (settings_take(&j->settings, option, optarg) != SETTING_TAKEN)
                return EXIT_USAGE;
        }
    if (j->now && j->root) {
        complain("%s: --now is for this system, and --root for another", argv[0]);
        return EXIT_USAGE;
    }
    if (optind < argc - 1) {
        complain("%s: one UNIT at a time, and '%s' is one too many (kashim help %s)",
                 argv[0], argv[optind + 1], argv[0]);
        return EXIT_USAGE;
    }
    return optind == argc || unit_name(argv[optind], j->unit) ? -1 : EXIT_USAGE;
}

static bool searchable(int root)
{
    int fd = open_in_root(root, "/", O_PATH);

    if (fd < 0)
        complain("--root: it takes openat2(2), which the kernel refuses: %s",
                 strerror(errno));
    else
        close(fd);
    return fd >= 0;
}

static int run(struct job *j, bool (*action)(struct job *j))
{
    int fd = open(j->root ? j->root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        complain("--root %s: %s", j->root ? j->root : "/", strerror(errno));
        return EXIT_UNDONE;
    }
    if (j->root && !searchable(fd))
        return EXIT_UNDONE;
    j->drop_in.root_fd = fd;
    j->drop_in.root =
        j->root ? printable(append(NULL, j->root)) : ""; /* it is only shown */
    return action(j) ? EXIT_SUCCESS : EXIT_UNDONE;
}

int kashim_enable(int argc, char **argv)
{
    static const struct option options[] = {
        SETTING_OPTIONS,
        {"now", no_argument, NULL, OPTION_NOW},
        {"preload", no_argument, NULL, OPTION_PRELOAD},
        {"root", required_argument, NULL, OPTION_ROOT},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct job j = {.root = NULL};
    int status;

    settings_begin(&j.settings);
    status = read_arguments(&j, argc, argv, ":h" SETTING_LETTERS, options, help_enable);
    if (status >= 0)
        return status;
    if (optind == argc) {
        for (int i = 0; i < SETTINGS; i++)
            if (j.settings.value[i] || j.now || j.preload) {
                complain("enable: of which UNIT? (kashim help enable)");
                return EXIT_USAGE;
            }
        return run(&j, list);
    }
    if ((!j.preload && !settings_act_outside(&j.settings)) || !settings_read(&j.settings))
        return EXIT_USAGE;
    if (j.settings.config.off) {
        complain("enable: KA_OFF=1 is set, so nothing was done");
        return EXIT_UNDONE;
    }
    return run(&j, enable);
}

int kashim_disable(int argc, char **argv)
{
    static const struct option options[] = {
        {"now", no_argument, NULL, OPTION_NOW},
        {"root", required_argument, NULL, OPTION_ROOT},
        {"help", no_argument, NULL, 'h'},
        {0}};
    struct job j = {.root = NULL};
    int status = read_arguments(&j, argc, argv, ":h", options, help_disable);

    if (status >= 0)
        return status;
    if (optind == argc) {
        complain("disable: which UNIT? (kashim help disable; kashim enable lists them)");
        return EXIT_USAGE;
    }
    settings_begin(&j.settings);
    return run(&j, disable);
}
