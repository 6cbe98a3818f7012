/* SPDX-License-Identifier: MIT */
/* The reader of ELF files. */
#define _GNU_SOURCE
#include "kashim/elf_file.h"

#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_facts facts;
    const char *error = NULL;
    int fd = memfd_create("elf", 0);

    assert(write(fd, data, size) == (ssize_t)size);
    if (elf_read(fd, &facts, &error) == ELF_BAD)
        assert(error);
    close(fd);
    return 0;
}
