/* SPDX-License-Identifier: Apache-2.0 */
/* A file of tests of a configuration, read and checked: what is wrong with it is known before anything runs. */
#ifndef COMMAND_TEST_TEST_FILE_H
#define COMMAND_TEST_TEST_FILE_H

#include "config/decode.h"
#include "ottl/ottl.h"
#include "service/trial.h"

enum step_kind { STEP_SEND, STEP_ADVANCE, STEP_STOP, STEP_EXPECT, STEP_BACKEND };

/* What a client was told. */
enum answer_wanted { WANTED_GOOD, WANTED_ACCEPTED, WANTED_WAITING, WANTED_REJECTED, WANTED_RETRY };

struct step_condition {
    struct ottl_program *program;
    int64_t items; /* of how many it is true; -1: of all */
};

struct step_count {
    const char *reason;
    uint64_t items;
};

/* One line of a ledger. */
struct step_ledger {
    bool on;              /* the step asks for some of this ... */
    const char *pipeline; /* ... of a pipeline, or, NULL, ... */
    const char *exporter; /* ... of an exporter, ... */
    enum signal signal;   /* ... its of this signal */
    bool has_dropped, has_refused;
    VEC(struct step_count) dropped, refused;
    int64_t held, delivered; /* -1: not asked for */
    int64_t attempts;        /* of an exporter; -1 */
};

struct step {
    enum step_kind kind;
    const struct yaml_node *location;
    /* send, expect: whom to or from, and of which signal; NULL: a step that looks at a ledger only */
    const char *component;
    enum signal signal;
    bool has_request; /* send; expect: exactly this */
    struct buf request;
    struct string_map metadata; /* send: the client's */
    enum answer_wanted answer;
    uint64_t ns;          /* advance; backend: for how long, 0: until the next word */
    enum trial_peer peer; /* backend */
    uint64_t takes;
    int64_t items; /* expect: so many; -1: any number */
    VEC(struct step_condition) conditions;
    struct step_ledger ledger;
};

struct test_case {
    const char *name;
    const struct yaml_node *location;
    VEC(struct step) steps;
    bool queues; /* a step is about what is before an exporter's peer */
};

struct test_file {
    const char *path;
    struct arena arena;
    struct faults faults; /* of the file, and of the configuration */
    struct config_sources sources;
    struct config *config; /* never run: the names that steps use are its */
    VEC(struct test_case) cases;
};

/* Reads it. faults.n_errors > 0: it cannot be run. */
void test_file_read(struct test_file *f, const char *path, const struct component *const *registry);
void test_file_free(struct test_file *f);

/* The configuration once more, for one run. */
struct config *test_file_config(const struct test_file *f, const struct component *const *registry);

#endif
