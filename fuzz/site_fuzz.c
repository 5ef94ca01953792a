/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as HTTP/1 to the page and its API: whatever is asked, no answer of HTML has markup that a stranger
 * wrote, none a control character, and all is given back. Watchers that stay watch for a while. */
#include "support/site_rig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct site_rig rig;

    site_rig_open(&rig, &(struct http_server_options){ .write_buffer_size = 512 });
    rig.conn.stuck = len > 0 && data[0] % 4 == 0;
    memory_send(&rig.conn, bytes_of(data, len));
    for (int i = 0; i < 14; i++)
        site_rig_tick(&rig);
    if (memmem(rig.conn.out.data, rig.conn.out.len, "<script>alert", 13) != NULL &&
        memmem(rig.conn.out.data, rig.conn.out.len, "text/html", 9) != NULL &&
        memmem(rig.conn.out.data, rig.conn.out.len, "application/json", 16) == NULL)
        abort();
    if (rig.conn.out.len > 0 && memchr(rig.conn.out.data, 033, rig.conn.out.len) != NULL)
        abort();
    site_rig_close(&rig);
    if (rig.site.n_watchers != 0)
        abort();
    return 0;
}
