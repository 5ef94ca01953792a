/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of this process and of the memory it may use. Reads of /proc and /sys: microseconds, and
 * never from a disk. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdint.h>

/* Resident set, bytes; 0 when /proc cannot be read. The file stays open, so that a full table of file descriptors
 * does not blind us. */
uint64_t process_rss(void);

double process_cpu_seconds(void); /* user and system */

/* The memory that there is for us: the smallest limit of our cgroup (v2: memory.max and memory.high, or v1) and its
 * parents, or the machine's memory. `root` stands in front of /proc and /sys: "" but in tests. 0 when nothing can be
 * read. */
uint64_t process_memory_total(const char *root);
uint64_t process_memory_total_of(const char *root, long pid); /* for another process of this machine */

#endif
