/* SPDX-License-Identifier: MIT */
#include "file.h"

#include "sys.h"

#include <asm/stat.h>

#ifdef __i386__
#    define FSTAT __NR_fstat64
typedef struct stat64 kernel_stat;
#else
#    define FSTAT __NR_fstat
typedef struct stat kernel_stat;
#endif

bool ka_file_of(int fd, struct ka_file *file)
{
    kernel_stat st;

    if (ka_sys5(FSTAT, fd, (long)&st, 0, 0, 0) < 0)
        return false;
    file->dev = st.st_dev;
    file->ino = st.st_ino;
    file->is_socket = (st.st_mode & 0170000) == 0140000; /* S_ISSOCK, inode(7) */
    return true;
}
