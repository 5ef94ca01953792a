/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes whose names have a length that no slot's name has are passed over by their first two bytes; most others
 * are read without a view. */
#include "connector/slots.h"

#include "otlp/view.h"

static uint64_t length_bit(size_t len)
{
    return 1ull << (len < 63 ? len : 63);
}

size_t slot_names_add(struct slot_names *names, struct bytes name)
{
    for (size_t i = 0; i < names->n; i++)
        if (bytes_equal(names->v[i], name))
            return i;
    names->v[names->n] = name;
    names->lengths |= length_bit(name.len);
    return names->n++;
}

static struct bytes value_of(struct bytes value)
{
    return value.data != NULL ? value : bytes_of("", 0);
}

static void put_slot(struct attribute_slots *s, const struct slot_names *names, struct bytes key, struct bytes value)
{
    for (size_t i = 0; i < names->n; i++)
        if (bytes_equal(names->v[i], key) && s->v[i].data == NULL) {
            s->v[i] = value_of(value);
            (void)short_part_new(s->v[i], &s->digests[i]);
        }
}

/* A key and a value that stand one behind the other with short lengths, as everybody writes them, are found without a
 * view. Of a key that comes twice the first counts. */
void slots_put(struct attribute_slots *s, const struct slot_names *names, struct bytes key_value)
{
    const uint8_t *p = key_value.data;
    struct key_value_view v;
    size_t key;

    if (key_value.len > 4 && p[0] == PB_TAG(OTLP_KEY_VALUE_KEY, PB_LEN) && p[1] < 0x80 && p[1] + 4u <= key_value.len) {
        key = p[1];
        if (p[key + 2] == PB_TAG(OTLP_KEY_VALUE_VALUE, PB_LEN) && p[key + 3] < 0x80 &&
            key + 4 + p[key + 3] == key_value.len) {
            put_slot(s, names, bytes_of(p + 2, key), bytes_of(p + key + 4, p[key + 3]));
            return;
        }
    }
    v = key_value_view(key_value);
    put_slot(s, names, v.key, v.value);
}

void slots_read(struct attribute_slots *s, const struct slot_names *names, struct bytes message, unsigned number)
{
    struct pb_reader r = pb_reader(message);

    slots_begin(s, names, message, number);
    for (struct bytes field; names->n > 0 && message_next(&r, number, &field);)
        if (slots_want(names, field))
            slots_put(s, names, field);
}
