/* SPDX-License-Identifier: Apache-2.0 */
/* A name that comes several times is written where it comes first, with all its values. Entries that are no headers
 * stay out, but for the address. */
#include "ottl/client.h"

#include "otlp/fields.h"
#include "codec/pb.h"
#include "otlp/metadata.h"

static bool came_before(const struct metadata *m, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (bytes_equal(m->entries[k].name, m->entries[i].name))
            return true;
    return false;
}

static void put_values(struct buf *out, const struct metadata *m, struct bytes name)
{
    size_t entry = pb_begin(out, OTTL_CLIENT_METADATA), value, list;
    const struct metadata_entry *e;
    uint32_t at = 0;

    pb_put_bytes(out, OTLP_KEY_VALUE_KEY, name);
    value = pb_begin(out, OTLP_KEY_VALUE_VALUE);
    list = pb_begin(out, OTLP_ANY_ARRAY);
    while ((e = metadata_find(m, name, &at)) != NULL) {
        size_t one = pb_begin(out, OTLP_LIST_VALUES);

        pb_put_bytes(out, OTLP_ANY_STRING, e->value);
        pb_end(out, one);
    }
    pb_end(out, list);
    pb_end(out, value);
    pb_end(out, entry);
}

void ottl_client_write(struct buf *out, const struct metadata *m)
{
    out->len = 0;
    for (uint32_t i = 0; m != NULL && i < m->n; i++) {
        struct bytes name = m->entries[i].name;

        if (bytes_is(name, METADATA_ADDRESS))
            pb_put_bytes(out, OTTL_CLIENT_ADDRESS, m->entries[i].value);
        else if (name.len > 0 && name.data[0] != ':' && !came_before(m, i))
            put_values(out, m, name);
    }
}
