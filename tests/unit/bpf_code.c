/* SPDX-License-Identifier: MIT */
/* The assembler: jumps land on their labels, and each instruction has what it was given. */
#include "kashim/bpf_code.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct code code;

enum { HERE, THERE };

static int begin(void **state)
{
    (void)state;
    memset(&code, 0, sizeof code);
    return 0;
}

static void is(int at, int opcode, int to, int from, int offset, int value)
{
    const struct bpf_insn *i = &code.all[at];

    assert_in_range(at, 0, code.count - 1);
    assert_int_equal(i->code, opcode);
    assert_int_equal(i->dst_reg, to);
    assert_int_equal(i->src_reg, from);
    assert_int_equal(i->off, offset);
    assert_int_equal(i->imm, value);
}

/* A jump counts from the instruction behind it. */
static void lands_on(int at, int place)
{
    assert_in_range(at, 0, code.count - 1);
    assert_int_equal(at + 1 + code.all[at].off, place);
}

static void jumps_forward(void **state)
{
    (void)state;
    code_jump(&code, HERE);
    code_set(&code, R0, 0);
    code_set(&code, R0, 1);
    code_label(&code, HERE);
    code_exit(&code);
    code_finish(&code);
    assert_int_equal(code.count, 4);
    lands_on(0, 3);
}

static void jumps_backward(void **state)
{
    (void)state;
    code_set(&code, R1, 9);
    code_label(&code, HERE);
    code_op(&code, BPF_ADD, R1, -1);
    code_jump_if(&code, BPF_JNE, R1, 0, HERE);
    code_finish(&code);
    is(2, BPF_JMP | BPF_JNE | BPF_K, R1, 0, -2, 0);
    lands_on(2, 1);
}

static void jumps_to_the_next(void **state)
{
    (void)state;
    code_jump(&code, HERE);
    code_label(&code, HERE);
    code_exit(&code);
    code_finish(&code);
    is(0, BPF_JMP | BPF_JA, 0, 0, 0, 0);
    lands_on(0, 1);
}

static void a_map_takes_two_places(void **state)
{
    (void)state;
    code_jump(&code, HERE);
    code_map(&code, R2, 77);
    code_map_value(&code, R3, 78, 12);
    code_label(&code, HERE);
    code_exit(&code);
    code_finish(&code);
    is(1, BPF_LD | BPF_DW | BPF_IMM, R2, BPF_PSEUDO_MAP_FD, 0, 77);
    is(2, 0, 0, 0, 0, 0);
    is(3, BPF_LD | BPF_DW | BPF_IMM, R3, BPF_PSEUDO_MAP_VALUE, 0, 78);
    is(4, 0, 0, 0, 0, 12);
    lands_on(0, 5);
}

static void several_jumps_and_labels(void **state)
{
    (void)state;
    code_jump_if(&code, BPF_JEQ, R6, 5, THERE);
    code_jump_if_register(&code, BPF_JGT, R6, R7, HERE);
    code_jump_if_int(&code, BPF_JSLT, R8, -1, THERE);
    code_label(&code, HERE);
    code_jump_if_int_register(&code, BPF_JSGT, R8, R9, HERE);
    code_exit(&code);
    code_label(&code, THERE);
    code_exit(&code);
    code_finish(&code);
    is(0, BPF_JMP | BPF_JEQ | BPF_K, R6, 0, 4, 5);
    is(1, BPF_JMP | BPF_JGT | BPF_X, R6, R7, 1, 0);
    is(2, BPF_JMP32 | BPF_JSLT | BPF_K, R8, 0, 2, -1);
    is(3, BPF_JMP32 | BPF_JSGT | BPF_X, R8, R9, -1, 0);
}

static void reckons(void **state)
{
    (void)state;
    code_move(&code, R1, R2);
    code_set(&code, R3, -4);
    code_op_register(&code, BPF_ADD, R4, R5);
    code_op(&code, BPF_AND, R6, 7);
    code_op_register(&code, BPF_OR, R7, R8);
    code_op(&code, BPF_RSH, R9, 3);
    code_op_register(&code, BPF_RSH, R0, R1);
    code_ntohl(&code, R2);
    is(0, BPF_ALU64 | BPF_MOV | BPF_X, R1, R2, 0, 0);
    is(1, BPF_ALU64 | BPF_MOV | BPF_K, R3, 0, 0, -4);
    is(2, BPF_ALU64 | BPF_ADD | BPF_X, R4, R5, 0, 0);
    is(3, BPF_ALU64 | BPF_AND | BPF_K, R6, 0, 0, 7);
    is(4, BPF_ALU64 | BPF_OR | BPF_X, R7, R8, 0, 0);
    is(5, BPF_ALU64 | BPF_RSH | BPF_K, R9, 0, 0, 3);
    is(6, BPF_ALU64 | BPF_RSH | BPF_X, R0, R1, 0, 0);
    is(7, BPF_ALU | BPF_END | BPF_TO_BE, R2, 0, 0, 32);
}

static void loads_stores_and_calls(void **state)
{
    (void)state;
    code_load(&code, BPF_W, R1, R6, 40);
    code_store(&code, BPF_DW, R7, 8, R2);
    code_call(&code, BPF_FUNC_setsockopt);
    code_exit(&code);
    is(0, BPF_LDX | BPF_MEM | BPF_W, R1, R6, 40, 0);
    is(1, BPF_STX | BPF_MEM | BPF_DW, R7, R2, 8, 0);
    is(2, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_setsockopt);
    is(3, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(jumps_forward),
        TEST(jumps_backward),
        TEST(jumps_to_the_next),
        TEST(a_map_takes_two_places),
        TEST(several_jumps_and_labels),
        TEST(reckons),
        TEST(loads_stores_and_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
