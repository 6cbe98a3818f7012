/* SPDX-License-Identifier: MIT */
/* The settings' parser: every bound from both sides, every form, every kind of rubbish.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct ka_config config;

static const char *const names[] = {
    "KA_IDLE",    "KA_INTVL", "KA_CNT",      "KA_USER_TIMEOUT", "KA_RTO_MAX", "KA_PORTS",
    "KA_CONNECT", "KA_FORCE", "KA_CHILDREN", "KA_LOG",          "KA_OFF"};

static int defaults(void **state)
{
    (void)state;
    memset(&config, 0, sizeof config);
    ka_config_defaults(&config);
    return 0;
}

static enum ka_verdict set(const char *name, const char *value)
{
    return ka_config_set(&config, name, strlen(name), value);
}

#define ACCEPTS(name, value, field, expected)                                            \
    do {                                                                                 \
        defaults(NULL);                                                                  \
        assert_int_equal(set(name, value), KA_ACCEPTED);                                 \
        assert_int_equal(config.field, expected);                                        \
    } while (0)

/* Refused, and nothing at all has changed. */
static void refuses(const char *name, const char *value)
{
    struct ka_config before;

    defaults(NULL);
    before = config;
    if (set(name, value) != KA_REFUSED)
        fail_msg("%s accepts \"%s\"", name, value);
    assert_memory_equal(&before, &config, sizeof config);
}

static void the_defaults(void **state)
{
    (void)state;
    assert_int_equal(config.idle, 120);
    assert_int_equal(ka_config_intvl(&config), 30);
    assert_int_equal(config.cnt, 6);
    assert_int_equal(config.user_timeout, KA_USER_TIMEOUT_OFF);
    assert_int_equal(config.rto_max, KA_RTO_MAX_OFF);
    assert_int_equal(config.retries, 15);
    assert_false(config.connect);
    assert_false(config.force);
    assert_true(config.children);
    assert_false(config.log);
    assert_false(config.off);
    assert_false(config.some_ports);
}

static void empty_means_unset(void **state)
{
    struct ka_config before = config;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(set(names[i], ""), KA_ACCEPTED);
    assert_memory_equal(&before, &config, sizeof config);
}

static void seconds(void **state)
{
    (void)state;
    ACCEPTS("KA_IDLE", "1", idle, 1);
    ACCEPTS("KA_IDLE", "90", idle, 90);
    ACCEPTS("KA_IDLE", "90s", idle, 90);
    ACCEPTS("KA_IDLE", "2m", idle, 120);
    ACCEPTS("KA_IDLE", "1h", idle, 3600);
    ACCEPTS("KA_IDLE", "007", idle, 7);
    ACCEPTS("KA_IDLE", "32767", idle, 32767);
    ACCEPTS("KA_IDLE", "32767s", idle, 32767);
    ACCEPTS("KA_IDLE", "546m", idle, 32760);
    ACCEPTS("KA_IDLE", "9h", idle, 32400);
    ACCEPTS("KA_INTVL", "1", intvl, 1);
    ACCEPTS("KA_INTVL", "32767", intvl, 32767);
    ACCEPTS("KA_INTVL", "5m", intvl, 300);
}

static void seconds_out_of_bounds(void **state)
{
    static const char *const values[] = {"0",
                                         "0s",
                                         "0m",
                                         "00",
                                         "32768",
                                         "547m",
                                         "10h",
                                         "32768s",
                                         "99999",
                                         "65536",
                                         "4294967297",
                                         "2147483648",
                                         "18446744073709551617",
                                         "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        refuses("KA_IDLE", values[i]);
        refuses("KA_INTVL", values[i]);
    }
}

static const char *const rubbish[] = {
    "x",   "-1",  "+1",  " 1",  "1 ", "1x",    "1 s", "1S",    "1M",   "1d",
    "1ms", "1ss", "s",   "m",   ".5", "1.5",   "1e3", "0x10",  "\n",   "1\n",
    "1\t", "--1", "1,",  ",",   "1-", "on",    "yes", "true",  "\xff", "\x1b[2J",
    "1=2", "=",   "nan", "inf", "''", "\"1\"", "١",   "1h30m", "1:30", "off ",
};

static void rubbish_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++)
            refuses(names[n], rubbish[i]);
}

static void count(void **state)
{
    (void)state;
    ACCEPTS("KA_CNT", "1", cnt, 1);
    ACCEPTS("KA_CNT", "127", cnt, 127);
    refuses("KA_CNT", "0");
    refuses("KA_CNT", "128");
    refuses("KA_CNT", "6s");
    refuses("KA_CNT", "4294967302");
    refuses("KA_CNT", "99999999999999999999");
}

static void switches(void **state)
{
    (void)state;
    ACCEPTS("KA_CONNECT", "1", connect, true);
    ACCEPTS("KA_CONNECT", "0", connect, false);
    ACCEPTS("KA_FORCE", "1", force, true);
    ACCEPTS("KA_CHILDREN", "0", children, false);
    ACCEPTS("KA_CHILDREN", "1", children, true);
    ACCEPTS("KA_OFF", "1", off, true);
    ACCEPTS("KA_LOG", "stderr", log, true);
    ACCEPTS("KA_LOG", "off", log, false);
    refuses("KA_OFF", "2");
    refuses("KA_OFF", "01");
    refuses("KA_OFF", "11");
    refuses("KA_LOG", "1");
    refuses("KA_LOG", "stderrr");
    refuses("KA_LOG", "stder");
    refuses("KA_LOG", "STDERR");
}

static void user_timeout(void **state)
{
    (void)state;
    ACCEPTS("KA_USER_TIMEOUT", "off", user_timeout, KA_USER_TIMEOUT_OFF);
    ACCEPTS("KA_USER_TIMEOUT", "auto", user_timeout, KA_USER_TIMEOUT_AUTO);
    ACCEPTS("KA_USER_TIMEOUT", "1", user_timeout, 1);
    ACCEPTS("KA_USER_TIMEOUT", "90s", user_timeout, 90);
    ACCEPTS("KA_USER_TIMEOUT", "596h", user_timeout, 596 * 3600);
    ACCEPTS("KA_USER_TIMEOUT", "2147483", user_timeout, 2147483);
    refuses("KA_USER_TIMEOUT", "2147484");
    refuses("KA_USER_TIMEOUT", "597h");
    ACCEPTS("KA_USER_TIMEOUT", "0", user_timeout, KA_USER_TIMEOUT_OFF);
    refuses("KA_USER_TIMEOUT", "0s");
    refuses("KA_USER_TIMEOUT", "00");
    refuses("KA_USER_TIMEOUT", "-1");
    refuses("KA_USER_TIMEOUT", "of");
    refuses("KA_USER_TIMEOUT", "offf");
    refuses("KA_USER_TIMEOUT", "automatic");
}

static void rto_max(void **state)
{
    (void)state;
    ACCEPTS("KA_RTO_MAX", "off", rto_max, KA_RTO_MAX_OFF);
    ACCEPTS("KA_RTO_MAX", "auto", rto_max, KA_RTO_MAX_AUTO);
    ACCEPTS("KA_RTO_MAX", "1", rto_max, 1);
    ACCEPTS("KA_RTO_MAX", "120s", rto_max, 120);
    ACCEPTS("KA_RTO_MAX", "2m", rto_max, 120);
    ACCEPTS("KA_RTO_MAX", "0", rto_max, KA_RTO_MAX_OFF);
    refuses("KA_RTO_MAX", "121");
    refuses("KA_RTO_MAX", "3m");
    refuses("KA_RTO_MAX", "1h");
    refuses("KA_RTO_MAX", "on");
}

/* The numbers are tcp_model_timeout's. */
static void time_in_flight(void **state)
{
    (void)state;
    assert_int_equal(ka_in_flight_ms(0, 1000, 15), 14400);
    assert_int_equal(ka_in_flight_ms(0, 3000, 15), 39000);
    assert_int_equal(ka_in_flight_ms(0, 10000, 15), 112600);
    assert_int_equal(ka_in_flight_ms(0, 120000, 15), 924600);
    assert_int_equal(ka_in_flight_ms(0, 0, 15), 924600);
    assert_int_equal(ka_in_flight_ms(-1, -1, 15), 924600);
    assert_int_equal(ka_in_flight_ms(0, 120000, 8), 102200);
    assert_int_equal(ka_in_flight_ms(0, 120000, 0), 200);
    assert_int_equal(ka_in_flight_ms(0, 120000, 255), 29724600);
    assert_int_equal(ka_in_flight_ms(9000, 1000, 15), 9000);
    assert_int_equal(ka_in_flight_ms(90000, 1000, 15), 90000);
}

static void rto_max_auto(void **state)
{
    (void)state;
    assert_int_equal(ka_config_rto_max_ms(&config), 0);
    set("KA_RTO_MAX", "3");
    assert_int_equal(ka_config_rto_max_ms(&config), 3000);
    set("KA_RTO_MAX", "auto"); /* 300 s, and 31 s give 299.0 */
    assert_int_equal(ka_config_rto_max_ms(&config), 32000);
    config.retries = 30;
    assert_int_equal(ka_config_rto_max_ms(&config), 12000);
    config.retries = 15;
    set("KA_IDLE", "1");
    assert_int_equal(ka_config_rto_max_ms(&config), 1000);
    set("KA_IDLE", "32767"); /* more than the kernel gives at most */
    assert_int_equal(ka_config_rto_max_ms(&config), 120000);
    set("KA_INTVL", "32767");
    set("KA_CNT", "127");
    assert_int_equal(ka_config_rto_max_ms(&config), 120000);
}

static void intvl_follows_a_short_idle(void **state)
{
    (void)state;
    set("KA_IDLE", "29");
    assert_int_equal(ka_config_intvl(&config), 29);
    set("KA_IDLE", "31");
    assert_int_equal(ka_config_intvl(&config), 30);
    set("KA_INTVL", "32");
    assert_int_equal(ka_config_intvl(&config), 32);
    set("KA_INTVL", ""); /* changes nothing */
    assert_int_equal(ka_config_intvl(&config), 32);
}

static void user_timeout_in_milliseconds(void **state)
{
    (void)state;
    assert_int_equal(ka_config_user_timeout_ms(&config), 0);
    set("KA_USER_TIMEOUT", "5");
    assert_int_equal(ka_config_user_timeout_ms(&config), 5000);
    set("KA_USER_TIMEOUT", "2147483");
    assert_int_equal(ka_config_user_timeout_ms(&config), 2147483000);
    set("KA_USER_TIMEOUT", "auto");
    assert_int_equal(ka_config_user_timeout_ms(&config), 300000);
    set("KA_IDLE", "5"); /* and so 5 seconds between probes */
    assert_int_equal(ka_config_user_timeout_ms(&config), 35000);
    set("KA_IDLE", "32767");
    set("KA_INTVL", "32767");
    set("KA_CNT", "127"); /* more than an int of milliseconds holds */
    assert_int_equal(ka_config_user_timeout_ms(&config), INT32_MAX);
}

static void dropped_after(void **state)
{
    (void)state;
    assert_int_equal(ka_drop_seconds(120, 30, 6, 0), 300);
    assert_int_equal(ka_drop_seconds(120, 30, 6, 300000), 300);
    /* the first probe must have been sent, and waited for */
    assert_int_equal(ka_drop_seconds(120, 30, 6, 5000), 150);
    assert_int_equal(ka_drop_seconds(120, 30, 6, 150000), 150);
    assert_int_equal(ka_drop_seconds(120, 30, 6, 151000), 180);
    assert_int_equal(ka_drop_seconds(120, 30, 6, 1000000), 1020);
    assert_int_equal(ka_drop_seconds(32767, 32767, 127, 2147483000), 2162622);
    assert_int_equal(ka_drop_seconds(1, 1, 1, 2147483000), 2147483);
    assert_int_equal(ka_drop_seconds(5, 10, 2, 500), 15);
    assert_int_equal(ka_drop_seconds(5, 10, 2, 15001), 25);
    assert_int_equal(ka_drop_seconds(5, 10, 2, -1), 25);
    assert_int_equal(ka_drop_seconds(1, 1, 1, 2147483647), 2147484);
}

static void ports(void **state)
{
    (void)state;
    assert_true(ka_config_port(&config, 1));
    assert_true(ka_config_port(&config, 65535));
    assert_int_equal(set("KA_PORTS", "5432,8000-8100"), KA_ACCEPTED);
    assert_false(ka_config_port(&config, 5431));
    assert_true(ka_config_port(&config, 5432));
    assert_false(ka_config_port(&config, 5433));
    assert_false(ka_config_port(&config, 7999));
    assert_true(ka_config_port(&config, 8000));
    assert_true(ka_config_port(&config, 8100));
    assert_false(ka_config_port(&config, 8101));
    assert_false(ka_config_port(&config, 0));
    assert_false(ka_config_port(&config, 65536));
    assert_false(ka_config_port(&config, (unsigned)-1));
}

static void ports_set_again_replace(void **state)
{
    (void)state;
    assert_int_equal(set("KA_PORTS", "1-65535"), KA_ACCEPTED);
    assert_true(ka_config_port(&config, 1));
    assert_true(ka_config_port(&config, 65535));
    assert_int_equal(set("KA_PORTS", "80"), KA_ACCEPTED);
    assert_true(ka_config_port(&config, 80));
    assert_false(ka_config_port(&config, 443));
}

static void bad_ports(void **state)
{
    static const char *const values[] = {
        "0",     "65536", "80,",      ",80",  "80,,81",          "80-79",
        "80-",   "-80",   "80-65536", "0-80", "80 81",           "80, 81",
        "80;81", "http",  "80-81-82", "80,x", "4295-4294967376", "80s"};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        refuses("KA_PORTS", values[i]);
}

static void bad_ports_keep_the_good_ones(void **state)
{
    (void)state;
    set("KA_PORTS", "80");
    assert_int_equal(set("KA_PORTS", "81,x"), KA_REFUSED);
    assert_true(ka_config_port(&config, 80));
    assert_false(ka_config_port(&config, 81));
}

static void unknown_names(void **state)
{
    static const char *const unknown[] = {
        "KA_",     "KA",       "",     "KA_IDL",      "KA_IDLES", "ka_idle",
        "KA_idle", "XKA_IDLE", "IDLE", "KA_INTERVAL", "KB_IDLE"};

    (void)state;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(set(unknown[i], "1"), KA_UNKNOWN);
    assert_int_equal(ka_config_set(&config, "KA_IDLE=7", 7, "7"), KA_ACCEPTED);
}

static void complains(const char *name, const char *value, const char *expected)
{
    char line[KA_COMPLAINT_SIZE + 1] = "";
    size_t len = ka_config_complain(line, KA_COMPLAINT_SIZE, name, strlen(name), value);

    line[len] = '\0';
    assert_string_equal(line, expected);
}

static void complaints(void **state)
{
    (void)state;
    complains("KA_IDLE", "abc",
              "kashim: KA_IDLE=\"abc\" is not accepted (1 to 32767 seconds, or with s, m "
              "or h); using the default, 120\n");
    complains("KA_CNT", "a\nb\x1b",
              "kashim: KA_CNT=\"a?b?\" is not accepted (1 to 127); "
              "using the default, 6\n");
    complains("KA_OFF", "0123456789012345678901234567890123456789x",
              "kashim: KA_OFF=\"0123456789012345678901234567890123456789...\" is not "
              "accepted (0 or 1); using the default, 0\n");
    complains("KA_WHAT", "1", "kashim: KA_WHAT is no setting\n");
    complains("KA_A\x1b"
              "b45678901234567890123456789012345678901234",
              "1", "kashim: KA_A?b4567890123456789012345678901234567 is no setting\n");
}

static void complaints_fit(void **state)
{
    char value[1000], line[2 * KA_COMPLAINT_SIZE];

    (void)state;
    memset(value, 'x', sizeof value);
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len =
            ka_config_complain(line, sizeof line, names[i], strlen(names[i]), value);

        assert_in_range(len, 1, KA_COMPLAINT_SIZE);
        assert_int_equal(line[len - 1], '\n');
        assert_int_equal(ka_config_complain(line, 10, names[i], strlen(names[i]), value),
                         10);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, defaults)
    const struct CMUnitTest tests[] = {
        TEST(the_defaults),
        TEST(empty_means_unset),
        TEST(seconds),
        TEST(seconds_out_of_bounds),
        TEST(rubbish_is_refused),
        TEST(count),
        TEST(switches),
        TEST(user_timeout),
        TEST(rto_max),
        TEST(time_in_flight),
        TEST(rto_max_auto),
        TEST(intvl_follows_a_short_idle),
        TEST(user_timeout_in_milliseconds),
        TEST(dropped_after),
        TEST(ports),
        TEST(ports_set_again_replace),
        TEST(bad_ports),
        TEST(bad_ports_keep_the_good_ones),
        TEST(unknown_names),
        TEST(complaints),
        TEST(complaints_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
