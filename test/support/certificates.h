/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made by the test that needs them: of P-256, as PEM. */
#ifndef SUPPORT_CERTIFICATES_H
#define SUPPORT_CERTIFICATES_H

struct identity {
    char *cert, *key; /* PEM */
    void *x509, *pkey;
};

/* `issuer` NULL: signs itself, and may sign others. `san`: "DNS:localhost,IP:127.0.0.1"; NULL: none. Days from now. */
struct identity identity_make(const struct identity *issuer, const char *name, const char *san, int from, int to);
void identity_free(struct identity *id);

#endif
