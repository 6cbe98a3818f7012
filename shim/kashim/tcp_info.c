/* SPDX-License-Identifier: MIT */
#include "tcp_info.h"

#include <linux/tcp.h> /* netinet/tcp.h has less of the struct, and can't stand beside it */
#include <string.h>

enum { SYN_SENT = 2, SYN_RECEIVED, FIN_WAIT1, FIN_WAIT2, LAST_ACK = 9, CLOSING = 11 };

/* As many bytes are acknowledged as were sent, or one more: the SYN of connect(2) counts.
 * What accept(2) returns begins behind its SYN (tcp_create_openreq_child). A FIN counts,
 * too, once it is sent. */
int tcp_info_connected(const void *data, size_t len, unsigned queued)
{
    struct tcp_info i = {0};
    unsigned long long sent, in_flight, finished, more;

    if (len < offsetof(struct tcp_info, tcpi_dsack_dups))
        return -1;
    memcpy(&i, data, len < sizeof i ? len : sizeof i);
    if (i.tcpi_state == SYN_SENT)
        return 1;
    sent = i.tcpi_bytes_sent - i.tcpi_bytes_retrans;
    in_flight = i.tcpi_unacked ? queued - i.tcpi_notsent_bytes : 0;
    finished = !i.tcpi_notsent_bytes &&
               (i.tcpi_state == FIN_WAIT1 || i.tcpi_state == FIN_WAIT2 ||
                i.tcpi_state == LAST_ACK || i.tcpi_state == CLOSING);
    more = i.tcpi_bytes_acked + in_flight - sent - finished;
    return more > 1 || i.tcpi_state == SYN_RECEIVED ? -1 : (int)more;
}
