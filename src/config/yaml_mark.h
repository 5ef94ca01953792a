/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of a text that libyaml reads: they count characters, and what is copied is cut at bytes. */
#ifndef CONFIG_YAML_MARK_H
#define CONFIG_YAML_MARK_H

#include "base/bytes.h"

#include <yaml.h>

struct yaml_marks {
    struct bytes text;
    size_t index, offset; /* in characters and in bytes: where the last mark was */
};

/* The offset of a mark in bytes. Marks come in order, or it takes as long as to the mark from the beginning. */
static inline size_t yaml_mark_offset(struct yaml_marks *m, yaml_mark_t mark)
{
    if (mark.index < m->index)
        m->index = m->offset = 0;
    for (; m->index < mark.index && m->offset < m->text.len; m->index++)
        do
            m->offset++;
        while (m->offset < m->text.len && (m->text.data[m->offset] & 0xc0) == 0x80);
    return m->offset;
}

#endif
