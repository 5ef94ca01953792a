/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration of any kind to one of ours, by places in its text; what comes of that goes the same way again. */
#include "command/migrate/migration.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_yaml(struct bytes text)
{
    struct arena a = { 0 };
    struct faults faults = { 0 };
    bool good = yaml_read(&a, text, "fuzz", 1, 1, &faults) != NULL && faults.n_errors == 0;

    faults_free(&faults);
    arena_free(&a);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct migration m = { 0 }, again = { 0 };
    struct buf out = { 0 }, same = { 0 };

    if (size > 65536 || !is_yaml(bytes_of(data, size)))
        return 0;
    if (migration_run(&m, bytes_of(data, size)))
        yaml_text_write(&m.text, &out);
    if (is_yaml(buf_bytes(&out)) && migration_run(&again, buf_bytes(&out)))
        yaml_text_write(&again.text, &same);
    buf_free(&out);
    buf_free(&same);
    migration_free(&m);
    migration_free(&again);
    return 0;
}
