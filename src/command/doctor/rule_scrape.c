/* SPDX-License-Identifier: Apache-2.0 */
/* What a prometheus exporter shows has to be fetched: by whom and when it was, and whether series go before they are
 * seen. Of targets that otelcd scrapes itself: that there are any. */
#include "command/doctor/rule.h"

#include "config/decode.h"

#include <string.h>

#define FIRST_SCRAPE 120 /* seconds in which any Prometheus has come */
#define LATE 3           /* intervals */

static double duration_at(const struct evidence *e, const char *path)
{
    int64_t ns;

    return duration_parse(option_text(e, path), &ns) ? (double)ns / 1e9 : 0;
}

static const char *last_scrape(struct evidence *e, const struct json_node *s, double ago)
{
    if (number_at(s, "scrapes") == 0)
        return arena_printf(&e->arena, "%s has never been scraped", evidence_text(e, json_text_at(s, "address")));
    return arena_printf(&e->arena, "%s was scraped last %s ago, by %s (%s)",
                        evidence_text(e, json_text_at(s, "address")), evidence_seconds(e, ago),
                        evidence_text(e, json_text_at(s, "peer")), evidence_text(e, json_text_at(s, "user_agent")));
}

static double delivered_by(const struct evidence *e, struct bytes id)
{
    double sum = 0;

    json_each (p, json_at(e->now.status, "pipelines")) {

        json_each (n, json_at(p, "nodes")) {
            if (bytes_equal(json_text_at(n, "id"), id))
                sum += number_at(n, "ledger.delivered");
        }
    }
    return sum;
}

static void tell_unscraped(struct evidence *e, const struct json_node *s, const char *id, double ago)
{
    double up = number_at(e->now.status, "service.ready_seconds");
    bool never = number_at(s, "scrapes") == 0;
    struct finding *f = finding_add(e, "not_scraped", never && up < FIRST_SCRAPE ? WEIGHT_NOTE + 60 : WEIGHT_UNREAD,
                                    arena_printf(&e->arena, "exporter %s", id));

    f->seen = arena_printf(&e->arena, "%s; it has %.0f series to show", last_scrape(e, s, ago),
                           look_metric(&e->now, "otelcd_prometheus_series", "exporter", id));
    f->means = "what otelcd shows there gets nowhere: Prometheus does not fetch it";
    f->todo =
        arena_printf(&e->arena,
                     "in Prometheus: a scrape config with targets: [\"%s\"] by a name that it reaches, and look at "
                     "its page Targets",
                     evidence_text(e, json_text_at(s, "address")));
    finding_locate(e, f, arena_printf(&e->arena, "exporters::%s::endpoint", id), "");
}

/* Series that nothing arrived for have gone. Had they been seen? */
static void tell_expired(struct evidence *e, const struct json_node *s, const char *id, double ago)
{
    const char *path = arena_printf(&e->arena, "exporters::%s::metric_expiration", id);
    double expired = look_metric(&e->now, "otelcd_prometheus_series_expired", "exporter", id);
    double kept = duration_at(e, path), interval = number_at(s, "interval_seconds");
    double unseen = interval > ago ? interval : ago;
    struct finding *f;

    if (expired == 0 || kept <= 0 || kept >= unseen)
        return;
    f = finding_add(e, "expires_unseen", WEIGHT_LOST - 30, arena_printf(&e->arena, "exporter %s", id));
    f->seen = arena_printf(&e->arena, "%.0f series have gone; they are kept for %s, and %s", expired,
                           option_text(e, path), last_scrape(e, s, ago));
    f->means = "series go before they are scraped, so that Prometheus never sees some of them";
    f->todo = "keep them for a few scrapes, or scrape more often";
    finding_locate(e, f, path,
                   arena_printf(&e->arena, "metric_expiration: %.0fs", unseen * LATE > 60 ? unseen * LATE : 60));
}

static void look_at_endpoint(struct evidence *e, const struct json_node *s)
{
    double ago = number_at(e->now.status, "service.time") - number_at(s, "last");
    double up = number_at(e->now.status, "service.up_seconds"), interval = number_at(s, "interval_seconds");
    bool never = number_at(s, "scrapes") == 0, late = !never && interval > 0 && ago > LATE * interval && ago > 60;

    json_each (source, json_at(s, "sources")) {
        const char *id = evidence_text(e, source->text);

        if (strcmp(id, "telemetry") == 0 || delivered_by(e, source->text) == 0)
            continue;
        tell_expired(e, s, id, never ? up : ago);
        if (never || late)
            tell_unscraped(e, s, id, ago);
    }
}

/* ---- targets ---- */

static void look_at_receiver(struct evidence *e, const char *id)
{
    struct finding *f;

    if (look_metric(&e->now, "otelcd_scraper_targets", "receiver", id) > 0)
        return;
    f = finding_add(e, "no_targets", WEIGHT_SILENT + 20, arena_printf(&e->arena, "receiver %s", id));
    f->seen = "it has no targets";
    f->means = "discovery has found none, or the relabel_configs drop them all";
    f->todo = "look at relabel_configs with action keep and drop, and at what its discovery asks";
    finding_locate(e, f, arena_printf(&e->arena, "receivers::%s::config::scrape_configs", id), "");
}

void rule_scrape(struct evidence *e)
{
    json_each (s, json_at(e->now.status, "scrapes")) {
        look_at_endpoint(e, s);
    }
    json_each (p, json_at(e->now.status, "pipelines")) {
        json_each (n, json_at(p, "nodes")) {
            const char *id = evidence_text(e, json_text_at(n, "id"));
            bool scrapes = strcmp(id, "prometheus") == 0 || strncmp(id, "prometheus/", 11) == 0;

            if (scrapes && bytes_is(json_text_at(n, "kind"), "receiver"))
                look_at_receiver(e, id);
        }
    }
}
