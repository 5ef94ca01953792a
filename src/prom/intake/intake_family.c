/* SPDX-License-Identifier: Apache-2.0 */
/* What a page says of a family is kept by its name, for ten pages after it was said last. A series finds it by its own
 * name, or by that name without one suffix. As long as that stays the same, lines keep what they were made into; else
 * the intake's version goes up, and each line is read anew when it comes again. To know whose metadata somebody has
 * looked at in vain, families stand here of which nothing was said.
 *
 * What can go wrong: there is no room for one more family. Then it is as if nothing was said of it. */
#include "base/mem.h"
#include "base/unconst.h"
#include "prom/intake/intake_inside.h"

#include <stdlib.h>

#define KEPT 10u /* pages */
#define SPARE 1000u

static struct identity *find_family(struct intake *in, struct bytes name, struct identity_key *k)
{
    *k = (struct identity_key){ .parent = &in->id, .raw = name, .hash = identity_hash(in->id.hash ^ OF_FAMILY, name) };
    return identity_find(&in->store->known, k);
}

static struct page_family *get_family(struct take *t, struct bytes name)
{
    struct intake *in = t->in;
    struct identity_key k;
    struct identity *id = find_family(in, name, &k);
    struct page_family *f;

    if (id != NULL)
        return container_of(id, struct page_family, id);
    if (series_limit_fill(&in->store->limit) >= 1 || budget_room(in->store->budget) < 2 * sizeof(*f) + name.len)
        return NULL;
    f = mem_zalloc(sizeof(*f) + name.len);
    f->id = (struct identity){ .hash = k.hash,
                               .parent = &in->id,
                               .raw_len = (uint32_t)name.len,
                               .raw_at = offsetof(struct page_family, raw),
                               .kind = OF_FAMILY };
    if (name.len > 0)
        memcpy(f->raw, name.data, name.len);
    if (!table_insert(&in->store->known, &f->id, k.hash)) {
        free(f);
        return NULL;
    }
    budget_charge(in->store->budget, sizeof(*f) + name.len);
    series_limit_grow(&in->store->limit, in->sender, sizeof(*f) + name.len);
    list_push(&in->families, &f->link);
    in->n_families++;
    return f;
}

static void drop_text(struct intake *in, struct bytes *text)
{
    budget_give(in->store->budget, text->len);
    series_limit_shrink(&in->store->limit, in->sender, text->len);
    free_const(text->data);
    *text = (struct bytes){ NULL, 0 };
}

/* Is it another one now? Where there is no room it is none. */
static bool set_text(struct intake *in, struct bytes *text, struct bytes to)
{
    bool had = text->len > 0;

    if (bytes_equal(*text, to))
        return false;
    drop_text(in, text);
    if (to.len == 0 || series_limit_fill(&in->store->limit) >= 1)
        return had;
    budget_charge(in->store->budget, to.len);
    series_limit_grow(&in->store->limit, in->sender, to.len);
    *text = bytes_of(memcpy(mem_alloc(to.len), to.data, to.len), to.len);
    return true;
}

static void drop_family(struct intake *in, struct page_family *f)
{
    table_remove(&in->store->known, &f->id, f->id.hash);
    list_remove(&f->link);
    in->n_families--;
    drop_text(in, &f->help);
    drop_text(in, &f->unit);
    budget_give(in->store->budget, sizeof(*f) + f->id.raw_len);
    series_limit_shrink(&in->store->limit, in->sender, sizeof(*f) + f->id.raw_len);
    free(f);
}

/* Of this family something was said; `changed`: something else than before. */
static void mark_said(struct take *t, struct page_family *f, bool changed)
{
    if (f->asked && (changed || !f->told))
        t->in->version++;
    if (changed || !f->told)
        f->asked = false;
    f->told = true;
    f->seen = t->in->pass;
}

void family_say_type(struct take *t, struct bytes name, enum page_type type)
{
    struct page_family *f = get_family(t, name);
    bool changed;

    if (f == NULL)
        return;
    changed = f->type != type;
    f->type = type;
    mark_said(t, f, changed);
}

void family_say_help(struct take *t, struct bytes name, struct bytes help)
{
    struct page_family *f = get_family(t, name);

    if (f != NULL)
        mark_said(t, f, set_text(t->in, &f->help, help));
}

void family_say_unit(struct take *t, struct bytes name, struct bytes unit)
{
    struct page_family *f = get_family(t, name);

    if (f != NULL)
        mark_said(t, f, set_text(t->in, &f->unit, unit));
}

/* After a page that was taken, or where they have become many. */
static bool begin_expiry(struct take *t)
{
    t->families_many = t->in->n_families > 4 * (t->in->lines.n + SPARE);
    t->families_asked = false;
    t->family = t->in->families.next;
    return !t->left || t->families_many;
}

bool families_expire(struct take *t)
{
    struct intake *in = t->in;

    if (t->family == NULL && !begin_expiry(t))
        return false;
    for (unsigned i = 0; i < MANY_A_STEP && t->family != &in->families; i++) {
        struct page_family *f = container_of(t->family, struct page_family, link);

        t->family = t->family->next;
        if (f->told ? in->pass - f->seen <= KEPT : !t->families_many)
            continue;
        t->families_asked |= f->asked;
        drop_family(in, f);
    }
    if (t->family != &in->families)
        return true;
    in->version = (uint16_t)(in->version + t->families_asked);
    return false;
}

void families_free(struct intake *in)
{
    struct list *next;

    for (struct list *at = in->families.next; at != &in->families; at = next) {
        next = at->next;
        drop_family(in, container_of(at, struct page_family, link));
    }
}

/* ---- what a name is ---- */

static const struct {
    const char *name;
    enum page_type type;
    const char *help, *unit;
} reports[] = {
    { "up", PAGE_GAUGE, "The scraping was successful", "" },
    { "scrape_duration_seconds", PAGE_GAUGE, "Duration of the scrape", "seconds" },
    { "scrape_samples_scraped", PAGE_GAUGE, "The number of samples the target exposed", "" },
    { "scrape_series_added", PAGE_GAUGE, "The approximate number of new series in this scrape", "" },
    { "scrape_samples_post_metric_relabeling", PAGE_GAUGE,
      "The number of samples remaining after metric relabeling was applied", "" },
    { "scrape_timeout_seconds", PAGE_UNKNOWN, "", "" },
    { "scrape_sample_limit", PAGE_UNKNOWN, "", "" },
    { "scrape_body_size_bytes", PAGE_UNKNOWN, "", "" },
};

/* Those that are the scrape's own are what they are, whatever a page says of them. */
static bool resolve_report(struct bytes name, struct family_view *v)
{
    for (size_t i = 0; i < ARRAY_LEN(reports); i++)
        if (bytes_is(name, reports[i].name)) {
            *v = (struct family_view){ name, reports[i].type, bytes_str(reports[i].help), bytes_str(reports[i].unit),
                                       name };
            return true;
        }
    return false;
}

static const char *const suffixes[] = { "_bucket", "_count", "_sum", "_total", "_info", "_created" };

/* The name without the first of the suffixes that it has. */
static struct bytes strip_suffix(struct bytes name, const char **suffix)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t n = strlen(suffixes[i]);

        if (name.len > n && memcmp(name.data + name.len - n, suffixes[i], n) == 0) {
            *suffix = suffixes[i];
            return bytes_of(name.data, name.len - n);
        }
    }
    *suffix = "";
    return name;
}

/* What was said of it, or NULL; whoever asks depends on it. */
static const struct page_family *ask_family(struct take *t, struct bytes name)
{
    struct page_family *f = get_family(t, name);

    if (f == NULL)
        return NULL;
    f->asked = true;
    return f->told ? f : NULL;
}

static struct family_view view_family(const struct page_family *f, struct bytes name)
{
    return (struct family_view){ name, f->type, f->help, f->unit, identity_raw(&f->id) };
}

/* Does a sample with that suffix belong to a family of that type? */
static bool has_part(enum page_type type, const char *suffix)
{
    switch (type) {
    case PAGE_COUNTER:
        return true;
    case PAGE_HISTOGRAM:
    case PAGE_GAUGE_HISTOGRAM:
    case PAGE_SUMMARY:
        return strcmp(suffix, "_total") != 0 && strcmp(suffix, "_info") != 0;
    case PAGE_INFO:
        return strcmp(suffix, "_info") == 0;
    default:
        return false;
    }
}

void family_resolve(struct take *t, struct bytes name, struct family_view *v)
{
    const struct page_family *f;
    const char *suffix;
    struct bytes base;

    if (resolve_report(name, v))
        return;
    f = ask_family(t, name);
    if (f != NULL) {
        *v = view_family(f, name);
        return;
    }
    *v = (struct family_view){ .name = name, .type = PAGE_UNKNOWN, .family = name };
    base = strip_suffix(name, &suffix);
    f = *suffix != '\0' ? ask_family(t, base) : NULL;
    if (f == NULL || !has_part(f->type, suffix))
        return;
    *v = view_family(f, f->type == PAGE_COUNTER ? name : base);
    if (f->type != PAGE_COUNTER || strcmp(suffix, "_created") != 0)
        return;
    t->name.len = 0; /* the start of a counter belongs to its total */
    buf_put(&t->name, base);
    buf_puts(&t->name, "_total");
    v->name = buf_bytes(&t->name);
}
