/* SPDX-License-Identifier: Apache-2.0 */
/* Constant tables, walked over for each visit. */
#include "support/seen_service.h"

static const struct component receiver = { .type = "in", .kind = COMPONENT_RECEIVER };
static const struct component processor = { .type = "p", .kind = COMPONENT_PROCESSOR };
static const struct component holder = { .type = "holds", .kind = COMPONENT_PROCESSOR, .safe = "It is held." };
static const struct component exporter = { .type = "out", .kind = COMPONENT_EXPORTER };

static const struct node nodes[] = {
    { .component = &receiver, .id = "in" },   { .component = &processor, .id = "p" },
    { .component = &processor, .id = "p/2" }, { .component = &holder, .id = "holds" },
    { .component = &exporter, .id = "out" },
};

static const struct view_node seen[] = {
    { VIEW_RECEIVER, &nodes[0], NULL },  { VIEW_PROCESSOR, &nodes[1], NULL }, { VIEW_PROCESSOR, &nodes[2], NULL },
    { VIEW_PROCESSOR, &nodes[3], NULL }, { VIEW_EXPORTER, &nodes[4], NULL },
};

static void each_pipeline(const struct service_view *v, void (*visit)(const struct view_pipeline *p, void *arg),
                          void *arg)
{
    static const struct view_pipeline pipelines[] = {
        { "logs", SIGNAL_LOGS, NULL, seen, ARRAY_LEN(seen) },
        { "logs/2", SIGNAL_LOGS, NULL, seen, ARRAY_LEN(seen) },
        { "traces", SIGNAL_TRACES, NULL, seen, ARRAY_LEN(seen) },
        { "metrics", SIGNAL_METRICS, NULL, seen, ARRAY_LEN(seen) },
    };

    (void)v;
    for (size_t i = 0; i < ARRAY_LEN(pipelines); i++)
        visit(&pipelines[i], arg);
}

static size_t find_edges(const struct service_view *v, const struct view_point *p, struct edge **out)
{
    const struct seen_service *s = container_of_const(v, struct seen_service, view);

    out[0] = p->behind ? s->behind : s->before;
    return out[0] != NULL;
}

void seen_service_init(struct seen_service *s)
{
    *s = (struct seen_service){
        .view = { .phase = SERVICE_READY, .each_pipeline = each_pipeline, .find_edges = find_edges }
    };
}
