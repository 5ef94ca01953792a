/* SPDX-License-Identifier: Apache-2.0 */
/* The option rows of `tls` blocks, as the Go collector's configtls has them: of servers and of clients. What they name
 * is read by net/socket/tls.h. */
#ifndef CONFIG_TLS_ROWS_H
#define CONFIG_TLS_ROWS_H

#include "config/option.h"

enum tls_version_name { TLS_VERSION_UNSET, TLS_VERSION_10, TLS_VERSION_11, TLS_VERSION_12, TLS_VERSION_13 };

/* The key is in a TPM, as a file that only that one can use. */
struct tpm_config {
    bool enabled;
    const char *path; /* a device, or a socket of swtpm's */
    struct secret owner_auth, auth;
};

struct tls_config {
    bool on; /* servers: there is a block */
    const char *ca_file, *cert_file, *key_file;
    struct secret ca_pem, cert_pem, key_pem;
    struct tpm_config tpm;
    bool include_system_ca_certs_pool;
    int min_version, max_version; /* enum tls_version_name */
    struct strings cipher_suites; /* Go's names */
    bool include_insecure_cipher_suites;
    struct strings curve_preferences;
    duration reload_interval;
    const char *client_ca_file; /* servers; "": clients need no certificate */
    /* Clients. */
    bool insecure, insecure_skip_verify;
    const char *server_name_override;
};

extern const struct option tls_server_options[], tls_client_options[];

/* Equal for two blocks that say the same, in this process; 0 for none. */
uint64_t tls_config_hash(const struct tls_config *c);

static inline bool tls_config_has_ca(const struct tls_config *c)
{
    return c->ca_file[0] != '\0' || (c->ca_pem.text != NULL && c->ca_pem.text[0] != '\0');
}

/* A client whose endpoint has no scheme speaks plain text: insecure, and nothing to verify a server with. */
static inline bool tls_config_is_plain(const struct tls_config *c)
{
    return c->insecure && !tls_config_has_ca(c);
}

#endif
