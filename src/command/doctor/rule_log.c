/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says that no other rule has quoted: each message once, its newest line. A line that is older than a
 * quarter of an hour may be about what is over. */
#include "command/doctor/rule.h"

#include <string.h>

struct known_line {
    const char *begins;
    const char *kind;
    int weight;
    const char *means, *todo;
};

static const struct known_line known[] = {
    { "Unable to refresh target groups", "discovery_fails", WEIGHT_SENDER,
      "A source of targets cannot be asked, or its answer cannot be read; what was found before stays",
      "what its error says; with status 403 of Kubernetes the service account needs get, list and watch" },
    { "Creating target failed", "target_broken", WEIGHT_SENDER, "A target cannot be scraped as it is written",
      "mend the target, or the relabel_configs that make it" },
    { "Cannot get a token", "no_token", WEIGHT_FAILING, "The token endpoint gives no token, and nothing is sent",
      "mend token_url, client_id, client_secret or scopes" },
    { "The brokers cannot be used", "brokers_away", WEIGHT_SENDER,
      "Kafka's brokers are not reached, or do not let otelcd in: nothing comes from them, or goes to them",
      "mend brokers, the way there, or auth and tls" },
    { "The brokers do not give records", "no_records", WEIGHT_SENDER, "What is in Kafka does not come in",
      "what its error says; a group and a topic have their own rights there" },
    { "A file of the configuration is not watched", "not_watched", WEIGHT_ODD,
      "A change of that file is not seen by itself", "let otelcd's user read it; SIGHUP works all the same" },
    { "A TLS certificate has expired", "certificate_expired", WEIGHT_SENDER + 5,
      "Peers do not take the certificate any more", "renew it: the file is read again by itself" },
    { "A TLS certificate expires soon", "certificate_expires", WEIGHT_RISK + 80,
      "From then on peers do not take the certificate", "renew it: the file is read again by itself" },
    { "A TLS certificate is not valid yet", "certificate_early", WEIGHT_SENDER + 5,
      "Peers do not take the certificate yet", "set this machine's clock right" },
    { "New TLS files cannot be used", "certificate_broken", WEIGHT_RISK + 80,
      "What was loaded before stays, until it expires or otelcd is started again", "mend the files" },
    { "Damaged records in the log", "queue_damaged", WEIGHT_LOST, "The disk gave back something else than was written",
      "look at the disk; `otelcd wal verify DIRECTORY` says what is damaged" },
    { "The end of the log does not read", "queue_end_lost", WEIGHT_LOST,
      "The disk has lost the end of the queue: what senders were told is safe there",
      "look at the disk; `otelcd wal verify DIRECTORY` says what is left" },
    { "Cannot read the queue on disk", "queue_unread", WEIGHT_LOST, "What waits on that disk does not go on",
      "look at the disk; it goes on by itself" },
    { "Cannot write the queue on disk: it was removed", "queue_gone", WEIGHT_REFUSED,
      "The directory of the queue was removed or moved away while otelcd ran; senders are told to retry",
      "move it back, or make it again for otelcd's user: it goes on by itself" },
    { "Cannot write the queue on disk", "queue_unwritten", WEIGHT_REFUSED,
      "The disk of the queue is full or fails; senders are told to retry", "make room on that disk" },
    { "Writing failed", "file_unwritten", WEIGHT_REFUSED, "The file cannot be written; senders are told to retry",
      "make room on that disk, or give otelcd's user the right to the file" },
    { "Scrape refused: too many run already", "scrapes_refused", WEIGHT_UNREAD, "More scrapes run than there may be",
      "let fewer scrapers come, or each less often" },
    { "Scrape refused: the scraper is not let in", "scraper_unknown", WEIGHT_UNREAD,
      "Prometheus has not the credentials that are asked for", "set basic_auth or authorization in its scrape config" },
    { "Metric family left out", "family_left_out", WEIGHT_LOST - 10,
      "Two sources of one scrape have a metric of that name, and one of them is not shown", "rename one of them" },
    { "Series are near their limit", "series_near_limit", WEIGHT_RISK + 70, "Soon new series are refused",
      "take the label away that grows fastest, or raise max_series" },
    { "The file of users", "users_unread", WEIGHT_ODD, "The users stay as they were", "mend the file" },
    { "There are no users", "no_users", WEIGHT_SENDER, "Nobody is let in", "write the users" },
    { "The token file", "tokens_unread", WEIGHT_SENDER, "The tokens stay as they were, or there are none",
      "mend the file" },
    { "A file's new content cannot be used", "file_unread", WEIGHT_ODD, "The old content stays in use",
      "mend the file" },
    { "The ledger does not sum", "defect", WEIGHT_LOST, "This is a defect of otelcd", "report it" },
    { "Sender failed", "batch_lost", WEIGHT_LOST, "What a processor had gathered could not be handed on",
      "look what is behind it" },
    { "What is behind the batch refuses it", "batch_waits", WEIGHT_WAITING,
      "A batch is sent again and again, and meanwhile senders are told to retry", "look what is behind it" },
    { "failed to resolve", "resolve_fails", WEIGHT_RISK + 75,
      "Who is a member is asked in vain: those that were known stay, and others that come or go are not seen",
      "mend what the resolver asks, or the name server of this machine" },
    { "A worker has died", "worker_died", WEIGHT_LOST - 20,
      "What it had not answered for comes again; what it held in memory is lost",
      "look why it ended: by which signal, or in its last lines" },
    { "The peer takes no requests as large", "peer_limit", WEIGHT_NOTE + 10, "Requests go in parts",
      "nothing, or raise the peer's limit" },
    { "The receiver does not know Remote-Write 2.0", "remote_write_1", WEIGHT_NOTE + 10,
      "Remote-Write 1.0 is sent from now on", "set protobuf_message: prometheus.WriteRequest" },
    { "a statement could not be run", "statement_fails", WEIGHT_ODD, "A statement does not fit these items",
      "try it with `otelcd ottl`, and add a where that leaves them out" },
};

#define RECENT 900

static const struct known_line *find_known(struct bytes message)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (message.len >= strlen(known[i].begins) &&
            memcmp(message.data, known[i].begins, strlen(known[i].begins)) == 0)
            return &known[i];
    return NULL;
}

static void tell_line(struct evidence *e, struct seen_line *line)
{
    const struct known_line *k = find_known(line->message);
    const char *id = line_field(e, line, "otelcol.component.id"), *advice = line_field(e, line, "advice");
    const char *kind = line_field(e, line, "otelcol.component.kind");
    const char *path = component_path(e, bytes_str(kind), id);
    struct finding *f = finding_add(e,
                                    k != NULL     ? k->kind
                                    : line->error ? "error"
                                                  : "warning",
                                    k != NULL     ? k->weight
                                    : line->error ? WEIGHT_ODD
                                                  : WEIGHT_NOTE,
                                    id[0] != '\0' ? arena_printf(&e->arena, "%s %s", kind, id) : "the log");

    f->time = line->time;
    f->seen = evidence_quote_line(e, line);
    f->means = k != NULL ? k->means : "";
    f->todo = advice[0] != '\0' ? advice : k != NULL ? k->todo : "";
    if (path[0] != '\0')
        finding_locate(e, f, path, "");
}

static bool was_told_of(const struct evidence *e, const char *about)
{
    for (size_t i = 0; i < e->findings.n; i++) {
        const struct finding *f = e->findings.v[i];
        size_t len = strlen(about);

        if (f->weight >= WEIGHT_REFUSED && strncmp(f->about, about, len) == 0 &&
            (f->about[len] == '\0' || f->about[len] == ' '))
            return true;
    }
    return false;
}

/* One that has been told to fail. */
static bool is_of_exporter(struct evidence *e, const struct seen_line *line)
{
    return strcmp(line_field(e, line, "otelcol.component.kind"), "exporter") == 0 &&
           exporter_was_told(e, line_field(e, line, "otelcol.component.id"));
}

/* A processor's line says that what is behind it fails, which has been told of that. */
static bool is_of_pipeline(struct evidence *e, const struct seen_line *line)
{
    const char *pipeline = line_field(e, line, "otelcol.pipeline.id");
    const struct known_line *k = find_known(line->message);

    if (k == NULL || (strcmp(k->kind, "batch_lost") != 0 && strcmp(k->kind, "batch_waits") != 0))
        return false;
    json_each (p, json_at(e->now.status, "pipelines")) {
        json_each (n, json_at(p, "nodes")) {
            const char *about = arena_printf(&e->arena, "exporter %s", evidence_text(e, json_text_at(n, "id")));

            if (bytes_is(json_text_at(p, "id"), pipeline) && bytes_is(json_text_at(n, "kind"), "exporter") &&
                was_told_of(e, about))
                return true;
        }
    }
    return false;
}

/* A later reload has been taken. */
static bool is_over(const struct evidence *e, const struct seen_line *line)
{
    static const char *const begins[] = { "Fault in the configuration", "The new configuration ",
                                          "Running on the old configuration" };

    for (size_t i = 0; i < ARRAY_LEN(begins); i++)
        if (line->message.len >= strlen(begins[i]) && memcmp(line->message.data, begins[i], strlen(begins[i])) == 0)
            return i == 2 ||
                   (line->error && look_metric(&e->now, "otelcd_config_last_reload_successful", NULL, NULL) != 0);
    return false;
}

void rule_log(struct evidence *e)
{
    double now = number_at(e->now.status, "service.time");

    for (size_t i = 0; i < e->lines.n; i++)
        if (!e->lines.v[i].used && now - e->lines.v[i].time < RECENT && !is_of_exporter(e, &e->lines.v[i]) &&
            !is_of_pipeline(e, &e->lines.v[i]) && !is_over(e, &e->lines.v[i]))
            tell_line(e, &e->lines.v[i]);
}
