/* SPDX-License-Identifier: Apache-2.0 */
/* First what is written is looked at by itself (both or neither of certificate and key, file or text and not both),
 * then the files are read as they will be at the start, so that what is valid can start. Dates are warned about only:
 * an expired certificate may be exchanged before anybody comes. */
#include "config/decode.h"
#include "net/socket/tls_load.h"
#include "net/socket/tls_names.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SOON (14 * 86400l)
#define PATH_TEXT 200

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static const char *at_key(char out[PATH_TEXT], const char *path, const char *key)
{
    snprintf(out, PATH_TEXT, "%s%s%s", path, path[0] != '\0' ? "::" : "", key);
    return out;
}

static bool check_one_of(const char *file, struct secret pem, const char *key, const char *path, struct check *ck)
{
    char at[PATH_TEXT];

    if (!is_set(file) || !is_set(pem.text))
        return true;
    check_fail(ck, at_key(at, path, key), "give %.*s_file or %.*s_pem, not both", (int)strcspn(key, "_"), key,
               (int)strcspn(key, "_"), key);
    return false;
}

static bool check_pair(const struct tls_config *c, enum tls_side side, const char *path, struct check *ck)
{
    bool cert = is_set(c->cert_file) || is_set(c->cert_pem.text), key = is_set(c->key_file) || is_set(c->key_pem.text);

    if (cert == key && (cert || side == TLS_CLIENT))
        return true;
    check_fail(ck, path, "TLS needs both a certificate and its key%s: add %s", side == TLS_SERVER ? " on a server" : "",
               cert  ? "key_file"
               : key ? "cert_file"
                     : "cert_file and key_file");
    return false;
}

static bool check_tpm(const struct tls_config *c, const char *path, struct check *ck)
{
    char at[PATH_TEXT];

    if (!c->tpm.enabled || is_set(c->key_file) || is_set(c->key_pem.text))
        return true;
    check_fail(ck, at_key(at, path, "tpm"), "needs a key: write key_file, the TSS2 PRIVATE KEY that this TPM can use");
    return false;
}

static bool check_versions(const struct tls_config *c, const char *path, struct check *ck)
{
    char at[PATH_TEXT];
    int min = c->min_version != TLS_VERSION_UNSET ? c->min_version : TLS_VERSION_12;

    if (c->max_version == TLS_VERSION_UNSET || min <= c->max_version)
        return true;
    check_fail(ck, at_key(at, path, "max_version"), "max_version %s is below min_version %s",
               tls_version_text(c->max_version), tls_version_text(min));
    return false;
}

static void warn_of_dates(const struct tls_loaded *l, const struct tls_sources *s, const char *path, struct check *ck)
{
    int64_t now = (int64_t)time(NULL);
    char at[PATH_TEXT], text[TLS_TIME_TEXT];

    for (int i = 0; i < TLS_PARTS; i++) {
        const struct tls_validity *v = &l->validity[i];

        if (!v->known)
            continue;
        tls_time_text(v->not_before > now ? v->not_before : v->not_after, text);
        if (v->not_before > now)
            check_warn(ck, at_key(at, path, s->v[i].key), "certificate \"%s\" is not valid before %s", v->subject,
                       text);
        else if (v->not_after < now + SOON)
            check_warn(ck, at_key(at, path, s->v[i].key), "certificate \"%s\" %s on %s", v->subject,
                       v->not_after < now ? "has expired" : "expires", text);
    }
}

static void warn_of_curves(const struct tls_config *c, const char *path, struct check *ck)
{
    char at[PATH_TEXT];

    for (size_t i = 0; i < c->curve_preferences.n && c->curve_preferences.n > 1; i++)
        if (tls_curve_is_missing(c->curve_preferences.v[i]))
            check_warn(ck, at_key(at, path, "curve_preferences"),
                       "%s is not in OpenSSL 3.0, which otelcd is built with: the other key exchanges are offered",
                       c->curve_preferences.v[i]);
}

static void check_files(const struct tls_config *c, enum tls_side side, const char *path, struct check *ck)
{
    struct tls_sources sources = { 0 };
    struct tls_loaded loaded;
    const char *key = NULL;
    struct error err;
    char at[PATH_TEXT];

    tls_sources_note(c, side, &sources);
    if (tls_sources_read(&sources, &key, &err) != 0 || tls_load(c, side, &sources, &loaded, &key, &err) != 0) {
        check_fail(ck, key != NULL ? at_key(at, path, key) : path, "%s", err.text);
    } else {
        warn_of_dates(&loaded, &sources, path, ck);
        SSL_CTX_free(loaded.ctx);
    }
    tls_sources_free(&sources);
}

void tls_check(const struct tls_config *c, enum tls_side side, const char *path, struct check *ck)
{
    char at[PATH_TEXT];
    bool sound = check_one_of(c->ca_file, c->ca_pem, "ca_file", path, ck);

    sound &= check_one_of(c->cert_file, c->cert_pem, "cert_file", path, ck);
    sound &= check_one_of(c->key_file, c->key_pem, "key_file", path, ck);
    sound &= check_tpm(c, path, ck);
    sound &= check_pair(c, side, path, ck);
    sound &= check_versions(c, path, ck);
    if (side == TLS_SERVER && tls_config_has_ca(c))
        check_warn(ck, at_key(at, path, is_set(c->ca_file) ? "ca_file" : "ca_pem"),
                   "has no effect on a server: write client_ca_file to ask clients for certificates");
    warn_of_curves(c, path, ck);
    if (sound)
        check_files(c, side, path, ck);
}

void tls_check_plain(const struct tls_config *c, const char *path, struct check *ck)
{
    const char *key = is_set(c->ca_file)         ? "ca_file"
                      : is_set(c->ca_pem.text)   ? "ca_pem"
                      : is_set(c->cert_file)     ? "cert_file"
                      : is_set(c->cert_pem.text) ? "cert_pem"
                                                 : NULL;
    char at[PATH_TEXT];

    if (key != NULL)
        check_warn(ck, at_key(at, path, key), "has no effect: http:// is plain text; write https:// in the endpoint");
}
