/* SPDX-License-Identifier: Apache-2.0 */
/* The table has the shown resource of each job and instance; the older ones hang behind it. A resource that goes leaves
 * the chain, and the next one comes forward when it was the first. */
#include "prom/series/target.h"

struct target_key {
    struct job_instance names;
    uint64_t hash;
};

static uint64_t hash_names(const struct job_instance *j)
{
    return identity_hash(identity_hash(0, buf_bytes(&j->job)), buf_bytes(&j->instance));
}

uint64_t target_hash(const void *entry)
{
    struct job_instance j = { 0 };
    uint64_t hash;

    translate_job(&j, identity_raw(entry));
    hash = hash_names(&j);
    job_instance_free(&j);
    return hash;
}

static bool same_target(const void *entry, const void *key)
{
    const struct target_key *k = key;
    struct job_instance j = { 0 };
    bool same;

    translate_job(&j, identity_raw(entry));
    same = bytes_equal(buf_bytes(&j.job), buf_bytes(&k->names.job)) &&
           bytes_equal(buf_bytes(&j.instance), buf_bytes(&k->names.instance));
    job_instance_free(&j);
    return same;
}

/* What is shown for the job and instance of this resource, or NULL. `k`, which begins zeroed, is for the caller to
 * free. */
static struct resource_entry *find_shown(const struct table *targets, const struct resource_entry *r,
                                         struct target_key *k)
{
    translate_job(&k->names, identity_raw(&r->id));
    k->hash = hash_names(&k->names);
    return table_find(targets, k->hash, same_target, k);
}

void target_show(struct table *targets, struct resource_entry *r)
{
    struct target_key k = { 0 };
    struct resource_entry *before = find_shown(targets, r, &k);

    if (before != NULL) {
        table_remove(targets, before, k.hash);
        before->shown = false;
    }
    r->older = before;
    r->shown = table_insert(targets, r, k.hash);
    job_instance_free(&k.names);
}

void target_hide(struct table *targets, struct resource_entry *r)
{
    struct target_key k = { 0 };
    struct resource_entry *at = find_shown(targets, r, &k);

    if (at == r) {
        table_remove(targets, r, k.hash);
        if (r->older != NULL)
            r->older->shown = table_insert(targets, r->older, k.hash);
    } else {
        while (at != NULL && at->older != r)
            at = at->older;
        if (at != NULL)
            at->older = r->older;
    }
    job_instance_free(&k.names);
}
