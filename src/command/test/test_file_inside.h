/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of reading a file of tests: its rows, and what its parts share. */
#ifndef COMMAND_TEST_TEST_FILE_INSIDE_H
#define COMMAND_TEST_TEST_FILE_INSIDE_H

#include "command/test/test_file.h"

/* What is sent or expected: one of these. */
#define TEST_DATA_FIELDS                                                                                               \
    const struct yaml_node *otlp;                                                                                      \
    const char *file;                                                                                                  \
    const struct yaml_node *spans, *metrics, *logs, *resource;

struct test_data {
    TEST_DATA_FIELDS
};

struct test_send {
    bool on;
    const char *to;
    TEST_DATA_FIELDS
    struct string_map metadata;
    int answer;
};

struct test_expect {
    bool on;
    const char *from;
    int signal;
    TEST_DATA_FIELDS
    bool nothing;
    int64_t items;
    const struct yaml_node *conditions;
    const char *context;
    const char *pipeline;
    const struct yaml_node *dropped, *refused;
    int64_t held, delivered;
    const char *exporter;
    int64_t attempts;
};

struct test_backend {
    bool on;
    const char *of;
    int is; /* enum trial_peer */
    int64_t takes;
    duration time;
};

struct test_step {
    struct test_send send;
    duration advance;
    bool stop;
    struct test_expect expect;
    struct test_backend backend;
};

struct test_rows {
    const char *name;
    struct option_list steps;
};

struct test_file_rows {
    struct strings config, set;
    const struct yaml_node *configuration, *processors;
    struct option_list tests;
};

extern const struct option test_file_options[];

/* A location in the file, for faults. */
struct test_location {
    struct test_file *file;
    const struct yaml_node *node;
    const char *path;             /* "tests::0::steps::1" */
    const struct test_case *test; /* as far as it has been read; NULL: of no test */
};

void test_fault(const struct test_location *at, const struct yaml_node *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A step, for a configuration that is sound. */
void test_step_read(const struct test_location *at, const struct test_step *from, struct step *to);

/* A configuration of these processors alone, for the signals that all of them take. */
struct yaml_node *test_pipelines_of(struct test_file *f, const struct yaml_node *processors,
                                    const struct component *const *registry);

#endif
