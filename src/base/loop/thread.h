/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread keeps for itself between two pieces of work, and has to give back when it ends. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

/* release(arg) is called when this thread ends, last come first served. The main thread's end is the process's: nothing
 * is called then. */
void thread_at_end(void (*release)(void *arg), void *arg);

/* The same of what has just been made for this thread alone, which is given back. Ends the process where there was no
 * memory for it: made NULL. */
void *thread_keep(void *made, void (*release)(void *made));

#endif
