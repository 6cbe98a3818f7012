/* SPDX-License-Identifier: MIT */
/*
 * An assembler for the kernel's programs: each function appends one instruction (two for a
 * map's address). A label may be used before it is placed; code_finish() resolves the
 * jumps. Linux describes the instructions in
 * Documentation/bpf/standardization/instruction-set.rst.
 */
#ifndef KASHIM_BPF_CODE_H
#define KASHIM_BPF_CODE_H

#include <linux/bpf.h>
#include <stddef.h>

enum { CODE_MAX = 160, LABEL_MAX = 32 };

struct code {
    struct bpf_insn all[CODE_MAX];
    int count;
    int jumps[CODE_MAX];   /* label + 1 for each instruction that jumps; 0: no jump */
    int labels[LABEL_MAX]; /* place + 1; 0: not placed */
};

/* Registers: R0 is a call's result, R1 to R5 its arguments, lost by the call; R6 to R9
 * stay. STACK is the end of 512 bytes below it. */
enum { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, STACK };

void code_move(struct code *code, int to, int from);
void code_set(struct code *code, int to, int value);

/* to = to OPERATION value, of BPF_ADD, BPF_AND, BPF_OR, BPF_RSH ... */
void code_op(struct code *code, int operation, int to, int value);
void code_op_register(struct code *code, int operation, int to, int from);

/* Convert 32 bits from the network's byte order to the machine's. */
void code_ntohl(struct code *code, int to);

/* *(base + offset), of BPF_B, BPF_W or BPF_DW bytes. */
void code_load(struct code *code, int size, int to, int base, int offset);
void code_store(struct code *code, int size, int base, int offset, int from);

/* The map itself, or the address of its first value plus an offset. */
void code_map(struct code *code, int to, int map);
void code_map_value(struct code *code, int to, int map, int offset);

void code_call(struct code *code, int function);
void code_exit(struct code *code);

void code_label(struct code *code, int label);
void code_jump(struct code *code, int label);

/* Jump if `reg` CONDITION `value`, of BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JSET ... */
void code_jump_if(struct code *code, int condition, int reg, int value, int label);
void code_jump_if_register(struct code *code, int condition, int reg, int other,
                           int label);

/* The same for the lower 32 bits, as signed numbers with BPF_JSGT, BPF_JSLT. */
void code_jump_if_int(struct code *code, int condition, int reg, int value, int label);
void code_jump_if_int_register(struct code *code, int condition, int reg, int other,
                               int label);

/* Resolve the jumps. Call it once, last. */
void code_finish(struct code *code);

#endif
