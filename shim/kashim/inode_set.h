/* SPDX-License-Identifier: MIT */
/* A set of inode numbers, for sockets by the ten thousand. */
#ifndef KASHIM_INODE_SET_H
#define KASHIM_INODE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Empty when all is 0. Socket inodes are never 0. */
struct inode_set {
    ino_t *slots; /* 0: free; their number is a power of two */
    size_t slot_count, count;
};

bool inode_set_has(const struct inode_set *set, ino_t inode);
void inode_set_add(struct inode_set *set, ino_t inode);
void inode_set_free(struct inode_set *set);

#endif
