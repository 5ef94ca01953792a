/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON object is walked once; of its fields those that are known are kept, and of one that comes twice the last. */
#include "oauth2/oauth2_token.h"

#include "codec/json_scan.h"
#include "pipeline/file_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX (16 * 1024ul)

void oauth2_token_free(struct oauth2_token *t)
{
    buf_wipe(&t->access_token);
    buf_free(&t->token_type);
    buf_free(&t->error);
    buf_free(&t->description);
}

static struct buf *field_of(struct oauth2_token *t, struct bytes name)
{
    if (bytes_is(name, "access_token"))
        return &t->access_token;
    if (bytes_is(name, "token_type"))
        return &t->token_type;
    if (bytes_is(name, "error"))
        return &t->error;
    return bytes_is(name, "error_description") ? &t->description : NULL;
}

static double number_of(struct bytes text)
{
    char copy[32] = { 0 };
    double v;

    if (text.len == 0 || text.len >= sizeof(copy))
        return 0;
    memcpy(copy, text.data, text.len);
    v = strtod(copy, NULL);
    return isfinite(v) && v > 0 ? v : 0;
}

/* At a field's value. False: the text is no JSON. */
static bool read_field(struct json_scan *s, struct oauth2_token *t, struct buf *text, bool lifetime)
{
    uint8_t first = json_peek(s);
    struct bytes value;

    if (first == '"' && (text != NULL || lifetime)) {
        if (!json_string(s, &value))
            return false;
        if (lifetime)
            t->expires_in = number_of(value);
        else
            text->len = 0, buf_put(text, value);
        return true;
    }
    if (lifetime && (first == '-' || (first >= '0' && first <= '9'))) {
        if (!json_number(s, &value))
            return false;
        t->expires_in = number_of(value);
        return true;
    }
    return json_skip(s);
}

static bool read_object(struct json_scan *s, struct oauth2_token *t)
{
    if (!json_expect(s, '{', "an object"))
        return false;
    if (json_peek(s) == '}')
        return true;
    for (;;) {
        struct bytes name;
        struct buf *text;
        bool lifetime;

        if (json_peek(s) != '"' || !json_string(s, &name))
            return false;
        text = field_of(t, name);
        lifetime = bytes_is(name, "expires_in");
        if (!json_expect(s, ':', "a colon") || !read_field(s, t, text, lifetime))
            return false;
        if (json_peek(s) != ',')
            return json_expect(s, '}', "a comma or the end");
        s->p++;
    }
}

bool oauth2_token_read(struct bytes answer, struct oauth2_token *t)
{
    struct json_scan s = { .p = answer.data, .end = bytes_end(answer) };
    bool good = answer.len > 0 && read_object(&s, t);

    buf_free(&s.scratch);
    return good;
}

const char *oauth2_token_fault(const struct oauth2_token *t)
{
    if (t->access_token.len == 0)
        return "there is no access_token in it";
    if (t->access_token.len > TOKEN_MAX)
        return "its access_token is too long";
    if (!header_value_is_clean(buf_bytes(&t->access_token)) || !header_value_is_clean(buf_bytes(&t->token_type)))
        return "its access_token has a character that no header may have";
    return NULL;
}
