/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, and what to write instead where a name is in none of them or cannot be served. */
#include "net/socket/tls_names.h"

#include "base/mem.h"
#include "config/fault.h"

#include <openssl/ssl.h>
#include <uv.h>

/* As Go has them: AES-128 is a tenth faster than AES-256, and nobody breaks either. */
#define DEFAULT_SUITES                                                                                                 \
    "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"                     \
    "ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
#define DEFAULT_CURVES "X25519:P-256:P-384"

enum suite_kind { SUITE_SAFE, SUITE_WEAK, SUITE_13 };

struct suite {
    const char *name;    /* Go's */
    const char *openssl; /* NULL: it has none of that name any more */
    enum suite_kind kind;
};

static const struct suite suites[] = {
    { "TLS_AES_128_GCM_SHA256", "", SUITE_13 },
    { "TLS_AES_256_GCM_SHA384", "", SUITE_13 },
    { "TLS_CHACHA20_POLY1305_SHA256", "", SUITE_13 },
    { "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", SUITE_SAFE },
    { "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", SUITE_SAFE },
    { "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", SUITE_SAFE },
    { "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", SUITE_SAFE },
    { "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", SUITE_SAFE },
    { "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", SUITE_SAFE },
    { "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", SUITE_SAFE },
    { "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", SUITE_SAFE },
    { "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", SUITE_SAFE },
    { "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", SUITE_SAFE },
    { "TLS_RSA_WITH_RC4_128_SHA", NULL, SUITE_WEAK },
    { "TLS_RSA_WITH_3DES_EDE_CBC_SHA", NULL, SUITE_WEAK },
    { "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", SUITE_WEAK },
    { "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", SUITE_WEAK },
    { "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256", SUITE_WEAK },
    { "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256", SUITE_WEAK },
    { "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384", SUITE_WEAK },
    { "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", NULL, SUITE_WEAK },
    { "TLS_ECDHE_RSA_WITH_RC4_128_SHA", NULL, SUITE_WEAK },
    { "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", NULL, SUITE_WEAK },
    { "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256", SUITE_WEAK },
    { "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256", SUITE_WEAK },
};

#define SUITES (sizeof(suites) / sizeof(suites[0]))

static const struct {
    const char *name, *openssl;
} curves[] = { { "X25519", "X25519" }, { "P256", "P-256" }, { "P384", "P-384" }, { "P521", "P-521" } };

int tls_version_number(int name)
{
    static const int numbers[] = { 0, TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION };

    return numbers[name];
}

const char *tls_version_text(int name)
{
    static const char *const texts[] = { "", "1.0", "1.1", "1.2", "1.3" };

    return texts[name];
}

static int refuse_suite(const char *name, struct error *err)
{
    const char *names[SUITES + 1] = { NULL }, *near;

    for (size_t i = 0; i < SUITES; i++)
        names[i] = suites[i].name;
    near = nearest_of(name, names);
    return error_set(err, UV_EINVAL,
                     "\"%s\" is no TLS cipher suite%s%s; write names as Go has them, for instance "
                     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                     name, near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

static const struct suite *find_suite(const char *name)
{
    if (strcmp(name, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305") == 0)
        name = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
    else if (strcmp(name, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305") == 0)
        name = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
    for (size_t i = 0; i < SUITES; i++)
        if (strcmp(suites[i].name, name) == 0)
            return &suites[i];
    return NULL;
}

static void put_in_list(struct buf *out, const char *name)
{
    if (out->len > 0)
        buf_putc(out, ':');
    buf_puts(out, name);
}

int tls_cipher_list(const struct tls_config *c, struct buf *out, struct error *err)
{
    if (c->cipher_suites.n == 0)
        buf_puts(out, DEFAULT_SUITES);
    for (size_t i = 0; i < c->cipher_suites.n; i++) {
        const char *name = c->cipher_suites.v[i];
        const struct suite *s = find_suite(name);

        if (s == NULL)
            return refuse_suite(name, err);
        if (s->openssl == NULL)
            return error_set(err, UV_EINVAL, "%s is broken, and OpenSSL has it no more: remove it", name);
        if (s->kind == SUITE_WEAK && !c->include_insecure_cipher_suites)
            return error_set(err, UV_EINVAL, "%s is weak: remove it, or write include_insecure_cipher_suites: true",
                             name);
        if (s->kind != SUITE_13)
            put_in_list(out, s->openssl);
    }
    return 0;
}

bool tls_curve_is_missing(const char *name)
{
    return strcmp(name, "X25519MLKEM768") == 0;
}

int tls_curve_list(const struct tls_config *c, struct buf *out, struct error *err)
{
    if (c->curve_preferences.n == 0)
        buf_puts(out, DEFAULT_CURVES);
    for (size_t i = 0; i < c->curve_preferences.n; i++) {
        const char *name = c->curve_preferences.v[i], *openssl = NULL;

        for (size_t k = 0; k < sizeof(curves) / sizeof(curves[0]); k++)
            if (strcmp(curves[k].name, name) == 0)
                openssl = curves[k].openssl;
        if (openssl == NULL && tls_curve_is_missing(name) && c->curve_preferences.n > 1)
            continue; /* the others are what there is to choose from */
        if (openssl == NULL && tls_curve_is_missing(name))
            return error_set(err, UV_EINVAL,
                             "X25519MLKEM768 is not in OpenSSL 3.0, which otelcd is built with: write "
                             "X25519");
        if (openssl == NULL)
            return error_set(err, UV_EINVAL, "\"%s\" is no curve; write X25519, P256, P384 or P521", name);
        put_in_list(out, openssl);
    }
    return 0;
}
