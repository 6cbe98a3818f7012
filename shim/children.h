/* SPDX-License-Identifier: MIT */
/* KA_CHILDREN=0: programs that this one starts are not shimmed. */
#ifndef KA_CHILDREN_H
#define KA_CHILDREN_H

/* Cuts our entries, files called libkashim.so, out of the LD_PRELOAD of the environment.
 * In place: programs walk from the environment array to what lies behind it. */
void ka_children_exclude(void);

#endif
