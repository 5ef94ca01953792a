/* SPDX-License-Identifier: Apache-2.0 */
/* `otelcd --config FILE`: the daemon. */
#include "command/command.h"
#include "service/service.h"

int command_run(const struct arguments *a)
{
    struct config_sources sources = arguments_sources(a);

    return service_run(&sources, component_registry, a->watch);
}
