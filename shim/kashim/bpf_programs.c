/* SPDX-License-Identifier: MIT */
#include "bpf.h"

#include "process.h"

#include <limits.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETTING(field)  (int)offsetof(struct group_settings, field)
#define SOCK_OPS(field) (int)offsetof(struct bpf_sock_ops, field)
#define SOCKOPT(field)  (int)offsetof(struct bpf_sockopt, field)

/* The places to jump to. Of the last there is one for each option. */
enum {
    DONE,
    MEANT,
    PORT_KNOWN,
    OWN,
    OPTIONS,
    TCP,
    TIMER,
    COUNT,
    TIMER_OR_COUNT,
    OTHER,
    JUDGE,
    OURS,
    PASS,
    AFTER_OPTION,
    AFTER_OWN = AFTER_OPTION + KA_OPTIONS
};

/* From Linux 6.1 on bpf_getsockopt tells the options of a socket. Before, a mark notes what
 * the program sets. */
static bool kernel_tells_options(void)
{
    return !kernel_before(6, 1);
}

static bool notes_options(const struct ka_config *config)
{
    return config->connect && !kernel_tells_options();
}

/* R0 = address of the mark of the socket in R2, or NULL. `flags`: create it if need be. */
static void get_mark(struct code *c, struct group_maps maps, int flags)
{
    code_map(c, R1, maps.marks);
    code_set(c, R3, 0);
    code_set(c, R4, flags);
    code_call(c, BPF_FUNC_sk_storage_get);
}

/* End the program: it returns 1. */
static void finish(struct code *c)
{
    code_label(c, DONE);
    code_set(c, R0, 1);
    code_exit(c);
    code_finish(c);
}

/* Return the mark that says that the program has set this option itself; 0: it doesn't
 * matter. */
static int own_mark(int option)
{
    static const int marks[KA_OPTIONS] = {
        [KA_IDLE] = MARK_OWN_TIMERS,     [KA_INTVL] = MARK_OWN_TIMERS,
        [KA_CNT] = MARK_OWN_TIMERS,      [KA_USER_TIMEOUT] = MARK_OWN_USER_TIMEOUT,
        [KA_RTO_MAX] = MARK_OWN_RTO_MAX,
    };

    return marks[option];
}

/* ---- sock_ops ---------------------------------------------------------------- */

/* `reply` is shared by all programs that run on one event, the nearest group's first: the
 * kernel reads it after none of our events. "kash" */
enum { ACTED = 0x6b617368 };

/* Go on at MEANT with R6 = context, R7 = event; at DONE with all other events. */
static void choose_event(struct code *c)
{
    code_move(c, R6, R1);
    code_load(c, BPF_W, R7, R6, SOCK_OPS(op));
    code_jump_if(c, BPF_JEQ, R7, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, MEANT);
    code_jump_if(c, BPF_JEQ, R7, BPF_SOCK_OPS_TCP_LISTEN_CB, MEANT);
    code_jump_if(c, BPF_JNE, R7, BPF_SOCK_OPS_TCP_CONNECT_CB, DONE);
    code_label(c, MEANT);
}

/* Go to DONE if a nearer group has seen the event, whatever it did. */
static void leave_to_nearest(struct code *c, bool connect)
{
    code_load(c, BPF_W, R2, R6, SOCK_OPS(reply));
    code_jump_if(c, BPF_JEQ, R2, ACTED, DONE);
    code_set(c, R2, ACTED);
    code_store(c, BPF_W, R6, SOCK_OPS(reply), R2);
    if (!connect)
        code_jump_if(c, BPF_JEQ, R7, BPF_SOCK_OPS_TCP_CONNECT_CB, DONE);
}

/* Go to DONE if KA_PORTS doesn't have the port: the local one of listeners and what they
 * accept, the remote one of others. */
static void check_port(struct code *c, const struct group_settings *settings,
                       struct group_maps maps)
{
    code_load(c, BPF_W, R2, R6, SOCK_OPS(local_port));
    if (settings->config.connect) {
        code_jump_if(c, BPF_JNE, R7, BPF_SOCK_OPS_TCP_CONNECT_CB, PORT_KNOWN);
        code_load(c, BPF_W, R2, R6, SOCK_OPS(remote_port));
        code_ntohl(c, R2);
    }
    code_label(c, PORT_KNOWN);
    code_op(c, BPF_AND, R2, 65535);
    code_move(c, R3, R2);
    code_op(c, BPF_RSH, R3, 3);
    code_map_value(c, R1, maps.settings, SETTING(config.ports));
    code_op_register(c, BPF_ADD, R1, R3);
    code_load(c, BPF_B, R1, R1, 0);
    code_op(c, BPF_AND, R2, 7);
    code_op_register(c, BPF_RSH, R1, R2);
    code_op(c, BPF_AND, R1, 1);
    code_jump_if(c, BPF_JEQ, R1, 0, DONE);
}

/* R8 = address of the mark, NULL without memory for it; R9 = what was noted of an outgoing
 * socket. Go to DONE if the options are on. */
static void read_mark(struct code *c, struct group_maps maps, bool noted)
{
    code_load(c, BPF_DW, R2, R6, SOCK_OPS(sk));
    code_jump_if(c, BPF_JEQ, R2, 0, DONE);
    get_mark(c, maps, BPF_SK_STORAGE_GET_F_CREATE);
    code_move(c, R8, R0);
    code_jump_if(c, BPF_JEQ, R8, 0, OWN);
    code_load(c, BPF_W, R2, R8, 0);
    code_jump_if(c, BPF_JSET, R2, MARK_OURS, DONE);
    if (noted) {
        code_jump_if(c, BPF_JNE, R7, BPF_SOCK_OPS_TCP_CONNECT_CB, OWN);
        code_move(c, R9, R2);
    }
}

/* Call BPF_FUNC_setsockopt or BPF_FUNC_getsockopt, whose value is at the address in R4. */
static void call_option(struct code *c, int function, int option)
{
    code_move(c, R1, R6);
    code_set(c, R2, ka_socket_options[option].level);
    code_set(c, R3, ka_socket_options[option].name);
    code_set(c, R5, sizeof(int));
    code_call(c, function);
}

static int address_of_value(int option)
{
    return SETTING(values.of) + option * (int)sizeof(int);
}

/* R1 = the option's value. Go to `otherwise` if the kernel doesn't tell. */
static void read_option(struct code *c, int option, int otherwise)
{
    code_move(c, R4, STACK);
    code_op(c, BPF_ADD, R4, -8);
    call_option(c, BPF_FUNC_getsockopt, option);
    code_jump_if(c, BPF_JNE, R0, 0, otherwise);
    code_load(c, BPF_W, R1, STACK, -8);
}

/* Without marks, go to DONE if the connection's own options show that its listener had
 * them: keepalive is on; or the timers are kashim's, and the program has turned it off on
 * the listener. */
static void read_inherited(struct code *c, const struct group_settings *settings)
{
    code_jump_if(c, BPF_JNE, R7, BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB, OWN);
    read_option(c, KA_KEEPALIVE, OWN);
    code_jump_if(c, BPF_JNE, R1, 0, DONE);
    for (int option = 0; option < KA_OPTIONS; option++)
        if (own_mark(option) == MARK_OWN_TIMERS) {
            read_option(c, option, OWN);
            code_jump_if(c, BPF_JNE, R1, settings->values.of[option], OWN);
        }
    code_jump(c, DONE);
}

/* R9 = which options of an outgoing socket the program has set: those that differ from the
 * kernel's own, as ka_values_outgoing() has it. */
static void read_own(struct code *c, const struct group_settings *settings)
{
    code_jump_if(c, BPF_JNE, R7, BPF_SOCK_OPS_TCP_CONNECT_CB, OPTIONS);
    for (int option = 0; option < KA_OPTIONS; option++) {
        int kernel = option == KA_USER_TIMEOUT ? 0 : settings->kernel.of[option];

        if (!own_mark(option) || settings->values.of[option] < 0 || kernel < 0)
            continue;
        read_option(c, option, OPTIONS);
        code_jump_if(c, BPF_JEQ, R1, kernel, AFTER_OWN + option);
        code_set(c, R2, own_mark(option));
        code_op_register(c, BPF_OR, R9, R2);
        code_label(c, AFTER_OWN + option);
    }
}

/* Set the options in the order of enum ka_option, each whatever becomes of the others. */
static void set_options(struct code *c, const struct group_settings *settings,
                        struct group_maps maps)
{
    for (int option = 0; option < KA_OPTIONS; option++) {
        int after = AFTER_OPTION + option;

        if (settings->values.of[option] < 0)
            continue;
        if (settings->config.connect && own_mark(option))
            code_jump_if(c, BPF_JSET, R9, own_mark(option), after);
        code_map_value(c, R4, maps.settings, address_of_value(option));
        call_option(c, BPF_FUNC_setsockopt, option);
        code_label(c, after);
    }
}

/* Mark the socket as kashim's, unless it has timers of the program's own. */
static void write_mark(struct code *c, bool connect)
{
    code_jump_if(c, BPF_JEQ, R8, 0, DONE);
    if (connect)
        code_jump_if(c, BPF_JSET, R9, MARK_OWN_TIMERS, DONE);
    code_set(c, R2, MARK_OURS);
    code_store(c, BPF_W, R8, 0, R2);
}

void assemble_sock_ops(struct code *c, const struct group_settings *settings,
                       struct group_maps maps)
{
    *c = (struct code){0};
    choose_event(c);
    leave_to_nearest(c, settings->config.connect);
    if (settings->config.some_ports)
        check_port(c, settings, maps);
    if (settings->config.connect)
        code_set(c, R9, 0);
    if (maps.marks >= 0)
        read_mark(c, maps, notes_options(&settings->config));
    else
        read_inherited(c, settings);
    code_label(c, OWN);
    if (settings->config.connect && kernel_tells_options())
        read_own(c, settings);
    code_label(c, OPTIONS);
    set_options(c, settings, maps);
    if (maps.marks >= 0)
        write_mark(c, settings->config.connect);
    finish(c);
}

/* ---- cgroup/setsockopt ------------------------------------------------------- */

bool needs_marks(const struct ka_config *config)
{
    return config->force || !kernel_tells_options();
}

bool needs_setsockopt(const struct ka_config *config)
{
    return config->force || notes_options(config);
}

/* Go on at JUDGE with R9 = the mark for what is set, R7 and R8 = the least and the largest
 * value that the kernel takes; at PASS with all other options, and with those that the
 * settings don't have. */
static void choose_option(struct code *c, const struct group_settings *settings)
{
    code_move(c, R6, R1);
    code_load(c, BPF_W, R2, R6, SOCKOPT(level));
    code_load(c, BPF_W, R3, R6, SOCKOPT(optname));
    code_jump_if(c, BPF_JEQ, R2, IPPROTO_TCP, TCP);
    code_jump_if(c, BPF_JNE, R2, SOL_SOCKET, PASS);
    code_jump_if(c, BPF_JNE, R3, SO_KEEPALIVE, PASS);
    code_set(c, R7, INT_MIN);
    code_set(c, R8, INT_MAX);
    code_set(c, R9, 0);
    code_jump(c, JUDGE);

    code_label(c, TCP);
    code_jump_if(c, BPF_JEQ, R3, TCP_KEEPIDLE, TIMER);
    code_jump_if(c, BPF_JEQ, R3, TCP_KEEPINTVL, TIMER);
    code_jump_if(c, BPF_JEQ, R3, TCP_KEEPCNT, COUNT);
    if (settings->values.of[KA_USER_TIMEOUT] >= 0) {
        code_jump_if(c, BPF_JNE, R3, TCP_USER_TIMEOUT, OTHER);
        code_set(c, R7, 0);
        code_set(c, R8, INT_MAX);
        code_set(c, R9, MARK_OWN_USER_TIMEOUT);
        code_jump(c, JUDGE);
    }
    code_label(c, OTHER);
    if (settings->values.of[KA_RTO_MAX] < 0 || settings->kernel.of[KA_RTO_MAX] < 0)
        code_jump(c, PASS);
    else {
        code_jump_if(c, BPF_JNE, R3, TCP_RTO_MAX_MS, PASS);
        code_set(c, R7, 1000);
        code_set(c, R8, KA_MAX_RTO_MAX * 1000);
        code_set(c, R9, MARK_OWN_RTO_MAX);
        code_jump(c, JUDGE);
    }

    code_label(c, COUNT);
    code_set(c, R8, KA_MAX_CNT);
    code_jump(c, TIMER_OR_COUNT);
    code_label(c, TIMER);
    code_set(c, R8, KA_MAX_SECONDS);
    code_label(c, TIMER_OR_COUNT);
    code_set(c, R7, 1);
    code_set(c, R9, MARK_OWN_TIMERS);
    code_label(c, JUDGE);
}

/* Go to PASS with a value that the kernel will refuse. */
static void check_value(struct code *c)
{
    code_load(c, BPF_W, R2, R6, SOCKOPT(optlen));
    code_jump_if_int(c, BPF_JSLT, R2, sizeof(int), PASS);
    code_load(c, BPF_DW, R2, R6, SOCKOPT(optval));
    code_load(c, BPF_DW, R3, R6, SOCKOPT(optval_end));
    code_move(c, R4, R2);
    code_op(c, BPF_ADD, R4, sizeof(int));
    code_jump_if_register(c, BPF_JGT, R4, R3, PASS);
    code_load(c, BPF_W, R2, R2, 0);
    code_jump_if_int_register(c, BPF_JSLT, R2, R7, PASS);
    code_jump_if_int_register(c, BPF_JSGT, R2, R8, PASS);
}

/* On a socket of kashim's, report success and set nothing. On another, note the option. */
static void judge_socket(struct code *c, const struct ka_config *config,
                         struct group_maps maps)
{
    code_load(c, BPF_DW, R2, R6, SOCKOPT(sk));
    get_mark(c, maps, notes_options(config) ? BPF_SK_STORAGE_GET_F_CREATE : 0);
    code_jump_if(c, BPF_JEQ, R0, 0, PASS);
    code_load(c, BPF_W, R2, R0, 0);
    code_jump_if(c, BPF_JSET, R2, MARK_OURS, OURS);
    if (notes_options(config)) {
        code_op_register(c, BPF_OR, R2, R9);
        code_store(c, BPF_W, R0, 0, R2);
    }
    code_jump(c, PASS);
    code_label(c, OURS);
    if (config->force) {
        code_set(c, R2, -1); /* the kernel's own setsockopt is left out */
        code_store(c, BPF_W, R6, SOCKOPT(optlen), R2);
        code_jump(c, DONE);
    }
}

/* A value larger than a page would be refused with EFAULT. 0: take the caller's own, as if
 * there were no program (Documentation/bpf/prog_cgroup_sockopt.rst, "Large optlen"). */
static void pass_on(struct code *c)
{
    code_label(c, PASS);
    code_load(c, BPF_W, R2, R6, SOCKOPT(optlen));
    code_jump_if_int(c, BPF_JSLE, R2, (int)sysconf(_SC_PAGESIZE), DONE);
    code_set(c, R2, 0);
    code_store(c, BPF_W, R6, SOCKOPT(optlen), R2);
}

void assemble_setsockopt(struct code *c, const struct group_settings *settings,
                         struct group_maps maps)
{
    *c = (struct code){0};
    choose_option(c, settings);
    check_value(c);
    judge_socket(c, &settings->config, maps);
    pass_on(c);
    finish(c);
}
