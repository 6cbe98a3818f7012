/* SPDX-License-Identifier: MIT */
/* The readers of /proc: the same text as each of the files. */
#define PROC "/dev/shm/kashim-fuzz"
#include "kashim/process.c"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = {"comm", "status", "maps", "fdinfo/3"};
    struct numbers inodes = {0};
    struct process p = {.pid = (int)getpid()};
    char path[64];

    mkdir(PROC, 0700);
    snprintf(path, sizeof path, PROC "/%d", p.pid);
    mkdir(path, 0700);
    snprintf(path, sizeof path, PROC "/%d/fdinfo", p.pid);
    mkdir(path, 0700);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        FILE *file;

        snprintf(path, sizeof path, PROC "/%d/%s", p.pid, files[i]);
        file = fopen(path, "w");
        assert(file && fwrite(data, 1, size, file) == size && !fclose(file));
    }
    read_name(&p);
    assert(strlen(p.name) < sizeof p.name);
    process_user(p.pid);
    status_number(p.pid, "PPid");
    process_has_library(&p);
    registered_only(&p, 3, &inodes);
    numbers_free(&inodes);
    return 0;
}
