/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as HTTP/1 to the page and its API: whatever is asked, no answer of HTML has markup that a stranger
 * wrote, none a control character, and all is given back. Watchers that stay watch for a while. */
#include "support/rig/site_rig.h"

#include <stdlib.h>

static bool has(struct bytes text, const char *what)
{
    return text.len > 0 && memmem(text.data, text.len, what, strlen(what)) != NULL;
}

/* One answer after another. */
static void look_at(struct bytes answers)
{
    static const char head[] = "HTTP/1.1 ";

    while (answers.len >= sizeof(head)) {
        const uint8_t *next = memmem(answers.data + 1, answers.len - 1, head, sizeof(head) - 1);
        size_t n = next != NULL ? (size_t)(next - answers.data) : answers.len;

        if (has(bytes_of(answers.data, n), "text/html") && has(bytes_of(answers.data, n), "<script>alert"))
            abort();
        answers = bytes_skip(answers, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct site_rig rig;

    site_rig_open(&rig, &(struct http_server_options){ .write_buffer_size = 512 });
    rig.conn.stuck = len > 0 && data[0] % 4 == 0;
    memory_send(&rig.conn, bytes_of(data, len));
    for (int i = 0; i < 14; i++)
        site_rig_tick(&rig);
    look_at(buf_bytes(&rig.conn.out));
    if (rig.conn.out.len > 0 && memchr(rig.conn.out.data, 033, rig.conn.out.len) != NULL)
        abort();
    site_rig_close(&rig);
    if (rig.site.n_watchers != 0)
        abort();
    return 0;
}
