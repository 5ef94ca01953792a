/* SPDX-License-Identifier: Apache-2.0 */
/* Files of certificates, keys and CAs as somebody may have left them: half written, swapped, of other kinds. The first
 * byte chooses the side, and which of the four are named; the rest is up to four texts with 0xff between. Either there
 * is a context, whose dates and names can be said, or a sentence that can be printed, and nothing is left. */
#include "net/socket/tls_load.h"

#include <stdlib.h>
#include <string.h>

static const char *const keys[TLS_PARTS] = { "cert_file", "key_file", "ca_file", "client_ca_file" };

static void check_text(const char *text)
{
    if (text[0] == '\0')
        abort();
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            abort();
}

static void check_validity(const struct tls_validity *v)
{
    char text[TLS_TIME_TEXT];

    if (!v->known)
        return;
    tls_time_text(v->not_before, text);
    tls_time_text(v->not_after, text);
    check_text(v->subject);
}

/* Not the system's CAs, which take longer than the rest. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("SSL_CERT_FILE", "/dev/null", 1) + setenv("SSL_CERT_DIR", "/dev/null", 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct tls_config config = { .on = true };
    struct tls_sources sources = { 0 };
    struct tls_loaded loaded;
    struct error err = { 0 };
    const char *at = NULL;
    enum tls_side side;
    struct bytes rest;

    if (len < 1)
        return 0;
    side = data[0] & 1 ? TLS_SERVER : TLS_CLIENT;
    rest = bytes_of(data + 1, len - 1);
    for (int i = 0; i < TLS_PARTS; i++) {
        const uint8_t *end = rest.len > 0 ? memchr(rest.data, 0xff, rest.len) : NULL;
        size_t n = end != NULL ? (size_t)(end - rest.data) : rest.len;

        if (data[0] & (2 << i)) {
            sources.v[i] = (struct tls_source){ .key = keys[i], .file = "some.pem" };
            buf_put(&sources.v[i].text, bytes_of(rest.data, n));
        }
        rest = bytes_skip(rest, n + (end != NULL));
    }
    if (tls_load(&config, side, &sources, &loaded, &at, &err) == 0) {
        for (int i = 0; i < TLS_PARTS; i++)
            check_validity(&loaded.validity[i]);
        SSL_CTX_free(loaded.ctx);
    } else {
        check_text(err.text);
        if (at == NULL || loaded.ctx != NULL)
            abort();
    }
    tls_sources_free(&sources);
    return 0;
}
