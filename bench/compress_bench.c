/* SPDX-License-Identifier: Apache-2.0 */
/* MB/s of content, one core: `compress_bench [file]`. Without a file, spans like an SDK's are made. */
#include "base/mem.h"
#include "codec/inflate.h"
#include "codec/pb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

__attribute__((format(printf, 3, 4))) static void put_attribute(struct buf *b, const char *key, const char *format, ...)
{
    char text[64];
    size_t kv = pb_begin(b, 9), any;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pb_put_str(b, 1, key);
    any = pb_begin(b, 2);
    pb_put_str(b, 1, text);
    pb_end(b, any);
    pb_end(b, kv);
}

static void put_span(struct buf *b, unsigned i)
{
    size_t span = pb_begin(b, 2);
    uint64_t id[3] = { next_random(), next_random(), next_random() };

    pb_put_bytes(b, 1, bytes_of(id, 16));
    pb_put_bytes(b, 2, bytes_of(&id[2], 8));
    pb_put_str(b, 5, "GET /api/v1/users/{id}");
    pb_put_uint(b, 6, 2);
    pb_put_fixed64(b, 7, 1700000000000000000u + i * 1000003u);
    pb_put_fixed64(b, 8, 1700000000000000000u + i * 1000003u + next_random() % 10000000);
    put_attribute(b, "http.request.method", "%s", i % 3 ? "GET" : "POST");
    put_attribute(b, "url.path", "/api/v1/users/%u", (unsigned)(next_random() % 10000));
    put_attribute(b, "server.address", "backend-%u.example.internal", i % 7);
    put_attribute(b, "http.response.status_code", "%u", i % 10 ? 200u : 500u);
    put_attribute(b, "user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) build %u", i % 4);
    pb_end(b, span);
}

static void make_spans(struct buf *b, unsigned n)
{
    size_t resource = pb_begin(b, 1), scope = pb_begin(b, 2);

    for (unsigned i = 0; i < n; i++)
        put_span(b, i);
    pb_end(b, scope);
    pb_end(b, resource);
}

static void read_file(struct buf *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (f == NULL) {
        perror(path);
        exit(1);
    }
    while ((n = fread(buf_reserve(b, 65536), 1, 65536, f)) > 0)
        b->len += n;
    fclose(f);
}

static void report(const char *what, size_t bytes, unsigned runs, double t, double ratio)
{
    printf("%-30s %8.0f MB/s   ratio %.2f\n", what, (double)bytes * runs / t / 1e6, ratio);
}

static unsigned runs_for(size_t len, size_t total)
{
    return (unsigned)(total / (len + 1) + 1);
}

static void check(int rc, const struct error *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void bench_coding(const char *name, enum coding c, int level, struct bytes content)
{
    unsigned runs = runs_for(content.len, 200000000), more = runs_for(content.len, 1000000000);
    struct buf out = { 0 };
    struct error err;
    char what[64];
    double t = now();

    for (unsigned i = 0; i < runs; i++) {
        out.len = 0;
        check(deflate_buf(c, level, content, &out, &err), &err);
    }
    snprintf(what, sizeof(what), "%s level %d, deflate", name, level);
    report(what, content.len, runs, now() - t, (double)content.len / (double)out.len);
    t = now();
    for (unsigned i = 0; i < more; i++) {
        struct block *block;
        size_t len;

        check(inflate_block(c, buf_bytes(&out), content.len, NULL, &block, &len, &err), &err);
        block_unref(block);
    }
    snprintf(what, sizeof(what), "%s level %d, inflate", name, level);
    report(what, content.len, more, now() - t, (double)content.len / (double)out.len);
    buf_free(&out);
}

/* What others write by default; ours is not to be larger. */
static void bench_zlib_deflate(struct bytes content)
{
    unsigned runs = runs_for(content.len, 100000000);
    struct buf out = { 0 };
    z_stream z = { 0 };
    double t = now();

    if (deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        exit(1);
    for (unsigned i = 0; i < runs; i++) {
        out.len = 0;
        z.next_out = buf_reserve(&out, content.len + content.len / 8 + 1000);
        z.avail_out = (unsigned)(out.cap);
        z.next_in = (Bytef *)(uintptr_t)content.data;
        z.avail_in = (unsigned)content.len;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END)
            exit(1);
        out.len = z.total_out;
        deflateReset(&z);
    }
    report("gzip by zlib level 1, deflate", content.len, runs, now() - t, (double)content.len / (double)out.len);
    deflateEnd(&z);
    buf_free(&out);
}

static void bench_zlib_inflate(struct bytes content)
{
    unsigned runs = runs_for(content.len, 500000000);
    struct buf out = { 0 };
    struct error err;
    double t;

    check(deflate_buf(CODING_GZIP, 6, content, &out, &err), &err);
    t = now();
    for (unsigned i = 0; i < runs; i++) {
        struct inflate_out o = { .max = content.len, .coding = "gzip" };

        check(gzip_reader_zlib.inflate(CODING_GZIP, buf_bytes(&out), &o, &err), &err);
        block_unref(o.block);
    }
    report("gzip by zlib, inflate", content.len, runs, now() - t, (double)content.len / (double)out.len);
    buf_free(&out);
}

int main(int argc, char **argv)
{
    struct buf content = { 0 };

    if (argc > 1)
        read_file(&content, argv[1]);
    else
        make_spans(&content, 100);
    printf("content: %zu bytes\n", content.len);
    bench_coding("gzip", CODING_GZIP, 0, buf_bytes(&content));
    bench_coding("gzip", CODING_GZIP, 6, buf_bytes(&content));
    bench_zlib_deflate(buf_bytes(&content));
    bench_zlib_inflate(buf_bytes(&content));
    bench_coding("gzip", CODING_GZIP, 1, buf_bytes(&content));
    bench_coding("zstd", CODING_ZSTD, 0, buf_bytes(&content));
    bench_coding("zstd", CODING_ZSTD, 3, buf_bytes(&content));
    bench_coding("snappy", CODING_SNAPPY, 0, buf_bytes(&content));
    bench_coding("snappy framed", CODING_SNAPPY_FRAMED, 0, buf_bytes(&content));
    buf_free(&content);
    return 0;
}
