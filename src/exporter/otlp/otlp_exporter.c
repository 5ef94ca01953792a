/* SPDX-License-Identifier: Apache-2.0 */
/* What the OTLP exporters have in common. The sender in front of each keeps what waits and tries again; with its queue
 * off it is there too, and whoever sends waits for the peer's answer. When the sender has stopped, exports that it has
 * given up at the deadline are forgotten: their calls are cancelled, their jobs abandoned. */
#include "exporter/otlp/otlp_exporter.h"
#include "pipeline/node_tls.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/utsname.h>

#define MEMBER_BYTES (512u << 10) /* of what waits, in one request to a member */

/* ---- what is said of answers ---- */

static void complain_partial(struct otlp_exporter *n, const struct otlp_answer *a)
{
    static const char *const keys[SIGNAL_COUNT] = { "dropped_spans", "dropped_data_points", "dropped_log_records",
                                                    "dropped_profiles" };

    if (complaint_due_to(&n->partial, &n->node.host->loop->clock, a->text))
        log_warn(&n->node.log, "Partial success response", F_STR("message", a->text),
                 F_UINT(keys[n->node.signal], a->rejected), F_STR("endpoint", n->name),
                 F_UINT("repeated", complaint_taken(&n->partial)));
}

void otlp_exporter_complain(struct otlp_exporter *n, const struct otlp_answer *a, uint64_t items)
{
    const char *advice = a->advice != NULL ? a->advice : "";
    const char *message = a->fate == OTLP_RETRY ? "The peer does not take what is sent for now"
                                                : "The peer refuses what is sent, and it is dropped or handed back";

    if (a->fate == OTLP_TAKEN) {
        complain_partial(n, a);
        return;
    }
    if (a->fate == OTLP_RETRY && a->advice == NULL) /* the sender says all that there is to say */
        return;
    if (complaint_due_to(&n->refusing, &n->node.host->loop->clock, a->reason))
        log_warn(&n->node.log, message, F_STR("answer", a->text), F_STR("advice", advice), F_STR("reason", a->reason),
                 F_UINT("items", items), F_STR("endpoint", n->name), F_UINT("repeated", complaint_taken(&n->refusing)));
}

/* ---- headers ---- */

static void add_header(struct otlp_exporter *n, const char *name, const char *value)
{
    char *lower = mem_strdup(name), *copy = mem_strdup(value);

    for (char *p = lower; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    for (char *p = copy; *p != '\0'; p++) /* the ends of lines of files that values come from */
        if (*p == '\r' || *p == '\n')
            *p = ' ';
    *vec_push(&n->texts) = lower;
    *vec_push(&n->texts) = copy;
    if (strcmp(lower, "host") == 0 || strcmp(lower, "user-agent") == 0)
        *vec_push(&n->client_headers) = (struct http_header){ bytes_str(lower), bytes_str(copy) };
    else
        *vec_push(&n->headers) = (struct http_header){ bytes_str(lower), bytes_str(copy) };
}

/* The timeout as gRPC writes it, in the finest unit that eight digits hold. */
static void add_timeout(struct otlp_exporter *n, uint64_t ns)
{
    static const struct {
        uint64_t ns;
        char unit;
    } units[] = { { 1, 'n' }, { NS_PER_US, 'u' }, { NS_PER_MS, 'm' }, { NS_PER_S, 'S' }, { 60 * NS_PER_S, 'M' } };
    char text[32];
    size_t i = 0;

    if (ns == 0)
        return;
    while (i + 1 < ARRAY_LEN(units) && ns / units[i].ns > 99999999)
        i++;
    snprintf(text, sizeof(text), "%llu%c", (unsigned long long)(ns / units[i].ns), units[i].unit);
    add_header(n, "grpc-timeout", text);
}

static void set_headers(struct otlp_exporter *n)
{
    const struct otlp_settings *s = &n->settings;
    bool coded = s->coding != CODING_IDENTITY;
    const char *coding = s->grpc && s->coding == CODING_SNAPPY_FRAMED ? "snappy" : coding_name(s->coding);

    if (s->grpc) {
        add_header(n, "content-type", "application/grpc");
        add_header(n, "te", "trailers");
        add_timeout(n, s->timeout);
    } else {
        add_header(n, "content-type", s->json ? "application/json" : "application/x-protobuf");
    }
    if (coded)
        add_header(n, s->grpc ? "grpc-encoding" : "content-encoding", coding);
    for (size_t i = 0; i < s->headers->n; i++)
        add_header(n, s->headers->v[i].key, s->headers->v[i].value);
}

/* "otelcd/1.2 (linux/amd64)": what the Go collector calls itself, with our name. For the caller to free. */
static char *make_user_agent(const struct node *node)
{
    static const struct {
        const char *machine, *go;
    } names[] = { { "x86_64", "amd64" }, { "aarch64", "arm64" }, { "i686", "386" }, { "armv7l", "arm" } };
    const char *machine = "unknown";
    struct utsname u;

    if (uname(&u) == 0)
        machine = u.machine;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].machine, machine) == 0)
            machine = names[i].go;
    return mem_printf("otelcd/%s (linux/%s)", node->host->version, machine);
}

/* ---- life ---- */

static void on_attempt(struct consumer *self, struct batch *batch, struct ack *ack)
{
    otlp_export_start(container_of(self, struct otlp_exporter, attempt), batch, ack);
}

static void start_call(struct otlp_exporter *n, struct http_call *call)
{
    http_call_start(n->client, call);
}

static void cancel_call(struct otlp_exporter *n, struct http_call *call)
{
    (void)n;
    http_call_cancel(call);
}

static const struct otlp_client_port client_port = { start_call, cancel_call };

static void set_sender(struct otlp_exporter *n)
{
    const struct otlp_settings *s = &n->settings;
    struct sender_options o = { .attempt = &n->attempt, .member = n->member };

    if (n->authenticator != NULL)
        o.keys = n->authenticator->reads;
    if (n->member != NULL) /* parts of batches are small */
        o.merge_bytes = MEMBER_BYTES;
    n->sender = delivery_sender(&n->node, s->delivery, o);
}

/* What the Go collector's metrics say of where an exporter sends to. */
static void set_labels(struct otlp_exporter *n)
{
    const struct otlp_target *t = &n->target;

    if (n->member != NULL) /* the ledger is that of all */
        return;
    ledger_set_label(n->node.ledger, "server_address", t->address);
    ledger_set_label(n->node.ledger, "server_port", t->port);
    if (t->path != NULL)
        ledger_set_label(n->node.ledger, "url_path", t->path);
}

void otlp_exporter_create(struct otlp_exporter *n, const struct otlp_settings *s)
{
    n->settings = *s;
    n->port = &client_port;
    n->attempt.consume = on_attempt;
    n->name = n->target.url;
    list_init(&n->exports);
    list_init(&n->dropping);
    request_limit_init(&n->limit, s->max_request_bytes);
    if (otlp_exporter_forwards(n))
        n->node.wants_packed = 1u << s->coding;
    set_headers(n);
    set_labels(n);
    otlp_exporter_metrics_init(n);
    if (s->auth != NULL && s->auth->on)
        n->authenticator = n->node.host->find_client_authenticator(&n->node, s->auth->authenticator);
    set_sender(n);
}

static int open_client(struct otlp_exporter *n, struct http_client_options o, const struct tls_config *tls,
                       struct error *err)
{
    char *own = make_user_agent(&n->node);

    o.url = n->target.url;
    o.target = n->target.dial;
    o.user_agent = o.user_agent != NULL ? o.user_agent : own;
    o.headers = n->client_headers.v;
    o.n_headers = n->client_headers.n;
    n->client = node_http_client(&n->node, &o, tls, n->target.secure, err);
    free(own);
    return n->client != NULL ? 0 : UV_EINVAL;
}

int otlp_exporter_start(struct otlp_exporter *n, struct http_client_options o, const struct tls_config *tls,
                        struct error *err)
{
    const struct sending_queue_config *queue = &n->settings.delivery->sending_queue;
    int rc = open_client(n, o, tls, err);

    if (rc == 0)
        rc = sender_start(n->sender, err);
    if (rc != 0)
        return rc;
    n->name = n->node.peer = http_client_name(n->client);
    log_info(&n->node.log, "Sending OTLP", F_STR("endpoint", n->name),
             F_STR("compression", n->settings.coding == CODING_IDENTITY ? "none" : coding_name(n->settings.coding)),
             F_STR("queue", !queue->on                   ? "none"
                            : sending_queue_keeps(queue) ? "disk"
                                                         : "memory"));
    return 0;
}

static void forget_exports(struct otlp_exporter *n)
{
    list_each (struct otlp_export, e, &n->exports, link)
        otlp_export_free(e);
}

static void close_client(struct otlp_exporter *n)
{
    n->name = n->target.url;
    n->node.peer = NULL;
    if (n->client != NULL)
        http_client_close(n->client);
    n->client = NULL;
}

static void on_sender_stopped(struct node *node)
{
    struct otlp_exporter *n = otlp_exporter_of(node);

    forget_exports(n); /* the sender has given them up at the deadline */
    close_client(n);
    n->stopped(node);
}

void otlp_exporter_stop(struct node *node, uint64_t deadline, void (*done)(struct node *node))
{
    struct otlp_exporter *n = otlp_exporter_of(node);

    n->stopped = done;
    sender_stop(n->sender, deadline, on_sender_stopped);
}

void otlp_exporter_hurry(struct node *node)
{
    sender_hurry(otlp_exporter_of(node)->sender);
}

void otlp_exporter_destroy(struct node *node)
{
    struct otlp_exporter *n = otlp_exporter_of(node);

    if (n->sender != NULL) { /* else create() has failed */
        forget_exports(n);
        slicer_free(n->slicer);
        close_client(n);
        sender_free(n->sender);
        otlp_exporter_metrics_close(n);
    }
    for (size_t i = 0; i < n->texts.n; i++)
        free(n->texts.v[i]);
    vec_free(&n->texts);
    vec_free(&n->headers);
    vec_free(&n->client_headers);
    otlp_target_free(&n->target);
}
