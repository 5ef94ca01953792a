/* SPDX-License-Identifier: Apache-2.0 */
/* Versions, cipher suites and curves: what Go's configurations call them, and OpenSSL. */
#ifndef NET_TLS_NAMES_H
#define NET_TLS_NAMES_H

#include "base/buf.h"
#include "base/error.h"
#include "config/tls_rows.h"

/* All of TLS 1.3, in Go's order. They cannot be chosen from. */
#define TLS_SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* TLS1_2_VERSION and the like; 0 for TLS_VERSION_UNSET. */
int tls_version_number(int name);

/* "1.2" */
const char *tls_version_text(int name);

/* Append OpenSSL's list of the suites up to TLS 1.2; nothing where the configuration names those of TLS 1.3 only.
 * UV_EINVAL and a sentence for a name that is unknown, weak and not allowed to be, or not in OpenSSL. */
int tls_cipher_list(const struct tls_config *c, struct buf *out, struct error *err);

/* A curve that Go has, and the OpenSSL that otelcd is built with has not. */
bool tls_curve_is_missing(const char *name);

/* The same for curves. One that is missing is left out where there are others. */
int tls_curve_list(const struct tls_config *c, struct buf *out, struct error *err);

#endif
