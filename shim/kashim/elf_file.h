/* SPDX-License-Identifier: MIT */
/* What an ELF file says of itself, as far as it matters to a preload. All bounds are
 * checked: the file may be anybody's. */
#ifndef KASHIM_ELF_FILE_H
#define KASHIM_ELF_FILE_H

#include <limits.h>
#include <stdbool.h>

struct elf_facts {
    int class;                  /* ELFCLASS32, ELFCLASS64 */
    int machine;                /* EM_X86_64 ... */
    bool dynamic;               /* has a dynamic section */
    char interpreter[PATH_MAX]; /* its dynamic linker; "": none, static or a library */
    bool go;                    /* built by Go, which makes its system calls itself */
    bool asan;                  /* needs gcc's libasan */
};

enum elf_verdict {
    ELF_READ,
    ELF_NONE, /* no ELF file */
    ELF_BAD,  /* one, but damaged or of the other byte order; `*error` says how */
};

/* Read the file. The facts are valid for ELF_READ. */
enum elf_verdict elf_read(int fd, struct elf_facts *facts, const char **error);

#endif
