/* SPDX-License-Identifier: MIT */
/* What systemd says of units (systemctl show), and what it is asked to do. */
#ifndef KASHIM_SYSTEMD_H
#define KASHIM_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

enum { UNIT_NAME_SIZE = 256 };

/* The argument, with ".service" behind it where it has no suffix. False: no service and no
 * socket unit can have that name, which is said. */
bool unit_name(const char *argument, char name[UNIT_NAME_SIZE]);
bool unit_is_service(const char *unit);
bool unit_is_socket(const char *unit);
bool unit_is_template(const char *unit);

/* Of an instance or a template: "postgresql@.service" of "postgresql@15-main.service". */
bool unit_template(const char *unit, char template[UNIT_NAME_SIZE]);

/* Properties of a unit, as systemctl(1) prints them; "" where it prints none. */
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

/* A unit by its name, or those that are loaded by a pattern ("postgresql@*.service"). False:
 * systemctl has failed, which is said. To be freed in any case. */
bool units_show(const char *name, struct units *units);
void units_free(struct units *units);

/* Whether systemd has a file for that name; of a template, too. */
bool unit_has_file(const char *name);

/* The value of a variable in UNIT_ENVIRONMENT; NULL: it isn't set. To be freed. */
char *unit_variable(const struct unit *unit, const char *name);

/* systemctl VERB [UNIT]. False: it has failed, which is said. */
bool systemctl(const char *verb, const char *unit);

#endif
