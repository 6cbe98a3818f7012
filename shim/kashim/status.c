/* SPDX-License-Identifier: MIT */
/* kashim status: shows which sockets of which processes have keepalive, and which control
 * groups have kashim's programs. */
#include "kashim.h"

#include "survey.h"
#include "util.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum form { TABLE, SUMMARY, JSON, CHECK };

/* ---- --check ----------------------------------------------------------------- */

/* For monitoring: the exit status of --check. */
enum { CHECK_UNPROTECTED = 1, CHECK_NOT_KNOWN = 3 };

/* Print "WHAT: 1 listener: nginx (812)", of what `counted` finds. */
static void say_sockets(const struct report *r, const char *what,
                        const size_t counts[ROLES],
                        size_t (*counted)(const struct report *, const struct totals *))
{
    char *text = report_counts(r, counts);
    struct few processes = {0};

    for (size_t i = 0; i < r->count; i++) {
        const struct process *p = &r->sections[i].process;
        char name[40];

        snprintf(name, sizeof name, p->pid ? "%s (%d)" : "process not seen", p->name,
                 p->pid);
        if (counted(r, &r->sections[i].totals))
            few_add(&processes, name);
    }
    say("%s: %s: %s", what, text, few_text(&processes));
    free(processes.text);
    free(text);
}

static int say_not_known(void)
{
    say("not known: %s", complaints_kept());
    return CHECK_NOT_KNOWN;
}

/* Print the verdict in one line. */
static int check(const struct survey *survey)
{
    const struct report *r = &survey->report;
    const struct totals *t = &r->totals;
    char *counts;

    if (report_unprotected(r, t)) {
        say_sockets(r, "unprotected", t->unprotected, report_unprotected);
        return CHECK_UNPROTECTED;
    }
    if (r->incomplete)
        return say_not_known();
    if (report_unknown(r, t)) {
        say_sockets(r, "not known", t->unknown, report_unknown);
        return CHECK_NOT_KNOWN;
    }
    counts = report_counts(r, t->sockets);
    say("unprotected: none%s%s", *counts ? " of " : "; nothing listens", counts);
    free(counts);
    return EXIT_SUCCESS;
}

/* ---- the other forms --------------------------------------------------------- */

static int show(struct survey *survey, enum form form)
{
    const struct report *r = &survey->report;
    bool nothing = !r->count && !r->group_count && r->incomplete;

    if (form == JSON)
        report_json(r);
    else if (!nothing)
        (form == SUMMARY ? report_summary : report_table)(r);
    if (!survey->all && !survey->port && !survey->targets.group_count &&
        !survey->children && !r->incomplete)
        mention_children(&survey->targets.pids);
    return r->incomplete ? EXIT_UNDONE : EXIT_SUCCESS;
}

/* ---- the arguments ----------------------------------------------------------- */

static int help(void)
{
    puts(
        "kashim status [OPTIONS] [TARGET... | --port PORT]\n"
        "\n"
        "Shows what the TCP sockets of processes have: of those named, of those that\n"
        "listen on the port, or of all; and which control groups have kashim's programs.\n"
        "Times are in seconds.\n"
        "\n" TARGETS_HELP "\n"
        "  KA     keepalive on or off; ! marks who should have it on\n"
        "  IDLE   before the first probe\n"
        "  INTVL  between unanswered probes\n"
        "  CNT    unanswered probes until the connection is dropped\n"
        "  UTO    TCP_USER_TIMEOUT, if there is one\n"
        "  RTO    TCP_RTO_MAX_MS, if there is one\n"
        "  DROP   until a dead peer is dropped: an idle one/one with data in flight,\n"
        "         of which keepalive knows nothing\n"
        "  NEXT   until the kernel's keepalive timer ends\n"
        "\n" TARGET_OPTIONS_HELP "\n"
        "      --connect                             outgoing connections should have it\n"
        "      --unprotected                         only those without\n"
        "      --summary                             a line for each process\n"
        "      --check                               for monitoring: one line\n"
        "      --json                                for programs: see kashim(1)\n"
        "      --color WHEN                          auto, always, never\n"
        "\n"
        "Exit status: 0 all was shown, 1 something was not, 2 wrong arguments.\n"
        "Of --check: 0 all have keepalive, 1 some haven't, 3 it can't be told.");
    return EXIT_SUCCESS;
}

/* Print that there is no such word and return false. */
static bool read_colour(const char *when, bool *colour)
{
    const char *no_color = getenv("NO_COLOR");

    if (!strcmp(when, "auto"))
        *colour = isatty(STDOUT_FILENO) && !(no_color && *no_color);
    else if (!strcmp(when, "always") || !strcmp(when, "never"))
        *colour = *when == 'a';
    else {
        complain("--color: %s is not accepted (auto, always or never)", quoted(when));
        return false;
    }
    return true;
}

enum {
    OPTION_FORM = OPTION_LISTENERS_ONLY + 1, /* and the form */
    OPTION_UNPROTECTED = OPTION_FORM + CHECK + 1,
    OPTION_COLOR
};

struct asked {
    struct survey survey;
    enum form form;
    bool unprotected_only;
};

/* Print what is wrong and return false. */
static bool take_option(struct asked *r, int option)
{
    switch (option) {
    case OPTION_UNPROTECTED: r->unprotected_only = true; return true;
    case OPTION_CONNECT: r->survey.report.connect = true; return true;
    case OPTION_CHILDREN: r->survey.children = true; return true;
    case OPTION_COLOR: return read_colour(optarg, &r->survey.report.colour);
    case OPTION_PORT: return targets_read_port(optarg, &r->survey.port);
    case '?': return false;
    default: break;
    }
    if (r->form != TABLE && r->form != (enum form)(option - OPTION_FORM)) {
        complain("status: only one of --summary, --json and --check");
        return false;
    }
    r->form = (enum form)(option - OPTION_FORM);
    return true;
}

/* Return the exit status if there is nothing more to do, or -1. */
static int read_arguments(int argc, char **argv, struct asked *r)
{
    static const struct option names[] = {
        {"summary", no_argument, NULL, OPTION_FORM + SUMMARY},
        {"json", no_argument, NULL, OPTION_FORM + JSON},
        {"check", no_argument, NULL, OPTION_FORM + CHECK},
        {"unprotected", no_argument, NULL, OPTION_UNPROTECTED},
        {"connect", no_argument, NULL, OPTION_CONNECT},
        {"color", required_argument, NULL, OPTION_COLOR},
        TARGET_OPTIONS,
        {0}};
    int option;

    read_colour("auto", &r->survey.report.colour);
    while ((option = next_option(argc, argv, ":h", names)) != -1) {
        if (option == 'h')
            return help();
        if (!take_option(r, option))
            return EXIT_USAGE;
    }
    if (r->survey.port && optind < argc) {
        complain("status: either TARGET... or --port PORT (kashim help status)");
        return EXIT_USAGE;
    }
    return -1;
}

int kashim_status(int argc, char **argv)
{
    struct asked r = {.survey.report.retries = tcp_retries2()};
    struct survey *survey = &r.survey;
    int status = read_arguments(argc, argv, &r);

    if (status >= 0)
        return status;
    if (r.form == CHECK) {
        complaints_kept();
        survey->certain = true;
    }
    if (!targets_visible() || !targets_add(argv + optind, &survey->targets))
        return r.form == CHECK ? say_not_known() : EXIT_UNDONE;
    survey->all = !survey->port && optind == argc;
    if (survey->port)
        survey->report.incomplete = !targets_by_port(survey->port, &survey->targets.pids);
    survey_all(survey);
    report_finish(&survey->report, r.unprotected_only && r.form != CHECK);
    return r.form == CHECK ? check(survey) : show(survey, r.form);
}
