/* SPDX-License-Identifier: Apache-2.0 */
/* The defaults of options, where nothing is set, and what is made once for all connections. */
#include "net/message/server_shared.h"

#include "net/message/request.h"

#include <time.h>

/* What nobody needs who means well, and what strangers would take for ever. */
#define HEAD_TIME (60 * NS_PER_S)
#define WRITE_TIME (60 * NS_PER_S)
#define IDLE_TIME (900 * NS_PER_S)

static void default_deadlines(struct http_server_options *o)
{
    if (o->read_header_timeout == 0)
        o->read_header_timeout = o->read_timeout > 0 ? o->read_timeout : HEAD_TIME;
    if (o->write_timeout == 0)
        o->write_timeout = WRITE_TIME;
    if (o->idle_timeout == 0)
        o->idle_timeout = IDLE_TIME;
}

void server_shared_init(struct server_shared *shared)
{
    struct http_server_options *o = &shared->options;

    list_init(&shared->spare);
    o->max_concurrent_streams = o->max_concurrent_streams ? o->max_concurrent_streams : 1000;
    o->initial_window = o->initial_window ? o->initial_window : 65535;
    if (o->initial_window > INT32_MAX)
        o->initial_window = INT32_MAX;
    o->read_buffer_size = o->read_buffer_size ? o->read_buffer_size : 512 * 1024ul;
    o->write_buffer_size = o->write_buffer_size ? o->write_buffer_size : 256 * 1024ul;
    o->max_header_bytes = o->max_header_bytes ? o->max_header_bytes : 64 * 1024ul;
    default_deadlines(o);
    o->keepalive_min_time = o->keepalive_min_time ? o->keepalive_min_time : 300 * NS_PER_S;
}

void server_shared_close(struct server_shared *shared)
{
    request_free_spares(shared);
    buf_free(&shared->spare_out);
    nghttp2_session_callbacks_del(shared->callbacks);
    nghttp2_option_del(shared->option);
    shared->callbacks = NULL;
    shared->option = NULL;
}

struct bytes server_shared_date(struct server_shared *shared)
{
    uint64_t second = clock_wall(&shared->loop->clock) / NS_PER_S;

    if (second != shared->date_second) {
        static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
        time_t t = (time_t)second;
        struct tm tm;

        gmtime_r(&t, &tm);
        strftime(shared->date, sizeof(shared->date), "Day, %d Mon %Y %H:%M:%S GMT", &tm);
        memcpy(shared->date, days[tm.tm_wday], 3);
        memcpy(shared->date + 8, months[tm.tm_mon], 3);
        shared->date_second = second;
    }
    return bytes_str(shared->date);
}
