/* SPDX-License-Identifier: Apache-2.0 */
/* A file system in memory that fails and crashes where a test says: the log's wal_io.
 *
 * Threads may use it beside each other, one call at a time. Every call counts as one point. What was written and not
 * synced is remembered write by write, names that were made or taken away and not synced too, so that a crash can lose,
 * keep or tear them. */
#ifndef SUPPORT_SIM_FS_H
#define SUPPORT_SIM_FS_H

#include "base/buf.h"
#include "base/vec.h"
#include "wal/wal_io.h"

#include <pthread.h>

enum sim_crash {
    SIM_LOSE,    /* nothing that was not synced is there, and what was taken away without a sync is back */
    SIM_KEEP,    /* all of it is there */
    SIM_TEAR,    /* the first half of the writes, the last of them in half */
    SIM_REORDER, /* only the later writes: the first ones are lost */
    SIM_CRASHES
};

enum sim_fault { SIM_NONE, SIM_EIO, SIM_ENOSPC, SIM_SHORT, SIM_STOP };

struct sim_write {
    uint64_t at;
    struct buf data;
};

struct sim_file {
    char *name;
    struct buf now, safe;
    VEC(struct sim_write) writes; /* since the last sync */
    uint64_t released;            /* bytes given back */
    bool linked, link_safe;
};

struct sim_fs {
    struct wal_io io;
    VEC(struct sim_file *) files;
    VEC(struct sim_file *) open; /* by descriptor; NULL = closed */
    uint64_t calls;
    uint64_t fail_at; /* which call; 0 = none */
    enum sim_fault fault;
    uint64_t capacity; /* bytes of all files; 0 = endless */
    bool stopped;      /* the machine is off: nothing has an effect any more */
    bool locked;
    int lock_fd;      /* of the lock that the directory has */
    bool gone;        /* the directory, with all that is in it */
    bool held;        /* who unlinks a name that was synced hangs, until it is let go */
    unsigned hanging; /* calls that do */
    pthread_mutex_t lock;
    pthread_cond_t let_go;
};

void sim_fs_init(struct sim_fs *fs);
void sim_fs_free(struct sim_fs *fs);
void sim_fs_crash(struct sim_fs *fs, enum sim_crash how); /* off and on again */
/* The directory, as by a rename and the other way round; or what is there later is another one, and empty. */
void sim_fs_move_away(struct sim_fs *fs);
void sim_fs_move_back(struct sim_fs *fs);
void sim_fs_make_anew(struct sim_fs *fs);
void sim_fs_hold(struct sim_fs *fs, bool held);
unsigned sim_fs_hanging(struct sim_fs *fs);
/* While threads are at work. */
bool sim_fs_locked(struct sim_fs *fs);
void sim_fs_set_capacity(struct sim_fs *fs, uint64_t bytes);
struct sim_file *sim_fs_find(struct sim_fs *fs, const char *end_of_name); /* the first by that end; NULL */

#endif
