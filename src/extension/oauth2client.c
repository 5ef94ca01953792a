/* SPDX-License-Identifier: Apache-2.0 */
/* The oauth2client extension: a token for what exporters send (oauth2/oauth2.h). That its files cannot be read at the
 * start is all that can go wrong here. */
#include "extension/oauth2_options.h"

struct oauth2client {
    struct node node;
    struct oauth2 oauth2;
};

static const struct metric_row *const metric_rows[] = { &oauth2_fetches_row, NULL };

static struct oauth2 *oauth2_of(struct node *node)
{
    return &container_of(node, struct oauth2client, node)->oauth2;
}

static int create(struct node *node, const void *config, struct error *err)
{
    (void)err;
    oauth2_init(oauth2_of(node), node, config);
    return 0;
}

static int start(struct node *node, struct error *err)
{
    static const struct http_client_options way = { 0 };

    return oauth2_open(oauth2_of(node), &way, err);
}

static void destroy(struct node *node)
{
    oauth2_close(oauth2_of(node));
}

static struct client_authenticator *client_authenticator(struct node *node)
{
    return &oauth2_of(node)->client;
}

extern const struct component oauth2client_extension;
const struct component oauth2client_extension = {
    COMPONENT_TYPE("oauth2client", COMPONENT_EXTENSION, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "A token by OAuth 2, for a secret or a signed assertion, fetched and renewed, for `auth` of exporters.",
    COMPONENT_CONFIG(struct oauth2_config, oauth2_options, .check = oauth2_options_check),
    .metrics = metric_rows,
    COMPONENT_NODE(struct oauth2client, .create = create, .start = start, .destroy = destroy,
                   .client_authenticator = client_authenticator),
};
