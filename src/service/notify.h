/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd is told of a Type=notify service: datagrams to the socket that $NOTIFY_SOCKET names
 * (sd_notify(3)). All of it does nothing where that is not set. */
#ifndef SERVICE_NOTIFY_H
#define SERVICE_NOTIFY_H

#include "base/loop/clock.h"

#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody wants to know */
    struct sockaddr_un address;
    socklen_t address_len;
    struct clock *clock;
    struct clock_timer watchdog;
    uint64_t watchdog_interval; /* ns; 0 = none */
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment, so that no child inherits them. */
void notify_init(struct notify *n, struct clock *clock);
void notify_close(struct notify *n);

void notify_ready(struct notify *n, const char *status); /* and the watchdog's heart beats from now on */
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

#endif
