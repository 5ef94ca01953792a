/* SPDX-License-Identifier: Apache-2.0 */
/* YAML bytes to a checked configuration, with every component there is; no file and no variable is read. */
#include "service/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *uri = malloc(size + 6);
    struct config_sources s = { .uris = (const char *const[]){ uri }, .n_uris = 1, .offline = true };
    struct buf out = { 0 };
    struct config *c;

    memcpy(uri, "yaml:", 5);
    if (size > 0)
        memcpy(uri + 5, data, size);
    uri[size + 5] = '\0';
    c = config_load(&s, component_registry);
    if (c->faults.n_errors == 0)
        yaml_write(config_tree(c, true), &out, size % 2 == 0);
    buf_free(&out);
    config_free(c);
    free(uri);
    return 0;
}
