/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as what an API server tells of pods and of what they belong to, and as resources that ask for them.
 * The first byte chooses the configuration; then each part, up to a byte of 0xff, is an event, whose first letter is
 * its kind, or behind `=` a resource. Nothing may be left that is charged, and no resource may get an attribute without
 * its key. */
#include "codec/pb.h"
#include "support/rig/k8s_rig.h"

#include <stdlib.h>

static const char *const configs[] = {
    "extract: {labels: [{key_regex: '(.*)', tag_name: $1}], annotations: [{key_regex: '.*'}], otel_annotations: true}",
    "pod_association:\n"
    "- sources: [{from: resource_attribute, name: container.id}]\n"
    "- sources: [{from: resource_attribute, name: k8s.pod.name}, {from: connection}]\n"
    "extract: {metadata: [k8s.container.name, container.id, container.image.name, container.image.tag, "
    "container.image.tags, container.image.repo_digests, service.version, service.instance.id, k8s.pod.hostname]}",
    "extract:\n"
    "  metadata: [k8s.deployment.uid, k8s.cronjob.uid, k8s.cluster.uid, k8s.node.uid, service.name, service.namespace, "
    "k8s.job.name, k8s.pod.start_time]\n"
    "  labels: [{key: a, from: namespace}, {key: a, from: node}, {key: a, from: deployment}, {key: a, from: job}]",
};

/* Of nothing but fields, as the validator lets it through. */
static bool is_message(struct bytes message)
{
    struct pb_reader p = pb_reader(message);
    struct pb_field f;

    while (pb_next(&p, &f))
        ;
    return !p.bad && p.p == p.end;
}

static void ask(struct k8s_rig *r, struct bytes resource)
{
    static const uint8_t client[] = "10.0.0.1";
    struct bytes out = k8s_rig_apply(r, resource, bytes_of(client, sizeof(client) - 1));
    struct attribute_list l = { 0 };

    attribute_list_read(&l, out, 1);
    if (is_message(resource) && l.slots.n != r->list.slots.n)
        abort();
    attribute_list_free(&l);
}

static void take_part(struct k8s_rig *r, struct bytes part)
{
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    uint8_t *copy = mem_alloc(part.len);
    struct bytes text = bytes_of(copy, part.len - 1);
    struct error err = { 0 };

    memcpy(copy, part.data + 1, part.len - 1);
    if (part.data[0] == '=')
        ask(r, text);
    else if (!k8s_rig_tell(r, (enum k8s_from)(part.data[0] % K8S_KINDS), text, &err) && err.text[0] == '\0')
        abort();
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct k8s_rig r;

    if (len == 0)
        return 0;
    k8s_rig_init(&r, configs[data[0] % ARRAY_LEN(configs)]);
    budget_set_limit(&r.budget, 4u << 20);
    data++, len--;
    while (len > 0) {
        const uint8_t *end = memchr(data, 0xff, len);
        size_t n = end != NULL ? (size_t)(end - data) : len;

        if (n > 0)
            take_part(&r, bytes_of(data, n));
        clock_advance(&r.loop.clock, 10 * NS_PER_S);
        data += n + (end != NULL);
        len -= n + (end != NULL);
    }
    k8s_rig_close(&r);
    return 0;
}
