/* SPDX-License-Identifier: Apache-2.0 */
/* By ISA-L where it is there, several streams at once; else by the instruction where the processor has it, eight bytes
 * at a time; else by a table that is filled once, from whichever thread comes first. */
#include "codec/crc32c.h"

#include "base/unconst.h"

#include <pthread.h>

#define POLYNOMIAL 0x82f63b78u /* reflected */

static uint32_t table[256];
static pthread_once_t filled = PTHREAD_ONCE_INIT; /* segments are scanned beside the loop too */

static void fill_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
        table[i] = c;
    }
}

uint32_t crc32c_portable(uint32_t crc, struct bytes data)
{
    pthread_once(&filled, fill_table);
    crc = ~crc;
    for (size_t i = 0; i < data.len; i++)
        crc = crc >> 8 ^ table[(crc ^ data.data[i]) & 0xff];
    return ~crc;
}

#if defined(HAVE_ISAL)

#include <isa-l/crc.h>

uint32_t crc32c(uint32_t crc, struct bytes data)
{
    enum { MOST_AT_ONCE = 1 << 30 };

    crc = ~crc;
    while (data.len > 0) {
        size_t n = data.len < MOST_AT_ONCE ? data.len : MOST_AT_ONCE;

        crc = crc32_iscsi(unconst(data.data), (int)n, crc);
        data = bytes_skip(data, n);
    }
    return ~crc;
}

#elif defined(__x86_64__)

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, struct bytes data)
{
    uint64_t c = (uint32_t)~crc;
    const uint8_t *p = data.data;
    size_t n = data.len;

    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
    }
    for (; n > 0; p++, n--)
        c = _mm_crc32_u8((uint32_t)c, *p);
    return ~(uint32_t)c;
}

uint32_t crc32c(uint32_t crc, struct bytes data)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, data) : crc32c_portable(crc, data);
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <sys/auxv.h>

#define HAS_CRC32 (1ul << 7) /* HWCAP_CRC32 of the kernel's list */

__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, struct bytes data)
{
    const uint8_t *p = data.data;
    size_t n = data.len;

    crc = ~crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        crc = __crc32cd(crc, word);
    }
    for (; n > 0; p++, n--)
        crc = __crc32cb(crc, *p);
    return ~crc;
}

uint32_t crc32c(uint32_t crc, struct bytes data)
{
    return getauxval(AT_HWCAP) & HAS_CRC32 ? by_instruction(crc, data) : crc32c_portable(crc, data);
}

#else

uint32_t crc32c(uint32_t crc, struct bytes data)
{
    return crc32c_portable(crc, data);
}

#endif
