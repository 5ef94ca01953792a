/* SPDX-License-Identifier: Apache-2.0 */
/* A receiver that asks others (Kafka's brokers), or a processor that does (the API of Kubernetes), and fails: what it
 * says, unless another rule has told of it. Exporters and scraped targets have rules of their own, and so has
 * memory_limiter by what it refuses. */
#include "command/doctor/rule.h"

#include <string.h>

static bool is_told(const struct evidence *e, const char *about)
{
    for (size_t i = 0; i < e->findings.n; i++) {
        size_t len = strlen(about);

        if (e->findings.v[i]->weight >= WEIGHT_SENDER && strncmp(e->findings.v[i]->about, about, len) == 0 &&
            (e->findings.v[i]->about[len] == '\0' || e->findings.v[i]->about[len] == ' '))
            return true;
    }
    return false;
}

/* Its lines tell the same. */
static void use_lines(struct evidence *e, const char *kind, const char *id)
{
    for (size_t i = 0; i < e->lines.n; i++) {
        struct seen_line *l = &e->lines.v[i];

        if (strcmp(line_field(e, l, "otelcol.component.kind"), kind) == 0 &&
            strcmp(line_field(e, l, "otelcol.component.id"), id) == 0)
            l->used = true;
    }
}

static void tell_node(struct evidence *e, const struct json_node *node)
{
    const char *kind = evidence_text(e, json_text_at(node, "kind")), *id = evidence_text(e, json_text_at(node, "id"));
    const char *about = arena_printf(&e->arena, "%s %s", kind, id);
    const struct advice *a = advice_for(json_text_at(node, "reason"));
    const char *path = component_path(e, bytes_str(kind), id);
    struct finding *f;

    if (is_told(e, about))
        return;
    use_lines(e, kind, id);
    f = finding_add(e, arena_printf(&e->arena, "%s_fails", kind), WEIGHT_SENDER + 30, about);
    f->time = number_at(e->now.status, "service.time") - number_at(node, "failing_seconds");
    f->seen = arena_printf(&e->arena, "for %s (%.0f times in a row): %s",
                           evidence_seconds(e, number_at(node, "failing_seconds")), number_at(node, "failures"),
                           evidence_text(e, json_text_at(node, "reason")));
    f->means = a != NULL ? a->means : "It does not do its work now";
    f->todo = a != NULL ? a->todo : "what the error says";
    if (a != NULL && a->option != NULL)
        finding_option(e, f, path, a->option);
    else if (path[0] != '\0')
        finding_locate(e, f, path, "");
}

void rule_node(struct evidence *e)
{
    json_each (p, json_at(e->now.status, "pipelines")) {
        json_each (n, json_at(p, "nodes")) {
            bool watched =
                (bytes_is(json_text_at(n, "kind"), "receiver") && !bytes_match(json_text_at(n, "id"), "prometheus*")) ||
                (bytes_is(json_text_at(n, "kind"), "processor") &&
                 !bytes_match(json_text_at(n, "id"), "memory_limiter*"));

            if (watched && !bytes_is(json_text_at(n, "state"), "ok") && json_text_at(n, "state").len > 0)
                tell_node(e, n);
        }
    }
}
