/* SPDX-License-Identifier: MIT */
/* An assembler that does nothing: with it, every unit test must fail (make control). */
#include "kashim/bpf_code.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

void code_move(struct code *code, int to, int from)
{
}

void code_set(struct code *code, int to, int value)
{
}

void code_op(struct code *code, int operation, int to, int value)
{
}

void code_op_register(struct code *code, int operation, int to, int from)
{
}

void code_ntohl(struct code *code, int to)
{
}

void code_load(struct code *code, int size, int to, int base, int offset)
{
}

void code_store(struct code *code, int size, int base, int offset, int from)
{
}

void code_map(struct code *code, int to, int map)
{
}

void code_map_value(struct code *code, int to, int map, int offset)
{
}

void code_call(struct code *code, int function)
{
}

void code_exit(struct code *code)
{
}

void code_label(struct code *code, int label)
{
}

void code_jump(struct code *code, int label)
{
}

void code_jump_if(struct code *code, int condition, int reg, int value, int label)
{
}

void code_jump_if_register(struct code *code, int condition, int reg, int other,
                           int label)
{
}

void code_jump_if_int(struct code *code, int condition, int reg, int value, int label)
{
}

void code_jump_if_int_register(struct code *code, int condition, int reg, int other,
                               int label)
{
}

void code_finish(struct code *code)
{
}
