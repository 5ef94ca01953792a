/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon, asked over HTTP by a verb of the command line: where it is, one question, its answer. Blocking,
 * with timeouts, for such a process does nothing else. */
#ifndef COMMAND_DAEMON_H
#define COMMAND_DAEMON_H

#include "base/buf.h"
#include "command/command.h"

enum daemon_way { DAEMON_EITHER, DAEMON_PLAIN, DAEMON_TLS };

struct daemon_address {
    char host[256];
    char port[16];
    char path[512]; /* of --endpoint, where that is a URL; else what the caller has put there before */
    enum daemon_way way;
    char socket[108]; /* its control socket, which is asked instead; "": none */
    const char *ca;   /* a PEM file; NULL: no one has named one */
    long timeout_ms;  /* to connect to an address, and then until the answer is whole; of a stream between two pieces */
};

/* By --endpoint, by the configuration, or localhost:8888; --ca and --timeout too. 0, or the exit code: stderr has been
 * told (1: the configuration says nothing that can be asked; 2: an argument is wrong). */
int daemon_find(const struct arguments *a, struct daemon_address *p);

/* The same, or by --socket; where nothing says which one and one with a control socket runs here, it is that. */
int daemon_find_here(const struct arguments *a, struct daemon_address *p);

struct daemon_answer {
    int status;      /* HTTP's; 0: there was no answer */
    char line[64];   /* its status line */
    char why[300];   /* why there was none */
    bool tls;        /* it was asked so last */
    char where[300]; /* who was asked: "http://localhost:8888", "/run/otelcd/12.sock" */
    struct buf text;
    struct bytes body; /* of `text`, as far as it was read */
    bool cut;          /* less came than was announced, or was read */
};

/* Read at most `most` bytes. The caller frees answer->text. */
void daemon_ask(const struct daemon_address *p, const char *method, const char *path, size_t most,
                struct daemon_answer *answer);

/* Ask with GET, and hand the body on as it comes, until it ends or on_data() says that it is enough. `answer` is filled
 * in before the first of it, but for its text; `why` says at the end how it ended, "" as it should. Not over TLS.
 * timeout_ms is how long nothing may come. False: there was no answer, or it broke off. */
bool daemon_stream(const struct daemon_address *p, const char *path, bool (*on_data)(void *arg, struct bytes data),
                   void *arg, struct daemon_answer *answer);

#endif
