/* SPDX-License-Identifier: Apache-2.0 */
/* What the two exporters' options have in common beyond their rows: compression. */
#include "exporter/otlp/otlp_exporter.h"

#include <stdlib.h>

/* Each protocol has its names. snappy is framed in gRPC, and a block in HTTP. */
enum coding otlp_exporter_coding(const char *compression, bool grpc, struct error *err)
{
    static const struct {
        const char *name;
        enum coding http, grpc;
    } names[] = {
        { "", CODING_IDENTITY, CODING_IDENTITY },
        { "none", CODING_IDENTITY, CODING_IDENTITY },
        { "gzip", CODING_GZIP, CODING_GZIP },
        { "zstd", CODING_ZSTD, CODING_ZSTD },
        { "snappy", CODING_SNAPPY, CODING_SNAPPY_FRAMED },
        { "x-snappy-framed", CODING_SNAPPY_FRAMED, CODING_UNKNOWN },
        { "deflate", CODING_ZLIB, CODING_UNKNOWN },
        { "zlib", CODING_ZLIB, CODING_UNKNOWN },
        { "lz4", CODING_LZ4, CODING_UNKNOWN },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        enum coding c = grpc ? names[i].grpc : names[i].http;

        if (strcmp(names[i].name, compression) == 0 && c != CODING_UNKNOWN)
            return coding_load(c, err) == 0 ? c : CODING_UNKNOWN;
    }
    error_set(err, UV_EINVAL, "unsupported compression type \"%s\": write gzip, zstd, snappy%s or none", compression,
              grpc ? "" : ", x-snappy-framed, deflate, lz4");
    return CODING_UNKNOWN;
}

void otlp_exporter_check_level(const char *compression, int64_t level, struct check *ck)
{
    enum coding c = otlp_exporter_coding(compression, false, NULL);
    bool deflate = c == CODING_GZIP || c == CODING_ZLIB;
    bool fits = level == 0 || (deflate && level >= -2 && level <= 9) || (c == CODING_ZSTD && level >= 1 && level <= 22);

    if (!fits)
        check_fail(ck, "compression_params::level", "unsupported parameters {Level:%lld} for compression type \"%s\"%s",
                   (long long)level, compression,
                   deflate            ? ": write 1 to 9, or -1 for 6"
                   : c == CODING_ZSTD ? ": write 1 to 22"
                                      : ", which has no levels: remove it");
    if (fits && level == -2)
        check_warn(ck, "compression_params::level",
                   "-2 (Huffman codes only) is taken as 1, which is as fast and smaller");
}

/* As codec/compress.h has them. */
int otlp_exporter_level(int64_t level)
{
    return level == -1 ? 6 : level == -2 ? 1 : (int)level;
}
