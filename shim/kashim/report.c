/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "numbers.h"

int row_keepalive(const struct row *row)
{
    return row->socket.values.of[KA_KEEPALIVE];
}

int row_drop_seconds(const struct row *row)
{
    const int *value = row->socket.values.of;

    if (value[KA_KEEPALIVE] != 1 || value[KA_IDLE] < 0)
        return -1;
    return ka_drop_seconds(value[KA_IDLE], value[KA_INTVL], value[KA_CNT],
                           value[KA_USER_TIMEOUT]);
}

struct totals report_totals(const struct report *report)
{
    struct totals totals = {0};
    struct numbers seen = {0};

    for (size_t i = 0; i < report->count; i++) {
        const struct section *s = &report->sections[i];

        totals.processes += s->process.pid != 0;
        for (size_t j = 0; j < s->count; j++) {
            const struct row *row = &s->rows[j];

            if (numbers_have(&seen, row->socket.inode))
                continue;
            numbers_add(&seen, row->socket.inode);
            totals.sockets[row->role]++;
            totals.unprotected[row->role] += row_keepalive(row) == 0;
            totals.unknown[row->role] += row_keepalive(row) < 0;
        }
    }
    numbers_free(&seen);
    return totals;
}
