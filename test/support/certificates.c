/* SPDX-License-Identifier: Apache-2.0 */
#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static char *pem_of(BIO *bio)
{
    char *data, *copy;
    long n = BIO_get_mem_data(bio, &data);

    copy = strndup(data, (size_t)n);
    BIO_free(bio);
    return copy;
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *e;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (e == NULL)
        abort();
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

struct identity identity_make(const struct identity *issuer, const char *name, const char *san, int from, int to)
{
    static long serial;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new(), *by = issuer != NULL ? issuer->x509 : x;
    X509_NAME *subject = X509_get_subject_name(x);
    BIO *cert = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), from * 86400l);
    X509_gmtime_adj(X509_getm_notAfter(x), to * 86400l);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(by));
    X509_set_pubkey(x, key);
    add_extension(x, by, NID_basic_constraints, issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (san != NULL)
        add_extension(x, by, NID_subject_alt_name, san);
    if (X509_sign(x, issuer != NULL ? issuer->pkey : key, EVP_sha256()) <= 0)
        abort();
    PEM_write_bio_X509(cert, x);
    PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
    return (struct identity){ pem_of(cert), pem_of(secret), x, key };
}

void identity_free(struct identity *id)
{
    free(id->cert);
    free(id->key);
    X509_free(id->x509);
    EVP_PKEY_free(id->pkey);
}
