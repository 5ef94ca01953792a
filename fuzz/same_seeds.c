/* SPDX-License-Identifier: Apache-2.0 */
/* In the place of the kernel's random numbers, for fuzz drivers only: the same ones in each run. The program draws the
 * seeds of its hash tables from them, so with the same seed for libFuzzer a driver goes the same ways again. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    (void)flags;
    memset(to, 0x5a, n);
    return (ssize_t)n;
}

int getentropy(void *to, size_t n)
{
    return getrandom(to, n, 0) == (ssize_t)n ? 0 : -1;
}
