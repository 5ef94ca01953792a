/* SPDX-License-Identifier: Apache-2.0 */
/* Lines go as they lie in the ring, in a file in memory, whenever the worker tells its numbers. What can go wrong: it
 * dies before; then they are in the log alone. */
#include "service/workers/warnings_relay.h"

#include "base/mem.h"
#include "service/workers/channel.h"

#include <string.h>
#include <unistd.h>

void warnings_relay_give(const struct log_recent *recent, size_t *told)
{
    struct channel_message m = { .kind = CHANNEL_WARNINGS };
    size_t n = recent != NULL ? recent->total - *told : 0;
    struct buf lines = { 0 };
    int file;

    if (n == 0)
        return;
    for (size_t i = n < LOG_RECENT_MAX ? n : LOG_RECENT_MAX; i > 0; i--)
        buf_append(&lines, log_recent_line(recent, i - 1), sizeof(struct log_recent_line));
    file = channel_pack(buf_bytes(&lines));
    if (file >= 0 && channel_send(CHANNEL_FD, &m, file))
        *told = recent->total;
    if (file >= 0)
        close(file);
    buf_free(&lines);
}

/* The worker stands first among the fields. */
static void add_line(struct log_recent *to, unsigned worker, const struct log_recent_line *line)
{
    const uint8_t *fields = memmem(line->text, line->len, " {\"", 3);
    size_t before = fields != NULL ? (size_t)(fields - line->text) : line->len;
    struct buf text = { 0 };

    buf_append(&text, line->text, before);
    buf_printf(&text, " {\"worker\":%u", worker);
    if (fields == NULL) {
        buf_putc(&text, '}');
    } else {
        buf_putc(&text, ',');
        buf_append(&text, fields + 2, line->len - before - 2);
    }
    log_recent_add(to, line->wall, line->level, buf_bytes(&text));
    if (line->cut)
        to->lines[(to->total - 1) % LOG_RECENT_MAX].cut = true;
    buf_free(&text);
}

void warnings_relay_take(struct log_sink *log, unsigned worker, int file)
{
    struct log_recent_line line;
    struct buf lines = { 0 };
    bool whole = channel_unpack(file, &lines) && log->recent != NULL;

    for (size_t at = 0; whole && at + sizeof(line) <= lines.len; at += sizeof(line)) {
        memcpy(&line, lines.data + at, sizeof(line));
        if (line.len <= sizeof(line.text))
            add_line(log->recent, worker, &line);
    }
    buf_free(&lines);
}
