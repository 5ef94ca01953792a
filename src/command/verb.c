/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables. A new verb is a row here, its lines in the usage of main.c and in the man page. */
#include "command/verb.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>

const struct verb verbs[] = {
    { "run", command_run, "run the daemon", FLAG_CONFIG | FLAG_SET | FLAG_WATCH, 0, NULL, NULL, false },
    { "validate", command_validate, "say what is wrong with a configuration", FLAG_CONFIG | FLAG_SET | FLAG_FORMAT, 0,
      "text json sarif", NULL, false },
    { "print-config", command_print_config, "print a configuration with every default",
      FLAG_CONFIG | FLAG_SET | FLAG_FORMAT | FLAG_MODE, 0, "yaml json", NULL, false },
    { "print-initial-config", command_print_config, "the same as print-config",
      FLAG_CONFIG | FLAG_SET | FLAG_FORMAT | FLAG_MODE, 0, "yaml json", NULL, false },
    { "components", command_components, "list what can be configured", FLAG_FORMAT, 0, "yaml markdown man ottl", NULL,
      false },
    { "explain", command_explain, "say what a configuration will do", FLAG_CONFIG | FLAG_SET, 0, NULL, NULL, false },
    { "migrate", command_migrate, "move a configuration of the Go collector here", FLAG_WRITE, 2, NULL, NULL, true },
    { "schema", command_schema, "print a JSON Schema of the configuration", 0, 0, NULL, NULL, false },
    { "completion", command_completion, "write the completion of a shell", 0, 1, NULL, "bash zsh fish keys", false },
    { "version", command_version, "print the version", 0, 0, NULL, NULL, false },
    { "healthcheck", command_healthcheck, "ask whether a running otelcd answers",
      FLAG_CONFIG | FLAG_SET | FLAG_ENDPOINT | FLAG_CA | FLAG_TIMEOUT, 0, NULL, NULL, false },
    { "status", command_status, "say how a running otelcd is",
      FLAG_CONFIG | FLAG_SET | FLAG_FORMAT | FLAG_ENDPOINT | FLAG_CA | FLAG_TIMEOUT | FLAG_SOCKET, 0, "text json", NULL,
      false },
    { "top", command_top, "watch a running otelcd",
      FLAG_CONFIG | FLAG_SET | FLAG_ENDPOINT | FLAG_CA | FLAG_TIMEOUT | FLAG_INTERVAL | FLAG_ONCE | FLAG_SOCKET, 0,
      NULL, NULL, false },
    { "tap", command_tap, "show live items of a running otelcd",
      FLAG_CONFIG | FLAG_SET | FLAG_FORMAT | FLAG_ENDPOINT | FLAG_SOCKET | FLAG_CONDITION | FLAG_COUNT | FLAG_RATE |
          FLAG_RECEIVER | FLAG_EXPORTER | FLAG_BEFORE | FLAG_AFTER | FLAG_BOTH,
      1, "text json", NULL, false },
    { "doctor", command_doctor, "say why data is missing, or what fails next",
      FLAG_CONFIG | FLAG_SET | FLAG_FORMAT | FLAG_ENDPOINT | FLAG_CA | FLAG_TIMEOUT | FLAG_INTERVAL | FLAG_SOCKET, 0,
      "text json", NULL, false },
    { "wal", command_wal, "look into a queue on disk", 0, 2, NULL, "inspect verify export", true },
    { "test", command_test, "run the tests of a configuration", FLAG_FORMAT | FLAG_FILTER, UINT_MAX, "text tap junit",
      NULL, true },
    { "ottl", command_ottl, "try statements of OTTL", FLAG_CONTEXT | FLAG_JSON, UINT_MAX, NULL, NULL, false },
    { NULL, NULL, NULL, 0, 0, NULL, NULL, false },
};

const struct verb_flag verb_flags[FLAGS] = {
    { "--config", VALUE_FILE, NULL, "a configuration" },
    { "--set", VALUE_KEY, NULL, "change one key" },
    { "--format", VALUE_FORMAT, NULL, "how it is written" },
    { "--mode", VALUE_WORD, "redacted unredacted", "with or without secrets" },
    { "--endpoint", VALUE_WORD, NULL, "host:port or a URL" },
    { "--ca", VALUE_FILE, NULL, "certificates of who is asked" },
    { "--timeout", VALUE_WORD, NULL, "how long to wait" },
    { "--context", VALUE_WORD, "resource scope span spanevent metric datapoint exemplar log",
      "what paths are about that have no prefix" },
    { "--json", VALUE_NONE, NULL, "the result alone" },
    { "--filter", VALUE_WORD, NULL, "tests whose name has this" },
    { "--write", VALUE_NONE, NULL, "give the new file" },
    { "--watch", VALUE_NONE, NULL, "reload when a file changes" },
    { "--interval", VALUE_WORD, NULL, "how long between two looks" },
    { "--once", VALUE_NONE, NULL, "one look, and no more" },
    { "--socket", VALUE_FILE, NULL, "the control socket of the one that is asked" },
    { "--condition", VALUE_WORD, NULL, "items that this OTTL is true of" },
    { "--count", VALUE_WORD, NULL, "how many, and no more" },
    { "--rate", VALUE_WORD, NULL, "how many a second" },
    { "--receiver", VALUE_WORD, NULL, "what it sends into the pipeline" },
    { "--exporter", VALUE_WORD, NULL, "what it is given" },
    { "--before", VALUE_NONE, NULL, "what goes in" },
    { "--after", VALUE_NONE, NULL, "what comes out" },
    { "--both", VALUE_NONE, NULL, "what goes in beside what comes out" },
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; name != NULL && v->name != NULL; v++)
        if (strcmp(name, v->name) == 0)
            return v;
    return NULL;
}
