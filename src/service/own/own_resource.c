/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults first, then each change of the configuration in its order: a value replaces, none takes out. */
#include "service/own/own_resource.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct own_attribute *find_attribute(struct own_resource *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->v[i].name, name) == 0)
            return &r->v[i];
    return NULL;
}

static void set_attribute(struct own_resource *r, const char *name, const char *value)
{
    struct own_attribute *a = find_attribute(r, name);

    if (a != NULL)
        free(a->value);
    else
        (a = &r->v[r->n++])->name = mem_strdup(name);
    a->value = mem_strdup(value);
}

static void take_out(struct own_resource *r, const char *name)
{
    struct own_attribute *a = find_attribute(r, name);

    if (a == NULL)
        return;
    free(a->name);
    free(a->value);
    *a = r->v[--r->n];
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct own_attribute *)a)->name, ((const struct own_attribute *)b)->name);
}

void own_resource_init(struct own_resource *r, const char *instance_id, unsigned worker,
                       const struct string_map *changes)
{
    char number[16];

    *r = (struct own_resource){ .v = mem_zalloc((changes->n + 4) * sizeof(*r->v)) };
    snprintf(number, sizeof(number), "%u", worker);
    if (worker > 0)
        set_attribute(r, "otelcd.worker", number);
    set_attribute(r, "service.instance.id", instance_id);
    set_attribute(r, "service.name", "otelcd");
    set_attribute(r, "service.version", OTELCD_VERSION);
    for (size_t i = 0; i < changes->n; i++) {
        if (changes->v[i].value == NULL)
            take_out(r, changes->v[i].key);
        else
            set_attribute(r, changes->v[i].key, changes->v[i].value);
    }
    qsort(r->v, r->n, sizeof(*r->v), by_name);
}

void own_resource_free(struct own_resource *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].name);
        free(r->v[i].value);
    }
    free(r->v);
    *r = (struct own_resource){ 0 };
}

void own_resource_json(const struct own_resource *r, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < r->n; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        log_quote(out, bytes_str(r->v[i].name));
        buf_puts(out, ": ");
        log_quote(out, bytes_str(r->v[i].value));
    }
    buf_putc(out, '}');
}

void own_instance_id(char id[37])
{
    unsigned char b[16] = { 0 };

    (void)uv_random(NULL, NULL, b, sizeof(b), 0, NULL);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(id, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
