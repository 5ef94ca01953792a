/* SPDX-License-Identifier: Apache-2.0 */
/* The query of a request for a page of an extension: its parameters, the seconds of a profile, the addresses whose
 * names pprof wants. What a page shows of it is no markup. */
#include "extension/pprof/pprof.c"

#include "extension/zpages/zpages.h"

/* One mapping, of which every other page has a name. */
static struct mapping only = { .start = 0x1000, .end = UINTPTR_MAX };

void symbol_map_load(struct symbol_map *s)
{
    *s = (struct symbol_map){ 0 };
}

void symbol_map_free(struct symbol_map *s)
{
    (void)s;
}

const struct mapping *symbol_map_find(const struct symbol_map *s, uintptr_t address)
{
    (void)s;
    return address >= only.start ? &only : NULL;
}

const char *symbol_map_name(const struct mapping *m, uintptr_t address, uintptr_t *begin)
{
    (void)m;
    *begin = address & ~(uintptr_t)0xfff;
    return address & 0x1000 ? "some_function" : NULL;
}

/* A line for each address at most, and nothing of the query's own. */
static void try_symbols(struct bytes query)
{
    struct buf out = { 0 };
    size_t lines = 0;

    put_symbols(&out, query);
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    if (lines < 1 || lines > 1001)
        abort();
    buf_free(&out);
}

static void try_parameter(const struct page *page)
{
    static const char *const markup[] = { "<", ">", "\"", "'", "\n" };
    struct buf value = { 0 }, html = { 0 };

    if (page_parameter(page, "zpipelinename", &value)) {
        if (value.len > page->req->query.len)
            abort();
        html_text(&html, buf_bytes(&value));
        for (size_t i = 0; i < ARRAY_LEN(markup) && html.len > 0; i++)
            if (memchr(html.data, markup[i][0], html.len) != NULL)
                abort();
    }
    buf_free(&value);
    buf_free(&html);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_request req = { .query = bytes_of(data, len) };
    struct page page = { .req = &req };
    uint64_t seconds;

    if (read_seconds(&page, &seconds) && (seconds < 1 || seconds > SECONDS_MAX))
        abort();
    try_parameter(&page);
    try_symbols(req.query);
    return 0;
}
