/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of the histograms of batch sizes, as the Go collector has them. */
#ifndef QUEUE_BATCH_BOUNDS_H
#define QUEUE_BATCH_BOUNDS_H

static const double batch_item_bounds[] = { 10,   25,   50,   75,   100,  250,  500,   750,   1000,  2000,  3000,
                                            4000, 5000, 6000, 7000, 8000, 9000, 10000, 20000, 30000, 50000, 100000 };
static const double batch_byte_bounds[] = {
    128,   256,    512,    1024,   2048,    4096,    8192,    16384,   32768,
    65536, 131072, 262144, 524288, 1048576, 2097152, 4194304, 8388608, 16777216
};

#endif
