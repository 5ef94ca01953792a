/* SPDX-License-Identifier: Apache-2.0 */
/* exposition_write() goes through the sources twice: first their targets, as one family, each set of labels once; then
 * their families. Each source writes until the slice is full and keeps its place in its cursor.
 *
 * All names a family would give to its series are taken before it is written (claim). When one of them is somebody
 * else's already the whole family is left out, and the owner is told: a reader would refuse the page. */
#include "prom/exposition/exposition.h"

#include "base/mem.h"
#include "prom/model/name_set.h"

#include <stdlib.h>

struct source_cursor {
    struct exposition_source *source;
    void *cursor;
};

struct exposition {
    struct encoder encoder;
    size_t n, at; /* sources; the one being read */
    bool past_targets, ended;
    bool target_info;        /* has its head been written? */
    bool target_info_open;   /* in this slice */
    size_t stop;             /* length of the output at which this slice is full */
    struct name_set names;   /* of families and their series, as this peer sees them */
    struct name_set targets; /* label sets of target_info */
    struct buf scratch;
    void (*left_out)(void *arg, struct exposition_source *source, struct bytes name);
    void *arg;
    struct source_cursor cursors[];
};

struct exposition *exposition_new(struct exposition_source *const *sources, size_t n, const struct accept *accept,
                                  void (*left_out)(void *arg, struct exposition_source *source, struct bytes name),
                                  void *arg)
{
    struct exposition *x = mem_zalloc(sizeof(*x) + n * sizeof(x->cursors[0]));

    encoder_init(&x->encoder, accept->format, accept->escaping, NULL);
    x->n = n;
    x->left_out = left_out;
    x->arg = arg;
    for (size_t i = 0; i < n; i++)
        x->cursors[i] = (struct source_cursor){ sources[i], sources[i]->open(sources[i]) };
    return x;
}

void exposition_free(struct exposition *x)
{
    for (size_t i = 0; i < x->n; i++)
        x->cursors[i].source->close(x->cursors[i].source, x->cursors[i].cursor);
    encoder_free(&x->encoder);
    name_set_free(&x->names);
    name_set_free(&x->targets);
    buf_free(&x->scratch);
    free(x);
}

bool exposition_reads(const struct exposition *x, const struct exposition_source *source)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->cursors[i].source == source)
            return true;
    return false;
}

size_t exposition_size(const struct exposition *x)
{
    return sizeof(*x) + x->n * sizeof(x->cursors[0]) + name_set_size(&x->names) + name_set_size(&x->targets) +
           x->scratch.cap + x->encoder.name.cap + x->encoder.scratch.cap;
}

/* What a family's series are called, the family itself first. */
static const char *const *series_suffixes(enum family_type type)
{
    static const char *const plain[] = { "", NULL };
    static const char *const summary[] = { "", "_sum", "_count", NULL };
    static const char *const histogram[] = { "", "_sum", "_count", "_bucket", NULL };

    return type == FAMILY_HISTOGRAM ? histogram : type == FAMILY_SUMMARY ? summary : plain;
}

/* Take all names of the family, or none. */
static bool take_names(struct exposition *x, struct bytes name, enum family_type type)
{
    const char *const *suffixes = series_suffixes(type);
    size_t len;

    x->scratch.len = 0;
    name_escape_metric(&x->scratch, x->encoder.escaping, name);
    len = x->scratch.len;
    for (int adding = 0; adding < 2; adding++) {
        for (size_t i = 0; suffixes[i] != NULL; i++) {
            x->scratch.len = len;
            buf_puts(&x->scratch, suffixes[i]);
            if (adding)
                name_set_add(&x->names, buf_bytes(&x->scratch));
            else if (name_set_has(&x->names, buf_bytes(&x->scratch)))
                return false;
        }
    }
    return true;
}

static bool claim_family(void *arg, struct bytes name, enum family_type type)
{
    struct exposition *x = arg;

    if (take_names(x, name, type))
        return true;
    if (x->left_out != NULL)
        x->left_out(x->arg, x->cursors[x->at].source, name);
    return false;
}

static bool emit_target(void *arg, struct bytes labels)
{
    struct exposition *x = arg;
    struct bytes name = bytes_str("target_info");

    if (!name_set_add(&x->targets, labels))
        return true;
    if (!x->target_info)
        (void)take_names(x, name, FAMILY_GAUGE);
    if (!x->target_info_open)
        encoder_family_begin(&x->encoder, name, FAMILY_GAUGE, bytes_str("Target metadata"), bytes_of(NULL, 0),
                             x->target_info);
    x->target_info = x->target_info_open = true;
    encoder_value(&x->encoder, labels, 1, NULL);
    return x->encoder.out->len < x->stop;
}

static void write_targets(struct exposition *x)
{
    while (x->at < x->n && x->encoder.out->len < x->stop) {
        struct source_cursor *r = &x->cursors[x->at];

        if (r->source->targets == NULL || !r->source->targets(r->source, r->cursor, emit_target, x))
            x->at++;
    }
    if (x->target_info_open)
        encoder_family_end(&x->encoder);
    x->target_info_open = false;
    x->past_targets = x->at == x->n;
    if (x->past_targets)
        x->at = 0;
}

bool exposition_write(struct exposition *x, struct buf *out, size_t want)
{
    x->encoder.out = out;
    x->stop = out->len + want;
    if (!x->past_targets)
        write_targets(x);
    while (x->past_targets && x->at < x->n && out->len < x->stop) {
        struct source_cursor *r = &x->cursors[x->at];

        if (!r->source->write(r->source, r->cursor, &x->encoder, x->stop - out->len, claim_family, x))
            x->at++;
    }
    if (x->past_targets && x->at == x->n && !x->ended) {
        encoder_end(&x->encoder);
        x->ended = true;
    }
    return !x->ended;
}
