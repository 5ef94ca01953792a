/* SPDX-License-Identifier: Apache-2.0 */
/* What a client's protocol needs of its connection, and the connection of the protocol.
 *
 * http_connection.c owns a socket and drives one protocol on it, http1_client.c or http2_client.c, through struct
 * client_ops: calls and bytes in; bytes, answers and failures out. The protocols know the connection as a struct
 * client_io only, so they also run on memory. */
#ifndef NET_CLIENT_IO_H
#define NET_CLIENT_IO_H

#include "base/budget.h"
#include "base/loop/loop.h"
#include "net/message/call.h"
#include "net/socket/outbox.h"

#include <nghttp2/nghttp2.h>

/* What is the same in all requests of a client. */
struct client_head {
    struct bytes prefix; /* of HTTP/1.1's target: "http://host:port" for a proxy */
    struct bytes path;   /* of calls that name none: path and query */
    struct bytes lines;  /* HTTP/1.1: header lines */
    bool secure;         /* HTTP/2: https */
    struct bytes authority;
    const struct http_header *headers; /* HTTP/2: names in lower case */
    size_t n_headers;
    struct bytes cookie; /* Cookie's value for the call that begins; empty: none */
};

/* What all connections of a client share. */
struct client_shared {
    struct loop *loop;
    struct budget *budget; /* NULL: nobody is charged */
    struct client_head head;
    /* HTTP/2 */
    nghttp2_session_callbacks *callbacks; /* NULL until the first connection */
    nghttp2_option *option;
    uint64_t keepalive_time; /* ns; 0 = none. Doubled when a peer objects */
    uint64_t keepalive_timeout;
    bool keepalive_permit_without_stream;
};

/* What the peer may have done with a call that has failed. */
enum call_chance {
    CALL_MAYBE_DONE,
    CALL_UNHEARD, /* the same; but it was on a connection that had been kept, and may have been dead before */
    CALL_UNSEEN,  /* nothing, for certain */
};

/* How a call ends that has no answer. */
struct call_failure {
    enum http_failure failure;
    const char *why; /* what happened to the request; valid during the call */
    bool whole;      /* `why` is a whole sentence, which names the address */
    enum call_chance chance;
    enum http_spoken spoken;
    uint32_t h2_error;
};

struct client_io {
    struct client_shared *shared;
    const struct client_ops *ops;
    void *state; /* the protocol's */
    struct outbox out;
    void (*kick)(struct client_io *io);          /* there is output, or room: look at the turn's end */
    bool (*read)(struct client_io *io, bool on); /* false: the socket has failed */
    /* The call is not the protocol's any more when it is told of either. The caller may begin another at once. */
    void (*answered)(struct client_io *io, struct http_call *call, struct http_response *a);
    void (*failed)(struct client_io *io, struct http_call *call, const struct call_failure *f);
};

enum client_fate {
    CLIENT_GREETS, /* the peer has to speak first, and has not */
    CLIENT_GOES_ON,
    CLIENT_LEAVES, /* what is under way goes on, and nothing new begins */
    CLIENT_RESTS,  /* nothing is under way, and the connection may be kept */
    CLIENT_ENDED,  /* close it: nothing more will come of it */
};

enum call_progress { CALL_QUEUED, CALL_SENT, CALL_HEARD };

/* A protocol on a connection. */
struct client_ops {
    /* How many calls may begin now. */
    size_t (*room)(struct client_io *io);
    void (*start)(struct client_io *io, struct http_call *call);
    /* Its caller has gone, or its time is over: the protocol has no more to do with it, nor with its parts. */
    void (*leave)(struct client_io *io, struct http_call *call);
    void (*pause)(struct client_io *io, struct http_call *call, bool on);
    enum call_progress (*progress)(struct client_io *io, struct http_call *call);
    /* A call has had no answer for so long (ns): is the peer there? NULL: the connection ends with such a call. */
    void (*doubt)(struct client_io *io, uint64_t waited);
    void (*input)(struct client_io *io, struct bytes data);
    bool (*output)(struct client_io *io); /* what may leave goes into io->out; false: there was nothing */
    /* The peer has ended (0), or the socket failed: its calls fail, but for one that ends with the connection. */
    void (*end)(struct client_io *io, const char *why, int error);
    enum client_fate (*fate)(struct client_io *io);
    const struct call_failure *(*why)(struct client_io *io); /* how it ended while it greeted */
    void (*close)(struct client_io *io);                     /* its memory; no call is with it */
};

#endif
