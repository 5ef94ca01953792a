/* SPDX-License-Identifier: Apache-2.0 */
/* Most keys are those of both sides; each table adds its own. What the files hold is checked by net/socket/tls_check.c.
 */
#include "config/tls_rows.h"

#include "base/buf.h"
#include "base/bytes.h"

#include <string.h>

static const char *const versions[] = { "", "1.0", "1.1", "1.2", "1.3", NULL };

static const struct option tpm_options[] = {
    OPT_BOOL(struct tpm_config, enabled, "false", "Is the key in a TPM?"),
    OPT_STRING(struct tpm_config, path, "/dev/tpmrm0", "The TPM's device, or a socket of swtpm's."),
    OPT_SECRET(struct tpm_config, owner_auth, "The password of the TPM's owner, where it has one."),
    OPT_SECRET(struct tpm_config, auth, "The password of the key, where it has one."),
    OPT_END,
};

/* Set by hand: clang-format takes the braces of an initialiser for those of a block. */
/* clang-format off */
#define COMMON_ROWS(ca_help_)                                                                                         \
    OPT_STRING(struct tls_config, ca_file, "", ca_help_),                                                             \
    OPT_SECRET(struct tls_config, ca_pem, "The same as PEM text, instead of ca_file."),                               \
    OPT_STRING(struct tls_config, cert_file, "",                                                                      \
               "PEM file of the own certificate, and of the intermediate ones that lead to its CA."),                 \
    OPT_SECRET(struct tls_config, cert_pem, "The same as PEM text, instead of cert_file."),                           \
    OPT_STRING(struct tls_config, key_file, "", "PEM file of the certificate's private key, without a passphrase."),  \
    OPT_SECRET(struct tls_config, key_pem, "The same as PEM text, instead of key_file."),                             \
    OPT_BOOL(struct tls_config, include_system_ca_certs_pool, "false",                                                \
             "Trust the CAs of this machine too, beside those of ca_file or ca_pem."),                                \
    OPT_ENUM(struct tls_config, min_version, versions, "", "Oldest TLS that is spoken; empty is 1.2."),               \
    OPT_ENUM(struct tls_config, max_version, versions, "", "Newest TLS that is spoken; empty is 1.3."),               \
    OPT_STRINGS(struct tls_config, cipher_suites, NULL,                                                               \
                "Cipher suites up to TLS 1.2, by Go's names (TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256); empty is all "   \
                "that are safe. Those of TLS 1.3 are not chosen."),                                                   \
    OPT_BOOL(struct tls_config, include_insecure_cipher_suites, "false",                                              \
             "May cipher_suites name suites that are known to be weak?"),                                             \
    OPT_STRINGS(struct tls_config, curve_preferences, NULL,                                                           \
                "Key exchanges in order of preference: X25519, P256, P384, P521; empty is X25519, P256, P384."),      \
    OPT_DURATION(struct tls_config, reload_interval, "1m", "0s", NULL,                                                \
                 "Look at the files this often, beside when the file system tells that they change; 0s: they are "    \
                 "read once, at the start."),                                                                         \
    OPT_GROUP(struct tls_config, tpm, struct tpm_config, tpm_options, GROUP_NONE,                                     \
              "The key in key_file is a TSS2 PRIVATE KEY, which only this machine's TPM can use.")
/* clang-format on */

const struct option tls_server_options[] = {
    COMMON_ROWS("Has no effect on a server: client_ca_file is what verifies clients."),
    OPT_STRING(struct tls_config, client_ca_file, "",
               "PEM file of the CAs of clients. Where it is set every client must show a certificate of theirs."),
    OPT_IGNORED("client_ca_file_reload", "the file is read again whenever it changes"),
    OPT_END,
};

const struct option tls_client_options[] = {
    COMMON_ROWS("PEM file of the CAs that may have signed the server's certificate; empty is those of this machine."),
    OPT_BOOL(struct tls_config, insecure, "false",
             "Plain text, where the endpoint has no scheme and no CA is set. A URL's scheme decides by itself."),
    OPT_BOOL(struct tls_config, insecure_skip_verify, "false",
             "Take any certificate of the server for good: whoever stands between can read and change everything."),
    OPT_STRING(struct tls_config, server_name_override, "",
               "The name that the server's certificate must be valid for; empty is the endpoint's host."),
    OPT_END,
};

static void put_text(struct buf *out, const char *text)
{
    if (text != NULL)
        buf_puts(out, text);
    buf_putc(out, '\0');
}

static void put_list(struct buf *out, struct strings list)
{
    for (size_t i = 0; i < list.n; i++)
        put_text(out, list.v[i]);
    buf_putc(out, '\1');
}

uint64_t tls_config_hash(const struct tls_config *c)
{
    const char *const texts[] = { c->ca_file,     c->cert_file,           c->key_file,     c->client_ca_file,
                                  c->ca_pem.text, c->cert_pem.text,       c->key_pem.text, c->server_name_override,
                                  c->tpm.path,    c->tpm.owner_auth.text, c->tpm.auth.text };
    struct buf all = { 0 };
    uint64_t hash;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        put_text(&all, texts[i]);
    put_list(&all, c->cipher_suites);
    put_list(&all, c->curve_preferences);
    buf_printf(&all, "%d %d %d %d %d %d %d %lld", c->include_system_ca_certs_pool, c->min_version, c->max_version,
               c->include_insecure_cipher_suites, c->insecure, c->insecure_skip_verify, c->tpm.enabled,
               (long long)c->reload_interval.ns);
    hash = bytes_hash(buf_bytes(&all));
    explicit_bzero(all.data, all.cap);
    buf_free(&all);
    return c->on ? hash | 1 : 0;
}
