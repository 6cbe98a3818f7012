/* SPDX-License-Identifier: MIT */
#include "elf_file.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SEGMENTS = 1000, MAX_DYNAMIC = 10000, MAX_NOTES = 100, MAX_DATA = 1 << 26 };

struct segment {
    uint32_t type, flags;
    uint64_t offset, address, size; /* size: in the file */
};

/* The file, and what is known of it. */
struct file {
    int fd;
    bool wide; /* 64-bit */
    uint64_t table;
    unsigned entry_size, entries;
    uint64_t left; /* bytes of data that may still be searched: segments can overlap */
};

/* Read all of it, or return false. */
static bool get(int fd, uint64_t offset, void *buffer, size_t len)
{
    return offset <= (uint64_t)INT64_MAX - len &&
           pread(fd, buffer, len, (off_t)offset) == (ssize_t)len;
}

static bool get_segment(const struct file *f, unsigned i, struct segment *s)
{
    uint64_t at = f->table + (uint64_t)i * f->entry_size;
    union {
        Elf32_Phdr narrow;
        Elf64_Phdr wide;
    } p;

    if (f->table > INT64_MAX / 2 || !get(f->fd, at, &p, f->entry_size))
        return false;
    if (f->wide)
        *s = (struct segment){p.wide.p_type, p.wide.p_flags, p.wide.p_offset,
                              p.wide.p_vaddr, p.wide.p_filesz};
    else
        *s = (struct segment){p.narrow.p_type, p.narrow.p_flags, p.narrow.p_offset,
                              p.narrow.p_vaddr, p.narrow.p_filesz};
    return true;
}

/* Return where in the file the address is loaded from; 0: nowhere. */
static uint64_t offset_of(const struct file *f, uint64_t address)
{
    struct segment s;

    for (unsigned i = 0; i < f->entries && get_segment(f, i, &s); i++)
        if (s.type == PT_LOAD && address >= s.address && address - s.address < s.size)
            return s.offset + (address - s.address);
    return 0;
}

static bool get_dynamic(const struct file *f, const struct segment *s, unsigned i,
                        int64_t *tag, uint64_t *value)
{
    union {
        Elf32_Dyn narrow;
        Elf64_Dyn wide;
    } d;
    size_t size = f->wide ? sizeof d.wide : sizeof d.narrow;

    if (i >= s->size / size || i >= MAX_DYNAMIC || s->offset > INT64_MAX / 2 ||
        !get(f->fd, s->offset + i * size, &d, size))
        return false;
    *tag = f->wide ? d.wide.d_tag : d.narrow.d_tag;
    *value = f->wide ? d.wide.d_un.d_val : d.narrow.d_un.d_val;
    return *tag != DT_NULL;
}

static bool needs_asan(const struct file *f, const struct segment *s)
{
    static const char name[] = "libasan.so";
    uint64_t value, strings = 0;
    int64_t tag;

    for (unsigned i = 0; get_dynamic(f, s, i, &tag, &value); i++)
        if (tag == DT_STRTAB)
            strings = value;
    strings = offset_of(f, strings);
    for (unsigned i = 0; strings && get_dynamic(f, s, i, &tag, &value); i++) {
        char needed[sizeof name - 1];

        if (tag == DT_NEEDED && value < INT32_MAX && strings < INT64_MAX / 2 &&
            get(f->fd, strings + value, needed, sizeof needed) &&
            !memcmp(needed, name, sizeof needed))
            return true;
    }
    return false;
}

/* Tell whether a note has the owner "Go": its linker writes one with the build's name. */
static bool has_go_note(const struct file *f, const struct segment *s)
{
    uint64_t at = 0;

    for (int i = 0; i < MAX_NOTES; i++) {
        struct {
            uint32_t name_size, size, type;
            char name[4];
        } note;

        if (s->offset > INT64_MAX / 2 || at > s->size || s->size - at < sizeof note ||
            !get(f->fd, s->offset + at, &note, sizeof note))
            return false;
        if (note.name_size == 4 && !memcmp(note.name, "Go\0", 4))
            return true;
        at += 12 + (((uint64_t)note.name_size + 3) & ~3ULL) +
              (((uint64_t)note.size + 3) & ~3ULL);
    }
    return false;
}

/* A build without a name has no such note. Look for what `go version` looks for
 * (debug/buildinfo): a mark in the data, at a multiple of 16. */
static bool has_go_build_info(struct file *f, const struct segment *s)
{
    static const char mark[] = "\xff Go buildinf:";
    char chunk[65536];

    for (uint64_t at = 0; at < s->size && f->left; at += sizeof chunk - 16) {
        uint64_t rest = s->size - at;
        size_t len = rest < sizeof chunk ? (size_t)rest : sizeof chunk;

        f->left -= len < f->left ? len : f->left;
        if (s->offset > INT64_MAX / 2 || !get(f->fd, s->offset + at, chunk, len))
            return false;
        for (size_t i = -(s->address + at) % 16; i + sizeof mark - 1 <= len; i += 16)
            if (!memcmp(chunk + i, mark, sizeof mark - 1))
                return true;
    }
    return false;
}

/* It ends with a NUL, as the kernel asks (load_elf_binary). */
static bool get_interpreter(const struct file *f, const struct segment *s,
                            char interpreter[PATH_MAX])
{
    return s->size >= 2 && s->size <= PATH_MAX &&
           get(f->fd, s->offset, interpreter, (size_t)s->size) && *interpreter &&
           !interpreter[s->size - 1];
}

/* Note what a segment tells. Return false if it is damaged. */
static bool look_at(struct file *f, const struct segment *s, struct elf_facts *facts)
{
    switch (s->type) {
    case PT_INTERP: return get_interpreter(f, s, facts->interpreter);
    case PT_DYNAMIC: /* the loader takes the first */
        if (!facts->dynamic)
            facts->asan = needs_asan(f, s);
        facts->dynamic = true;
        break;
    case PT_NOTE: facts->go = facts->go || has_go_note(f, s); break;
    case PT_LOAD:
        if (s->flags & PF_W)
            facts->go = facts->go || has_go_build_info(f, s);
        break;
    default: break;
    }
    return true;
}

static enum elf_verdict bad(const char **error, const char *what)
{
    *error = what;
    return ELF_BAD;
}

enum elf_verdict elf_read(int fd, struct elf_facts *facts, const char **error)
{
    struct file f = {.fd = fd, .left = MAX_DATA};
    union {
        unsigned char ident[EI_NIDENT];
        Elf32_Ehdr narrow;
        Elf64_Ehdr wide;
    } h;
    const uint16_t one = 1;
    int order = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;

    memset(facts, 0, sizeof *facts);
    if (!get(fd, 0, h.ident, SELFMAG) || memcmp(h.ident, ELFMAG, SELFMAG) != 0)
        return ELF_NONE;
    if (!get(fd, 0, h.ident, EI_NIDENT))
        return bad(error, "truncated ELF file");
    if (h.ident[EI_CLASS] != ELFCLASS32 && h.ident[EI_CLASS] != ELFCLASS64)
        return bad(error, "ELF file of an unknown class");
    if (h.ident[EI_DATA] != order)
        return bad(error, "ELF file of the other byte order");
    f.wide = h.ident[EI_CLASS] == ELFCLASS64;
    if (!get(fd, 0, &h, f.wide ? sizeof h.wide : sizeof h.narrow))
        return bad(error, "truncated ELF file");
    facts->class = h.ident[EI_CLASS];
    facts->machine = f.wide ? h.wide.e_machine : h.narrow.e_machine;
    f.table = f.wide ? h.wide.e_phoff : h.narrow.e_phoff;
    f.entries = f.wide ? h.wide.e_phnum : h.narrow.e_phnum;
    f.entry_size = f.wide ? h.wide.e_phentsize : h.narrow.e_phentsize;
    if (!f.entries || f.entries > MAX_SEGMENTS ||
        f.entry_size != (f.wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
        return bad(error, "ELF file without program headers, or damaged");
    for (unsigned i = 0; i < f.entries; i++) {
        struct segment s;

        if (!get_segment(&f, i, &s))
            return bad(error, "truncated ELF file");
        if (!look_at(&f, &s, facts))
            return bad(error, "ELF file with a damaged interpreter");
    }
    return ELF_READ;
}
