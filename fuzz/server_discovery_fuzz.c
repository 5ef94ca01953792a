/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as what Docker and Consul answer: targets have sorted labels, and are bounded. The first byte says
 * who answers; Docker's two answers are parted by a zero byte. */
#include "receiver/prometheus/consul_targets.h"
#include "receiver/prometheus/docker_targets.h"
#include "support/targets_check.h"

#include <stdlib.h>

static void answer_docker(struct bytes text, bool first, struct target_group *g)
{
    const struct docker_sd_config c = { .port = 80, .host_networking_host = "h", .match_first_network = first };
    const uint8_t *part = text.len > 0 ? memchr(text.data, 0, text.len) : NULL;
    size_t n = part != NULL ? (size_t)(part - text.data) : text.len;
    struct arena a = { 0 };
    struct error err;
    const struct json_node *containers = docker_answer_read(bytes_of(text.data, n), &a, &err),
                           *networks = part != NULL ? docker_answer_read(bytes_skip(text, n + 1), &a, &err) : NULL;

    if (containers != NULL)
        docker_targets_make(containers, networks, &c, g);
    arena_free(&a);
}

static void answer_consul(struct bytes text, struct target_group *g)
{
    static const char *wanted[] = { "web" };
    const struct consul_sd_config c = { .tag_separator = ",", .tags = { wanted, 1 } };
    struct arena a = { 0 };
    struct error err;
    const struct json_node *names = consul_answer_read(text, JSON_OBJECT, &a, &err), *list;

    json_each (n, names)
        (void)consul_service_is_wanted(&c, n);
    (void)json_text_at(names, "Config.Datacenter");
    list = consul_answer_read(text, JSON_LIST, &a, &err);
    if (list != NULL)
        consul_targets_make(list, "web", "dc1", ",", g);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct target_list found = { 0 };
    struct target_group g = { .out = &found };
    uint8_t *copy;

    if (len < 1)
        return 0;
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    copy = mem_alloc(len);
    memcpy(copy, data + 1, len - 1);
    if (data[0] & 1)
        answer_consul(bytes_of(copy, len - 1), &g);
    else
        answer_docker(bytes_of(copy, len - 1), data[0] & 2, &g);
    targets_check(&found);
    target_group_free(&g);
    target_list_free(&found);
    free(copy);
    return 0;
}
