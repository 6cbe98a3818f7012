/* SPDX-License-Identifier: MIT */
/* A look at the sockets of processes, and at the control groups that have kashim's
 * programs. */
#ifndef KASHIM_SURVEY_H
#define KASHIM_SURVEY_H

#include "diag.h"
#include "report.h"
#include "targets.h"

struct survey {
    /* What is looked at; the caller fills it. */
    bool all, children;
    bool certain; /* nothing of its user's for a process that may not be looked into */
    int port;     /* 0: none */
    struct targets targets;

    /* What was found. */
    struct report report;

    struct views views;
    struct view *view;          /* of the network namespace that was looked at last */
    char group_asked[PATH_MAX]; /* of the last process, and what serves it */
    const char *group_found;
    struct numbers shown; /* inodes of the sockets in the report */
    size_t refused;       /* processes, of all */
    char refusal[512];    /* of the last of them */
};

/* Fill the report. Print what can't be looked at. */
void survey_all(struct survey *survey);

#endif
