/* SPDX-License-Identifier: Apache-2.0 */
/* What the processes of one otelcd say to each other: short messages over a pair of sockets, each with at most one
 * descriptor. What is long goes as a file in memory. Both sides are the same program, so there is no format to keep. */
#ifndef SERVICE_CHANNEL_H
#define SERVICE_CHANNEL_H

#include "base/buf.h"

#include <stdbool.h>
#include <uv.h>

/* The descriptors that a worker begins with. */
#define CHANNEL_FD 3
#define CHANNEL_DOORS_FD 4

enum channel_kind {
    CHANNEL_CONFIG = 1, /* to a worker: what to run, first of all; file: the configuration. number: which one it is */
    CHANNEL_RELOAD,     /* file: the configuration */
    CHANNEL_STOP,       /* number: ns that it has for it */
    CHANNEL_HURRY,      /* while it stops or reloads */
    CHANNEL_ASK,        /* for its numbers */
    CHANNEL_READY,      /* from a worker: it runs */
    CHANNEL_FAILED,     /* it does not start: text */
    CHANNEL_RELOADED,   /* number: 1 done, 0 it changed nothing, for what `text` says */
    CHANNEL_TOLD,       /* file: its numbers */
    CHANNEL_COUNT,      /* number: of its connections */
    CHANNEL_OWN,        /* file: a request of own telemetry; number: its items, other: its signal, text: the exporter */
    CHANNEL_WARNINGS,   /* file: lines of its log (service/workers/warnings_relay.h) */
    CHANNEL_OPEN,       /* doors: text is the transport, a space, and where to listen */
    CHANNEL_OPENED,     /* to a worker: number is the port, or a negative errno; text the address; with a socket */
    CHANNEL_CLOSE,      /* number: of the door, as CHANNEL_OPENED had it in `other` */
    CHANNEL_CALLER,     /* on the socket of a door: who has called */
    CHANNEL_TAKEN,      /* the answer to that: it is mine */
};

struct channel_message {
    uint32_t kind;
    uint32_t other;
    int64_t number;
    char text[600];
};

/* Two ends, closed on exec, that do not block. False: no descriptors. */
bool channel_pair(int out[2]);

/* `file`: -1, or a descriptor that goes with it and stays the caller's. False: the other side is gone, or takes nothing
 * now (errno EAGAIN). */
bool channel_send(int fd, const struct channel_message *m, int file);
bool channel_say(int fd, enum channel_kind kind, int64_t number, const char *text);

/* 1: a message, and in *file what came with it, or -1. 0: there is none now. -1: the other side is gone. */
int channel_receive(int fd, struct channel_message *m, int *file);

/* When a poll of its socket says so: all that there is, without what files come with it. Where the other side is gone
 * the poll stops. */
void channel_drain(uv_poll_t *poll, int fd, void (*take)(void *arg, const struct channel_message *m), void *arg);

/* Bytes as a file, and back; the file is closed. False: it cannot be made, or be read. */
int channel_pack(struct bytes data);
bool channel_unpack(int file, struct buf *out);

#endif
