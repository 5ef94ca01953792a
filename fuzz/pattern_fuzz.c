/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of configurations and texts of strangers: "pattern NUL text". Compiling and searching come back, what is
 * found lies in the text. Trace states: what is written reads back the same. */
#include "codec/regex.h"
#include "codec/utf8.h"
#include "otlp/trace_state.h"

#include <stdlib.h>

static void search(const char *pattern, struct bytes text)
{
    struct bytes found[REGEX_MAX_GROUPS + 1];
    struct error err;
    struct regex *r;

    if (!utf8_valid((struct bytes){ (const uint8_t *)pattern, strlen(pattern) }) || !utf8_valid(text))
        return;
    r = regex_new(pattern, &err);
    if (r != NULL && regex_find(r, text, found))
        for (unsigned i = 0; i <= regex_groups(r); i++)
            if (found[i].len > text.len)
                abort();
    regex_free(r);
}

static void read_state(struct bytes text)
{
    static struct trace_state s, again;
    struct buf out = { 0 }, twice = { 0 };

    if (trace_state_read(&s, text)) {
        trace_state_put(&out, &s);
        if (!trace_state_read(&again, buf_bytes(&out)) || again.has_randomness != s.has_randomness ||
            again.has_threshold != s.has_threshold || (s.has_threshold && again.threshold != s.threshold))
            abort();
        trace_state_put(&twice, &again);
        if (!bytes_equal(buf_bytes(&out), buf_bytes(&twice)))
            abort();
    }
    buf_free(&out);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;

    if (nul != NULL)
        search((const char *)data, bytes_of(nul + 1, size - (size_t)(nul - data) - 1));
    else
        read_state(bytes_of(data, size));
    return 0;
}
