/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys that never leave a TPM: by OpenSSL's provider for it, which is Debian's package tpm2-openssl.
 *
 * The key's file holds what only that TPM can use (TSS2 PRIVATE KEY, of an elliptic curve). It is in the TPM for as
 * long as the key is kept here, and each signature, one for a handshake that is not resumed, is made there: the loop
 * waits for it, some tens of milliseconds with a chip. A process has one TPM. It is opened by the first who needs it
 * and stays open. */
#ifndef NET_TLS_TPM_H
#define NET_TLS_TPM_H

#include "base/error.h"
#include "config/tls_rows.h"

#include <openssl/evp.h>

/* The key in that PEM, which `name` calls; for contexts as all others. It has signed once by then. NULL and `err`:
 * there is no provider, no TPM at the path, another one is open, or the key is none of its. */
EVP_PKEY *tls_tpm_key(const struct tpm_config *c, BIO *pem, const char *name, struct error *err);

#endif
