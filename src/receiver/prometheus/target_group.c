/* SPDX-License-Identifier: Apache-2.0 */
/* Texts are kept once for the whole list, whoever has them, and labels point to them. What is beyond the limits of a
 * list is a fault of the whole: who asks for half of the targets cannot be told which. */
#include "receiver/prometheus/target_group.h"

#include <stdlib.h>

void target_group_begin(struct target_group *g)
{
    label_set_reset(&g->common);
    label_set_reset(&g->own);
}

void target_group_free(struct target_group *g)
{
    label_set_free(&g->common);
    label_set_free(&g->own);
    label_set_free(&g->all);
    buf_free(&g->scratch);
    free(g->texts);
}

/* ---- texts ---- */

static struct bytes *find_slot(struct bytes *texts, size_t most, struct bytes text)
{
    size_t at = bytes_hash(text) & (most - 1);

    while (texts[at].data != NULL && !bytes_equal(texts[at], text))
        at = (at + 1) & (most - 1);
    return &texts[at];
}

static void grow_texts(struct target_group *g)
{
    size_t most = g->most_texts > 0 ? 2 * g->most_texts : 256;
    struct bytes *grown = mem_zalloc(most * sizeof(*grown));

    for (size_t i = 0; i < g->most_texts; i++)
        if (g->texts[i].data != NULL)
            *find_slot(grown, most, g->texts[i]) = g->texts[i];
    free(g->texts);
    g->texts = grown;
    g->most_texts = most;
}

static struct bytes keep_text(struct target_group *g, struct bytes text)
{
    struct bytes *slot;

    if (text.len == 0 || g->fault != NULL)
        return bytes_of("", 0);
    if (g->n_texts * 2 >= g->most_texts)
        grow_texts(g);
    slot = find_slot(g->texts, g->most_texts, text);
    if (slot->data != NULL)
        return *slot;
    if (g->out->memory.total > TARGET_GROUP_MAX_BYTES) {
        g->fault = "the labels of the targets have more than 256 MiB together";
        return bytes_of("", 0);
    }
    *slot = bytes_of(memcpy(arena_alloc_bytes(&g->out->memory, text.len), text.data, text.len), text.len);
    g->n_texts++;
    return *slot;
}

/* ---- labels ---- */

void target_group_common(struct target_group *g, struct bytes name, struct bytes value)
{
    label_set_put(&g->common, name, keep_text(g, value));
}

void target_group_label(struct target_group *g, struct bytes name, struct bytes value)
{
    label_set_put(&g->own, name, keep_text(g, value));
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct bytes target_group_name(struct target_group *g, const char *prefix, struct bytes key)
{
    struct bytes name;

    g->scratch.len = 0;
    buf_puts(&g->scratch, prefix);
    for (size_t i = 0; i < key.len; i++)
        if ((key.data[i] & 0xc0) != 0x80) /* one for a character of several bytes */
            buf_putc(&g->scratch, is_plain(key.data[i]) ? (char)key.data[i] : '_');
    name = keep_text(g, buf_bytes(&g->scratch));
    return name.len > 0 ? name : bytes_str("__meta_");
}

struct bytes target_group_address(struct target_group *g, struct bytes host, struct bytes port)
{
    bool v6 = port.len > 0 && host.len > 0 && memchr(host.data, ':', host.len) != NULL;

    g->scratch.len = 0;
    buf_puts(&g->scratch, v6 ? "[" : "");
    buf_put(&g->scratch, host);
    buf_puts(&g->scratch, v6 ? "]" : "");
    if (port.len > 0)
        buf_putc(&g->scratch, ':');
    buf_put(&g->scratch, port);
    return keep_text(g, buf_bytes(&g->scratch));
}

bool target_group_add(struct target_group *g, struct bytes address)
{
    struct target_list *out = g->out;
    size_t n = g->common.list.n + g->own.list.n + 1;
    struct label_set *s = &g->all;

    if (out->targets.n >= DISCOVERY_MAX_TARGETS)
        g->fault = "there are more than 100000 targets";
    else if (out->n_pairs + n > DISCOVERY_MAX_PAIRS)
        g->fault = "the targets have more than 4000000 labels together";
    if (g->fault != NULL)
        return false;
    label_set_reset(s);
    for (size_t i = 0; i < g->common.list.n; i++)
        label_set_put(s, g->common.list.v[i].name, g->common.list.v[i].value);
    for (size_t i = 0; i < g->own.list.n; i++)
        label_set_put(s, g->own.list.v[i].name, g->own.list.v[i].value);
    label_set_put(s, bytes_str("__address__"), address);
    target_list_add(out, s);
    label_set_reset(&g->own);
    return true;
}
