/* SPDX-License-Identifier: Apache-2.0 */
/* Names in certificates are strangers' text: OpenSSL escapes them in tls_name_text(), here they are cut to length, and
 * the log escapes what is left. */
#include "net/socket/tls_explain.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/socket/tls_load.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define NAMES_MAX 6

static void set_verdict(struct tls_verdict *v, enum tls_failure failure, const char *why)
{
    v->failure = failure;
    snprintf(v->why, sizeof(v->why), "%s", why);
}

/* --- certificates --- */

static void put_address(struct buf *out, const ASN1_OCTET_STRING *ip)
{
    char text[INET6_ADDRSTRLEN] = "?";
    int n = ASN1_STRING_length(ip);

    if (n == 4 || n == 16)
        inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text, sizeof(text));
    buf_puts(out, text);
}

static bool put_name(struct buf *out, const GENERAL_NAME *name)
{
    if (name->type != GEN_DNS && name->type != GEN_IPADD)
        return false;
    if (out->len > 0)
        buf_puts(out, ", ");
    if (name->type == GEN_DNS)
        buf_append(out, ASN1_STRING_get0_data(name->d.dNSName), (size_t)ASN1_STRING_length(name->d.dNSName));
    else
        put_address(out, name->d.iPAddress);
    return true;
}

/* The hosts that a certificate is valid for, the first of them. */
static void put_names(struct buf *out, const X509 *x)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0, put = 0;

    for (int i = 0; i < n && put < NAMES_MAX && out->len < TLS_NAME_TEXT; i++)
        put += put_name(out, sk_GENERAL_NAME_value(names, i));
    if (put < n)
        buf_puts(out, " and others");
    GENERAL_NAMES_free(names);
}

static void explain_name(struct tls_verdict *v, const X509 *x, const char *subject, const char *name)
{
    struct buf names = { 0 };

    put_names(&names, x);
    if (names.len == 0)
        snprintf(v->why, sizeof(v->why),
                 "certificate \"%s\" names no host (it has no subjectAltName), so it is not valid "
                 "for %s: have it issued anew",
                 subject, name);
    else
        snprintf(v->why, sizeof(v->why),
                 "certificate \"%.100s\" is valid for %.*s, not for %s: server_name_override "
                 "takes another name",
                 subject, (int)(names.len < 180 ? names.len : 180), (const char *)names.data, name);
    buf_free(&names);
}

static void explain_date(struct tls_verdict *v, const X509 *x, const char *subject, bool expired)
{
    char date[TLS_TIME_TEXT];

    tls_time_text(tls_time(expired ? X509_get0_notAfter(x) : X509_get0_notBefore(x)), date);
    snprintf(v->why, sizeof(v->why),
             expired ? "certificate \"%s\" expired on %s"
                     : "certificate \"%s\" is not valid before %s: are the clocks right?",
             subject, date);
}

static void explain_issuer(struct tls_verdict *v, const X509 *x, const char *subject, const char *name)
{
    char issuer[TLS_NAME_TEXT];
    bool self = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;

    tls_name_text(X509_get_issuer_name(x), issuer, sizeof(issuer));
    if (self)
        snprintf(v->why, sizeof(v->why), "certificate \"%.150s\" has signed itself, and is not in %s", subject,
                 name != NULL ? "ca_file" : "client_ca_file");
    else
        snprintf(v->why, sizeof(v->why),
                 "certificate \"%.100s\" is signed by \"%.120s\", which is not trusted: its "
                 "certificate belongs into %s",
                 subject, issuer, name != NULL ? "ca_file" : "client_ca_file");
}

void tls_explain_certificate(struct tls_verdict *v, X509_STORE_CTX *store, const char *name)
{
    int error = X509_STORE_CTX_get_error(store);
    const X509 *x = X509_STORE_CTX_get_current_cert(store);
    char subject[TLS_NAME_TEXT] = "?";

    v->failure = TLS_BAD_CERTIFICATE;
    if (x != NULL)
        tls_name_text(X509_get_subject_name(x), subject, sizeof(subject));
    if (x != NULL && name != NULL && (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH))
        explain_name(v, x, subject, name);
    else if (x != NULL && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID))
        explain_date(v, x, subject, error == X509_V_ERR_CERT_HAS_EXPIRED);
    else if (x != NULL &&
             (error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
              error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE || error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
              error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN))
        explain_issuer(v, x, subject, name);
    else
        snprintf(v->why, sizeof(v->why), "certificate \"%s\": %s", subject, X509_verify_cert_error_string(error));
}

/* --- handshakes --- */

struct reason {
    int code; /* SSL_R_... */
    enum tls_failure failure;
    const char *why; /* NULL: OpenSSL's words */
};

static const struct reason reasons[] = {
    { SSL_R_UNSUPPORTED_PROTOCOL, TLS_VERSION, "the peer's TLS is older than min_version" },
    { SSL_R_VERSION_TOO_LOW, TLS_VERSION, "the peer's TLS is older than min_version" },
    { SSL_R_VERSION_TOO_HIGH, TLS_VERSION, "the peer's TLS is newer than max_version" },
    { SSL_R_WRONG_SSL_VERSION, TLS_VERSION, "no TLS version in common: see min_version and max_version" },
    { SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_VERSION,
      "the peer takes none of our TLS versions: see min_version and max_version" },
    { SSL_R_NO_SHARED_CIPHER, TLS_CIPHER, "no cipher suite in common: see cipher_suites, and the kind of the key" },
    { SSL_R_NO_SUITABLE_KEY_SHARE, TLS_CIPHER, "no curve in common: see curve_preferences" },
    { SSL_R_NO_SUITABLE_GROUPS, TLS_CIPHER, "no curve in common: see curve_preferences" },
    { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_CIPHER, "no kind of signature in common" },
    { SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, TLS_CIPHER,
      "the peer finds no cipher suite or curve in common, or wants a certificate (cert_file, key_file)" },
    { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_NO_CERTIFICATE,
      "the client sent no certificate, which client_ca_file asks for" },
    { SSL_R_CERTIFICATE_VERIFY_FAILED, TLS_BAD_CERTIFICATE, "the peer's certificate is not good" },
    { SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_REFUSED, "the peer does not trust the CA of our certificate" },
    { SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TLS_REFUSED, "the peer does not take our certificate" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TLS_REFUSED, "the peer says that our certificate has expired" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, TLS_REFUSED, "the peer says that our certificate was revoked" },
    { SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TLS_REFUSED, "the peer does not take our certificate" },
    { SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, TLS_REFUSED, "the peer does not take certificates like ours" },
    { SSL_R_TLSV1_ALERT_ACCESS_DENIED, TLS_REFUSED, "the peer denies access to our certificate" },
    { SSL_R_TLSV1_ALERT_DECRYPT_ERROR, TLS_REFUSED, "the peer cannot verify our signature" },
    { SSL_R_SSLV3_ALERT_NO_CERTIFICATE, TLS_REFUSED, "the peer wants a certificate: set cert_file and key_file" },
    { SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_REFUSED,
      "the peer wants a certificate: set cert_file and key_file" },
    { SSL_R_TLSV1_UNRECOGNIZED_NAME, TLS_REFUSED, "the peer has no certificate for that name" },
    { SSL_R_NO_APPLICATION_PROTOCOL, TLS_ALPN, "the peer speaks neither HTTP/2 nor HTTP/1.1 (ALPN)" },
    { SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, TLS_ALPN, "the peer speaks no protocol of ours (ALPN)" },
    { SSL_R_WRONG_VERSION_NUMBER, TLS_PLAIN, "the peer does not speak TLS on this port" },
    { SSL_R_HTTP_REQUEST, TLS_PLAIN, "the peer does not speak TLS on this port" },
};

void tls_explain_error(struct tls_verdict *v)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code != 0 ? ERR_reason_error_string(code) : NULL;
    int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;

    ERR_clear_error();
    if (v->failure != TLS_FINE)
        return;
    for (size_t i = 0; i < ARRAY_LEN(reasons) && reason != 0; i++) {
        if (reasons[i].code == reason) {
            set_verdict(v, reasons[i].failure, reasons[i].why);
            return;
        }
    }
    set_verdict(v, TLS_BROKEN, text != NULL ? text : "what the peer sends is no TLS as it should be");
}

void tls_explain_plain(struct tls_verdict *v, enum tls_side side, struct bytes began)
{
    bool http = began.len >= 4 && (memcmp(began.data, "HTTP", 4) == 0 || memcmp(began.data, "PRI ", 4) == 0 ||
                                   memcmp(began.data, "GET ", 4) == 0 || memcmp(began.data, "POST", 4) == 0);

    if (side == TLS_SERVER)
        set_verdict(v, TLS_PLAIN,
                    http ? "it speaks plain HTTP to this TLS port: write https:// in its endpoint, or take "
                           "tls.insecure: true away"
                         : "it speaks no TLS, and this port serves nothing else");
    else
        set_verdict(v, TLS_PLAIN,
                    "the peer does not speak TLS on this port: write http://, or tls: {insecure: true}, or "
                    "take its TLS port");
}
