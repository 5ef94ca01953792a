/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, for people and for programs. What others wrote is made visible on the way: a terminal acts on none of
 * it. */
#include "base/log.h"
#include "codec/json_write.h"
#include "command/doctor/finding.h"

static void put_line(struct buf *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_printf(out, "   %-7s", name);
    log_put_visible(out, bytes_str(text));
    buf_putc(out, '\n');
}

/* "otelcd.yaml:3:5: exporters::otlp_grpc::endpoint: write endpoint: x" */
static const char *location_text(struct evidence *e, const struct finding *f)
{
    const char *location = f->file != NULL ? arena_printf(&e->arena, "%s:%d:%d: ", f->file, f->line, f->column) : "";
    const char *how = f->is_written || f->file == NULL ? "" : " (to be added below it)";

    if (f->write[0] == '\0')
        return arena_printf(&e->arena, "%s%s%s", location, f->path, how);
    return arena_printf(&e->arena, "%s%s%s: write %s", location, f->path, how, f->write);
}

static void put_finding(struct evidence *e, struct buf *out, size_t number, const struct finding *f)
{
    if (number > 0)
        buf_printf(out, "%zu. ", number);
    else
        buf_puts(out, "-  ");
    log_put_visible(out, bytes_str(f->about));
    buf_puts(out, " [");
    log_put_visible(out, bytes_str(f->kind));
    buf_puts(out, "]\n");
    put_line(out, "seen", f->seen);
    put_line(out, "means", f->means);
    put_line(out, "do", f->todo);
    if (f->path[0] != '\0')
        put_line(out, "change", location_text(e, f));
}

static void put_head(struct evidence *e, struct buf *out)
{
    if (e->now.status == NULL) {
        buf_puts(out, "no otelcd answers at ");
        log_put_visible(out, bytes_str(e->where));
        buf_puts(out, "\n");
        return;
    }
    buf_puts(out, "otelcd ");
    log_put_visible(out, json_text_at(e->now.status, "service.version"));
    buf_puts(out, " at ");
    log_put_visible(out, bytes_str(e->where));
    buf_printf(out, " (pid %.0f) has run for %s\n", number_at(e->now.status, "service.pid"),
               evidence_seconds(e, number_at(e->now.status, "service.up_seconds")));
}

static size_t count_faults(const struct evidence *e)
{
    size_t n = 0;

    while (n < e->findings.n && e->findings.v[n]->weight >= WEIGHT_RISK)
        n++;
    return n;
}

void findings_print(struct evidence *e, struct buf *out)
{
    size_t faults = count_faults(e);

    put_head(e, out);
    if (faults == 0)
        buf_puts(out, "nothing wrong was found\n");
    for (size_t i = 0; i < faults; i++) {
        buf_putc(out, '\n');
        put_finding(e, out, i + 1, e->findings.v[i]);
    }
    if (faults < e->findings.n)
        buf_puts(out, "\nno fault, but good to know:\n");
    for (size_t i = faults; i < e->findings.n; i++) {
        buf_putc(out, '\n');
        put_finding(e, out, 0, e->findings.v[i]);
    }
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_write_text(w, key, bytes_str(text));
}

static void put_json(struct json_writer *w, const struct finding *f)
{
    json_begin(w, NULL, '{');
    put_text(w, "kind", f->kind);
    put_text(w, "level", f->weight >= WEIGHT_UNREAD ? "fault" : f->weight >= WEIGHT_RISK ? "risk" : "note");
    put_text(w, "about", f->about);
    put_text(w, "seen", f->seen);
    put_text(w, "means", f->means);
    put_text(w, "do", f->todo);
    if (f->path[0] != '\0') {
        json_begin(w, "change", '{');
        put_text(w, "path", f->path);
        if (f->file != NULL) {
            put_text(w, "file", f->file);
            json_write_uint(w, "line", (uint64_t)f->line);
            json_write_uint(w, "column", (uint64_t)f->column);
            json_write_bool(w, "is_written", f->is_written);
        }
        put_text(w, "write", f->write);
        json_end(w, '}');
    }
    json_end(w, '}');
}

void findings_json(struct evidence *e, struct buf *out)
{
    struct json_writer w = { .out = out };

    json_begin(&w, NULL, '{');
    json_write_text(&w, "asked", bytes_str(e->where));
    json_write_bool(&w, "running", e->now.status != NULL);
    if (e->now.status != NULL)
        json_write_double(&w, "interval_seconds", e->interval);
    json_begin(&w, "findings", '[');
    for (size_t i = 0; i < e->findings.n; i++)
        put_json(&w, e->findings.v[i]);
    json_end(&w, ']');
    json_end(&w, '}');
    buf_putc(out, '\n');
}
