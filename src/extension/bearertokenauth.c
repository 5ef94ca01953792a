/* SPDX-License-Identifier: Apache-2.0 */
/* The bearertokenauth extension: a token that clients must send, and one that we send.
 *
 * What a header must be, the scheme and a token, is put together once for each token, when the configuration or the
 * file is read. A request's header is compared with all of them, each time to the end. What can go wrong: the file
 * goes, and its tokens stay; or it is empty, and nobody is let in. */
#include "base/loop/watched_file.h"
#include "base/mem.h"
#include "base/vec.h"
#include "pipeline/authenticator.h"
#include "pipeline/component.h"
#include "pipeline/file_value.h"

#include <ctype.h>
#include <nettle/memops.h>
#include <stdlib.h>

#define FILE_LIMIT (1024 * 1024ul)
#define TOKENS_MAX 10000u /* each request is compared with each */

struct bearertokenauth_config {
    const char *header, *scheme;
    struct secret token;
    struct strings tokens;
    const char *filename;
};

static const struct option options[] = {
    OPT_STRING(struct bearertokenauth_config, header, "Authorization", "The header that has the token."),
    OPT_STRING(struct bearertokenauth_config, scheme, "Bearer",
               "The word before the token, and a blank; empty: the header is the token alone."),
    OPT_SECRET(struct bearertokenauth_config, token, "The token."),
    OPT_STRINGS(struct bearertokenauth_config, tokens, "[]",
                "Several, in place of `token`: clients may send any of them; the first is what we send.",
                .secret = true),
    OPT_STRING(struct bearertokenauth_config, filename, "",
               "A file with one token in each line, in place of both; it is read again when it changes. Empty lines "
               "are no tokens."),
    OPT_IGNORED("file_retry", "a file that cannot be read is looked at again every second"),
    OPT_END,
};

/* What the header may be: the scheme and a token. */
struct header_value {
    char *text;
    size_t len;
};

struct bearertokenauth {
    struct node node;
    const struct bearertokenauth_config *config;
    char *header; /* in lower case */
    VEC(struct header_value) values;
    struct arena memory; /* where they are */
    uint64_t generation; /* of them */
    struct watched_file *file;
    struct gatekeeper gatekeeper;
    struct client_authenticator client;
};

static struct bearertokenauth *bearer_of(struct node *node)
{
    return container_of(node, struct bearertokenauth, node);
}

/* ---- tokens ---- */

static void forget_tokens(struct bearertokenauth *b)
{
    for (size_t i = 0; i < b->values.n; i++)
        explicit_bzero(b->values.v[i].text, b->values.v[i].len);
    b->values.n = 0;
    arena_reset(&b->memory);
    b->generation++;
}

static void add_token(struct bearertokenauth *b, struct bytes token)
{
    const char *scheme = b->config->scheme;
    char *value = arena_printf(&b->memory, "%s%s%.*s", scheme, scheme[0] != '\0' ? " " : "", (int)token.len,
                               (const char *)token.data);

    *vec_push(&b->values) = (struct header_value){ value, strlen(value) };
}

static struct bytes trimmed_line(const uint8_t *from, const uint8_t *to)
{
    while (from < to && isspace(*from))
        from++;
    while (to > from && isspace(to[-1]))
        to--;
    return bytes_of(from, (size_t)(to - from));
}

/* Returns how many lines had to be left out. */
static size_t take_lines(struct bearertokenauth *b, struct bytes content)
{
    size_t left_out = 0;

    forget_tokens(b);
    while (content.len > 0) {
        const uint8_t *end = memchr(content.data, '\n', content.len);
        const uint8_t *to = end != NULL ? end : bytes_end(content);
        struct bytes token = trimmed_line(content.data, to);

        if (token.len > 0 && (!header_value_is_clean(token) || b->values.n == TOKENS_MAX))
            left_out++;
        else if (token.len > 0)
            add_token(b, token);
        content = bytes_skip(content, (size_t)(to - content.data) + (end != NULL));
    }
    return left_out;
}

static void log_lines(struct bearertokenauth *b, size_t left_out)
{
    const char *file = b->config->filename;

    if (left_out > 0)
        log_error(&b->node.log, "Lines of the token file are left out: they have control characters, or are too many",
                  F_STR("file", file), F_UINT("lines", left_out), F_UINT("most", TOKENS_MAX));
    if (b->values.n == 0)
        log_error(&b->node.log, "The token file has no token: nobody is let in with it", F_STR("file", file));
    else
        log_info(&b->node.log, "Token file read", F_STR("file", file), F_UINT("tokens", b->values.n));
}

static void on_change(void *owner, struct bytes content)
{
    struct bearertokenauth *b = owner;

    log_lines(b, take_lines(b, content));
}

static void on_fault(void *owner, const char *why)
{
    struct bearertokenauth *b = owner;

    log_error(&b->node.log, "The token file cannot be read any more: its tokens stay in use",
              F_STR("file", b->config->filename), F_STR("error", why));
}

static int open_file(struct bearertokenauth *b, struct error *err)
{
    struct watched_file_options o = {
        .path = b->config->filename, .limit = FILE_LIMIT, .on_change = on_change, .on_fault = on_fault, .owner = b
    };
    struct buf content = { 0 };

    b->file = watched_file_open(b->node.host->loop, &o, &content, err);
    if (b->file == NULL)
        return error_wrap(err, "filename");
    log_lines(b, take_lines(b, buf_bytes(&content)));
    explicit_bzero(content.data, content.cap);
    buf_free(&content);
    return 0;
}

/* ---- who may come in ---- */

/* Takes the same time for every header of one length. */
static bool is_known(const struct bearertokenauth *b, struct bytes value)
{
    int known = 0;

    for (size_t i = 0; i < b->values.n; i++)
        if (b->values.v[i].len == value.len)
            known |= memeql_sec(b->values.v[i].text, value.data, value.len);
    return known != 0;
}

static enum gate_verdict ask(struct gatekeeper *g, struct gate_question *q)
{
    struct bearertokenauth *b = container_of(g, struct bearertokenauth, gatekeeper);
    struct bytes value = gate_credential(q, b->header);

    q->challenge = b->config->scheme[0] != '\0' ? b->config->scheme : "Bearer";
    if (value.len == 0) {
        q->why = "missing or empty authorization header";
        return GATE_DENIED;
    }
    q->why = "scheme or token does not match";
    return is_known(b, value) ? GATE_OPEN : GATE_DENIED;
}

/* ---- what we say ---- */

static enum auth_verdict sign(struct client_authenticator *a, struct auth_request *r)
{
    struct bearertokenauth *b = container_of(a, struct bearertokenauth, client);

    r->generation = b->generation;
    if (b->values.n == 0) {
        snprintf(r->why, sizeof(r->why), "%s has no token", b->config->filename);
        return AUTH_FAILED;
    }
    call_headers_set(r->headers, bytes_str(b->header), bytes_of(b->values.v[0].text, b->values.v[0].len));
    return AUTH_GRANTED;
}

static bool was_old(struct client_authenticator *a, uint64_t generation)
{
    struct bearertokenauth *b = container_of(a, struct bearertokenauth, client);

    if (b->file != NULL)
        watched_file_look(b->file);
    return generation != b->generation;
}

/* ---- life ---- */

static void check_token(const char *path, const char *token, struct check *ck)
{
    if (token[0] == '\0')
        check_fail(ck, path, "a token is empty: whoever sends none would be let in");
    else if (!header_value_is_clean(bytes_str(token)))
        check_fail(ck, path, "a token has a control character, which no header may have: remove it");
}

static void check_file(const char *path, struct check *ck)
{
    struct buf content = { 0 };
    struct error err = { 0 };

    if (file_read(path, FILE_LIMIT, &content, &err) != 0)
        check_fail(ck, "filename", "%s", err.text);
    buf_wipe(&content);
}

static void check(const void *config, struct check *ck)
{
    const struct bearertokenauth_config *c = config;
    bool one = c->token.text[0] != '\0', several = c->tokens.n > 0;

    if (!one && !several && c->filename[0] == '\0')
        check_fail(ck, "token", "no bearer token provided: write token, tokens or filename");
    if (one && several)
        check_fail(ck, "tokens", "either tokens or token should be provided, not both");
    if (c->filename[0] != '\0' && (one || several))
        check_warn(ck, "filename", "a filename is specified. Configured token(s) is ignored!");
    if (c->filename[0] != '\0')
        check_file(c->filename, ck);
    if (one)
        check_token("token", c->token.text, ck);
    for (size_t i = 0; i < c->tokens.n; i++)
        check_token("tokens", c->tokens.v[i], ck);
    if (!header_name_is_valid(c->header))
        check_fail(ck, "header", "\"%s\" is no name of a header", c->header);
    if (!header_value_is_clean(bytes_str(c->scheme)))
        check_fail(ck, "scheme", "has a control character, which no header may have: remove it");
}

static int create(struct node *node, const void *config, struct error *err)
{
    struct bearertokenauth *b = bearer_of(node);

    (void)err;
    b->config = config;
    b->header = mem_strdup(b->config->header);
    for (char *p = b->header; *p != '\0'; p++)
        *p = (char)tolower(*p);
    b->gatekeeper.ask = ask;
    b->client = (struct client_authenticator){ .ask = sign, .refused = was_old, .secure_only = true };
    return 0;
}

static int start(struct node *node, struct error *err)
{
    struct bearertokenauth *b = bearer_of(node);
    const struct bearertokenauth_config *c = b->config;

    if (c->filename[0] != '\0')
        return open_file(b, err);
    for (size_t i = 0; i < c->tokens.n; i++)
        add_token(b, bytes_str(c->tokens.v[i]));
    if (c->tokens.n == 0)
        add_token(b, bytes_str(c->token.text));
    return 0;
}

static void destroy(struct node *node)
{
    struct bearertokenauth *b = bearer_of(node);

    watched_file_close(b->file);
    forget_tokens(b);
    vec_free(&b->values);
    arena_free(&b->memory);
    free(b->header);
}

static struct gatekeeper *gatekeeper(struct node *node)
{
    return &bearer_of(node)->gatekeeper;
}

static struct client_authenticator *client_authenticator(struct node *node)
{
    return &bearer_of(node)->client;
}

extern const struct component bearertokenauth_extension;
const struct component bearertokenauth_extension = {
    COMPONENT_TYPE("bearertokenauth", COMPONENT_EXTENSION, .stability = "beta"),
    .spread = SPREAD_EACH,
    .summary = "Lets clients in that send a token, and sends one: for `auth` of receivers and of exporters.",
    COMPONENT_CONFIG(struct bearertokenauth_config, options, .check = check),
    COMPONENT_NODE(struct bearertokenauth, .create = create, .start = start, .destroy = destroy,
                   .gatekeeper = gatekeeper, .client_authenticator = client_authenticator),
};
