/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs of the command line and the flags each takes: what main() reads arguments by, and what the completion of
 * shells is made of. */
#ifndef COMMAND_VERB_H
#define COMMAND_VERB_H

#include "command/command.h"

enum {
    FLAG_CONFIG = 1,
    FLAG_SET = 2,
    FLAG_FORMAT = 4,
    FLAG_MODE = 8,
    FLAG_ENDPOINT = 16,
    FLAG_CA = 32,
    FLAG_TIMEOUT = 64,
    FLAG_CONTEXT = 128,
    FLAG_JSON = 256,
    FLAG_FILTER = 512,
    FLAG_WRITE = 1024,
    FLAG_WATCH = 2048,
    FLAG_INTERVAL = 4096,
    FLAG_ONCE = 8192,
    FLAG_SOCKET = 16384,
    FLAG_CONDITION = 1 << 15,
    FLAG_COUNT = 1 << 16,
    FLAG_RATE = 1 << 17,
    FLAG_RECEIVER = 1 << 18,
    FLAG_EXPORTER = 1 << 19,
    FLAG_BEFORE = 1 << 20,
    FLAG_AFTER = 1 << 21,
    FLAG_BOTH = 1 << 22,
    FLAGS = 23 /* how many there are */
};

struct verb {
    const char *name;
    int (*run)(const struct arguments *a);
    const char *help;    /* a few words */
    unsigned flags;      /* those it takes; another one is a mistake */
    unsigned operands;   /* at most */
    const char *formats; /* of --format, with blanks between; NULL: none */
    const char *words;   /* what its first operand may be; NULL: anything */
    bool files;          /* operands are names of files */
};

enum flag_value { VALUE_NONE, VALUE_WORD, VALUE_FILE, VALUE_KEY, VALUE_FORMAT };

struct verb_flag {
    const char *name; /* "--config" */
    enum flag_value value;
    const char *words; /* it may have, with blanks between; NULL: any */
    const char *help;
};

extern const struct verb verbs[];           /* ends with a name of NULL */
extern const struct verb_flag verb_flags[]; /* FLAGS of them, in the order of their bits */

const struct verb *verb_find(const char *name); /* NULL: there is none */

#endif
