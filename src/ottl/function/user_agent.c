/* SPDX-License-Identifier: Apache-2.0 */
/* UserAgent(): what a program calls itself, under the names of OpenTelemetry's conventions (ottl/user_agents.h). */
#include "ottl/user_agents.h"

#include "ottl/function/make.h"
#include "ottl/function/rows.h"
#include "ottl/function/tables.h"

static bool prepare_agents(struct ottl_prepare *p)
{
    p->state = user_agents_take(&p->err);
    return p->state != NULL;
}

static void release_agents(void *state)
{
    user_agents_drop(state);
}

static bool spend_steps(void *arg, uint64_t steps)
{
    return ottl_spend_worst(arg, steps);
}

static bool call_user_agent(struct ottl_call *c, struct ottl_value *result)
{
    struct bytes text = c->args[0].bytes;
    struct user_agent found;
    struct buf map = { 0 };

    if (!ottl_spend(c, 1 + text.len / 64) ||
        !user_agents_find(c->state, text, (struct user_agents_payer){ spend_steps, c }, &found))
        return false;
    ottl_put_text_pair(&map, bytes_str("user_agent.name"), found.name);
    ottl_put_text_pair(&map, bytes_str("user_agent.version"), found.version);
    ottl_put_text_pair(&map, bytes_str("user_agent.original"), text);
    ottl_put_text_pair(&map, bytes_str("os.name"), found.os_name);
    if (found.os_version.len > 0)
        ottl_put_text_pair(&map, bytes_str("os.version"), found.os_version);
    return ottl_give(c, &map, OTTL_MAP, result);
}

const struct ottl_function ottl_functions_user_agent[] = {
    CONVERTER("UserAgent", call_user_agent, "a map", TAKES(ARGUMENT("user_agent", STRING)),
              "What a program that calls itself so is: user_agent.name, user_agent.version and user_agent.original, "
              "os.name, os.version where it says one. It needs the patterns of the package " USER_AGENTS_PACKAGE ".",
              .prepare = prepare_agents, .release = release_agents),
    { 0 },
};
