/* SPDX-License-Identifier: MIT */
/* What systemd says of units (systemctl show), and what it is asked to do. */
#ifndef KASHIM_SYSTEMD_H
#define KASHIM_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

enum { UNIT_NAME_SIZE = 256 };

/* Complete a unit's name: with ".service" behind it where it has no suffix. Print that no
 * service and no socket unit can have that name and return false. */
bool unit_name(const char *argument, char name[UNIT_NAME_SIZE]);
bool unit_is_service(const char *unit);
bool unit_is_socket(const char *unit);
bool unit_is_template(const char *unit);

/* Name the template of an instance: "postgresql@.service" of "postgresql@15-main.service".
 * Return false if it is no instance. */
bool unit_template(const char *unit, char template[UNIT_NAME_SIZE]);

/* Tell whether there is a file for the unit, or for its template, below `root`, a
 * descriptor; or on this system, for a name without its suffix too. */
bool unit_is_in(int root, const char *unit);
bool unit_is_installed(const char *name);

/* Properties of a unit, as systemctl(1) prints them; "": it prints none. */
enum property {
    UNIT_ID,
    UNIT_LOAD_STATE,
    UNIT_ACTIVE_STATE,
    UNIT_TYPE,
    UNIT_EXEC_START,
    UNIT_CONSISTS_OF,
    UNIT_TRIGGERS,
    UNIT_TRIGGERED_BY,
    UNIT_LISTEN,
    UNIT_ENVIRONMENT,
    UNIT_CONTROL_GROUP,
    UNIT_ROOT_DIRECTORY,
    UNIT_ROOT_IMAGE,
    UNIT_PROPERTIES
};

struct unit {
    char *properties[UNIT_PROPERTIES];
};

struct units {
    struct unit *all;
    size_t count;
};

/* Read the properties of a unit by its name, or of those that are loaded by a pattern
 * ("postgresql@*.service"); free them in any case. Print that systemctl has failed and
 * return false. */
bool units_show(const char *name, struct units *units);
void units_free(struct units *units);

bool unit_runs(const struct unit *unit);

/* Tell whether systemd has a file for that name, which may be a template's. */
bool unit_has_file(const char *name);

/* Return "; NAME?", the unit whose name is most like one that there is no unit of, or "";
 * good until the next call. */
const char *unit_guess(const char *unit);

/* Return the value of a variable in UNIT_ENVIRONMENT, or NULL; free it. */
char *unit_variable(const struct unit *unit, const char *name);

/* Run systemctl VERB [UNIT]. Print that it has failed and return false. */
bool systemctl(const char *verb, const char *unit);

#endif
