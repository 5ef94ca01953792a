/* SPDX-License-Identifier: Apache-2.0 */
/* The texts are there, from files or from the configuration. A context is made of them: rules (versions, suites,
 * curves), the own certificate with its chain and key, and whom to trust.
 *
 * What can go wrong is mostly a file: missing, half written, not PEM, a key of another certificate, one with a
 * passphrase. Each has its sentence, and none leaves half a context. */
#include "net/socket/tls_load.h"

#include "base/library.h"
#include "base/mem.h"
#include "base/loop/watched_file.h"
#include "net/socket/tls_names.h"
#include "net/socket/tls_tpm.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define CHAIN_DEPTH 12

/* --- reading --- */

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static void note_source(struct tls_source *s, const char *file_key, const char *file, const char *pem_key,
                        struct secret pem)
{
    *s = (struct tls_source){ 0 };
    if (is_set(file)) {
        s->key = file_key;
        s->file = file;
    } else if (is_set(pem.text)) {
        s->key = pem_key;
        buf_puts(&s->text, pem.text);
    }
}

void tls_sources_note(const struct tls_config *c, enum tls_side side, struct tls_sources *out)
{
    note_source(&out->v[TLS_CERT], "cert_file", c->cert_file, "cert_pem", c->cert_pem);
    note_source(&out->v[TLS_KEY], "key_file", c->key_file, "key_pem", c->key_pem);
    note_source(&out->v[TLS_CA], "ca_file", c->ca_file, "ca_pem", c->ca_pem);
    note_source(&out->v[TLS_CLIENT_CA], "client_ca_file", side == TLS_SERVER ? c->client_ca_file : NULL, NULL,
                (struct secret){ NULL });
}

int tls_sources_read(struct tls_sources *s, const char **at, struct error *err)
{
    for (int i = 0; i < TLS_PARTS; i++) {
        int rc = s->v[i].file != NULL ? file_read(s->v[i].file, TLS_FILE_MAX, &s->v[i].text, err) : 0;

        if (rc != 0) {
            *at = s->v[i].key;
            return rc;
        }
    }
    return 0;
}

void tls_sources_free(struct tls_sources *s)
{
    for (int i = 0; i < TLS_PARTS; i++) {
        if (s->v[i].text.data != NULL)
            explicit_bzero(s->v[i].text.data, s->v[i].text.cap);
        buf_free(&s->v[i].text);
    }
}

/* --- names and times --- */

void tls_name_text(const X509_NAME *name, char *out, size_t cap)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = NULL;
    long n;

    X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    n = BIO_get_mem_data(bio, &data);
    snprintf(out, cap, "%.*s", n > 0 ? (int)n : 0, n > 0 ? data : "");
    BIO_free(bio);
    if (out[0] == '\0')
        snprintf(out, cap, "(no name)");
}

int64_t tls_time(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

void tls_time_text(int64_t t, char out[TLS_TIME_TEXT])
{
    time_t seconds = (time_t)t;
    struct tm tm;

    gmtime_r(&seconds, &tm);
    if (strftime(out, TLS_TIME_TEXT, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        out[0] = '\0';
}

/* --- PEM --- */

static const char *name_source(const struct tls_source *s)
{
    return s->file != NULL ? s->file : s->key;
}

static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;

    return text != NULL ? text : "not understood by OpenSSL";
}

static BIO *bio_of(const struct tls_source *s)
{
    return BIO_new_mem_buf(s->text.data != NULL ? (const void *)s->text.data : "", (int)s->text.len);
}

static bool text_holds(const struct tls_source *s, const char *word)
{
    return s->text.len > 0 && memmem(s->text.data, s->text.len, word, strlen(word)) != NULL;
}

static int refuse_no_certificate(const struct tls_source *s, struct error *err)
{
    return error_set(err, UV_EINVAL, "%s holds no certificate%s", name_source(s),
                     s->text.len == 0                  ? ": it is empty"
                     : text_holds(s, "PRIVATE KEY---") ? " but a private key: are the two files swapped?"
                     : !text_holds(s, "-----BEGIN")
                         ? ": it is no PEM (`openssl x509 -inform der -in FILE` makes PEM of DER)"
                         : "");
}

static void note_validity(struct tls_validity *v, const X509 *x)
{
    int64_t not_after = tls_time(X509_get0_notAfter(x));

    if (v->known && v->not_after <= not_after)
        return;
    v->known = true;
    v->not_after = not_after;
    v->not_before = tls_time(X509_get0_notBefore(x));
    tls_name_text(X509_get_subject_name(x), v->subject, sizeof(v->subject));
}

/* Nobody is there to be asked. */
static int on_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    *(bool *)arg = true;
    return -1;
}

/* All certificates of a text; NULL and `err` when there is none, or a broken one. */
static STACK_OF(X509) * read_certificates(const struct tls_source *s, struct tls_validity *v, struct error *err)
{
    STACK_OF(X509) *all = sk_X509_new_null();
    BIO *bio = bio_of(s);
    bool asked = false;
    X509 *x;
    int rc = 0;

    ERR_clear_error();
    while ((x = PEM_read_bio_X509(bio, NULL, on_passphrase, &asked)) != NULL) {
        note_validity(v, x);
        sk_X509_push(all, x);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = error_set(err, UV_EINVAL, "certificate %d of %s is broken: %s", sk_X509_num(all) + 1, name_source(s),
                       openssl_reason());
    else if (sk_X509_num(all) == 0)
        rc = refuse_no_certificate(s, err);
    ERR_clear_error();
    BIO_free(bio);
    if (rc == 0)
        return all;
    sk_X509_pop_free(all, X509_free);
    return NULL;
}

static EVP_PKEY *read_key(const struct tls_config *c, const struct tls_source *s, struct error *err)
{
    BIO *bio = bio_of(s);
    bool asked = false;
    EVP_PKEY *key;

    if (c->tpm.enabled) {
        key = tls_tpm_key(&c->tpm, bio, name_source(s), err);
        BIO_free(bio);
        return key;
    }
    ERR_clear_error();
    key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &asked);
    BIO_free(bio);
    if (key == NULL && asked)
        error_set(err, UV_EINVAL, "the key in %s has a passphrase; `openssl pkey -in FILE -out NEW` takes it off",
                  name_source(s));
    else if (key == NULL)
        error_set(err, UV_EINVAL, "%s holds no private key%s", name_source(s),
                  s->text.len == 0                     ? ": it is empty"
                  : text_holds(s, "PRIVATE KEY---")    ? " that is whole"
                  : text_holds(s, "BEGIN CERTIFICATE") ? " but a certificate: are the two files swapped?"
                                                       : "");
    ERR_clear_error();
    return key;
}

/* --- the context --- */

static int set_rules(SSL_CTX *ctx, const struct tls_config *c, const char **at, struct error *err)
{
    struct buf list = { 0 };
    int min = c->min_version == TLS_VERSION_UNSET ? TLS1_2_VERSION : tls_version_number(c->min_version);
    int rc;

    if (c->include_insecure_cipher_suites || min < TLS1_2_VERSION)
        SSL_CTX_set_security_level(ctx, 0); /* older versions sign with SHA-1 */
    if (SSL_CTX_set_ciphersuites(ctx, TLS_SUITES_13) != 1)
        ERR_clear_error(); /* a policy of this machine forbids them: OpenSSL's own stay */
    *at = "cipher_suites";
    rc = tls_cipher_list(c, &list, err);
    if (rc == 0 && list.len == 0 && c->max_version != TLS_VERSION_UNSET && c->max_version != TLS_VERSION_13)
        rc =
            error_set(err, UV_EINVAL,
                      "these cipher suites are all of TLS 1.3, and max_version %s allows none of them: add one such as "
                      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, or take max_version out",
                      tls_version_text(c->max_version));
    else if (rc == 0 && list.len == 0)
        min = TLS1_3_VERSION;
    else if (rc == 0 && SSL_CTX_set_cipher_list(ctx, buf_cstr(&list)) != 1)
        rc = error_set(err, UV_EINVAL, "this OpenSSL has none of the cipher suites");
    list.len = 0;
    if (rc == 0) {
        *at = "curve_preferences";
        rc = tls_curve_list(c, &list, err);
        (void)buf_cstr(&list); /* what OpenSSL's macro would take loses its const there */
    }
    if (rc == 0 && SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0, list.data) != 1)
        rc = error_set(err, UV_EINVAL, "OpenSSL does not take these curves: %s", openssl_reason());
    buf_free(&list);
    SSL_CTX_set_min_proto_version(ctx, min);
    SSL_CTX_set_max_proto_version(ctx, tls_version_number(c->max_version));
    return rc;
}

static int set_pair(SSL_CTX *ctx, const struct tls_config *c, const struct tls_sources *s, struct tls_validity *v,
                    const char **at, struct error *err)
{
    STACK_OF(X509) * chain;
    char subject[TLS_NAME_TEXT];
    EVP_PKEY *key;
    int rc = 0;

    *at = s->v[TLS_CERT].key;
    chain = read_certificates(&s->v[TLS_CERT], v, err);
    if (chain == NULL)
        return UV_EINVAL;
    if (SSL_CTX_use_certificate(ctx, sk_X509_value(chain, 0)) != 1)
        rc = error_set(err, UV_EINVAL, "the certificate in %s cannot be used: %s", name_source(&s->v[TLS_CERT]),
                       openssl_reason());
    for (int i = 1; i < sk_X509_num(chain) && rc == 0; i++)
        if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(chain, i)) != 1)
            rc = error_set(err, UV_EINVAL, "certificate %d of %s cannot be used: %s", i + 1,
                           name_source(&s->v[TLS_CERT]), openssl_reason());
    tls_name_text(X509_get_subject_name(sk_X509_value(chain, 0)), subject, sizeof(subject));
    sk_X509_pop_free(chain, X509_free);
    if (rc != 0)
        return rc;
    *at = s->v[TLS_KEY].key;
    key = read_key(c, &s->v[TLS_KEY], err);
    if (key == NULL)
        return UV_EINVAL;
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        rc = error_set(err, UV_EINVAL, "the key in %s is not that of the first certificate in %s (%s)",
                       name_source(&s->v[TLS_KEY]), name_source(&s->v[TLS_CERT]), subject);
    EVP_PKEY_free(key);
    return rc;
}

/* Put the CAs of a source among those that are trusted. */
static int trust_source(SSL_CTX *ctx, const struct tls_source *s, struct tls_validity *v, struct error *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    STACK_OF(X509) *all = read_certificates(s, v, err);

    if (all == NULL)
        return UV_EINVAL;
    for (int i = 0; i < sk_X509_num(all); i++) {
        X509_STORE_add_cert(store, sk_X509_value(all, i));
        if (s->file != NULL && strcmp(s->key, "client_ca_file") == 0)
            SSL_CTX_add_client_CA(ctx, sk_X509_value(all, i));
    }
    sk_X509_pop_free(all, X509_free);
    return 0;
}

/* --- whom the system trusts --- */

/* Where other systems have them than OpenSSL itself. */
static const char *const bundles[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                       "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem" };

/* OpenSSL's own files and directories (and SSL_CERT_FILE, SSL_CERT_DIR), or the first of the others. */
static void trust_system(SSL_CTX *ctx)
{
    bool there = access(X509_get_default_cert_file(), R_OK) == 0 || access(X509_get_default_cert_dir(), R_OK) == 0;

    SSL_CTX_set_default_verify_paths(ctx);
    for (size_t i = 0; i < ARRAY_LEN(bundles) && !there; i++)
        there = SSL_CTX_load_verify_file(ctx, bundles[i]) == 1;
}

/* The system's CAs take milliseconds to read and half a MiB to keep: contexts that trust nobody else have them
 * together. Whoever is the last to need them frees them, but for these. */
static struct {
    X509_STORE *store;
    uint64_t stamp; /* of what they were read from */
} shared;

static const char *named_or(const char *variable, const char *usual)
{
    const char *named = getenv(variable);

    return named != NULL ? named : usual;
}

static uint64_t add_stamp(uint64_t stamp, const char *path)
{
    struct stat st = { 0 };
    uint64_t parts[4] = { stamp };

    if (stat(path, &st) == 0) {
        parts[1] = (uint64_t)st.st_ino;
        parts[2] = (uint64_t)st.st_mtim.tv_sec;
        parts[3] = (uint64_t)st.st_mtim.tv_nsec;
    }
    return bytes_hash(bytes_of(parts, sizeof(parts)));
}

/* Another one when a file or directory that the CAs may stand in has changed, or has come or gone. */
static uint64_t system_stamp(void)
{
    const char *directories = named_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    uint64_t stamp = add_stamp(0, named_or(X509_get_default_cert_file_env(), X509_get_default_cert_file()));
    char one[PATH_MAX];

    for (const char *p = directories; *p != '\0'; p += strspn(p, ":")) {
        size_t len = strcspn(p, ":");

        snprintf(one, sizeof(one), "%.*s", (int)len, p);
        stamp = add_stamp(stamp, one);
        p += len;
    }
    for (size_t i = 0; i < ARRAY_LEN(bundles); i++)
        stamp = add_stamp(stamp, bundles[i]);
    return stamp;
}

static void trust_system_alone(SSL_CTX *ctx)
{
    uint64_t stamp = system_stamp();

    if (shared.store != NULL && stamp == shared.stamp) {
        SSL_CTX_set1_cert_store(ctx, shared.store);
        return;
    }
    trust_system(ctx);
    if (shared.store != NULL)
        X509_STORE_free(shared.store);
    shared.store = SSL_CTX_get_cert_store(ctx);
    shared.stamp = stamp;
    X509_STORE_up_ref(shared.store);
}

/* As Go does it: what is trusted need not be the end of a chain. */
static void set_verification(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM *p = SSL_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set_depth(p, CHAIN_DEPTH);
}

static int set_trust(SSL_CTX *ctx, const struct tls_config *c, enum tls_side side, const struct tls_sources *s,
                     struct tls_loaded *out, const char **at, struct error *err)
{
    enum tls_part part = side == TLS_SERVER ? TLS_CLIENT_CA : TLS_CA;
    bool given = s->v[part].key != NULL;

    set_verification(ctx);
    *at = s->v[part].key;
    if (given && trust_source(ctx, &s->v[part], &out->validity[part], err) != 0)
        return UV_EINVAL;
    if (given && c->include_system_ca_certs_pool)
        trust_system(ctx);
    else if (!given && side == TLS_CLIENT)
        trust_system_alone(ctx);
    return 0;
}

static int fill_context(SSL_CTX *ctx, const struct tls_config *c, enum tls_side side, const struct tls_sources *s,
                        struct tls_loaded *out, const char **at, struct error *err)
{
    int rc = set_rules(ctx, c, at, err);

    if (rc == 0 && s->v[TLS_CERT].key != NULL && s->v[TLS_KEY].key != NULL)
        rc = set_pair(ctx, c, s, &out->validity[TLS_CERT], at, err);
    return rc == 0 ? set_trust(ctx, c, side, s, out, at, err) : rc;
}

int tls_load(const struct tls_config *c, enum tls_side side, const struct tls_sources *sources, struct tls_loaded *out,
             const char **at, struct error *err)
{
    const char *unused;
    SSL_CTX *ctx;
    int rc;

    *out = (struct tls_loaded){ 0 };
    rc = library_load(LIBRARY_OPENSSL, err);
    if (rc != 0)
        return rc;
    ctx = SSL_CTX_new(side == TLS_SERVER ? TLS_server_method() : TLS_client_method());
    if (ctx == NULL)
        return error_set(err, UV_ENOMEM, "OpenSSL makes no context: %s", openssl_reason());
    rc = fill_context(ctx, c, side, sources, out, at != NULL ? at : &unused, err);
    ERR_clear_error();
    if (rc == 0)
        out->ctx = ctx;
    else
        SSL_CTX_free(ctx);
    return rc;
}
