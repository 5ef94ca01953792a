/* SPDX-License-Identifier: Apache-2.0 */
/* Each state is one datagram that is sent and not waited for. The watchdog's timer is of the loop's clock, so that it
 * is fed only while the loop turns. */
#include "service/notify.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell_manager(struct notify *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One datagram. If the manager does not take it, it finds out by its own timeouts. */
static void tell_manager(struct notify *n, const char *fmt, ...)
{
    char text[512];
    va_list args;
    int len;

    if (n->fd < 0)
        return;
    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len < 0)
        return;
    if ((size_t)len >= sizeof(text))
        len = sizeof(text) - 1;
    (void)sendto(n->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&n->address,
                 n->address_len);
}

/* Half of what the manager waits. */
static uint64_t watchdog_interval(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (usec == NULL || (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid()))
        return 0;
    return strtoull(usec, NULL, 10) / 2 * NS_PER_US;
}

void notify_init(struct notify *n, struct clock *clock)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path != NULL ? strlen(path) : 0;

    *n = (struct notify){ .fd = -1, .clock = clock, .address.sun_family = AF_UNIX };
    if (len >= 2 && (path[0] == '/' || path[0] == '@') && len < sizeof(n->address.sun_path)) {
        memcpy(n->address.sun_path, path, len);
        if (path[0] == '@')
            n->address.sun_path[0] = '\0'; /* an abstract name */
        n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        n->watchdog_interval = watchdog_interval();
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
    clock_stop(n->clock, &n->watchdog);
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

static void on_watchdog(struct clock_timer *t)
{
    struct notify *n = container_of(t, struct notify, watchdog);

    tell_manager(n, "WATCHDOG=1");
    clock_start(n->clock, t, n->watchdog_interval, on_watchdog);
}

void notify_ready(struct notify *n, const char *status)
{
    tell_manager(n, "READY=1\nSTATUS=%s", status);
    if (n->watchdog_interval > 0 && !clock_armed(&n->watchdog))
        clock_start(n->clock, &n->watchdog, n->watchdog_interval, on_watchdog);
}

void notify_reloading(struct notify *n)
{
    tell_manager(n, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reading the configuration anew.",
                 clock_mono(n->clock) / NS_PER_US);
}

void notify_stopping(struct notify *n)
{
    tell_manager(n, "STOPPING=1\nSTATUS=Handing on what is held.");
}
