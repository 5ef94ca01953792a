/* SPDX-License-Identifier: Apache-2.0 */
/* The provider is loaded into a library context of its own, for in the usual one it would be asked for everything else
 * too: by OpenSSL 3.0's rules, who wants the key's signatures from it has the peer's verified there as well. So the
 * key that TLS is given is a public one, with a method of ours that has the TPM sign.
 *
 * Which TPM, and its owner's password, the provider is told by variables of the environment; these are set once, before
 * it is loaded. What can go wrong: the provider is not installed; the TPM is not there or not ours to open; the key is
 * another TPM's, or its password is wrong. */
#define OPENSSL_SUPPRESS_DEPRECATED /* 3.0 has no other way to put a method into a key but a whole provider */

#include "net/socket/tls_tpm.h"

#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#define PROVIDER "tpm2"
#define PROPERTIES "?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes"

/* What this process has opened. */
static struct {
    OSSL_LIB_CTX *lib;
    char *path, *owner_auth;
    EC_KEY_METHOD *method;
    int slot; /* where a key of that method has the TPM's */
} opened;

static const char *text_of(struct secret s)
{
    return s.text != NULL ? s.text : "";
}

static bool is_socket(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void tell_provider(const struct tpm_config *c)
{
    char *where = mem_printf(is_socket(c->path) ? "swtpm:path=%s" : "device:%s", c->path);

    setenv("TPM2OPENSSL_TCTI", where, 1);
    setenv("TSS2_LOG", "all+none", 0); /* it would write to stderr, between the lines of the log */
    if (text_of(c->owner_auth)[0] != '\0')
        setenv("TPM2OPENSSL_PARENT_AUTH", text_of(c->owner_auth), 1);
    free(where);
}

static int refuse_provider(const struct tpm_config *c, struct error *err)
{
    bool missing = false;
    const char *why = NULL;

    for (unsigned long code; (code = ERR_get_error()) != 0;) {
        missing |= ERR_GET_LIB(code) == ERR_LIB_DSO;
        why = ERR_reason_error_string(code);
    }
    if (missing)
        return error_set(err, UV_ENOENT,
                         "OpenSSL's provider for TPMs cannot be loaded: install the package tpm2-openssl");
    return error_set(err, UV_EIO, "the TPM at %s cannot be opened%s%s: is it there, and may otelcd read and write it?",
                     c->path, why != NULL ? ", " : "", why != NULL ? why : "");
}

static const EVP_MD *digest_of(int len)
{
    return len == 32 ? EVP_sha256() : len == 48 ? EVP_sha384() : len == 64 ? EVP_sha512() : EVP_sha1();
}

/* As EC_KEY_METHOD has it. */
static int sign_digest(int type, const unsigned char *digest, int len, unsigned char *out, unsigned int *n,
                       const BIGNUM *kinv, const BIGNUM *r, EC_KEY *key)
{
    EVP_PKEY *in_tpm = EC_KEY_get_ex_data(key, opened.slot);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(opened.lib, in_tpm, PROPERTIES);
    size_t size = (size_t)ECDSA_size(key);
    bool fine = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_signature_md(ctx, digest_of(len)) == 1 &&
                EVP_PKEY_sign(ctx, out, &size, digest, (size_t)len) == 1;

    (void)type;
    (void)kinv;
    (void)r;
    EVP_PKEY_CTX_free(ctx);
    *n = (unsigned)size;
    return fine;
}

/* As CRYPTO_EX_free has it. */
static void forget_key(void *parent, void *key, CRYPTO_EX_DATA *data, int slot, long number, void *arg)
{
    (void)parent;
    (void)data;
    (void)slot;
    (void)number;
    (void)arg;
    EVP_PKEY_free(key);
}

static int open_tpm(const struct tpm_config *c, struct error *err)
{
    OSSL_LIB_CTX *lib = OSSL_LIB_CTX_new();

    tell_provider(c);
    ERR_clear_error();
    if (lib == NULL || OSSL_PROVIDER_load(lib, "default") == NULL || OSSL_PROVIDER_load(lib, PROVIDER) == NULL) {
        int rc = refuse_provider(c, err);

        OSSL_LIB_CTX_free(lib);
        return rc;
    }
    opened.lib = lib;
    opened.path = mem_strdup(c->path);
    opened.owner_auth = mem_strdup(text_of(c->owner_auth));
    opened.method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    opened.slot = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, forget_key);
    if (opened.method == NULL || opened.slot < 0)
        abort(); /* no memory */
    EC_KEY_METHOD_set_sign(opened.method, sign_digest, NULL, NULL);
    return 0;
}

static int find_tpm(const struct tpm_config *c, struct error *err)
{
    int rc = opened.lib == NULL ? open_tpm(c, err) : 0;

    if (rc == 0 && (strcmp(opened.path, c->path) != 0 || strcmp(opened.owner_auth, text_of(c->owner_auth)) != 0))
        rc = error_set(err, UV_EINVAL,
                       "one process uses one TPM, and the one at %s is in use: write the same path and owner_auth in "
                       "all `tpm` blocks, and restart to change them",
                       opened.path);
    return rc;
}

static int give_auth(char *out, int size, int writing, void *arg)
{
    int n = (int)strlen(arg);

    (void)writing;
    if (n > size)
        return -1;
    memcpy(out, arg, (size_t)n);
    return n;
}

/* The TPM's key as one for TLS; its reference goes with it. NULL: it is none of a curve. */
static EVP_PKEY *dress_key(EVP_PKEY *in_tpm)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(in_tpm, &der);
    const unsigned char *at = der;
    EVP_PKEY *public = n > 0 ? d2i_PUBKEY(NULL, &at, n) : NULL, *out = NULL;
    EC_KEY *key = public != NULL ? EVP_PKEY_get1_EC_KEY(public) : NULL;

    OPENSSL_free(der);
    EVP_PKEY_free(public);
    if (key == NULL)
        return NULL;
    out = EVP_PKEY_new();
    if (out == NULL || EC_KEY_set_method(key, opened.method) != 1 ||
        EC_KEY_set_ex_data(key, opened.slot, in_tpm) != 1 || EVP_PKEY_assign_EC_KEY(out, key) != 1)
        abort(); /* no memory */
    return out;
}

/* A wrong password is found out by the first signature: here, and not in the first handshake. */
static bool try_signing(EVP_PKEY *key)
{
    static const uint8_t text[] = "otelcd";
    uint8_t signature[256];
    size_t n = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool fine = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, signature, &n, text, sizeof(text)) == 1;

    EVP_MD_CTX_free(ctx);
    return fine;
}

static EVP_PKEY *load_key(const struct tpm_config *c, BIO *pem)
{
    char *auth = mem_strdup(text_of(c->auth));
    EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(pem, NULL, give_auth, auth, opened.lib, PROPERTIES);

    explicit_bzero(auth, strlen(auth));
    free(auth);
    if (key == NULL || strcmp(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key)), PROVIDER) == 0)
        return key;
    EVP_PKEY_free(key);
    return NULL; /* one in plain sight */
}

EVP_PKEY *tls_tpm_key(const struct tpm_config *c, BIO *pem, const char *name, struct error *err)
{
    EVP_PKEY *in_tpm, *key = NULL;

    if (find_tpm(c, err) != 0)
        return NULL;
    ERR_clear_error();
    in_tpm = load_key(c, pem);
    if (in_tpm == NULL) {
        error_set(err, UV_EINVAL,
                  "the key in %s cannot be loaded into the TPM: is it a TSS2 PRIVATE KEY that this TPM has made, and "
                  "owner_auth its owner's password?",
                  name);
    } else if ((key = dress_key(in_tpm)) == NULL) {
        EVP_PKEY_free(in_tpm);
        error_set(err, UV_EINVAL, "the key in %s is not of an elliptic curve: keys of RSA in a TPM are not served",
                  name);
    } else if (!try_signing(key)) {
        error_set(err, UV_EINVAL, "the TPM does not sign with the key in %s: is auth the key's password?", name);
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_clear_error();
    return key;
}
