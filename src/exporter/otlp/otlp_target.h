/* SPDX-License-Identifier: Apache-2.0 */
/* Where OTLP goes: what the `endpoint` keys of both exporters may say (the Go collector's configgrpc and otlphttp). */
#ifndef EXPORTER_OTLP_TARGET_H
#define EXPORTER_OTLP_TARGET_H

#include "base/error.h"
#include "net/http/url.h"
#include "otlp/signal.h"

struct otlp_target {
    bool secure;   /* over TLS */
    char *url;     /* HTTP: the whole one. gRPC: http://host:port or https://, for people and for :authority; of a unix
                    * socket http://localhost */
    char *dial;    /* gRPC: what is dialled, as gRPC writes targets; else NULL */
    char *address; /* what metrics call server_address; of a unix socket its path */
    char *port;    /* server_port; "" of a unix socket */
    char *path;    /* HTTP: url_path; else NULL */
};

/* `tls`: where no scheme is written, or http://. UV_EINVAL and `err` when it cannot be dialled; otlp_target_free() all
 * the same. */
int otlp_target_grpc(struct otlp_target *t, const char *endpoint, bool tls, struct error *err);

/* `endpoint` is the base URL, `own` the signal's own, which goes before it; "" = not written. */
int otlp_target_http(struct otlp_target *t, const char *endpoint, const char *own, enum signal signal,
                     struct error *err);

void otlp_target_free(struct otlp_target *t);

#endif
