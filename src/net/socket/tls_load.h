/* SPDX-License-Identifier: Apache-2.0 */
/* From a `tls` block to a context of OpenSSL: certificates, keys and CAs are read, looked at and put in place. */
#ifndef NET_TLS_LOAD_H
#define NET_TLS_LOAD_H

#include "base/buf.h"
#include "base/error.h"
#include "net/socket/tls.h"

#include <openssl/ssl.h>

enum tls_part { TLS_CERT, TLS_KEY, TLS_CA, TLS_CLIENT_CA, TLS_PARTS };

#define TLS_NAME_TEXT 200 /* room for a certificate's name */

/* What was written for a part, and what it holds. */
struct tls_source {
    const char *key;  /* "cert_file" or "cert_pem"; NULL: nothing was written */
    const char *file; /* NULL: the text stands in the configuration */
    struct buf text;
};

struct tls_sources {
    struct tls_source v[TLS_PARTS];
};

/* Of the certificate that expires first. */
struct tls_validity {
    bool known;
    int64_t not_before, not_after; /* Unix seconds */
    char subject[TLS_NAME_TEXT];
};

struct tls_loaded {
    SSL_CTX *ctx;
    struct tls_validity validity[TLS_PARTS];
};

#define TLS_FILE_MAX (8ul * 1024 * 1024) /* bytes; a bundle of all public CAs has 0.2 MB */

/* What is written where; keys and files point into the configuration, texts of files are empty. */
void tls_sources_note(const struct tls_config *c, enum tls_side side, struct tls_sources *out);
/* Read the files. A negative errno and `err` when one cannot be read, whose key is *at then. */
int tls_sources_read(struct tls_sources *s, const char **at, struct error *err);
void tls_sources_free(struct tls_sources *s);

/* UV_EINVAL or UV_ENOENT (there is no OpenSSL) and `err`, with *at as above (may be NULL), for what cannot be used:
 * nothing is left then. */
int tls_load(const struct tls_config *c, enum tls_side side, const struct tls_sources *sources, struct tls_loaded *out,
             const char **at, struct error *err);

/* "CN=example.org,O=Example", cut where it does not fit, and safe to print. */
void tls_name_text(const X509_NAME *name, char *out, size_t cap);
/* Unix seconds. */
int64_t tls_time(const ASN1_TIME *t);
/* "2026-03-01 12:00:00 UTC" */
#define TLS_TIME_TEXT 32
void tls_time_text(int64_t t, char out[TLS_TIME_TEXT]);

#endif
