/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of keys and values. A value goes through the patterns, then through the sanitizers, each on what the one
 * before has left. An item whose patterns have taken all of its steps has what is left of it masked whole: what nobody
 * could look at is not shown. */
#include "otlp/any_value.h"
#include "otlp/view.h"
#include "processor/redaction/redaction.h"

#define STEP_BYTES 16u /* of text that a sanitizer reads, for a step */

/* ---- keys ---- */

static bool matches_one(struct redaction *p, const struct patterns *patterns, struct bytes text)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (regex_meter_search(&p->meter, patterns->v[i], text))
            return true;
    return false;
}

static bool is_listed(const struct strings *list, struct bytes key)
{
    for (size_t i = 0; i < list->n; i++)
        if (bytes_is(key, list->v[i]))
            return true;
    return false;
}

enum fate redaction_judge_key(struct redaction *p, struct bytes key)
{
    if (is_listed(&p->config->ignored_keys, key) || matches_one(p, &p->ignored, key))
        return IGNORED;
    return !p->config->allow_all_keys && !is_listed(&p->config->allowed_keys, key) ? REMOVED : LEFT;
}

/* ---- values ---- */

/* Each pattern on what those before have left. */
static void mask_matches(struct redaction *p, struct bytes *text)
{
    for (size_t i = 0; i < p->blocked_values.n; i++) {
        struct buf *to = text->data == p->masked[0].data ? &p->masked[1] : &p->masked[0];

        if (mask_matching(&p->mask, &p->meter, p->blocked_values.v[i], *text, to))
            *text = buf_bytes(to);
    }
}

static void sanitize_url(struct redaction *p, struct bytes *text)
{
    struct buf *to = text->data == p->masked[0].data ? &p->masked[1] : &p->masked[0];

    if (!regex_meter_spend(&p->meter, text->len / STEP_BYTES))
        return;
    to->len = 0;
    buf_reserve(to, 1);
    url_sanitize(*text, to);
    *text = buf_bytes(to);
}

static enum fate mask_whole(struct redaction *p, struct bytes *masked)
{
    mask_lines(&p->mask, &p->meter, buf_bytes(&p->text), &p->masked[0]);
    *masked = buf_bytes(&p->masked[0]);
    return MASKED;
}

/* Has it become another text? Or has it not been looked at? */
static enum fate judge_text(struct redaction *p, struct bytes text, struct bytes *masked)
{
    if (p->meter.over)
        return mask_whole(p, masked);
    *masked = text;
    return bytes_equal(text, buf_bytes(&p->text)) ? LEFT : MASKED;
}

static bool is_log(const struct redaction *p)
{
    return p->processor.node.signal == SIGNAL_LOGS;
}

static void read_text(struct redaction *p, struct bytes value)
{
    p->text.len = 0;
    buf_reserve(&p->text, 1);
    any_value_put(&p->text, value);
}

enum fate redaction_judge_attribute(struct redaction *p, const struct attribute *a, struct bytes *masked)
{
    bool seen = value_read(a->value).type == VALUE_STRING || p->config->redact_all_types;
    enum fate fate = redaction_judge_key(p, a->key);
    struct bytes text;

    if (fate != LEFT)
        return fate;
    read_text(p, a->value);
    text = buf_bytes(&p->text);
    if (seen && matches_one(p, &p->allowed_values, text))
        return ALLOWED;
    if (matches_one(p, &p->blocked_keys, a->key))
        return mask_whole(p, masked);
    if (!seen)
        return p->meter.over && p->blocked_keys.n > 0 ? mask_whole(p, masked) : LEFT;
    mask_matches(p, &text);
    if (p->config->url_sanitizer.enabled && url_sanitizes(&p->config->url_sanitizer, a->key))
        sanitize_url(p, &text);
    if (p->db && regex_meter_spend(&p->meter, text.len / STEP_BYTES))
        db_sanitize_attribute(&p->config->db_sanitizer, p->system, is_log(p), a->key, &text, p->masked);
    return judge_text(p, text, masked);
}

enum fate redaction_judge_body(struct redaction *p, struct bytes key, struct bytes value, struct bytes *masked)
{
    bool seen = value_read(value).type != VALUE_EMPTY;
    struct bytes text;

    read_text(p, value);
    text = buf_bytes(&p->text);
    if (seen && matches_one(p, &p->allowed_values, text))
        return ALLOWED;
    if (matches_one(p, &p->blocked_keys, key))
        return mask_whole(p, masked);
    if (!seen)
        return LEFT;
    mask_matches(p, &text);
    if (p->config->url_sanitizer.enabled)
        sanitize_url(p, &text);
    if (p->db && regex_meter_spend(&p->meter, text.len / STEP_BYTES))
        db_sanitize_body(&p->config->db_sanitizer, &text, p->masked);
    return judge_text(p, text, masked);
}

/* ---- names of spans ---- */

static bool has_http_attributes(struct bytes span)
{
    static const char *const keys[] = {
        "http.route",
        "http.request.method",
        "http.request.method_original",
        "http.response.status_code",
        "url.full",
        "http.scheme",
        "http.target",
        "http.method",
        "http.url",
    };
    struct pb_reader r = pb_reader(span);

    for (struct attribute a; attribute_next(&r, OTLP_SPAN_ATTRIBUTES, &a);)
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            if (bytes_is(a.key, keys[i]))
                return true;
    return false;
}

enum { KIND_INTERNAL = 1, KIND_SERVER, KIND_CLIENT };

static bool rename_url(struct redaction *p, struct bytes span, uint64_t kind, struct bytes *name)
{
    const struct url_sanitizer_config *c = &p->config->url_sanitizer;
    struct bytes text = *name;

    if (!c->enabled || !c->sanitize_span_name || (kind != KIND_SERVER && kind != KIND_CLIENT) ||
        (memchr(name->data, '/', name->len) == NULL && !has_http_attributes(span)))
        return false;
    sanitize_url(p, &text);
    if (text.len == 0 || bytes_equal(text, *name) || url_says_nothing(text))
        return false;
    *name = text;
    return true;
}

static bool rename_db(struct redaction *p, struct bytes span, uint64_t kind, struct bytes *name)
{
    const struct db_sanitizer_config *c = &p->config->db_sanitizer;
    struct bytes system, text = *name;

    if (!p->db || !c->sanitize_span_name || kind < KIND_INTERNAL || kind > KIND_CLIENT)
        return false;
    system = db_system_of(span, OTLP_SPAN_ATTRIBUTES);
    if (system.len == 0 || !regex_meter_spend(&p->meter, name->len / STEP_BYTES) ||
        !db_sanitize_name(c, system, &text, p->masked))
        return false;
    if (text.len == 0 || bytes_is(text, "...") || bytes_equal(text, *name))
        return false;
    *name = text;
    return true;
}

bool redaction_rename(struct redaction *p, struct bytes span, struct bytes *name)
{
    uint64_t kind = span_view(span).kind;

    if (name->len == 0 || (!p->db && !p->config->url_sanitizer.enabled) || matches_one(p, &p->allowed_values, *name))
        return false;
    if (rename_url(p, span, kind, name) || (!p->meter.over && rename_db(p, span, kind, name)))
        return true;
    if (p->meter.over)
        *name = bytes_str("****");
    return p->meter.over;
}
