/* SPDX-License-Identifier: Apache-2.0 */
/* answer_meaning() decides by the status, and where that leaves it open by words of the text, in the order of the
 * table: the first that is found names the reason. What nobody knows is bisected when the request is to blame, and
 * tried again when the receiver is. */
#include "exporter/prometheus_remote_write/remote_write_answer.h"

#include "base/mem.h"

#include <string.h>

/* Words of receivers' error texts, in lower case; the first that is found names the reason. */
static const struct {
    const char *words, *reason;
} texts[] = {
    { "duplicate sample", "duplicate" },
    { "duplicate timestamp", "duplicate" },
    { "out of order", "out_of_order" },
    { "out-of-order", "out_of_order" },
    { "too far in the future", "future" },
    { "too far in future", "future" },
    { "too old", "too_old" },
    { "out of bounds", "too_old" },
    { "histogram", "bad_histogram" },
    { "exemplar", "bad_exemplar" },
    { "label", "bad_label" },
    { "metric name", "bad_name" },
    { "limit", "receiver_limit" },
};

static const struct {
    const char *reason, *advice;
} advices[] = {
    { "duplicate", "the receiver has another value of that series for the same time: two senders share one identity; "
                   "give them different service.instance.id" },
    { "out_of_order", "the receiver has newer samples of that series: two senders share one identity, or the data is "
                      "late; the receiver may allow it (Prometheus: storage.tsdb.out_of_order_time_window)" },
    { "future", "the sender's clock is ahead of the receiver's" },
    { "too_old", "the receiver takes no samples of that age: the queue was behind for long, or the sender's clock is" },
    { "bad_histogram", "the receiver cannot store that histogram: Prometheus before 3.0 needs "
                       "--enable-feature=native-histograms" },
    { "bad_exemplar", "the receiver refuses exemplars" },
    { "bad_label", "the receiver does not take these labels" },
    { "bad_name", "the receiver does not take that metric's name: translation_strategy changes names" },
    { "receiver_limit", "the receiver's own limit is reached" },
    { "too_large", "one data point alone is larger than the receiver takes" },
    { "unauthorized", "the receiver wants other credentials: set `auth`, or `headers`, for instance Authorization" },
    { "not_found", "nothing takes remote write at that path: look at `endpoint` (Prometheus: /api/v1/write, and "
                   "--web.enable-remote-write-receiver)" },
    { "redirected", "the receiver wants another address: write that one as `endpoint`" },
    { "unsupported",
      "the receiver does not know this form of message: set `protobuf_message: prometheus.WriteRequest`" },
    { "server_error", "the receiver fails with it while it takes other series" },
};

const char *answer_advice(const char *reason)
{
    for (size_t i = 0; i < ARRAY_LEN(advices); i++)
        if (strcmp(advices[i].reason, reason) == 0)
            return advices[i].advice;
    return "the receiver refuses it";
}

static const char *reason_in(struct bytes body, const char *otherwise)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (bytes_contain_nocase(body, bytes_str(texts[i].words)))
            return texts[i].reason;
    return otherwise;
}

static struct answer_meaning of_success(enum remote_write_version version, int64_t written, uint64_t sent)
{
    /* Who does not know version 2 finds nothing in such a message, and says that all went well. */
    if (version == REMOTE_WRITE_2 && sent > 0 && written <= 0)
        return (struct answer_meaning){ ANSWER_OTHER_FORM, "unsupported" };
    return (struct answer_meaning){ ANSWER_TAKEN, NULL };
}

static struct answer_meaning of_client_error(int status, struct bytes body, enum remote_write_version version)
{
    switch (status) {
    case 401:
    case 403:
    case 407:
        return (struct answer_meaning){ ANSWER_REFUSED, "unauthorized" };
    case 404:
    case 405:
    case 410:
        return (struct answer_meaning){ ANSWER_REFUSED, "not_found" };
    case 408:
    case 429:
        return (struct answer_meaning){ ANSWER_RETRY, "throttled" };
    case 413:
        return (struct answer_meaning){ ANSWER_BISECT, "too_large" };
    case 415:
        return (struct answer_meaning){ version == REMOTE_WRITE_2 ? ANSWER_OTHER_FORM : ANSWER_REFUSED, "unsupported" };
    default:
        return (struct answer_meaning){ ANSWER_BISECT, reason_in(body, "rejected") };
    }
}

struct answer_meaning answer_meaning(int status, struct bytes body, enum remote_write_version version, int64_t written,
                                     uint64_t sent)
{
    if (status >= 200 && status < 300)
        return of_success(version, written, sent);
    if (status >= 300 && status < 400)
        return (struct answer_meaning){ ANSWER_REFUSED, "redirected" };
    if (status >= 400 && status < 500)
        return of_client_error(status, body, version);
    if (status == 500)
        return (struct answer_meaning){ ANSWER_SUSPECT, "server_error" };
    return (struct answer_meaning){ ANSWER_RETRY, "unavailable" };
}

bool answer_may_mean_landed(const struct answer_meaning *m)
{
    return m->reason != NULL && (strcmp(m->reason, "duplicate") == 0 || strcmp(m->reason, "out_of_order") == 0);
}
