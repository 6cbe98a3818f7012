/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* syscall */
#include "bpf.h"

#include <errno.h>
#include <linux/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The names by which the kernel knows them, and kashim finds them again. */
#define SOCK_OPS_NAME   "kashim"
#define SETSOCKOPT_NAME "kashim_setopt"
#define SETTINGS_NAME   "kashim_settings"
#define MARKS_NAME      "kashim_marks"

static const struct kind {
    char name[BPF_OBJ_NAME_LEN];
    enum bpf_prog_type type;
    enum bpf_attach_type attach_type;
} sock_ops_kind = {SOCK_OPS_NAME, BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS},
  setsockopt_kind = {SETSOCKOPT_NAME, BPF_PROG_TYPE_CGROUP_SOCKOPT,
                     BPF_CGROUP_SETSOCKOPT};

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static __u64 pointer(const void *p)
{
    return (uintptr_t)p;
}

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void bpf_close(struct group_programs *p)
{
    close_if_open(&p->sock_ops);
    close_if_open(&p->setsockopt);
    close_if_open(&p->maps.settings);
    close_if_open(&p->maps.marks);
}

static bool failed(struct bpf_failure *f, const char *step)
{
    f->error = errno;
    f->step = step;
    return false;
}

/* ---- maps -------------------------------------------------------------------- */

/* Nobody can change it, so the verifier knows its values. */
static int create_settings(const struct group_settings *settings)
{
    const int key = 0;
    union bpf_attr create = {.map_type = BPF_MAP_TYPE_ARRAY,
                             .key_size = sizeof key,
                             .value_size = sizeof *settings,
                             .max_entries = 1,
                             .map_flags = BPF_F_RDONLY_PROG,
                             .map_name = SETTINGS_NAME};
    int map = bpf(BPF_MAP_CREATE, &create);
    union bpf_attr update = {
        .map_fd = (__u32)map, .key = pointer(&key), .value = pointer(settings)};
    union bpf_attr freeze = {.map_fd = (__u32)map};

    if (map >= 0 && (bpf(BPF_MAP_UPDATE_ELEM, &update) || bpf(BPF_MAP_FREEZE, &freeze)))
        close_if_open(&map);
    return map;
}

/* Load the type of a mark, int, which the kernel asks for. Return a descriptor, or -1 and
 * set errno. */
static int load_int_type(void)
{
    static const struct {
        struct btf_header header;
        struct btf_type type;
        __u32 encoding;
        char names[5];
    } __attribute__((packed)) btf = {
        .header = {.magic = BTF_MAGIC,
                   .version = BTF_VERSION,
                   .hdr_len = sizeof btf.header,
                   .type_len = sizeof btf.type + sizeof btf.encoding,
                   .str_off = sizeof btf.type + sizeof btf.encoding,
                   .str_len = sizeof btf.names},
        .type = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = sizeof(int)},
        .encoding = BTF_INT_SIGNED << 24 | 8 * sizeof(int),
        .names = "\0int",
    };
    union bpf_attr load = {.btf = pointer(&btf), .btf_size = sizeof btf};

    return bpf(BPF_BTF_LOAD, &load);
}

static int create_marks(void)
{
    int type = load_int_type();
    union bpf_attr create = {.map_type = BPF_MAP_TYPE_SK_STORAGE,
                             .key_size = sizeof(int),
                             .value_size = sizeof(int),
                             .map_flags = BPF_F_NO_PREALLOC | BPF_F_CLONE,
                             .map_name = MARKS_NAME,
                             .btf_fd = (__u32)type,
                             .btf_key_type_id = 1,
                             .btf_value_type_id = 1};
    int map = type < 0 ? -1 : bpf(BPF_MAP_CREATE, &create);

    close_if_open(&type);
    return map;
}

bool bpf_unmark(const struct group_programs *p, int fd)
{
    union bpf_attr delete = {.map_fd = (__u32)p->maps.marks, .key = pointer(&fd)};

    return p->maps.marks >= 0 && !bpf(BPF_MAP_DELETE_ELEM, &delete);
}

bool bpf_mark(const struct group_programs *p, int fd)
{
    const int mark = MARK_OURS;
    union bpf_attr update = {
        .map_fd = (__u32)p->maps.marks, .key = pointer(&fd), .value = pointer(&mark)};

    return p->maps.marks >= 0 && !bpf(BPF_MAP_UPDATE_ELEM, &update);
}

/* ---- programs ---------------------------------------------------------------- */

/* Keep what the verifier complains of: its last line, but for one that begins with
 * "processed". */
static void keep_complaint(char *log, struct bpf_failure *f)
{
    char *line = log;

    do {
        char *newline = strrchr(log, '\n');

        line = newline ? newline + 1 : log;
        if (*line && strncmp(line, "processed ", strlen("processed ")) != 0)
            break;
        if (newline)
            *newline = '\0';
    } while (line != log);
    snprintf(f->log, sizeof f->log, "%.*s", (int)sizeof f->log - 1, line);
}

static int load_program(const struct kind *kind, const struct code *code,
                        struct bpf_failure *f)
{
    static char log[1 << 20];
    union bpf_attr load = {.prog_type = kind->type,
                           .expected_attach_type = kind->attach_type,
                           .insns = pointer(code->all),
                           .insn_cnt = (__u32)code->count,
                           .license = pointer("MIT"),
                           /* RISC-V's verifier knows no alignment of an option's value */
                           .prog_flags = BPF_F_ANY_ALIGNMENT};
    int program;

    strcpy(load.prog_name, kind->name);
    program = bpf(BPF_PROG_LOAD, &load);
    if (program >= 0 || errno == EPERM)
        return program;
    load.log_buf = pointer(log);
    load.log_size = sizeof log;
    load.log_level = 1;
    program = bpf(BPF_PROG_LOAD, &load);
    if (program < 0)
        keep_complaint(log, f);
    return program;
}

/* Put the program there, in the place of `old` if there is one. */
static int put_on_group(int group, const struct kind *kind, int program, int old)
{
    union bpf_attr attach = {.target_fd = (__u32)group,
                             .attach_bpf_fd = (__u32)program,
                             .attach_type = kind->attach_type,
                             .attach_flags = BPF_F_ALLOW_MULTI};

    if (old >= 0) {
        attach.attach_flags |= BPF_F_REPLACE;
        attach.replace_bpf_fd = (__u32)old;
    }
    return bpf(BPF_PROG_ATTACH, &attach);
}

/* Take the program off. ENOENT: somebody else was faster. */
static bool take_off_group(int group, const struct kind *kind, int program)
{
    union bpf_attr detach = {.target_fd = (__u32)group,
                             .attach_bpf_fd = (__u32)program,
                             .attach_type = kind->attach_type};

    return !bpf(BPF_PROG_DETACH, &detach) || errno == ENOENT;
}

/* ---- what is there ----------------------------------------------------------- */

enum { MOST_PROGRAMS = 64, MOST_MAPS = 8 }; /* BPF_CGROUP_MAX_PROGS; ours have two */

struct ids {
    __u32 all[MOST_PROGRAMS];
    __u32 count, flags;
};

static bool query(int group, const struct kind *kind, struct ids *ids)
{
    union bpf_attr attr = {.query = {.target_fd = (__u32)group,
                                     .attach_type = kind->attach_type,
                                     .prog_ids = pointer(ids->all),
                                     .prog_cnt = MOST_PROGRAMS}};

    if (bpf(BPF_PROG_QUERY, &attr))
        return false;
    ids->count = attr.query.prog_cnt;
    ids->flags = attr.query.attach_flags;
    return true;
}

static bool get_info(int fd, void *info, __u32 size)
{
    union bpf_attr get = {
        .info = {.bpf_fd = (__u32)fd, .info_len = size, .info = pointer(info)}};

    return !bpf(BPF_OBJ_GET_INFO_BY_FD, &get);
}

static int open_map(__u32 id, struct bpf_map_info *info)
{
    union bpf_attr open = {.map_id = id};
    int map = bpf(BPF_MAP_GET_FD_BY_ID, &open);

    memset(info, 0, sizeof *info);
    if (map >= 0 && !get_info(map, info, sizeof *info))
        close_if_open(&map);
    return map;
}

/* Open those of a program's maps that are kashim's. */
static struct group_maps open_maps(const __u32 *ids, __u32 count)
{
    struct group_maps maps = {-1, -1};

    for (__u32 i = 0; i < count && i < MOST_MAPS; i++) {
        struct bpf_map_info info;
        int map = open_map(ids[i], &info);

        if (map < 0)
            continue;
        if (info.type == BPF_MAP_TYPE_ARRAY && !strcmp(info.name, SETTINGS_NAME) &&
            maps.settings < 0)
            maps.settings = map;
        else if (info.type == BPF_MAP_TYPE_SK_STORAGE && maps.marks < 0 &&
                 info.value_size == sizeof(int) && !strcmp(info.name, MARKS_NAME))
            maps.marks = map;
        else
            close(map);
    }
    return maps;
}

static void close_maps(struct group_maps *maps)
{
    close_if_open(&maps->settings);
    close_if_open(&maps->marks);
}

/* Open a program if it is kashim's: it has the name, and a map of settings or marks. Return
 * a descriptor and fill `maps`, or return -1 if it is another's or gone, REFUSED if the
 * kernel doesn't tell. */
enum { REFUSED = -2 };

static int open_ours(__u32 id, const struct kind *kind, struct group_maps *maps)
{
    __u32 map_ids[MOST_MAPS] = {0};
    struct bpf_prog_info info = {.nr_map_ids = MOST_MAPS, .map_ids = pointer(map_ids)};
    union bpf_attr open = {.prog_id = id};
    int program = bpf(BPF_PROG_GET_FD_BY_ID, &open);

    *maps = (struct group_maps){-1, -1};
    if (program < 0)
        return errno == EPERM ? REFUSED : -1;
    if (get_info(program, &info, sizeof info) && info.type == kind->type &&
        !strcmp(info.name, kind->name))
        *maps = open_maps(map_ids, info.nr_map_ids);
    if (maps->settings < 0 && maps->marks < 0)
        close_if_open(&program);
    return program;
}

/* Open the newest of kashim's programs: two kashims may have put theirs there at the same
 * time. Take the others off if `clean`. Return -1 if there is none, REFUSED and set errno
 * if the kernel doesn't tell. */
static int newest_of_ours(int group, const struct kind *kind, struct group_maps *maps,
                          bool clean)
{
    struct ids ids;
    int newest = -1;

    *maps = (struct group_maps){-1, -1};
    if (!query(group, kind, &ids))
        return REFUSED;
    for (__u32 i = 0; i < ids.count; i++) {
        struct group_maps its;
        int program = open_ours(ids.all[i], kind, &its);

        if (program == REFUSED) {
            close_if_open(&newest);
            close_maps(maps);
            return REFUSED;
        }
        if (program < 0)
            continue;
        if (newest >= 0 && clean)
            take_off_group(group, kind, newest);
        close_if_open(&newest);
        close_maps(maps);
        newest = program;
        *maps = its;
    }
    return newest;
}

static bool read_settings(int map, struct group_settings *settings)
{
    const int key = 0;
    struct bpf_map_info info = {0};
    union bpf_attr look = {
        .map_fd = (__u32)map, .key = pointer(&key), .value = pointer(settings)};

    return get_info(map, &info, sizeof info) && info.value_size == sizeof *settings &&
           !bpf(BPF_MAP_LOOKUP_ELEM, &look);
}

enum bpf_found bpf_find(int group, struct group_programs *p,
                        struct group_settings *settings)
{
    struct group_settings unused;
    struct group_maps maps;

    *p = NO_PROGRAMS;
    p->sock_ops = newest_of_ours(group, &sock_ops_kind, &p->maps, false);
    if (p->sock_ops == REFUSED)
        return BPF_UNKNOWN;
    p->setsockopt = newest_of_ours(group, &setsockopt_kind, &maps, false);
    close_maps(&maps);
    if (p->sock_ops < 0)
        return BPF_NONE;
    return read_settings(p->maps.settings, settings ? settings : &unused)
               ? BPF_FOUND
               : BPF_OTHER_VERSION;
}

static bool lets_no_other(int group, const struct kind *kind)
{
    struct ids ids;

    return query(group, kind, &ids) && ids.count && !(ids.flags & BPF_F_ALLOW_MULTI);
}

bool bpf_is_exclusive(int group)
{
    return lets_no_other(group, &sock_ops_kind) || lets_no_other(group, &setsockopt_kind);
}

/* ---- putting them there and taking them off ---------------------------------- */

static bool make_maps(const struct group_settings *settings, int old_marks,
                      struct group_maps *maps, struct bpf_failure *f)
{
    maps->settings = create_settings(settings);
    if (maps->settings < 0)
        return failed(f, "to make a map");
    if (!needs_marks(&settings->config))
        return true;
    maps->marks = old_marks >= 0 ? dup(old_marks) : create_marks();
    return maps->marks >= 0 || failed(f, "to make a map that belongs to sockets");
}

static bool load_all(const struct group_settings *settings, struct group_programs *p,
                     struct bpf_failure *f)
{
    struct code code;

    assemble_sock_ops(&code, settings, p->maps);
    p->sock_ops = load_program(&sock_ops_kind, &code, f);
    if (p->sock_ops < 0)
        return failed(f, "to load the program for listeners");
    if (!needs_setsockopt(&settings->config))
        return true;
    assemble_setsockopt(&code, settings, p->maps);
    p->setsockopt = load_program(&setsockopt_kind, &code, f);
    return p->setsockopt >= 0 || failed(f, "to load the program for setsockopt");
}

/* The program for setsockopt comes first: it does nothing on sockets without a mark. */
static bool put_all(int group, const struct group_programs *p,
                    const struct group_programs *old, struct bpf_failure *f)
{
    if (p->setsockopt >= 0 &&
        put_on_group(group, &setsockopt_kind, p->setsockopt, old->setsockopt))
        return failed(f, "to attach the program for setsockopt");
    if (put_on_group(group, &sock_ops_kind, p->sock_ops, old->sock_ops)) {
        failed(f, "to attach the program for listeners");
        if (p->setsockopt >= 0 && old->setsockopt < 0)
            take_off_group(group, &setsockopt_kind, p->setsockopt);
        return false;
    }
    if (p->setsockopt < 0 && old->setsockopt >= 0 &&
        !take_off_group(group, &setsockopt_kind, old->setsockopt))
        return failed(f, "to remove the program for setsockopt");
    return true;
}

static bool make_all(int group, const struct group_settings *settings,
                     struct group_programs *p, struct bpf_failure *f)
{
    struct group_programs old;
    bool done;

    if (bpf_find(group, &old, NULL) == BPF_UNKNOWN)
        return failed(f, "to ask for the group's programs");
    done = make_maps(settings, old.maps.marks, &p->maps, f) && load_all(settings, p, f) &&
           put_all(group, p, &old, f);
    bpf_close(&old);
    return done;
}

/* Up to Linux 5.10 maps count as locked memory, which is limited. */
static bool with_memory_limit_lifted(int group, const struct group_settings *settings,
                                     struct group_programs *p, struct bpf_failure *f)
{
    struct rlimit before, lifted = {RLIM_INFINITY, RLIM_INFINITY};
    bool done;

    getrlimit(RLIMIT_MEMLOCK, &before);
    setrlimit(RLIMIT_MEMLOCK, &lifted);
    done = make_all(group, settings, p, f);
    setrlimit(RLIMIT_MEMLOCK, &before);
    return done;
}

static void remove_doubles(int group)
{
    for (int i = 0; i < 2; i++) {
        struct group_maps maps;
        int program =
            newest_of_ours(group, i ? &setsockopt_kind : &sock_ops_kind, &maps, true);

        close_if_open(&program);
        close_maps(&maps);
    }
}

/* Keep other kashim away while both programs are exchanged, so that they belong together.
 * Anybody can hold the lock of a directory: after a second go on without. */
static void lock(int group)
{
    for (int tries = 100; flock(group, LOCK_EX | LOCK_NB) && tries; tries--)
        usleep(10000);
}

bool bpf_attach(int group, const struct ka_config *config, struct group_programs *p,
                struct bpf_failure *f)
{
    struct group_settings settings = {.config = *config,
                                      .values = ka_values_wanted(config),
                                      .kernel = ka_values_of_kernel()};
    int tries = 100; /* another kashim may exchange them between our look and our step */
    bool done;

    memset(f, 0, sizeof *f);
    lock(group);
    do {
        *p = NO_PROGRAMS;
        done = with_memory_limit_lifted(group, &settings, p, f);
        if (!done)
            bpf_close(p);
    } while (!done && f->error == ENOENT && --tries);
    if (done)
        remove_doubles(group);
    flock(group, LOCK_UN);
    return done;
}

static bool take_off_all(int group, const struct kind *kind)
{
    struct group_maps maps;
    bool done = true;
    int program = -1;

    while (done && (program = newest_of_ours(group, kind, &maps, false)) >= 0) {
        done = take_off_group(group, kind, program);
        close_if_open(&program);
        close_maps(&maps);
    }
    return done && program != REFUSED;
}

bool bpf_detach(int group, struct bpf_failure *f)
{
    bool done;

    memset(f, 0, sizeof *f);
    lock(group);
    done =
        (take_off_all(group, &sock_ops_kind) && take_off_all(group, &setsockopt_kind)) ||
        failed(f, "to remove the programs");
    flock(group, LOCK_UN);
    return done;
}
