/* SPDX-License-Identifier: Apache-2.0 */
/* A server that discards what it is sent and answers OK: what net/ costs by itself, to set beside nghttpd.
 *
 *     build/release/bench/discard_server 127.0.0.1:0 [READ BUFFER [CERTIFICATE KEY]]
 *
 * speaks TLS where it is given a certificate and its key,
 * prints the address it listens on; ends on SIGTERM.
 */
#include "net/http2/grpc.h"
#include "net/http/http_server.h"
#include "net/socket/tls.h"

#include <stdio.h>
#include <stdlib.h>

#define WINDOW (1024 * 1024)

static struct loop loop;
static uv_signal_t term;
static struct http_server *server;

static void on_request(struct http_service *s, struct http_request *req)
{
    (void)s;
    (void)req;
}

/* As a service that buffers does it: nothing for a body that fits the first window, large grants beyond. */
static void on_body(struct http_request *req, struct bytes data)
{
    uintptr_t seen = (uintptr_t)req->context + data.len;

    if (seen >= WINDOW / 2) {
        http_request_grant(req, seen);
        seen = 0;
    }
    req->context = (void *)seen;
}

/* The last ones tell a sender of Remote-Write 2.0 that it was understood. */
static void on_end(struct http_request *req)
{
    static const struct http_header head[] = {
        { BYTES_LIT("content-type"), BYTES_LIT("application/grpc") },
        { BYTES_LIT("x-prometheus-remote-write-samples-written"), BYTES_LIT("1") },
    };
    static const struct http_header trailer[] = { { BYTES_LIT("grpc-status"), BYTES_LIT("0") } };
    static const uint8_t message[] = { 0, 0, 0, 0, 2, 0x0a, 0 };

    http_respond_begin(req, 200, head, http_request_header(req, "x-prometheus-remote-write-version") != NULL ? 2 : 1);
    if (!bytes_is(req->method, "HEAD"))
        http_respond_write(req, bytes_of(message, sizeof(message)));
    http_respond_end(req, trailer, 1);
}

static void on_close(struct http_request *req, bool aborted)
{
    (void)req;
    (void)aborted;
}

static void on_stopped(struct http_server *s, void *arg)
{
    (void)arg;
    http_server_free(s);
    uv_close((uv_handle_t *)&term, NULL);
    loop_stop(&loop);
}

static void on_term(uv_signal_t *s, int number)
{
    (void)number;
    uv_signal_stop(s);
    http_server_stop(server, clock_mono(&loop.clock) + 2 * NS_PER_S, on_stopped, NULL);
}

static struct tls *open_tls(char **files, const struct logger *log)
{
    struct tls_setup setup = {
        .loop = &loop, .side = TLS_SERVER, .alpn = "h2,http/1.1", .log = log, .component = "discard"
    };
    struct tls_config config = {
        .on = true, .ca_file = "", .cert_file = files[0], .key_file = files[1], .client_ca_file = ""
    };
    struct error err;
    struct tls *tls = tls_new(&setup, &config, &err);

    if (tls == NULL)
        fprintf(stderr, "%s\n", err.text);
    return tls;
}

int main(int argc, char **argv)
{
    static struct http_service service = {
        .on_request = on_request, .on_body = on_body, .on_end = on_end, .on_close = on_close
    };
    struct http_server_options options = { .endpoint = argc > 1 ? argv[1] : "127.0.0.1:0",
                                           .transport = "tcp",
                                           .expect_http2 = true,
                                           .initial_window = WINDOW,
                                           .read_buffer_size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0 };
    static struct log_sink sink;
    static struct logger log = { .sink = &sink };
    static struct budget budget;
    struct error err;

    log_sink_init(&sink);
    loop_init(&loop, false);
    budget_init(&budget, UINT64_MAX, &loop.turn);
    uv_signal_init(&loop.uv, &term);
    uv_signal_start(&term, on_term, SIGTERM);
    if (argc > 4 && (options.tls = open_tls(argv + 3, &log)) == NULL)
        return 1;
    if (http_server_listen(&server, &loop, &options, &service, &budget, &log, NULL, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    tls_unref(options.tls);
    printf("%s\n", http_server_address(server));
    fflush(stdout);
    loop_run(&loop);
    return loop_close(&loop, NULL, NULL) != 0;
}
