/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted beside the ledgers: one row for each metric, one finding for each component that has counted there.
 */
#include "command/doctor/rule.h"

#include <string.h>

struct counted {
    const char *metric;
    const char *owner;         /* its label with a component's id; NULL: the log's line says whose it is */
    const char *label, *value; /* only samples that have that; NULL: all */
    const char *line;          /* what the log's line begins with; NULL: none tells of it */
    const char *kind;
    int weight;
    const char *what; /* it counts */
    const char *means, *todo;
    const char *option;
};

static const struct counted rows[] = {
    { "otelcd_processor_tail_sampling_early_decisions", NULL, "reason", "num_traces",
      "Traces are decided before decision_wait", "decided_early", WEIGHT_WAITING, "traces were decided early",
      "There are more traces than num_traces holds for decision_wait: the oldest are decided by the spans that are "
      "there",
      "a shorter decision_wait, or more traces", "num_traces" },
    { "otelcd_processor_tail_sampling_early_decisions", NULL, "reason", "max_bytes",
      "Traces are decided before decision_wait", "decided_early", WEIGHT_WAITING, "traces were decided early",
      "There are more spans than max_bytes holds for decision_wait: the oldest are decided by the spans that are there",
      "a shorter decision_wait, or more bytes", "max_bytes" },
    { "otelcd_scraper_failures", "receiver", NULL, NULL, "Failed to scrape Prometheus endpoint", "scrape_fails",
      WEIGHT_WAITING + 10, "scrapes failed", "A target cannot be scraped, or its page cannot be read",
      "what the error says: scrape_timeout, body_size_limit, or the page itself (curl the URL)", "config" },
    { "otelcd_scraper_missed", "receiver", NULL, NULL, NULL, "scrape_missed", WEIGHT_WAITING,
      "scrapes did not begin in time",
      "The pipeline has not answered for the last scrape when the next is due, or 500 scrapes are under way",
      "a queue for the exporter, on disk if it must last; a shorter scrape_timeout", NULL },
    { "otelcd_scraper_left_out", "receiver", NULL, NULL, "Samples of a scrape were left out", "samples_left_out",
      WEIGHT_LOST - 20, "samples were left out",
      "Samples of a scrape are there twice, lie too far in time, or fit no series", "mend the page of the target",
      NULL },
    { "otelcd_span_metrics_uncounted_spans", "connector", "reason", "no_service_name", NULL, "spans_uncounted",
      WEIGHT_LOST - 10, "spans are in no metric", "The resource of these spans has no service.name",
      "set OTEL_SERVICE_NAME in the sender", NULL },
    { "otelcd_span_metrics_uncounted_spans", "connector", "reason", "memory", "Spans are not counted",
      "spans_uncounted", WEIGHT_LOST - 10, "spans are in no metric",
      "The memory budget has no room for more series of span_metrics", "fewer dimensions", "dimensions" },
    { "otelcd_span_metrics_overflow_spans", "connector", NULL, NULL, "Too many series", "series_overflow", WEIGHT_ODD,
      "spans went to the series of the rest", "There are more series than may be: new ones share one",
      "fewer dimensions, or a higher limit", "aggregation_cardinality_limit" },
    { "otelcd_exporter_wal_read_failures", "exporter", NULL, NULL, "Cannot read the queue on disk", "queue_unread",
      WEIGHT_LOST, "reads of the queue on disk failed", "What waits on that disk does not go on; new data is taken",
      "look at the disk; it goes on by itself", NULL },
    { "otelcd_exporter_file_failed_batches", "exporter", NULL, NULL, "Writing failed", "file_unwritten", WEIGHT_REFUSED,
      "batches could not be written", "The file cannot be written; senders are told to retry",
      "make room on that disk, or give otelcd's user the right to the file", "path" },
    { "otelcd_oauth2_fetches", "authenticator", "result", "failed", "Cannot get a token", "no_token",
      WEIGHT_FAILING + 5, "questions to the token endpoint failed",
      "The token endpoint gives no token, and what needs one waits",
      "mend token_url, client_id, client_secret or scopes", "token_url" },
    { "otelcd_statement_faults", "component", NULL, NULL, "a statement could not be run", "statement_fails", WEIGHT_ODD,
      "times a statement could not be run", "A statement does not fit these items",
      "try it with `otelcd ottl`, and add a where that leaves them out", NULL },
    { "otelcd_tls_reloads", "component", "outcome", "failed", "New TLS files cannot be used", "certificate_broken",
      WEIGHT_RISK + 80, "times new TLS files could not be used",
      "What was loaded before stays, until it expires or otelcd is started again", "mend the files", "tls" },
    { "otelcd_basicauth_questions", "authenticator", "result", "wrong", NULL, "passwords_wrong", WEIGHT_ODD,
      "passwords were wrong", "A sender has the wrong password, or somebody guesses",
      "mend the sender; the lines `Request rejected` name its address", NULL },
    { "otelcd_receiver_repaired_strings", "receiver", NULL, NULL, "Strings that are not UTF-8", "strings_repaired",
      WEIGHT_NOTE + 10, "strings were no UTF-8", "They go on with U+FFFD in place of what was broken",
      "mend the sender", NULL },
    { "otelcd_remote_write_duplicates", "exporter", NULL, NULL, NULL, "sent_again", WEIGHT_NOTE + 5,
      "points were there already", "An attempt whose answer nobody saw had arrived: nothing is lost", "", NULL },
    { "otelcd_scrape_left_out_families", "source", NULL, NULL, "Metric family left out", "family_left_out",
      WEIGHT_LOST - 10, "metrics were left out of scrapes",
      "Two sources of one scrape have a metric of that name, and one of them is not shown", "rename one of them",
      NULL },
};

static bool is_of(const struct json_node *m, const struct counted *c)
{
    return bytes_is(json_text_at(m, "name"), c->metric) &&
           (c->label == NULL || bytes_is(json_text_at(json_at(m, "labels"), c->label), c->value));
}

static struct bytes owner_of(const struct json_node *m, const struct counted *c)
{
    return c->owner != NULL ? json_text_at(json_at(m, "labels"), c->owner) : bytes_of(NULL, 0);
}

/* Of one component, over its samples. */
static double sum_of(const struct look *l, const struct counted *c, struct bytes owner)
{
    double sum = 0;

    json_each (m, json_at(l->metrics, "metrics")) {
        if (is_of(m, c) && bytes_equal(owner_of(m, c), owner))
            sum += number_at(m, "value");
    }
    return sum;
}

static bool is_told(const struct evidence *e, const char *kind, const char *about)
{
    for (size_t i = 0; i < e->findings.n; i++)
        if (strcmp(e->findings.v[i]->kind, kind) == 0 && strcmp(e->findings.v[i]->about, about) == 0)
            return true;
    return false;
}

static const char *owner_kind(const struct counted *c)
{
    return strcmp(c->owner, "authenticator") == 0 ? "extension" : c->owner;
}

/* The ledger of the exporter says the same. */
static bool is_in_ledger(const struct evidence *e, const struct counted *c, const char *about)
{
    return strcmp(c->kind, "file_unwritten") == 0 &&
           (is_told(e, "refused_no_space", about) || is_told(e, "refused_write_failed", about));
}

static void tell_counted(struct evidence *e, const struct counted *c, struct bytes owner)
{
    struct seen_line *line =
        c->line != NULL ? evidence_find_own_line(e, c->line, c->owner, evidence_text(e, owner)) : NULL;
    const char *id = owner.len > 0 ? evidence_text(e, owner) : line_field(e, line, "otelcol.component.id");
    const char *path = evidence_find_path(e, id);
    const char *about = path[0] != '\0' ? arena_printf(&e->arena, "%.*s %s", (int)strcspn(path, ":") - 1, path, id)
                        : owner.len > 0 ? arena_printf(&e->arena, "%s %s", owner_kind(c), id)
                                        : id;
    double total = sum_of(&e->now, c, owner), growth = total - sum_of(&e->first, c, owner);
    const char *quote = evidence_quote_line(e, line);
    struct finding *f;

    if (total == 0 || !evidence_is_recent(e, growth, line) || is_told(e, c->kind, about) || exporter_was_told(e, id) ||
        is_in_ledger(e, c, about))
        return;
    f = finding_add(e, c->kind, c->weight + (growth > 0 && c->weight >= WEIGHT_RISK ? 10 : 0), about);
    f->seen = arena_printf(&e->arena, "%.0f %s%s%s", total, c->what, quote[0] != '\0' ? "; " : "", quote);
    f->time = line != NULL ? line->time : 0;
    f->means = c->means;
    f->todo = c->todo;
    if (path[0] != '\0' && c->option != NULL)
        finding_option(e, f, path, c->option);
    else if (path[0] != '\0')
        finding_locate(e, f, path, "");
}

void rule_counter(struct evidence *e)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        json_each (m, json_at(e->now.metrics, "metrics")) {
            if (is_of(m, &rows[i]) && number_at(m, "value") > 0)
                tell_counted(e, &rows[i], owner_of(m, &rows[i]));
        }
}
