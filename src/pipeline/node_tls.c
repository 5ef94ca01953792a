/* SPDX-License-Identifier: Apache-2.0 */
/* What the node knows goes into the setup; files that cannot be used are the only thing that can go wrong. */
#include "pipeline/node_tls.h"

struct tls *node_tls(const struct node *node, const struct tls_config *config, enum tls_side side, const char *alpn,
                     struct error *err)
{
    const struct tls_setup setup = {
        .loop = node->host->loop,
        .side = side,
        .alpn = alpn,
        .metrics = node->host->metrics,
        .log = &node->log,
        .component = node->id,
    };

    return tls_new(&setup, config, err);
}

struct http_client *node_http_client(const struct node *node, const struct http_client_options *o,
                                     const struct tls_config *config, const char *alpn, struct error *err)
{
    struct http_client_options with = *o;
    struct http_client *client;

    if (config != NULL && (with.tls = node_tls(node, config, TLS_CLIENT, alpn, err)) == NULL)
        return NULL;
    client = http_client_new(node->host->loop, &with, err);
    tls_unref(with.tls);
    return client;
}
