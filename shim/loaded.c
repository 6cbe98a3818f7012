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

/* What is needed of an object's dynamic section; NULL where it has no such table. All but
 * gnu_hash are read once a name may be found there: `symbols` is NULL until then. */
struct tables {
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

static const void *table(const struct link_map *object, long tag)
{
    for (const elf_dynamic *d = object->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == tag)
            return address(object, d);
    return NULL;
}

/* A table without buckets has nothing: NULL as well, here and below. */
static const uint32_t *gnu_hash_table(const struct link_map *object)
{
    const uint32_t *hash = table(object, DT_GNU_HASH);

    return hash && *hash ? hash : NULL;
}

static void read_tables(const struct link_map *object, struct tables *t)
{
    const hash_word *hash = table(object, DT_HASH);

    t->symbols = table(object, DT_SYMTAB);
    t->strings = table(object, DT_STRTAB);
    t->versions = table(object, DT_VERSYM);
    t->hash = hash && *hash ? hash : NULL;
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

/* Whether the object's Bloom filter, whose size is a power of two, lets the hash pass. */
static bool passes(const uint32_t *gnu_hash, uint32_t hash)
{
    const uint32_t size = gnu_hash[2], shift = gnu_hash[3];
    const elf_address *filter = (const void *)&gnu_hash[4];
    const elf_address word = filter[hash / ADDRESS_BITS & (size - 1)];

    return word >> hash % ADDRESS_BITS & word >> (hash >> shift) % ADDRESS_BITS & 1;
}

/* The symbol's number; 0: there is none. */
static uint32_t find_by_gnu_hash(const struct tables *t, const char *name, uint32_t hash)
{
    const uint32_t buckets = t->gnu_hash[0], first = t->gnu_hash[1];
    const elf_address *filter = (const void *)&t->gnu_hash[4];
    const uint32_t *bucket = (const void *)&filter[t->gnu_hash[2]],
                   *chain = &bucket[buckets];

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

/* Most objects have none of ours: of these only the filter is read. */
static const elf_symbol *find(const struct link_map *object, struct tables *t,
                              const char *name, uint32_t hash)
{
    uint32_t i;

    if (t->gnu_hash && !passes(t->gnu_hash, hash))
        return NULL;
    if (!t->symbols)
        read_tables(object, t);
    i = t->gnu_hash ? find_by_gnu_hash(t, name, hash)
        : t->hash   ? find_by_hash(t, name)
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

/* Returns how many of the names this object is the first to have. */
static unsigned search(const struct link_map *object, const ka_function_name *names,
                       const uint32_t *hash, ka_function **found, unsigned count,
                       unsigned *chosen)
{
    struct tables t;
    unsigned here = 0;

    t.gnu_hash = gnu_hash_table(object);
    t.symbols = NULL;
    for (unsigned i = 0; i < count; i++) {
        const elf_symbol *symbol = found[i] ? NULL : find(object, &t, names[i], hash[i]);

        if (!symbol)
            continue;
        if (ELF32_ST_TYPE(symbol->st_info) == STT_GNU_IFUNC) {
            *chosen |= 1U << i;
            continue;
        }
        found[i] = (ka_function *)(object->l_addr + symbol->st_value);
        here++;
    }
    return here;
}

bool ka_loaded_find(const ka_function_name *names, ka_function **found, unsigned count,
                    unsigned *chosen)
{
    const struct link_map *ours = objects();
    uint32_t hash[KA_MAX_NAMES];
    unsigned missing = count;

    *chosen = 0;
    for (unsigned i = 0; i < count; i++) {
        found[i] = NULL;
        hash[i] = gnu_hash_of(names[i]);
    }
    while (ours && ours->l_ld != _DYNAMIC)
        ours = ours->l_next;
    if (!ours)
        return false;
    for (const struct link_map *o = ours->l_next; missing && o; o = o->l_next)
        missing -= search(o, names, hash, found, count, chosen);
    /* opened by dlopen(3), it has libc in front */
    if (missing == count)
        for (const struct link_map *o = objects(); missing && o != ours; o = o->l_next)
            missing -= search(o, names, hash, found, count, chosen);
    return true;
}
