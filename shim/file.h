/* SPDX-License-Identifier: MIT */
/* Which file a descriptor stands for: fstat(2), with the kernel's own struct stat, which
 * is no libc's. */
#ifndef KA_FILE_H
#define KA_FILE_H

#include <stdbool.h>

struct ka_file {
    unsigned long long dev;
    unsigned long long ino;
    bool is_socket;
};

/* False: no such descriptor. */
bool ka_file_of(int fd, struct ka_file *file);

#endif
