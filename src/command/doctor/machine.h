/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of this machine and of another process on it. What cannot be read, for want of rights or because
 * the process is in another namespace, is unknown: no error. */
#ifndef COMMAND_MACHINE_H
#define COMMAND_MACHINE_H

#include "base/arena.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

/* The daemon's process, when it is one of this machine's and runs otelcd; else 0. */
long machine_daemon_pid(const char *host, long pid);

/* Its --config and --set, files by absolute names. */
struct started {
    VEC(const char *) configs, sets;
};
bool machine_started_with(long pid, struct arena *a, struct started *s);

/* The variables that it was started with become those of this process, in place of its own. False: they cannot be read,
 * and its own stay. */
bool machine_take_variables(long pid);

struct descriptors {
    uint64_t open, limit; /* of the process; limit 0: unknown */
};
struct descriptors machine_descriptors(long pid);

/* Instances of inotify that this user has, as far as can be seen, and how many there may be; 0: unknown. */
struct descriptors machine_inotify(void);

/* Who listens on TCP where `host` could not listen too: on that address and port, or one of both is all addresses. A
 * host that is no address (a name) is localhost, or may be any. */
struct listener_seen {
    bool taken;
    long pid; /* 0: unknown */
    char name[32];
};
struct listener_seen machine_listener(const char *host, uint16_t port);

/* Of the file system that has the path, or its nearest folder that is there. */
struct disk_seen {
    uint64_t total, free; /* bytes; total 0: unknown */
    uint64_t device;      /* two paths of one have the same */
};
struct disk_seen machine_disk(const char *path);

bool machine_clock_is_set(void); /* by a time server, as far as the kernel has been told */

#endif
