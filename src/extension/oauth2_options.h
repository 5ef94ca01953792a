/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of an oauth2client extension. */
#ifndef EXTENSION_OAUTH2_OPTIONS_H
#define EXTENSION_OAUTH2_OPTIONS_H

#include "config/client_rows.h"

struct oauth2_config {
    const char *client_id, *client_id_file;
    struct secret client_secret;
    const char *client_secret_file;
    const char *token_url;
    struct strings scopes;
    struct string_map endpoint_params;
    duration timeout, expiry_buffer;
    int grant_type;
    struct tls_config tls;
};

extern const struct option oauth2_options[];
void oauth2_options_check(const void *config, struct check *ck); /* `config`: a struct oauth2_config */

#endif
