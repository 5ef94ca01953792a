/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a list of targets, from a file or a server: whatever is read of it has an address, labels that are
 * sorted, and is bounded; what is refused leaves nothing. The first byte says which form it is in. */
#include "receiver/prometheus/discovery.h"

#include <stdlib.h>

static void check_target(const struct label_set *s)
{
    if (s->list.n == 0)
        abort();
    for (size_t i = 0; i < s->list.n; i++) {
        const struct label_pair *l = &s->list.v[i];

        if (l->name.len == 0 || l->value.len == 0 || (i > 0 && bytes_compare(s->list.v[i - 1].name, l->name) >= 0))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct target_list found = { 0 };
    struct error err = { 0 };
    uint8_t *copy;
    bool good;

    if (len < 1)
        return 0;
    /* Exactly as many bytes as there are, so that a reader who goes on is seen. */
    copy = mem_alloc(len);
    memcpy(copy, data, len);
    good = target_list_read(bytes_of(copy + 1, len - 1), copy[0] & 1, "__meta_x", "from", &found, &err);
    if (good ? found.targets.n > DISCOVERY_MAX_TARGETS : found.targets.n > 0 || err.code == 0 || err.text[0] == '\0')
        abort();
    for (size_t i = 0; i < found.targets.n; i++)
        check_target(&found.targets.v[i]);
    target_list_free(&found);
    free(copy);
    return 0;
}
