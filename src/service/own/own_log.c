/* SPDX-License-Identifier: Apache-2.0 */
/* Each line that the log's outputs get is a record too: its message is the body, its fields are attributes, and the
 * words of its component those of the scope, as the Go collector has them. Records of one scope are put together.
 *
 * Lines about what sends them are not among them (struct logger, unwatched), nor is what the debug exporter prints, for
 * that is data. What a line quotes may be long, and is cut. */
#include "service/own/own_inside.h"

#include "codec/pb.h"
#include "codec/utf8.h"
#include "otlp/digest.h"
#include "otlp/fields.h"

#define TEXT_MOST 16384u

static const struct {
    const char *text;
    uint32_t number;
} severities[] = {
    [LOG_DEBUG] = { "debug", 5 },  [LOG_INFO] = { "info", 9 },    [LOG_WARN] = { "warn", 13 },
    [LOG_ERROR] = { "error", 17 }, [LOG_FATAL] = { "fatal", 21 },
};

static void put_bytes(struct buf *out, uint32_t number, const char *key, struct bytes value)
{
    own_put_text(out, number, key, utf8_cut(value, TEXT_MOST));
}

void own_put_field(struct buf *out, uint32_t number, const struct log_field *f)
{
    char text[32];

    switch (f->kind) {
    case LOG_FIELD_STR:
    case LOG_FIELD_JSON:
        put_bytes(out, number, f->key, bytes_str(f->value.str != NULL ? f->value.str : ""));
        break;
    case LOG_FIELD_BYTES:
        put_bytes(out, number, f->key, f->value.bytes);
        break;
    case LOG_FIELD_UINT:
        if (f->value.u <= INT64_MAX) {
            own_put_int(out, number, f->key, (int64_t)f->value.u);
        } else {
            snprintf(text, sizeof(text), "%llu", (unsigned long long)f->value.u);
            put_bytes(out, number, f->key, bytes_str(text));
        }
        break;
    case LOG_FIELD_INT:
        own_put_int(out, number, f->key, f->value.i);
        break;
    case LOG_FIELD_DOUBLE:
        own_put_double(out, number, f->key, f->value.d);
        break;
    case LOG_FIELD_BOOL:
        own_put_bool(out, number, f->key, f->value.b);
        break;
    }
}

struct message *own_scope_of(struct own_node *n, const struct logger *lg)
{
    struct buf scope = { 0 };
    struct message *m;

    own_scope_begin(&scope, n->node.host->version);
    for (size_t i = 0; i < lg->n_fields; i++)
        own_put_field(&scope, OTLP_SCOPE_ATTRIBUTES, &lg->fields[i]);
    m = own_scope_message(n, buf_bytes(&scope));
    buf_free(&scope);
    return m;
}

/* The resource is that of the request. */
static bool is_resource(const struct log_field *f)
{
    return f->kind == LOG_FIELD_JSON && strcmp(f->key, "resource") == 0;
}

static void put_record(struct buf *out, const struct log_sink *sink, const struct log_line *line)
{
    size_t body;

    pb_put_fixed64(out, OTLP_LOG_TIME, line->time);
    pb_put_uint(out, OTLP_LOG_SEVERITY_NUMBER, severities[line->level].number);
    pb_put_str(out, OTLP_LOG_SEVERITY_TEXT, severities[line->level].text);
    body = pb_begin(out, OTLP_LOG_BODY);
    own_put_string(out, OTLP_ANY_STRING, utf8_cut(line->msg, TEXT_MOST));
    pb_end(out, body);
    for (size_t i = 0; i < line->n; i++)
        own_put_field(out, OTLP_LOG_ATTRIBUTES, &line->fields[i]);
    for (size_t i = 0; i < sink->n_fields; i++)
        if (!is_resource(&sink->fields[i]))
            own_put_field(out, OTLP_LOG_ATTRIBUTES, &sink->fields[i]);
    pb_put_fixed64(out, OTLP_LOG_OBSERVED_TIME, line->time);
}

static void on_line(struct log_watcher *w, const struct log_line *line)
{
    struct own_node *n = container_of(w, struct own_node, watcher);
    struct buf record = { 0 };

    if (!own_admit(n))
        return;
    put_record(&record, line->logger->sink, line);
    own_take(n, own_scope_of(n, line->logger), buf_bytes(&record));
    buf_free(&record);
}

void own_log_start(struct own_node *n)
{
    n->watcher.on_line = on_line;
    log_watch(n->node.host->log, &n->watcher);
}

void own_log_stop(struct own_node *n)
{
    log_unwatch(n->node.host->log, &n->watcher);
}
