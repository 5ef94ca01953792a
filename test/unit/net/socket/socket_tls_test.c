/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of TLS in one loop, with a relay of the test's between them: it cuts, dribbles and spoils what passes. */
#include "net/socket/socket.h"

#include "base/mem.h"
#include "net/socket/socket_kind.h"
#include "net/socket/tls_inside.h"
#include "support/certificates.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct end {
    struct socket *socket;
    struct buf got;
    bool ready, ended, closed, written;
    int error;
    size_t most; /* read on with, after each on_read; 0: stop */
    size_t reads, longest;
};

static struct loop loop;
static struct log_sink sink;
static struct logger logger;
static struct metrics metrics;
static struct socket_shared shared[2];
static struct identity ca, other_ca, server_id, client_id;
static struct tls_config server_config, client_config;
static struct tls *server_tls, *client_tls;
static struct end server, client;
static int relay[2]; /* the relay's ends: to the server, to the client */

static void on_read(void *owner, struct bytes data)
{
    struct end *e = owner;

    ck_assert(e->ready && !e->ended);
    buf_put(&e->got, data);
    e->reads++;
    e->longest = data.len > e->longest ? data.len : e->longest;
    socket_read(e->socket, e->most);
}

static void on_end(void *owner, int error)
{
    struct end *e = owner;

    e->ended = true;
    e->error = error;
}

static void on_written(void *owner, int error)
{
    struct end *e = owner;

    e->written = true;
    if (error != 0)
        e->error = error;
}

static void on_closed(void *owner)
{
    ((struct end *)owner)->closed = true;
}

static void on_ready(void *owner)
{
    ((struct end *)owner)->ready = true;
}

static const struct socket_events events = { on_read, on_end, on_written, on_closed, on_ready };

static void set_up(void)
{
    loop_init(&loop, true);
    log_sink_init(&sink);
    sink.level = LOG_OFF;
    logger = (struct logger){ .sink = &sink };
    metrics_init(&metrics);
    socket_shared_init(&shared[0], 256 * 1024);
    socket_shared_init(&shared[1], 64 * 1024);
    ca = identity_make(NULL, "test ca", NULL, -1, 10);
    other_ca = identity_make(NULL, "other ca", NULL, -1, 10);
    server_id = identity_make(&ca, "localhost", "DNS:localhost,IP:127.0.0.1", -1, 10);
    client_id = identity_make(&ca, "agent", NULL, -1, 10);
    server_config = (struct tls_config){ .on = true, .cert_pem = { server_id.cert }, .key_pem = { server_id.key } };
    client_config = (struct tls_config){ .ca_pem = { ca.cert } };
    memset(&server, 0, sizeof(server));
    memset(&client, 0, sizeof(client));
    server.most = client.most = SIZE_MAX;
    relay[0] = relay[1] = -1;
    server_tls = client_tls = NULL;
}

static struct tls *tls_of(const struct tls_config *c, enum tls_side side)
{
    const struct tls_setup setup = { &loop, side, "h2,http/1.1", &metrics, &logger, "test" };
    struct error err = { 0 };
    struct tls *t = tls_new(&setup, c, &err);

    ck_assert_msg(t != NULL, "%s", err.text);
    return t;
}

/* What has come at one end of the relay goes on; at most n bytes. */
static size_t pass(int from, int to, size_t n)
{
    static uint8_t data[1 << 20];
    ssize_t got =
        from < 0 || n == 0 ? 0 : recv(from, data, n < sizeof(data) ? n : sizeof(data), MSG_DONTWAIT | MSG_PEEK);

    if (got == 0 && from >= 0 && n > 0)
        shutdown(to, SHUT_WR);
    got = got > 0 ? send(to, data, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT) : 0; /* as much as there is room for */
    return got > 0 ? (size_t)recv(from, data, (size_t)got, 0) : 0;
}

static void turn_once(void)
{
    turn_run(&loop.turn);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    turn_run(&loop.turn);
}

static void settle(void)
{
    for (int i = 0, quiet = 0; quiet < 6 && i < 10000; i++) {
        size_t n = pass(relay[0], relay[1], SIZE_MAX) + pass(relay[1], relay[0], SIZE_MAX);

        turn_once();
        clock_advance(&loop.clock, 1);
        quiet = n > 0 ? 0 : quiet + 1;
    }
}

static void open_server(int fd)
{
    if (server_tls == NULL)
        server_tls = tls_of(&server_config, TLS_SERVER);
    server.socket = socket_open_tls(&loop, &shared[0], fd, server_tls, NULL, &events, &server);
    ck_assert_int_eq(socket_read(server.socket, server.most), 0);
}

static void open_client(int fd, const char *name)
{
    if (client_tls == NULL)
        client_tls = tls_of(&client_config, TLS_CLIENT);
    client.socket = socket_open_tls(&loop, &shared[1], fd, client_tls, name, &events, &client);
    ck_assert_int_eq(socket_read(client.socket, client.most), 0);
}

/* Both ends, not a byte having passed yet. */
static void connect_both(const char *name)
{
    int near[2], far[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, near), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, far), 0);
    relay[0] = near[1];
    relay[1] = far[1];
    open_server(near[0]);
    open_client(far[0], name);
}

static void drop_relay(void)
{
    for (int i = 0; i < 2; i++) {
        if (relay[i] >= 0)
            close(relay[i]);
        relay[i] = -1;
    }
}

static void close_end(struct end *e)
{
    if (e->socket != NULL)
        socket_close(e->socket);
    for (int i = 0; i < 100 && e->socket != NULL && !e->closed; i++)
        turn_once();
    ck_assert(e->socket == NULL || e->closed);
    buf_free(&e->got);
    memset(e, 0, sizeof(*e));
    e->most = SIZE_MAX;
}

static void disconnect(void)
{
    close_end(&server);
    close_end(&client);
    drop_relay();
}

static void tear_down(void)
{
    disconnect();
    tls_unref(server_tls);
    tls_unref(client_tls);
    ck_assert_uint_eq(loop.clock.heap.n, 0);
    ck_assert_int_eq(loop_close(&loop, NULL, NULL), 0);
    socket_shared_free(&shared[0]);
    socket_shared_free(&shared[1]);
    metrics_free(&metrics);
    identity_free(&ca);
    identity_free(&other_ca);
    identity_free(&server_id);
    identity_free(&client_id);
    log_sink_close(&sink);
}

static void assert_connected(void)
{
    settle();
    ck_assert_msg(server.ready, "server: %s", socket_why(server.socket));
    ck_assert_msg(client.ready, "client: %s", socket_why(client.socket));
    ck_assert(!server.ended && !client.ended);
}

static void say(struct end *e, const char *text)
{
    buf_puts(socket_out(e->socket), text);
    ck_assert_int_ge(socket_flush(e->socket), 0);
}

#define assert_why(e, failure_, ...)                                                                                   \
    do {                                                                                                               \
        const char *const words[] = { __VA_ARGS__ };                                                                   \
                                                                                                                       \
        ck_assert(!(e)->ready || (e)->ended);                                                                          \
        ck_assert_int_eq(socket_tls_failure((e)->socket), failure_);                                                   \
        for (size_t i_ = 0; i_ < ARRAY_LEN(words); i_++)                                                               \
            ck_assert_msg(strstr(socket_why((e)->socket), words[i_]) != NULL, "no \"%s\" in: %s", words[i_],           \
                          socket_why((e)->socket));                                                                    \
    } while (0)

START_TEST(what_is_said_before_the_handshake_arrives_after_it)
{
    connect_both("localhost");
    say(&client, "hello");
    assert_connected();
    ck_assert_str_eq(buf_cstr(&server.got), "hello");
    ck_assert(client.written);
    say(&server, "good day");
    settle();
    ck_assert_str_eq(buf_cstr(&client.got), "good day");
    ck_assert_str_eq(socket_alpn(client.socket), "h2");
    ck_assert_str_eq(socket_alpn(server.socket), "h2");
}
END_TEST

START_TEST(a_message_of_many_parts_arrives_as_it_was_said)
{
    enum { PARTS = 400 };
    static uint8_t data[PARTS * 16400];
    struct bytes parts[PARTS];
    size_t total = 0;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 9));
    for (size_t i = 0; i < PARTS; i++) {
        size_t n = i % 7 == 0 ? 16384 + i % 16 : i % 11 == 0 ? 0 : 1 + i * 37 % 5000;

        parts[i] = bytes_of(data + total, n);
        total += n;
    }
    connect_both("localhost");
    assert_connected();
    for (int round = 0; round < 2; round++) {
        client.written = false;
        server.got.len = 0;
        if (socket_send(client.socket, parts, PARTS) == 1) {
            ck_assert(socket_writing(client.socket));
            settle();
            ck_assert(client.written);
        }
        settle();
        ck_assert_uint_eq(server.got.len, total);
        ck_assert_mem_eq(server.got.data, data, total);
    }
}
END_TEST

START_TEST(parts_that_are_offered_are_taken_bit_by_bit)
{
    static uint8_t data[3 << 20];
    struct bytes left = { data, sizeof(data) };

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 11 + (i >> 8));
    connect_both("localhost");
    assert_connected();
    while (left.len > 0) {
        struct bytes two[2] = { { left.data, left.len / 2 }, { left.data + left.len / 2, left.len - left.len / 2 } };
        ssize_t n = socket_offer(client.socket, two, 2);

        ck_assert_int_ge(n, 0);
        left = bytes_skip(left, (size_t)n);
        client.written = false;
        if (socket_writing(client.socket)) {
            settle();
            ck_assert(client.written);
        }
    }
    settle();
    ck_assert_uint_eq(server.got.len, sizeof(data));
    ck_assert_mem_eq(server.got.data, data, sizeof(data));
}
END_TEST

START_TEST(a_reader_who_stops_gets_the_rest_later)
{
    static uint8_t data[200000];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i >> 3);
    connect_both("localhost");
    assert_connected();
    server.most = 0;
    socket_read(server.socket, 1000);
    ck_assert_int_ge(socket_send(client.socket, &(struct bytes){ data, sizeof(data) }, 1), 0);
    settle();
    ck_assert_uint_eq(server.got.len, 1000);
    socket_read(server.socket, 5000);
    settle();
    ck_assert_uint_eq(server.got.len, 6000);
    server.most = 3000;
    socket_read(server.socket, 3000);
    settle();
    ck_assert_uint_eq(server.longest, 5000);
    ck_assert_uint_eq(server.got.len, sizeof(data));
    ck_assert_mem_eq(server.got.data, data, sizeof(data));
}
END_TEST

START_TEST(a_handshake_may_come_byte_by_byte)
{
    connect_both("localhost");
    say(&client, "x");
    for (int i = 0; i < 20000 && server.got.len == 0; i++) {
        turn_once();
        clock_advance(&loop.clock, 1);
        pass(relay[0], relay[1], 1);
        pass(relay[1], relay[0], 1);
    }
    ck_assert(server.ready && client.ready);
    ck_assert_str_eq(buf_cstr(&server.got), "x");
}
END_TEST

/* Let `n` bytes of each direction through, then hang up. */
static void cut_after(size_t n)
{
    size_t left[2] = { n, n };

    connect_both("localhost");
    for (int quiet = 0; quiet < 4; quiet++) {
        size_t a = pass(relay[0], relay[1], left[0]), b = pass(relay[1], relay[0], left[1]);

        left[0] -= a;
        left[1] -= b;
        turn_once();
        clock_advance(&loop.clock, 1);
        quiet = a + b > 0 ? 0 : quiet;
    }
    drop_relay();
    settle();
}

START_TEST(a_handshake_that_is_cut_at_any_byte_fails_at_both_ends)
{
    size_t n = 0;

    for (;; n++) {
        cut_after(n);
        ck_assert_msg(server.ended && client.ended, "after %zu bytes", n);
        if (server.ready)
            break;
        ck_assert_int_eq(socket_tls_failure(server.socket), n == 0 ? TLS_FINE : TLS_CLOSED);
        ck_assert_int_eq(socket_tls_failure(client.socket), TLS_CLOSED);
        disconnect();
    }
    ck_assert_uint_gt(n, 400);
}
END_TEST

START_TEST(an_end_is_told_from_a_cut)
{
    connect_both("localhost");
    assert_connected();
    say(&client, "last words");
    socket_shutdown(client.socket);
    settle();
    ck_assert_str_eq(buf_cstr(&server.got), "last words");
    ck_assert(server.ended);
    ck_assert_int_eq(server.error, 0);
    say(&server, "answered all the same"); /* half of the connection is left */
    settle();
    ck_assert_str_eq(buf_cstr(&client.got), "answered all the same");
    disconnect();

    connect_both("localhost");
    assert_connected();
    say(&client, "last wor");
    settle();
    drop_relay();
    settle();
    ck_assert(server.ended && server.error != 0);
    assert_why(&server, TLS_CLOSED, "without TLS's close_notify");
}
END_TEST

START_TEST(closing_says_goodbye)
{
    connect_both("localhost");
    assert_connected();
    socket_close(client.socket);
    settle();
    ck_assert(client.closed);
    client.socket = NULL;
    ck_assert(server.ended);
    ck_assert_int_eq(server.error, 0);
}
END_TEST

START_TEST(a_spoilt_byte_ends_the_connection_and_is_not_passed_on)
{
    uint8_t data[4096];
    ssize_t n;

    connect_both("localhost");
    assert_connected();
    say(&client, "attack at dawn");
    turn_once();
    n = recv(relay[1], data, sizeof(data), MSG_DONTWAIT);
    ck_assert_int_gt(n, 20);
    data[n - 3] ^= 1;
    ck_assert_int_eq(send(relay[0], data, (size_t)n, 0), n);
    settle();
    ck_assert_uint_eq(server.got.len, 0);
    ck_assert(server.ended && server.error != 0);
    ck_assert_int_eq(socket_tls_failure(server.socket), TLS_BROKEN);
}
END_TEST

/* --- certificates --- */

static void fail_for(const char *name)
{
    connect_both(name);
    settle();
    ck_assert(client.ended && client.error != 0);
    ck_assert_uint_eq(client.got.len, 0);
}

START_TEST(a_certificate_of_another_name_is_told_with_its_names)
{
    fail_for("collector.example.org");
    assert_why(&client, TLS_BAD_CERTIFICATE, "\"CN=localhost\"", "valid for localhost, 127.0.0.1",
               "not for collector.example.org", "server_name_override");
    assert_why(&server, TLS_REFUSED, "certificate");
    disconnect();
    fail_for("127.0.0.2");
    assert_why(&client, TLS_BAD_CERTIFICATE, "not for 127.0.0.2");
    disconnect();
    fail_for(".");
    assert_why(&client, TLS_BAD_CERTIFICATE, "valid for localhost, 127.0.0.1");
}
END_TEST

START_TEST(addresses_and_other_names_can_be_asked_for)
{
    connect_both("127.0.0.1");
    assert_connected();
    disconnect();
    connect_both("localhost.");
    assert_connected();
    disconnect();
    tls_unref(client_tls);
    client_config.server_name_override = "localhost";
    client_tls = tls_of(&client_config, TLS_CLIENT);
    connect_both("collector.example.org");
    assert_connected();
}
END_TEST

START_TEST(a_name_that_cannot_be_asked_for_is_refused)
{
    char name[300];

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    fail_for(name);
    assert_why(&client, TLS_BROKEN, "longer than 255 bytes", "server_name_override");
    ck_assert_uint_eq(shared[1].bytes_out, 0); /* nothing has been said */
}
END_TEST

START_TEST(an_unknown_issuer_is_named_with_what_to_write)
{
    client_config.ca_pem.text = other_ca.cert;
    fail_for("localhost");
    assert_why(&client, TLS_BAD_CERTIFICATE, "\"CN=localhost\" is signed by \"CN=test ca\"", "ca_file");
    assert_why(&server, TLS_REFUSED, "does not trust the CA of our certificate");
}
END_TEST

START_TEST(dates_are_told)
{
    struct identity old = identity_make(&ca, "localhost", "DNS:localhost", -20, -10);
    struct identity young = identity_make(&ca, "localhost", "DNS:localhost", 5, 10);

    server_config.cert_pem.text = old.cert;
    server_config.key_pem.text = old.key;
    fail_for("localhost");
    assert_why(&client, TLS_BAD_CERTIFICATE, "\"CN=localhost\" expired on 20", " UTC");
    assert_why(&server, TLS_REFUSED, "expired");
    disconnect();
    tls_unref(server_tls);
    server_config.cert_pem.text = young.cert;
    server_config.key_pem.text = young.key;
    server_tls = tls_of(&server_config, TLS_SERVER);
    fail_for("localhost");
    assert_why(&client, TLS_BAD_CERTIFICATE, "is not valid before 20", "clocks");
    identity_free(&old);
    identity_free(&young);
}
END_TEST

START_TEST(a_certificate_may_be_trusted_by_itself)
{
    client_config.ca_pem.text = server_id.cert;
    connect_both("localhost");
    assert_connected();
}
END_TEST

START_TEST(without_verification_any_certificate_will_do)
{
    client_config = (struct tls_config){ .ca_pem = { other_ca.cert }, .insecure_skip_verify = true };
    connect_both("collector.example.org");
    assert_connected();
    ck_assert_int_eq(socket_tls_failure(client.socket), TLS_FINE);
    ck_assert_str_eq(socket_why(client.socket), "");
}
END_TEST

static const char *write_file(const char *text)
{
    static char path[] = "/tmp/otelcd_tls_test_XXXXXX";
    int fd;

    strcpy(path + strlen(path) - 6, "XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

START_TEST(a_server_that_asks_for_certificates_gets_them)
{
    struct identity stranger = identity_make(&other_ca, "stranger", NULL, -1, 10);
    const char *path = write_file(ca.cert);

    server_config.client_ca_file = path;
    fail_for("localhost");
    assert_why(&server, TLS_NO_CERTIFICATE, "client_ca_file");
    assert_why(&client, TLS_REFUSED, "wants a certificate: set cert_file and key_file");
    disconnect();

    tls_unref(client_tls);
    client_config.cert_pem.text = stranger.cert;
    client_config.key_pem.text = stranger.key;
    client_tls = tls_of(&client_config, TLS_CLIENT);
    fail_for("localhost");
    assert_why(&server, TLS_BAD_CERTIFICATE, "\"CN=stranger\" is signed by \"CN=other ca\"", "client_ca_file");
    disconnect();

    tls_unref(client_tls);
    client_config.cert_pem.text = client_id.cert;
    client_config.key_pem.text = client_id.key;
    client_tls = tls_of(&client_config, TLS_CLIENT);
    connect_both("localhost");
    assert_connected();
    unlink(path);
    identity_free(&stranger);
}
END_TEST

/* The same name and key, signed by another. */
static char *cross_sign(const struct identity *id, const struct identity *by)
{
    X509 *x = X509_dup(id->x509);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text, *copy;
    long n;

    X509_set_issuer_name(x, X509_get_subject_name(by->x509));
    ck_assert_int_gt(X509_sign(x, by->pkey, EVP_sha256()), 0);
    PEM_write_bio_X509(bio, x);
    n = BIO_get_mem_data(bio, &text);
    copy = strndup(text, (size_t)n);
    BIO_free(bio);
    X509_free(x);
    return copy;
}

START_TEST(a_chain_that_loops_ends)
{
    struct identity a = identity_make(NULL, "loop a", NULL, -1, 10), b = identity_make(NULL, "loop b", NULL, -1, 10);
    struct identity leaf = identity_make(&a, "localhost", "DNS:localhost", -1, 10);
    char *a_by_b = cross_sign(&a, &b), *b_by_a = cross_sign(&b, &a);
    char *chain = mem_printf("%s%s%s%s%s", leaf.cert, a_by_b, b_by_a, a_by_b, b_by_a);
    const char *path = write_file(ca.cert);

    server_config.cert_pem.text = chain;
    server_config.key_pem.text = leaf.key;
    fail_for("localhost");
    assert_why(&client, TLS_BAD_CERTIFICATE, "is signed by \"CN=loop ", "not trusted");
    assert_why(&server, TLS_REFUSED, "does not trust the CA of our certificate");
    disconnect();

    tls_unref(server_tls);
    tls_unref(client_tls);
    server_config = (struct tls_config){
        .on = true, .cert_pem = { server_id.cert }, .key_pem = { server_id.key }, .client_ca_file = path
    };
    client_config.cert_pem.text = chain;
    client_config.key_pem.text = leaf.key;
    server_tls = tls_of(&server_config, TLS_SERVER);
    client_tls = tls_of(&client_config, TLS_CLIENT);
    fail_for("localhost");
    assert_why(&server, TLS_BAD_CERTIFICATE, "is signed by \"CN=loop ", "client_ca_file");
    unlink(path);
    free(chain);
    free(a_by_b);
    free(b_by_a);
    identity_free(&leaf);
    identity_free(&a);
    identity_free(&b);
}
END_TEST

/* --- agreeing --- */

START_TEST(no_version_in_common_is_told)
{
    server_config.min_version = TLS_VERSION_13;
    client_config.max_version = TLS_VERSION_12;
    fail_for("localhost");
    assert_why(&server, TLS_VERSION, "min_version");
    assert_why(&client, TLS_VERSION, "max_version");
}
END_TEST

START_TEST(old_versions_work_where_they_are_asked_for)
{
    server_config.min_version = client_config.min_version = TLS_VERSION_10;
    client_config.max_version = TLS_VERSION_11;
    connect_both("localhost");
    assert_connected();
    say(&client, "hello");
    settle();
    ck_assert_str_eq(buf_cstr(&server.got), "hello");
}
END_TEST

START_TEST(suites_and_curves_are_those_of_the_configuration)
{
    const char *suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", *other = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    const char *p521 = "P521", *x25519 = "X25519";

    client_config.max_version = TLS_VERSION_12;
    server_config.cipher_suites = (struct strings){ &suite, 1 };
    connect_both("localhost");
    assert_connected();
    disconnect();
    tls_unref(client_tls);
    client_config.cipher_suites = (struct strings){ &other, 1 };
    client_tls = tls_of(&client_config, TLS_CLIENT);
    fail_for("localhost");
    assert_why(&server, TLS_CIPHER, "cipher_suites");
    disconnect();
    tls_unref(client_tls);
    tls_unref(server_tls);
    client_config.max_version = 0;
    client_config.curve_preferences = (struct strings){ &p521, 1 };
    server_config.curve_preferences = (struct strings){ &x25519, 1 };
    client_tls = tls_of(&client_config, TLS_CLIENT);
    server_tls = tls_of(&server_config, TLS_SERVER);
    fail_for("localhost");
    ck_assert_int_eq(socket_tls_failure(server.socket), TLS_CIPHER);
}
END_TEST

START_TEST(no_protocol_in_common_is_told)
{
    const struct tls_setup setup = { &loop, TLS_CLIENT, "spdy/3", &metrics, &logger, "test" };
    struct error err;

    client_tls = tls_new(&setup, &client_config, &err);
    fail_for("localhost");
    assert_why(&server, TLS_ALPN, "ALPN");
    assert_why(&client, TLS_ALPN, "ALPN");
}
END_TEST

/* --- those who speak no TLS --- */

static struct bytes talk_plainly(const char *text)
{
    static uint8_t data[4096];
    size_t n = 0;
    ssize_t got;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    open_server(fds[0]);
    ck_assert_int_eq(send(fds[1], text, strlen(text), 0), (ssize_t)strlen(text));
    settle();
    ck_assert(server.ended && !server.ready);
    socket_shutdown(server.socket);
    settle();
    while ((got = recv(fds[1], data + n, sizeof(data) - n, MSG_DONTWAIT)) > 0)
        n += (size_t)got;
    close(fds[1]);
    return bytes_of(data, n);
}

START_TEST(plain_http_is_told_in_its_own_tongue)
{
    struct bytes answer = talk_plainly("POST /v1/traces HTTP/1.1\r\n\r\n");

    ck_assert(answer.len > 20 && memcmp(answer.data, "HTTP/1.0 400 ", 13) == 0);
    assert_why(&server, TLS_PLAIN, "plain HTTP", "https://");
    disconnect();
    answer = talk_plainly("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    ck_assert_uint_eq(answer.len, 9 + 9 + 0x2c);
    ck_assert_int_eq(answer.data[3], 4);  /* SETTINGS */
    ck_assert_int_eq(answer.data[12], 7); /* GOAWAY */
    ck_assert_int_eq(answer.data[25], 0xc);
    ck_assert_mem_eq(answer.data + 26, "this port speaks TLS, not plain HTTP", 36);
    disconnect();
    ck_assert_uint_eq(talk_plainly("\1\2\3").len, 0);
}
END_TEST

START_TEST(a_server_without_tls_is_told_from_one_with_it)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    open_client(fds[0], "localhost");
    ck_assert_int_eq(send(fds[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 28);
    settle();
    ck_assert(client.ended);
    assert_why(&client, TLS_PLAIN, "does not speak TLS", "http://", "insecure: true");
    close(fds[1]);
}
END_TEST

/* --- sessions and paces --- */

START_TEST(the_second_connection_resumes_the_first)
{
    uint64_t first;

    connect_both("localhost");
    assert_connected();
    first = shared[0].bytes_out;
    ck_assert_uint_eq(client_tls->n_sessions, 1);
    disconnect();
    connect_both("localhost");
    assert_connected();
    ck_assert_uint_lt(shared[0].bytes_out - first, first * 2 / 3); /* no certificate */
    ck_assert_uint_eq(client_tls->n_sessions, 1);                  /* taken, and another one given */
    disconnect();
    tls_unref(server_tls); /* the next server has other keys for its tickets */
    server_tls = tls_of(&server_config, TLS_SERVER);
    connect_both("localhost");
    assert_connected();
}
END_TEST

/* Bytes that the server said until both were ready. */
static uint64_t connect_anew(void)
{
    uint64_t before = shared[0].bytes_out;

    disconnect();
    connect_both("localhost");
    assert_connected();
    return shared[0].bytes_out - before;
}

/* Our clock, not that of OpenSSL: what makes it connect in full is that nothing is resumed. */
static void set_days_from_now(int days)
{
    loop.clock.offset = ((int64_t)time(NULL) + days * 86400l) * (int64_t)NS_PER_S - (int64_t)loop.clock.mono;
}

static void let_the_client_have(const struct identity *id, const char *client_ca)
{
    server_config.client_ca_file = client_ca;
    client_config.cert_pem.text = id->cert;
    client_config.key_pem.text = id->key;
}

START_TEST(a_client_whose_certificate_has_expired_resumes_nothing)
{
    struct identity brief = identity_make(&ca, "agent", NULL, -1, 1);
    const char *path = write_file(ca.cert);

    let_the_client_have(&brief, path);
    for (int version = 0; version < 2; version++) {
        uint64_t full;

        client_config.max_version = version == 0 ? 0 : TLS_VERSION_12;
        set_days_from_now(0);
        full = connect_anew();
        ck_assert_uint_lt(connect_anew(), full * 2 / 3);
        if (version == 0)
            ck_assert_uint_lt(connect_anew(), full * 2 / 3); /* what was resumed may be resumed again */
        else
            connect_anew(); /* in 1.2 a session is taken once: this one is full */
        set_days_from_now(2);
        ck_assert_uint_gt(connect_anew(), full * 9 / 10);
        disconnect();
        tls_unref(client_tls);
        client_tls = NULL;
    }
    unlink(path);
    identity_free(&brief);
}
END_TEST

START_TEST(a_client_whose_ca_has_expired_resumes_nothing)
{
    struct identity brief_ca = identity_make(NULL, "brief ca", NULL, -1, 1);
    struct identity agent = identity_make(&brief_ca, "agent", NULL, -1, 10);
    const char *path = write_file(brief_ca.cert);
    uint64_t full;

    let_the_client_have(&agent, path);
    set_days_from_now(0);
    full = connect_anew();
    ck_assert_uint_lt(connect_anew(), full * 2 / 3);
    set_days_from_now(2);
    ck_assert_uint_gt(connect_anew(), full * 9 / 10);
    unlink(path);
    identity_free(&agent);
    identity_free(&brief_ca);
}
END_TEST

START_TEST(the_session_of_a_server_whose_certificate_has_expired_is_not_resumed)
{
    struct identity brief = identity_make(&ca, "localhost", "DNS:localhost", -1, 1);
    uint64_t full;

    server_config.cert_pem.text = brief.cert;
    server_config.key_pem.text = brief.key;
    set_days_from_now(0);
    full = connect_anew();
    ck_assert_uint_lt(connect_anew(), full * 2 / 3);
    set_days_from_now(2);
    ck_assert_uint_gt(connect_anew(), full * 9 / 10);
    identity_free(&brief);
}
END_TEST

START_TEST(keys_of_tickets_change_and_what_was_made_with_the_old_ones_is_of_no_use)
{
    uint64_t full = connect_anew();

    ck_assert_uint_lt(connect_anew(), full * 2 / 3);
    clock_advance(&loop.clock, 12 * 3600 * NS_PER_S);
    ck_assert_uint_gt(connect_anew(), full * 9 / 10);
    ck_assert_uint_lt(connect_anew(), full * 2 / 3);
}
END_TEST

struct caller {
    struct end end;
    int fd; /* its own */
};

/* Has said its ClientHello, and nothing has been computed of it. */
static void call_from(struct caller *c, const char *address)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    c->fd = fds[1];
    SSL_set_fd(ssl, c->fd);
    SSL_connect(ssl);
    memset(&c->end, 0, sizeof(c->end));
    c->end.socket = socket_open_tls(&loop, &shared[0], fds[0], server_tls, NULL, &events, &c->end);
    c->end.socket->peer.family = AF_INET6;
    ck_assert_int_eq(inet_pton(AF_INET6, address, &c->end.socket->peer.address), 1);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static void let_all_wait(void)
{
    server_tls->spent = UINT64_MAX / 2; /* of this turn nothing is left */
    server_tls->turn = clock_mono(&loop.clock);
    turn_once();
}

static void turn_on(void)
{
    clock_advance(&loop.clock, 1);
    turn_once();
}

/* The ServerHello is there. */
static bool is_answered(const struct caller *c)
{
    char byte;

    return recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
}

static void hang_up(struct caller *c)
{
    close(c->fd);
    if (!c->end.closed)
        socket_close(c->end.socket);
}

START_TEST(many_handshakes_at_once_have_their_turns)
{
    enum { MANY = 40 };
    static struct caller callers[MANY];
    size_t ready = 0;

    server_tls = tls_of(&server_config, TLS_SERVER);
    for (int i = 0; i < MANY; i++)
        call_from(&callers[i], "2001:db8::1");
    let_all_wait();
    ck_assert_uint_eq(server_tls->waiting.n, MANY);
    socket_close(callers[3].end.socket); /* who leaves the line is not missed */
    ck_assert_uint_eq(server_tls->waiting.n, MANY - 1);
    for (int i = 0; i < 200; i++)
        turn_on();
    ck_assert_uint_eq(server_tls->waiting.n, 0);
    for (int i = 0; i < MANY; i++) {
        ready += is_answered(&callers[i]);
        hang_up(&callers[i]);
    }
    ck_assert_uint_eq(ready, MANY - 1);
    settle();
}
END_TEST

static size_t count_lines(void)
{
    size_t n = 0;

    for (size_t i = 0; i < TLS_LINES; i++)
        n += !list_empty(&server_tls->waiting.line[i]);
    return n;
}

/* Two hosts may share a line. */
static void call_from_another_line(struct caller *c)
{
    size_t before = count_lines();
    char address[32];

    for (int i = 1; count_lines() == before; i++) {
        if (i > 1)
            hang_up(c);
        while (i > 1 && !c->end.closed)
            turn_once();
        snprintf(address, sizeof(address), "2001:db8:%x::1", (unsigned)i);
        call_from(c, address);
        let_all_wait();
        ck_assert_int_lt(i, 100);
    }
}

START_TEST(a_host_with_many_handshakes_lets_another_go_first)
{
    enum { MANY = 300 };
    static struct caller crowd[MANY], one;
    size_t answered = 0;

    server_tls = tls_of(&server_config, TLS_SERVER);
    for (int i = 0; i < MANY; i++)
        call_from(&crowd[i], "2001:db8::1");
    let_all_wait();
    call_from_another_line(&one);
    ck_assert_uint_eq(server_tls->waiting.n, MANY + 1);
    while (!is_answered(&one))
        turn_on();
    for (int i = 0; i < MANY; i++)
        answered += is_answered(&crowd[i]);
    ck_assert_uint_lt(answered, MANY / 2);
    for (int i = 0; i < MANY; i++)
        hang_up(&crowd[i]);
    hang_up(&one);
    settle();
    ck_assert_uint_eq(server_tls->waiting.n, 0);
}
END_TEST

/* A client that asks for new keys, again and again, and reads nothing from then on. */
static void ask_for_keys(bool in_mid_message)
{
    static uint8_t message[4 << 20];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    open_server(fds[0]);
    SSL_set_fd(ssl, fds[1]);
    for (int i = 0; i < 200 && (SSL_connect(ssl) != 1 || !server.ready); i++) {
        clock_advance(&loop.clock, 1); /* where one step took long, the next waits for it */
        turn_once();
    }
    ck_assert(server.ready);
    if (in_mid_message)
        ck_assert_int_eq(socket_send(server.socket, &(struct bytes){ message, sizeof(message) }, 1), 1);
    for (int i = 0; i < 30000 && !server.ended; i++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        SSL_do_handshake(ssl);
        turn_once();
    }
    ck_assert(server.ended);
    assert_why(&server, TLS_BROKEN, "asks for new keys");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fds[1]);
    disconnect();
}

START_TEST(a_peer_that_asks_for_keys_without_end_is_cut_off)
{
    ask_for_keys(false);
    ask_for_keys(true);
}
END_TEST

/* Of what the server has said, the next record goes to the client; its kind, or 0 when there is none. */
static int pass_record(void)
{
    uint8_t head[5];

    for (int i = 0; i < 20 && recv(relay[0], head, sizeof(head), MSG_DONTWAIT | MSG_PEEK) < 5; i++) {
        pass(relay[1], relay[0], SIZE_MAX);
        turn_once();
        clock_advance(&loop.clock, 1);
    }
    if (recv(relay[0], head, sizeof(head), MSG_DONTWAIT | MSG_PEEK) < 5)
        return 0;
    pass(relay[0], relay[1], 5 + (size_t)(head[3] << 8 | head[4]));
    turn_once();
    return head[0];
}

/* A client whose server has begun to give it a ticket, which takes two records: the second is on its way. */
static void give_half_a_ticket(void)
{
    const char *path = write_file(ca.cert);

    server_config.client_ca_file = path; /* the client's certificate stands in the ticket: it is long */
    client_config.cert_pem.text = client_id.cert;
    client_config.key_pem.text = client_id.key;
    server_tls = tls_of(&server_config, TLS_SERVER);
    SSL_CTX_set_max_send_fragment(server_tls->ctx, 512);
    connect_both("localhost");
    while (!client.ready)
        ck_assert_int_ne(pass_record(), 0);
    ck_assert_int_ne(pass_record(), 0);
    ck_assert_uint_eq(client_tls->n_sessions, 0);
    unlink(path);
}

START_TEST(who_has_half_a_ticket_says_what_it_wanted_when_it_has_the_rest)
{
    for (size_t most = 0; most <= 1000; most += 1000) { /* whether it reads or not */
        give_half_a_ticket();
        client.most = most;
        socket_read(client.socket, most);
        client.written = false;
        buf_puts(socket_out(client.socket), "hello");
        ck_assert_int_eq(socket_flush(client.socket), 1);
        settle();
        ck_assert(!client.ended && client.written);
        ck_assert_str_eq(buf_cstr(&server.got), "hello");
        ck_assert_uint_eq(client_tls->n_sessions, 1);
        say(&server, "good day");
        settle();
        ck_assert_str_eq(buf_cstr(&client.got), most > 0 ? "good day" : "");
        socket_read(client.socket, 1000);
        settle();
        ck_assert_str_eq(buf_cstr(&client.got), "good day");
        disconnect();
        tls_unref(server_tls);
        tls_unref(client_tls);
        server_tls = client_tls = NULL;
    }
}
END_TEST

START_TEST(what_is_offered_waits_for_the_rest_of_a_ticket_too)
{
    static uint8_t data[100000];

    give_half_a_ticket();
    ck_assert_int_eq(socket_offer(client.socket, &(struct bytes){ data, sizeof(data) }, 1), 0);
    ck_assert(socket_writing(client.socket) && !client.written);
    settle();
    ck_assert(client.written && !client.ended);
    ck_assert_int_eq(socket_offer(client.socket, &(struct bytes){ data, 1000 }, 1), 1000);
    settle();
    ck_assert_uint_eq(server.got.len, 1000);
}
END_TEST

START_TEST(half_a_ticket_and_an_end_is_an_end)
{
    give_half_a_ticket();
    say(&client, "hello");
    drop_relay();
    settle();
    ck_assert(client.ended && client.error != 0);
    assert_why(&client, TLS_CLOSED, "without TLS's close_notify");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("socket_tls");
    TCase *tc = tcase_create("all");
    SRunner *sr = srunner_create(s);
    int failed;

    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_is_said_before_the_handshake_arrives_after_it);
    tcase_add_test(tc, a_message_of_many_parts_arrives_as_it_was_said);
    tcase_add_test(tc, parts_that_are_offered_are_taken_bit_by_bit);
    tcase_add_test(tc, a_reader_who_stops_gets_the_rest_later);
    tcase_add_test(tc, a_handshake_may_come_byte_by_byte);
    tcase_add_test(tc, a_handshake_that_is_cut_at_any_byte_fails_at_both_ends);
    tcase_add_test(tc, an_end_is_told_from_a_cut);
    tcase_add_test(tc, a_peer_that_asks_for_keys_without_end_is_cut_off);
    tcase_add_test(tc, who_has_half_a_ticket_says_what_it_wanted_when_it_has_the_rest);
    tcase_add_test(tc, what_is_offered_waits_for_the_rest_of_a_ticket_too);
    tcase_add_test(tc, half_a_ticket_and_an_end_is_an_end);
    tcase_add_test(tc, closing_says_goodbye);
    tcase_add_test(tc, a_spoilt_byte_ends_the_connection_and_is_not_passed_on);
    tcase_add_test(tc, a_certificate_of_another_name_is_told_with_its_names);
    tcase_add_test(tc, addresses_and_other_names_can_be_asked_for);
    tcase_add_test(tc, a_name_that_cannot_be_asked_for_is_refused);
    tcase_add_test(tc, an_unknown_issuer_is_named_with_what_to_write);
    tcase_add_test(tc, dates_are_told);
    tcase_add_test(tc, a_certificate_may_be_trusted_by_itself);
    tcase_add_test(tc, without_verification_any_certificate_will_do);
    tcase_add_test(tc, a_server_that_asks_for_certificates_gets_them);
    tcase_add_test(tc, a_chain_that_loops_ends);
    tcase_add_test(tc, no_version_in_common_is_told);
    tcase_add_test(tc, old_versions_work_where_they_are_asked_for);
    tcase_add_test(tc, suites_and_curves_are_those_of_the_configuration);
    tcase_add_test(tc, no_protocol_in_common_is_told);
    tcase_add_test(tc, plain_http_is_told_in_its_own_tongue);
    tcase_add_test(tc, a_server_without_tls_is_told_from_one_with_it);
    tcase_add_test(tc, the_second_connection_resumes_the_first);
    tcase_add_test(tc, a_client_whose_certificate_has_expired_resumes_nothing);
    tcase_add_test(tc, a_client_whose_ca_has_expired_resumes_nothing);
    tcase_add_test(tc, the_session_of_a_server_whose_certificate_has_expired_is_not_resumed);
    tcase_add_test(tc, keys_of_tickets_change_and_what_was_made_with_the_old_ones_is_of_no_use);
    tcase_add_test(tc, many_handshakes_at_once_have_their_turns);
    tcase_add_test(tc, a_host_with_many_handshakes_lets_another_go_first);
    suite_add_tcase(s, tc);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
