/* SPDX-License-Identifier: Apache-2.0 */
/* The rewriter against decoding, editing and encoding again with protobuf-c, for random requests and decisions. */
#include "otlp/rewrite.h"

#include "base/loop/turn.h"
#include "otlp/any_value.h"
#include "otlp/attribute_list.h"
#include "otlp/validate.h"
#include "support/random_message.h"

#include <check.h>
#include <stdlib.h>

static struct turn turn;
static struct budget budget;
static uint64_t salt; /* of the decisions */
static enum signal walked;

/* ---- what is decided about a message hangs on its bytes and those of what it is in ---- */

enum { RESOURCE = 1, SCOPE, METRIC, ITEM, BELOW };

static uint64_t context_hash(struct bytes resource, struct bytes scope, struct bytes metric, struct bytes item)
{
    return bytes_hash(resource) + 3 * bytes_hash(scope) + 5 * bytes_hash(metric) + 7 * bytes_hash(item);
}

static enum rewrite_verdict decide(int sort, struct bytes message, uint64_t context)
{
    static const enum rewrite_verdict moods[4][6] = {
        { REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP },
        { REWRITE_KEEP, REWRITE_EDIT, REWRITE_DROP, REWRITE_PASS, REWRITE_EDIT, REWRITE_KEEP },
        { REWRITE_DROP, REWRITE_DROP, REWRITE_DROP, REWRITE_DROP, REWRITE_DROP, REWRITE_EDIT },
        { REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP, REWRITE_KEEP, REWRITE_DROP },
    };
    uint64_t h = (bytes_hash(message) ^ salt ^ context) * (uint64_t)(2 * sort + 1) * 0x9e3779b97f4a7c15;
    enum rewrite_verdict v = moods[salt >> (2 * sort) & 3][(h >> 40) % 6];

    return v == REWRITE_PASS && sort == BELOW ? REWRITE_KEEP : v;
}

/* ---- the fast way ---- */

static struct attribute_list list;
static const uint8_t new_value[] = { 0x0a, 3, 'n', 'e', 'w' };

static void edit_attributes(struct bytes message, unsigned number, struct pieces *edit)
{
    attribute_list_read(&list, message, number);
    attribute_list_remove(&list, bytes_str("a"));
    attribute_list_set(&list, bytes_str("b"), bytes_of(new_value, sizeof(new_value)));
    attribute_list_write(&list, edit);
}

static uint64_t context_of(const struct visit *at, int sort)
{
    struct bytes none = { NULL, 0 };

    return context_hash(sort > RESOURCE ? visit_resource(at) : none, sort > SCOPE ? visit_scope(at) : none,
                        sort > METRIC ? at->metric : none, sort > ITEM ? at->item : none);
}

static enum rewrite_verdict on_resource(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    ck_assert(bytes_equal(at->message, visit_resource(at)));
    edit_attributes(at->message, at->attributes, edit);
    return decide(RESOURCE, at->message, context_of(at, RESOURCE));
}

static enum rewrite_verdict on_scope(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    edit_attributes(at->message, at->attributes, edit);
    return decide(SCOPE, at->message, context_of(at, SCOPE));
}

/* An edited metric is its bytes and one field more. */
static enum rewrite_verdict on_metric(void *arg, const struct visit *at, struct pieces *edit)
{
    static const uint8_t more[] = { 0xd8, 0x14, 7 }; /* 331: 7 */

    (void)arg;
    pieces_add(edit, at->message);
    pieces_add(edit, bytes_of(more, sizeof(more)));
    return decide(METRIC, at->message, context_of(at, METRIC));
}

static enum rewrite_verdict on_item(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    edit_attributes(at->message, at->attributes, edit);
    return decide(ITEM, at->message, context_of(at, ITEM));
}

static enum rewrite_verdict on_below(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    edit_attributes(at->message, at->attributes, edit);
    return decide(BELOW, at->message, context_of(at, BELOW));
}

/* Behind what some scopes hold there is an item more: an empty one, or a metric without data. */
static bool is_longer(uint64_t context)
{
    return ((context ^ salt) * 0x9e3779b97f4a7c15) >> 62 == 1;
}

static enum rewrite_verdict on_scope_end(void *arg, const struct visit *at, struct pieces *edit)
{
    static const uint8_t empty[] = { 0x12, 0 };

    (void)arg;
    pieces_add(edit, bytes_of(empty, sizeof(empty)));
    edit->made = walked != SIGNAL_METRICS;
    return is_longer(context_of(at, METRIC)) ? REWRITE_EDIT : REWRITE_KEEP;
}

/* ---- the slow way ---- */

static size_t *count_of(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return (size_t *)(void *)((char *)m + f->quantifier_offset);
}

static void *member(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    return (char *)m + f->offset;
}

static ProtobufCMessage *read_as(const ProtobufCMessageDescriptor *type, struct bytes b)
{
    ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, b.len, b.data);

    ck_assert_ptr_nonnull(m);
    return m;
}

static void remove_child(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t i)
{
    ProtobufCMessage **v = *(ProtobufCMessage ***)member(m, f);

    protobuf_c_message_free_unpacked(v[i], NULL);
    memmove(&v[i], &v[i + 1], (--*count_of(m, f) - i) * sizeof(*v));
}

static bool key_is(ProtobufCMessage *key_value, const char *key)
{
    return strcmp(*(char **)member(key_value, &key_value->descriptor->fields[0]), key) == 0;
}

static void set_b(ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    static const uint8_t b[] = { 0x0a, 1, 'b', 0x12, 5, 0x0a, 3, 'n', 'e', 'w' };
    ProtobufCMessage *fresh = read_as(f->descriptor, bytes_of(b, sizeof(b))), ***v = member(m, f);
    size_t at = SIZE_MAX;

    for (size_t i = *count_of(m, f); i-- > 0;) {
        if (!key_is((*v)[i], "b"))
            continue;
        if (at != SIZE_MAX)
            remove_child(m, f, at);
        at = i;
    }
    if (at != SIZE_MAX) {
        protobuf_c_message_free_unpacked((*v)[at], NULL);
        (*v)[at] = fresh;
        return;
    }
    *v = realloc(*v, (*count_of(m, f) + 1) * sizeof(**v));
    (*v)[(*count_of(m, f))++] = fresh;
}

static void slow_attributes(ProtobufCMessage *m)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "attributes");

    if (f == NULL)
        f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "filtered_attributes");
    for (size_t i = *count_of(m, f); i-- > 0;)
        if (key_is((*(ProtobufCMessage ***)member(m, f))[i], "a"))
            remove_child(m, f, i);
    set_b(m, f);
}

/* What the message that is being visited is in, as it came; by sort. */
static struct buf above[ITEM + 1];

static enum rewrite_verdict decide_slowly(int sort, const ProtobufCMessage *m)
{
    struct buf packed = { 0 };
    enum rewrite_verdict v;

    for (int s = sort; s <= ITEM; s++)
        above[s].len = 0;
    if (m != NULL)
        packed_put(&packed, m);
    v = decide(sort, buf_bytes(&packed),
               context_hash(buf_bytes(&above[RESOURCE]), buf_bytes(&above[SCOPE]), buf_bytes(&above[METRIC]),
                            buf_bytes(&above[ITEM])));
    if (sort <= ITEM)
        buf_put(&above[sort], buf_bytes(&packed));
    buf_free(&packed);
    return v;
}

static ProtobufCMessage *with_mark(ProtobufCMessage *metric)
{
    struct buf b = { 0 };
    ProtobufCMessage *m;

    packed_put(&b, metric);
    pb_put_uint(&b, 331, 7);
    m = read_as(metric->descriptor, buf_bytes(&b));
    protobuf_c_message_free_unpacked(metric, NULL);
    buf_free(&b);
    return m;
}

static uint64_t slow_count(ProtobufCMessage *m, unsigned level, enum signal signal)
{
    struct buf b = { 0 };
    uint64_t n;

    if (level > path_depth(signal))
        return 1;
    packed_put(&b, m);
    n = path_count(buf_bytes(&b), level, signal);
    buf_free(&b);
    return n;
}

static uint64_t slow_dropped, slow_made;
static bool slow_changed, slow_put;

static bool slow_children(ProtobufCMessage *m, unsigned level, enum signal signal);

/* Events of a span, exemplars of a data point. */
static void slow_below(ProtobufCMessage *item)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(item->descriptor, "events");

    if (f == NULL)
        f = protobuf_c_message_descriptor_get_field_by_name(item->descriptor, "exemplars");
    for (size_t i = 0; f != NULL && i < *count_of(item, f);) {
        ProtobufCMessage *below = (*(ProtobufCMessage ***)member(item, f))[i];
        enum rewrite_verdict v = decide_slowly(BELOW, below);

        slow_changed |= v != REWRITE_KEEP;
        slow_put |= v == REWRITE_EDIT;
        if (v == REWRITE_EDIT)
            slow_attributes(below);
        if (v == REWRITE_DROP)
            remove_child(item, f, i);
        else
            i++;
    }
}

/* True: something stands at the end of the scope now. */
static bool slow_end(ProtobufCMessage *group, enum signal signal)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(group->descriptor, 2);
    struct bytes none = { NULL, 0 };
    ProtobufCMessage ***v = member(group, f);

    if (!is_longer(context_hash(buf_bytes(&above[RESOURCE]), buf_bytes(&above[SCOPE]), none, none)))
        return false;
    *v = realloc(*v, (*count_of(group, f) + 1) * sizeof(**v));
    (*v)[(*count_of(group, f))++] = read_as(f->descriptor, none);
    slow_made += signal != SIGNAL_METRICS;
    slow_changed = slow_put = true;
    return true;
}

/* False: it goes. */
static bool slow_visit(ProtobufCMessage **child, unsigned level, enum signal signal)
{
    const ProtobufCFieldDescriptor *head_field =
        level <= LEVEL_SCOPE ? protobuf_c_message_descriptor_get_field((*child)->descriptor, 1) : NULL;
    ProtobufCMessage **head = level <= LEVEL_SCOPE ? member(*child, head_field) : NULL;
    bool item = level > path_depth(signal);
    enum rewrite_verdict v = item                      ? decide_slowly(ITEM, *child)
                             : level == LEVEL_RESOURCE ? decide_slowly(RESOURCE, *head)
                             : level == LEVEL_SCOPE    ? decide_slowly(SCOPE, *head)
                             : level == LEVEL_METRIC   ? decide_slowly(METRIC, *child)
                                                       : REWRITE_KEEP;

    slow_changed |= v == REWRITE_EDIT || v == REWRITE_DROP;
    slow_put |= v == REWRITE_EDIT;
    if (v == REWRITE_DROP) {
        slow_dropped += slow_count(*child, level, signal);
        return false;
    }
    if (v == REWRITE_EDIT && item)
        slow_attributes(*child);
    if (v == REWRITE_KEEP && item)
        slow_below(*child);
    if (v == REWRITE_EDIT && level == LEVEL_METRIC && !item)
        *child = with_mark(*child);
    else if (v == REWRITE_EDIT && head != NULL) {
        if (*head == NULL)
            *head = read_as(head_field->descriptor, bytes_of(NULL, 0));
        slow_attributes(*head);
    }
    if (item || v == REWRITE_PASS || (v == REWRITE_EDIT && head == NULL))
        return true;
    v = slow_children(*child, level, signal) ? REWRITE_KEEP : REWRITE_DROP;
    return (level == LEVEL_SCOPE && slow_end(*child, signal)) || v == REWRITE_KEEP;
}

static bool slow_children(ProtobufCMessage *m, unsigned level, enum signal signal)
{
    size_t kept = 0, lost = 0;

    for (unsigned k = 0; k < m->descriptor->n_fields; k++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];

        if (!path_is_child(level, f->id))
            continue;
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            if (*(uint32_t *)(void *)((char *)m + f->quantifier_offset) != f->id)
                continue;
            if (slow_visit(member(m, f), level + 1, signal))
                kept++;
            else
                lost++;
            continue;
        }
        for (size_t i = 0; i < *count_of(m, f);) {
            if (slow_visit(&(*(ProtobufCMessage ***)member(m, f))[i], level + 1, signal)) {
                kept++;
                i++;
            } else {
                lost++;
                remove_child(m, f, i);
            }
        }
    }
    return kept > 0 || lost == 0;
}

/* ---- side by side ---- */

static struct block *block_with(struct bytes b)
{
    struct block *block = block_force(&budget, b.len);

    if (b.len > 0)
        memcpy(block->data, b.data, b.len);
    return block;
}

/* A request of random content in canonical form, with valid ids (validation wants lengths of 0, 8 or 16). */
static void random_request(struct buf *out, enum signal signal, uint64_t *state)
{
    struct buf raw = { 0 };

    random_message_put(&raw, signal_table[signal].request, state, 3, 7);
    canonical_put(out, signal_table[signal].request, buf_bytes(&raw));
    buf_free(&raw);
}

static struct batch *random_batch(enum signal signal, uint64_t *state)
{
    struct batch *parts[3];
    size_t n = 1 + random_below(state, 3);

    for (size_t i = 0; i < n; i++) {
        struct buf b = { 0 };
        struct validation v;
        struct block *block;

        random_request(&b, signal, state);
        block = block_with(buf_bytes(&b));
        parts[i] = batch_new(signal, block, bytes_of(block->data, b.len), path_count(buf_bytes(&b), 0, signal), 5);
        parts[i]->ordered = otlp_validate(signal, buf_bytes(&b), &v) && v.ordered;
        buf_free(&b);
    }
    return batch_merge(parts, n);
}

static void gather(struct buf *out, const struct batch *b)
{
    for (uint32_t i = 0; i < b->n_segments; i++) {
        ck_assert_uint_gt(b->segments[i].len, 0);
        buf_append(out, b->segments[i].data, b->segments[i].len);
    }
}

/* What is said to be in order is, and as long as nothing is put in it stays so. */
static void check_order(const struct batch *made, bool only_dropped)
{
    ck_assert(made->ordered == only_dropped);
    for (uint32_t i = 0; i < made->n_segments && made->ordered; i++) {
        struct validation v;

        ck_assert(!otlp_validate(made->signal, bytes_of(made->segments[i].data, made->segments[i].len), &v) ||
                  v.ordered);
    }
}

static void compare(enum signal signal, uint64_t seed, struct rewriter *w, const struct rewrite_visitor *visitor)
{
    uint64_t state = seed, dropped;
    struct batch *b = random_batch(signal, &state), *made;
    struct buf bytes = { 0 }, want = { 0 }, got = { 0 };
    ProtobufCMessage *tree;

    for (uint32_t i = 0; i < b->n_segments; i++)
        buf_append(&bytes, b->segments[i].data, b->segments[i].len);
    salt = random_message_next(&state);
    tree = read_as(signal_table[signal].request, buf_bytes(&bytes));
    slow_dropped = slow_made = 0;
    slow_changed = slow_put = false;
    slow_children(tree, 0, signal);
    packed_put(&want, tree);
    protobuf_c_message_free_unpacked(tree, NULL);
    walked = signal;
    made = rewrite_batch(w, b, visitor, &budget, &dropped);
    ck_assert_uint_eq(dropped, slow_dropped);
    ck_assert_uint_eq(w->made, slow_made);
    ck_assert_int_eq(made == b, !slow_changed);
    if (made == NULL) {
        ck_assert_uint_eq(b->items, slow_dropped);
    } else if (made != b) {
        struct buf raw = { 0 };

        gather(&raw, made);
        canonical_put(&got, signal_table[signal].request, buf_bytes(&raw));
        ck_assert_uint_eq(made->items, b->items - dropped + w->made);
        ck_assert_uint_eq(path_count(buf_bytes(&raw), 0, signal), made->items);
        check_order(made, b->ordered && !slow_put);
        ck_assert_msg(bytes_equal(buf_bytes(&got), buf_bytes(&want)), "seed %llu", (unsigned long long)seed);
        buf_free(&raw);
    }
    if (made != NULL)
        batch_unref(made);
    batch_unref(b);
    buf_free(&bytes);
    buf_free(&want);
    buf_free(&got);
}

static const struct rewrite_visitor all = { on_resource, on_scope, on_metric, on_item, on_below, on_scope_end, NULL };

START_TEST(rewriting_the_bytes_equals_decoding_editing_and_encoding)
{
    struct rewriter w = { 0 };

    for (uint64_t seed = 1; seed <= 1500; seed++) {
        if (seed == 750) { /* from here on, other attributes stay in the runs */
            attribute_list_only(&list, bytes_str("a"));
            attribute_list_only(&list, bytes_str("b"));
        }
        for (enum signal s = SIGNAL_TRACES; s <= SIGNAL_LOGS; s++)
            compare(s, seed * 7919 + s, &w, &all);
    }
    rewriter_free(&w);
    attribute_list_free(&list);
    for (int sort = 0; sort <= ITEM; sort++)
        buf_free(&above[sort]);
    ck_assert_uint_eq(budget.used, 0);
}
END_TEST

/* One request, in order, in which fields come twice and messages in pieces. */
static struct batch *doubled_batch(enum signal signal, uint64_t *state)
{
    struct buf plain = { 0 }, b = { 0 };
    struct validation v;
    struct batch *made;
    struct block *block;

    random_request(&plain, signal, state);
    doubled_put(&b, signal_table[signal].request, buf_bytes(&plain), state);
    block = block_with(buf_bytes(&b));
    made = batch_new(signal, block, bytes_of(block->data, b.len), path_count(buf_bytes(&b), LEVEL_REQUEST, signal), 5);
    made->ordered = otlp_validate(signal, buf_bytes(&b), &v) && v.ordered;
    buf_free(&plain);
    buf_free(&b);
    return made;
}

static void rewrite_into(struct buf *out, struct rewriter *w, struct batch *b, bool ordered)
{
    uint64_t dropped;
    struct batch *made;

    b->ordered = list.ordered = ordered;
    made = rewrite_batch(w, b, &all, &budget, &dropped);
    buf_printf(out, "%llu ", (unsigned long long)dropped);
    if (made == NULL)
        return;
    gather(out, made);
    batch_unref(made);
}

START_TEST(what_is_in_order_is_rewritten_as_if_nobody_knew)
{
    struct rewriter w = { 0 };
    unsigned in_order = 0;

    for (uint64_t seed = 1; seed <= 600; seed++) {
        enum signal s = (enum signal)(seed % 3);
        uint64_t state = seed * 104729;
        struct batch *b = doubled_batch(s, &state);
        struct buf known = { 0 }, unknown = { 0 };

        walked = s;
        salt = random_message_next(&state);
        if (b->ordered && b->bytes > 0) {
            in_order++;
            rewrite_into(&known, &w, b, true);
            rewrite_into(&unknown, &w, b, false);
            ck_assert_msg(bytes_equal(buf_bytes(&known), buf_bytes(&unknown)), "seed %llu", (unsigned long long)seed);
        }
        batch_unref(b);
        buf_free(&known);
        buf_free(&unknown);
    }
    ck_assert_uint_gt(in_order, 60);
    rewriter_free(&w);
    attribute_list_free(&list);
    ck_assert_uint_eq(budget.used, 0);
}
END_TEST

static void put_resource(struct buf *b, const char *service, size_t padding)
{
    size_t resource = pb_begin(b, 1), scope;

    if (service != NULL) {
        size_t head = pb_begin(b, 1);

        pb_put_str(b, 4, service); /* a field that nobody knows yet */
        pb_end(b, head);
    }
    scope = pb_begin(b, 2);
    pb_end(b, pb_begin(b, 2));
    pb_end(b, scope);
    while (padding-- > 0)
        pb_put_str(b, 3, "a schema url");
    pb_end(b, resource);
}

static enum rewrite_verdict drop_a(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    (void)edit;
    return at->message.len > 0 && at->message.data[at->message.len - 1] == 'a' ? REWRITE_DROP : REWRITE_PASS;
}

START_TEST(resources_in_which_nothing_changes_are_shared_with_the_old_batch)
{
    struct rewrite_visitor v = { .resource = drop_a };
    struct rewriter w = { 0 };
    struct batch *b, *made;
    struct buf bytes = { 0 };
    struct block *block;
    uint64_t dropped;

    put_resource(&bytes, "b", 100);
    put_resource(&bytes, "a", 1);
    put_resource(&bytes, "c", 100);
    block = block_with(buf_bytes(&bytes));
    b = batch_new(SIGNAL_LOGS, block, bytes_of(block->data, bytes.len), 3, 1);
    made = rewrite_batch(&w, b, &v, &budget, &dropped);
    ck_assert_uint_eq(dropped, 1);
    ck_assert_uint_eq(made->n_segments, 2);
    ck_assert_ptr_eq(made->segments[0].block, block);
    ck_assert_ptr_eq(made->segments[0].data, block->data);
    ck_assert_ptr_eq(bytes_end(bytes_of(made->segments[1].data, made->segments[1].len)), block->data + bytes.len);
    batch_unref(b);
    ck_assert_uint_gt(budget.used, 0);
    batch_unref(made);
    ck_assert_uint_eq(budget.used, 0);
    buf_free(&bytes);
    rewriter_free(&w);
}
END_TEST

static unsigned seen;

static enum rewrite_verdict see_whole(void *arg, const struct visit *at, struct pieces *edit)
{
    struct pb_reader r = pb_reader(at->message);

    (void)arg;
    seen = 0;
    for (struct pb_field f; pb_next(&r, &f);)
        seen++;
    pieces_add(edit, at->message);
    return REWRITE_EDIT;
}

START_TEST(a_resource_in_several_parts_is_one)
{
    struct rewrite_visitor v = { .resource = see_whole };
    struct rewriter w = { 0 };
    struct buf bytes = { 0 }, raw = { 0 }, got = { 0 }, want = { 0 };
    size_t resource = pb_begin(&bytes, 1);
    struct block *block;
    struct batch *b, *made;
    uint64_t dropped;

    for (unsigned i = 0; i < 3; i++) {
        size_t head = pb_begin(&bytes, 1), scope;

        pb_put_uint(&bytes, 2, i + 1);
        pb_end(&bytes, head);
        scope = pb_begin(&bytes, 2);
        pb_end(&bytes, pb_begin(&bytes, 2));
        pb_end(&bytes, scope);
    }
    pb_end(&bytes, resource);
    block = block_with(buf_bytes(&bytes));
    b = batch_new(SIGNAL_TRACES, block, bytes_of(block->data, bytes.len), 3, 1);
    made = rewrite_batch(&w, b, &v, &budget, &dropped);
    ck_assert_uint_eq(seen, 3);
    gather(&raw, made);
    canonical_put(&got, signal_table[SIGNAL_TRACES].request, buf_bytes(&raw));
    canonical_put(&want, signal_table[SIGNAL_TRACES].request, buf_bytes(&bytes));
    ck_assert(bytes_equal(buf_bytes(&got), buf_bytes(&want)));
    batch_unref(b);
    batch_unref(made);
    buf_free(&bytes);
    buf_free(&raw);
    buf_free(&got);
    buf_free(&want);
    rewriter_free(&w);
}
END_TEST

static enum rewrite_verdict replace_all(void *arg, const struct visit *at, struct pieces *edit)
{
    static const uint8_t fresh[] = { 0x10, 9 };

    (void)arg;
    (void)at;
    pieces_add(edit, bytes_of(fresh, sizeof(fresh)));
    return REWRITE_EDIT;
}

static enum rewrite_verdict drop_first(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    (void)edit;
    return at->message.len == 0 ? REWRITE_DROP : REWRITE_KEEP;
}

START_TEST(a_resource_behind_its_items_is_edited_too)
{
    struct rewrite_visitor v = { .resource = replace_all, .item = drop_first };
    static const uint8_t in[] = { 0x0a, 12, 0x12, 6, 0x12, 0, 0x12, 2, 0x18, 5, 0x0a, 2, 0x10, 1 };
    static const uint8_t want[] = { 0x0a, 10, 0x0a, 2, 0x10, 9, 0x12, 4, 0x12, 2, 0x18, 5 };
    struct rewriter w = { 0 };
    struct block *block = block_with(bytes_of(in, sizeof(in)));
    struct batch *b = batch_new(SIGNAL_LOGS, block, bytes_of(block->data, sizeof(in)), 2, 1), *made;
    uint64_t dropped;

    made = rewrite_batch(&w, b, &v, &budget, &dropped);
    ck_assert_uint_eq(dropped, 1);
    ck_assert(bytes_equal(bytes_of(made->segments[0].data, made->segments[0].len), bytes_of(want, sizeof(want))));
    batch_unref(b);
    batch_unref(made);
    rewriter_free(&w);
}
END_TEST

static enum rewrite_verdict rename_schema(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    ck_assert(bytes_is(visit_schema_url(at, LEVEL_RESOURCE), "new"));
    pieces_add(edit, at->message);
    edit->with_schema = true;
    edit->schema_url = bytes_str("x");
    return REWRITE_EDIT;
}

START_TEST(each_schema_url_of_a_resource_goes_when_it_gets_another)
{
    struct rewrite_visitor v = { .resource = rename_schema };
    static const uint8_t in[] = { 0x0a, 18,   0x1a, 3,   'o', 'l', 'd',  0x12, 2,    0x12,
                                  0,    0x1a, 3,    'n', 'e', 'w', 0x0a, 2,    0x10, 1 };
    static const uint8_t want[] = { 0x0a, 11, 0x0a, 2, 0x10, 1, 0x1a, 1, 'x', 0x12, 2, 0x12, 0 };
    struct rewriter w = { 0 };
    struct block *block = block_with(bytes_of(in, sizeof(in)));
    struct batch *b = batch_new(SIGNAL_LOGS, block, bytes_of(block->data, sizeof(in)), 1, 1), *made;
    uint64_t dropped;

    made = rewrite_batch(&w, b, &v, &budget, &dropped);
    ck_assert(bytes_equal(bytes_of(made->segments[0].data, made->segments[0].len), bytes_of(want, sizeof(want))));
    batch_unref(b);
    batch_unref(made);
    rewriter_free(&w);
}
END_TEST

static enum rewrite_verdict drop_always(void *arg, const struct visit *at, struct pieces *edit)
{
    (void)arg;
    (void)at;
    (void)edit;
    return REWRITE_DROP;
}

START_TEST(a_span_that_loses_all_its_events_stays)
{
    struct rewrite_visitor v = { .below = drop_always };
    static const uint8_t in[] = { 0x0a, 10, 0x12, 8, 0x12, 6, 0x5a, 0, 0x2a, 0, 0x5a, 0 };
    static const uint8_t want[] = { 0x0a, 6, 0x12, 4, 0x12, 2, 0x2a, 0 };
    struct rewriter w = { 0 };
    struct block *block = block_with(bytes_of(in, sizeof(in)));
    struct batch *b = batch_new(SIGNAL_TRACES, block, bytes_of(block->data, sizeof(in)), 1, 1), *made;
    uint64_t dropped;

    made = rewrite_batch(&w, b, &v, &budget, &dropped);
    ck_assert_uint_eq(dropped, 0);
    ck_assert_uint_eq(made->items, 1);
    ck_assert(bytes_equal(bytes_of(made->segments[0].data, made->segments[0].len), bytes_of(want, sizeof(want))));
    batch_unref(b);
    batch_unref(made);
    rewriter_free(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rewrite");
    TCase *tc = tcase_create("rewrite");
    SRunner *runner = srunner_create(suite);
    int failed;

    turn_init(&turn);
    budget_init(&budget, UINT64_MAX, &turn);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, rewriting_the_bytes_equals_decoding_editing_and_encoding);
    tcase_add_test(tc, what_is_in_order_is_rewritten_as_if_nobody_knew);
    tcase_add_test(tc, resources_in_which_nothing_changes_are_shared_with_the_old_batch);
    tcase_add_test(tc, a_resource_in_several_parts_is_one);
    tcase_add_test(tc, a_resource_behind_its_items_is_edited_too);
    tcase_add_test(tc, each_schema_url_of_a_resource_goes_when_it_gets_another);
    tcase_add_test(tc, a_span_that_loses_all_its_events_stays);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
