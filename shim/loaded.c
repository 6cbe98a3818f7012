/* SPDX-License-Identifier: MIT */
/*
 * The functions of the objects that the loader has put behind this one.
 *
 * Sources: elf(5), <link.h>, the gABI's "Dynamic Linking" and its hash tables;
 * do_lookup_x in glibc's elf/dl-lookup.c.
 */
#include "next.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>

#if __SIZEOF_POINTER__ == 8
typedef Elf64_Addr elf_address;
typedef Elf64_Sym elf_symbol;
typedef Elf64_Dyn elf_dynamic;
#else
typedef Elf32_Addr elf_address;
typedef Elf32_Sym elf_symbol;
typedef Elf32_Dyn elf_dynamic;
#endif

/* glibc's, declared in <link.h>, and musl's */
extern struct r_debug _r_debug __attribute__((weak));
extern const struct r_debug *_dl_debug_addr __attribute__((weak));

#ifdef __s390x__
typedef uint64_t hash_word; /* of DT_HASH */
#else
typedef uint32_t hash_word;
#endif

extern elf_dynamic _DYNAMIC[] __attribute__((visibility("hidden")));

enum { ADDRESS_BITS = 8 * sizeof(elf_address), VERSION_HIDDEN = 0x8000 };

/* What is needed of an object's dynamic section; NULL where it has no such table. */
struct tables {
    elf_address base;
    const elf_symbol *symbols;
    const char *strings;
    const uint16_t *versions;
    const uint32_t *gnu_hash;
    const hash_word *hash;
};

static elf_address distance(elf_address a, elf_address b)
{
    return a < b ? b - a : a - b;
}

/* glibc has made an address of it where it could, musl hasn't: what lies nearer to the
 * object's dynamic section is one. The base may be a negative number. */
static const void *address(const struct link_map *object, const elf_dynamic *d)
{
    const elf_address here = (elf_address)object->l_ld, value = d->d_un.d_ptr,
                      moved = object->l_addr + value;

    return (const void *)(distance(value, here) < distance(moved, here) ? value : moved);
}

static void read_tables(const struct link_map *object, struct tables *t)
{
    t->base = object->l_addr;
    t->symbols = NULL;
    t->strings = NULL;
    t->versions = NULL;
    t->gnu_hash = NULL;
    t->hash = NULL;
    for (const elf_dynamic *d = object->l_ld; d->d_tag != DT_NULL; d++)
        switch (d->d_tag) {
        case DT_SYMTAB: t->symbols = address(object, d); break;
        case DT_STRTAB: t->strings = address(object, d); break;
        case DT_VERSYM: t->versions = address(object, d); break;
        case DT_GNU_HASH: t->gnu_hash = address(object, d); break;
        case DT_HASH: t->hash = address(object, d); break;
        default: break;
        }
}

/* Assemblers give a symbol no type unless they are told. */
static bool is_function(const elf_symbol *symbol)
{
    unsigned type = ELF32_ST_TYPE(symbol->st_info);

    return type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC;
}

/* A function that is defined there, and not an old version that only old programs get. */
static bool is_definition(const struct tables *t, uint32_t i, const char *name)
{
    const elf_symbol *symbol = &t->symbols[i];
    const char *s = t->strings + symbol->st_name;

    if (symbol->st_shndx == SHN_UNDEF || !is_function(symbol) ||
        (t->versions && t->versions[i] & VERSION_HIDDEN))
        return false;
    while (*name && *name == *s)
        name++, s++;
    return *name == *s;
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;

    for (; *name; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

/* The symbol's number; 0: there is none. */
static uint32_t find_by_gnu_hash(const struct tables *t, const char *name)
{
    const uint32_t buckets = t->gnu_hash[0], first = t->gnu_hash[1],
                   words = t->gnu_hash[2], shift = t->gnu_hash[3];
    const elf_address *bloom = (const void *)&t->gnu_hash[4];
    const uint32_t *bucket = (const void *)&bloom[words], *chain = &bucket[buckets];
    const uint32_t hash = gnu_hash_of(name);
    const elf_address word = bloom[hash / ADDRESS_BITS % words];

    if (!(word >> hash % ADDRESS_BITS & word >> (hash >> shift) % ADDRESS_BITS & 1))
        return 0;
    for (uint32_t i = bucket[hash % buckets]; i >= first && i; i++) {
        if ((chain[i - first] | 1) == (hash | 1) && is_definition(t, i, name))
            return i;
        if (chain[i - first] & 1)
            break;
    }
    return 0;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 0;

    for (; *name; name++) {
        hash = (hash << 4) + (uint8_t)*name;
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    return hash;
}

static uint32_t find_by_hash(const struct tables *t, const char *name)
{
    const hash_word buckets = t->hash[0];
    const hash_word *bucket = &t->hash[2], *chain = &bucket[buckets];
    uint32_t i = (uint32_t)bucket[hash_of(name) % buckets];

    while (i && !is_definition(t, i, name))
        i = (uint32_t)chain[i];
    return i;
}

/* A table without buckets has nothing. */
static const elf_symbol *find(const struct tables *t, const char *name)
{
    uint32_t i = t->gnu_hash && t->gnu_hash[0] ? find_by_gnu_hash(t, name)
                 : t->hash && t->hash[0]       ? find_by_hash(t, name)
                                               : 0;

    return i ? &t->symbols[i] : NULL;
}

/* The loader's list, where debuggers find it. Not by a call: some programs replace
 * dl_iterate_phdr(3), and expect none before their constructors. Nor by the program's
 * DT_DEBUG: a linker may leave it out, and AT_PHDR be that of musl's loader. */
static const struct link_map *objects(void)
{
    const struct r_debug *debug = &_r_debug         ? &_r_debug
                                  : &_dl_debug_addr ? _dl_debug_addr
                                                    : NULL;

    return debug ? debug->r_map : NULL;
}

bool ka_loaded_find(const ka_function_name *names, ka_function **found, unsigned count,
                    unsigned *chosen)
{
    const struct link_map *object = objects();
    unsigned missing = count;

    *chosen = 0;
    for (unsigned i = 0; i < count; i++)
        found[i] = NULL;
    while (object && object->l_ld != _DYNAMIC)
        object = object->l_next;
    if (!object)
        return false;
    while (missing && (object = object->l_next)) {
        struct tables t;

        read_tables(object, &t);
        for (unsigned i = 0; i < count; i++) {
            const elf_symbol *symbol = found[i] ? NULL : find(&t, names[i]);

            if (!symbol)
                continue;
            if (ELF32_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC) {
                *chosen |= 1U << i;
                continue;
            }
            found[i] = (ka_function *)(t.base + symbol->st_value);
            missing--;
        }
    }
    return true;
}
