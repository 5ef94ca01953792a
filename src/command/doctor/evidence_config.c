/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration for the doctor: that of --config; or that which the running process was started with, by its
 * command line; else what the daemon says of itself, as a tree without locations. Of the first two the text is read a
 * second time as it is written, for the locations. */
#include "command/daemon.h"
#include "command/doctor/evidence.h"
#include "command/doctor/machine.h"

#include <stdio.h>
#include <string.h>

static void load_sources(struct evidence *e, const struct config_sources *sources)
{
    struct config *c = config_load(sources, component_registry);

    e->written = source_read(&e->arena, sources, &e->faults);
    e->config = c;
    if (c->faults.n_errors == 0)
        e->options = config_tree(c, false);
}

/* What can be read of it, without a fault. */
static bool load_started(struct evidence *e)
{
    struct started s = { 0 };
    bool found = e->pid > 0 && machine_started_with(e->pid, &e->arena, &s) && s.configs.n > 0;
    struct config_sources sources = {
        .uris = s.configs.v, .n_uris = s.configs.n, .sets = s.sets.v, .n_sets = s.sets.n
    };

    if (found) {
        e->other_variables = !machine_take_variables(e->pid);
        load_sources(e, &sources);
        found = e->options != NULL;
        if (!found) {
            config_free(e->config);
            e->config = NULL;
            e->written = NULL;
        }
    }
    vec_free(&s.configs);
    vec_free(&s.sets);
    return found;
}

/* What it says of itself has its secrets hidden, so that some of it cannot be used. */
static void load_running(struct evidence *e)
{
    struct config_sources sources = { .tree = e->running };
    struct config *c;

    if (e->running == NULL)
        return;
    c = config_load(&sources, component_registry);
    if (c->faults.n_errors > 0) {
        config_free(c);
        return;
    }
    e->config = c;
}

void evidence_read_given(struct evidence *e, const struct arguments *a)
{
    struct config_sources sources = arguments_sources(a);

    if (a->configs.n > 0)
        load_sources(e, &sources);
}

void evidence_read_running(struct evidence *e, const struct daemon_address *address)
{
    struct daemon_answer answer = { 0 };
    struct faults faults = { 0 };

    if (e->now.status != NULL)
        daemon_ask(address, "GET", "/api/v1/config?format=json", YAML_MAX_BYTES, &answer);
    if (answer.status == 200 && !answer.cut)
        e->running = yaml_read(&e->arena, answer.body, "the running configuration", 1, 1, &faults);
    faults_free(&faults);
    e->bodies[4] = answer.text;
    if (e->config == NULL && !load_started(e))
        load_running(e);
}
