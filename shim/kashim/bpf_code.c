/* SPDX-License-Identifier: MIT */
#include "bpf_code.h"

#include <assert.h>
#include <stddef.h>

static void append(struct code *c, int opcode, int to, int from, int offset, int value)
{
    assert(c->count < CODE_MAX);
    c->all[c->count++] = (struct bpf_insn){.code = (__u8)opcode,
                                           .dst_reg = (__u8)(to & 15),
                                           .src_reg = (__u8)(from & 15),
                                           .off = (__s16)offset,
                                           .imm = value};
}

void code_move(struct code *c, int to, int from)
{
    append(c, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void code_set(struct code *c, int to, int value)
{
    append(c, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

void code_op(struct code *c, int operation, int to, int value)
{
    append(c, BPF_ALU64 | BPF_K | operation, to, 0, 0, value);
}

void code_op_register(struct code *c, int operation, int to, int from)
{
    append(c, BPF_ALU64 | BPF_X | operation, to, from, 0, 0);
}

void code_ntohl(struct code *c, int to)
{
    append(c, BPF_ALU | BPF_END | BPF_TO_BE, to, 0, 0, 32);
}

void code_load(struct code *c, int size, int to, int base, int offset)
{
    append(c, BPF_LDX | BPF_MEM | size, to, base, offset, 0);
}

void code_store(struct code *c, int size, int base, int offset, int from)
{
    append(c, BPF_STX | BPF_MEM | size, base, from, offset, 0);
}

/* The one instruction that takes two places. */
static void load_map(struct code *c, int to, int kind, int map, int offset)
{
    append(c, BPF_LD | BPF_DW | BPF_IMM, to, kind, 0, map);
    append(c, 0, 0, 0, 0, offset);
}

void code_map(struct code *c, int to, int map)
{
    load_map(c, to, BPF_PSEUDO_MAP_FD, map, 0);
}

void code_map_value(struct code *c, int to, int map, int offset)
{
    load_map(c, to, BPF_PSEUDO_MAP_VALUE, map, offset);
}

void code_call(struct code *c, int function)
{
    append(c, BPF_JMP | BPF_CALL, 0, 0, 0, function);
}

void code_exit(struct code *c)
{
    append(c, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

void code_label(struct code *c, int label)
{
    assert(label < LABEL_MAX && !c->labels[label]);
    c->labels[label] = c->count + 1;
}

static void jump(struct code *c, int opcode, int reg, int other, int value, int label)
{
    assert(label < LABEL_MAX && c->count < CODE_MAX);
    c->jumps[c->count] = label + 1;
    append(c, opcode, reg, other, 0, value);
}

void code_jump(struct code *c, int label)
{
    jump(c, BPF_JMP | BPF_JA, 0, 0, 0, label);
}

void code_jump_if(struct code *c, int condition, int reg, int value, int label)
{
    jump(c, BPF_JMP | BPF_K | condition, reg, 0, value, label);
}

void code_jump_if_register(struct code *c, int condition, int reg, int other, int label)
{
    jump(c, BPF_JMP | BPF_X | condition, reg, other, 0, label);
}

void code_jump_if_int(struct code *c, int condition, int reg, int value, int label)
{
    jump(c, BPF_JMP32 | BPF_K | condition, reg, 0, value, label);
}

void code_jump_if_int_register(struct code *c, int condition, int reg, int other,
                               int label)
{
    jump(c, BPF_JMP32 | BPF_X | condition, reg, other, 0, label);
}

/* A jump counts from the instruction behind it. */
void code_finish(struct code *c)
{
    for (int i = 0; i < c->count; i++) {
        if (!c->jumps[i])
            continue;
        assert(c->labels[c->jumps[i] - 1]);
        c->all[i].off = (__s16)(c->labels[c->jumps[i] - 1] - 1 - (i + 1));
    }
}
