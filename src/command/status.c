/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd status`: what /api/v1/status of a running otelcd says, once, and whether it is well, in the exit code. The
 * text is made there (page/status_text.c); what is printed is what was judged. */
#include "command/status.h"

#include "page/status.h"

#include <stdio.h>
#include <string.h>

#define MOST ((size_t)64 << 20)

enum { EXIT_WELL = 0, EXIT_UNWELL = 1, EXIT_UNREACHED = 2 };

/* What an answer that is none of ours may mean. */
static const char *advice_for(int status)
{
    if (status == 404)
        return "the page is switched off there (service::telemetry::page), or this is no address of otelcd's own "
               "metrics";
    if (status == 401 || status == 403)
        return "an authenticator stands in front of it; otelcd status sends no credentials";
    return "is this the address of otelcd's own metrics? --config or --endpoint say which it is";
}

bool status_ask(const struct daemon_address *p, const char *path, struct daemon_answer *r, struct error *err)
{
    daemon_ask(p, "GET", path, MOST, r);
    if (r->status == 200 && !r->cut)
        return true;
    error_clear(err);
    if (r->status == 0)
        error_set(err, -1,
                  "%s: %s; is otelcd running, and does it listen there? --config, --socket or --endpoint say where",
                  r->where, r->why);
    else if (r->status != 200)
        error_set(err, -1, "%s: %s: %s", r->where, r->line, advice_for(r->status));
    else
        error_set(err, -1, "%s: the answer ends early; a longer --timeout may help", r->where);
    buf_free(&r->text);
    return false;
}

static bool text_is_well(struct bytes text)
{
    const uint8_t *end = memchr(text.data, '\n', text.len);
    size_t n = end != NULL ? (size_t)(end - text.data) : 0;

    return n >= strlen(STATUS_WELL) && memcmp(end - strlen(STATUS_WELL), STATUS_WELL, strlen(STATUS_WELL)) == 0;
}

/* The member is of the outermost object, and no text can hold its quotes. */
static bool json_is_well(struct bytes text)
{
    static const char member[] = "\"well\":true";

    return memmem(text.data, text.len, member, sizeof(member) - 1) != NULL;
}

int command_status(const struct arguments *a)
{
    struct daemon_address p = { 0 };
    struct daemon_answer r;
    struct error err;
    bool json = a->format != NULL && strcmp(a->format, "json") == 0, well;

    if (a->format != NULL && !json && strcmp(a->format, "text") != 0) {
        fprintf(stderr, "otelcd status: there is no format \"%s\"; write --format text or json\n", a->format);
        return EXIT_UNREACHED;
    }
    if (daemon_find_here(a, &p) != 0)
        return EXIT_UNREACHED;
    if (!status_ask(&p, json ? "/api/v1/status" : "/api/v1/status?format=text", &r, &err)) {
        fprintf(stderr, "otelcd status: %s\n", err.text);
        return EXIT_UNREACHED;
    }
    well = json ? json_is_well(r.body) : text_is_well(r.body);
    fwrite(r.body.data, 1, r.body.len, stdout);
    if (json)
        putchar('\n');
    buf_free(&r.text);
    return well ? EXIT_WELL : EXIT_UNWELL;
}
