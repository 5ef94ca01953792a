/* SPDX-License-Identifier: Apache-2.0 */
/* The tables inside the clients' rows. The keys of TLS that a client cannot serve are refused one by one, each with its
 * name, so that nobody believes in a certificate that is never looked at. */
#include "config/client_rows.h"

#define NO_TLS(key)                                                                                                    \
    OPT_REFUSED(key, "TLS to the receiver comes with a later version: remove this key and let a TLS proxy stand "      \
                     "between")

const struct option client_tls_options[] = {
    OPT_BOOL(struct client_tls_config, insecure, "false", "No TLS: the endpoint is http:// anyway."),
    OPT_BOOL(struct client_tls_config, insecure_skip_verify, "false", "Has no effect without TLS."),
    NO_TLS("ca_file"),
    NO_TLS("ca_pem"),
    NO_TLS("cert_file"),
    NO_TLS("cert_pem"),
    NO_TLS("key_file"),
    NO_TLS("key_pem"),
    NO_TLS("min_version"),
    NO_TLS("max_version"),
    NO_TLS("cipher_suites"),
    NO_TLS("curve_preferences"),
    NO_TLS("server_name_override"),
    NO_TLS("reload_interval"),
    NO_TLS("include_system_ca_certs_pool"),
    NO_TLS("tpm"),
    OPT_END,
};
