/* SPDX-License-Identifier: Apache-2.0 */
/* A ring that is written over; what is too long for its line is cut, and says so. */
#include "base/log_recent.h"

#include "base/mem.h"

#include <string.h>

void log_keep_recent(struct log_sink *s)
{
    if (s->recent == NULL)
        s->recent = mem_zalloc(sizeof(*s->recent));
}

void log_recent_add(struct log_recent *r, uint64_t wall, enum log_level level, struct bytes text)
{
    struct log_recent_line *l = &r->lines[r->total++ % LOG_RECENT_MAX];

    l->wall = wall;
    l->level = level;
    l->cut = text.len > sizeof(l->text);
    l->len = l->cut ? sizeof(l->text) : text.len;
    memcpy(l->text, text.data, l->len);
}

const struct log_recent_line *log_recent_line(const struct log_recent *r, size_t i)
{
    if (i >= r->total || i >= LOG_RECENT_MAX)
        return NULL;
    return &r->lines[(r->total - 1 - i) % LOG_RECENT_MAX];
}
