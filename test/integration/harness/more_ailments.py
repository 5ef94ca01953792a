# SPDX-License-Identifier: Apache-2.0
"""More of what can be wrong (ailments.py): each reason of the ledgers, of receivers and of what is counted beside them
that a peer, a sender or a configuration can provoke."""

import contextlib
import socket
import time

from .ailments import (
    DIRECT, ONCE, POLICY, QUEUE, answering, case, closing, http_to, pipeline, refuse, refused, scraping, send, unsent, write_to,
)  # fmt: skip
from .limits import free_port
from .otlp import DELTA, Metrics, logs, traces
from .otlp_peer import HttpPeer
from .remote_write import Receiver

# ---- a peer refuses for good ----


@case("dropped_forbidden", "403", "ask whoever runs")
def a_peer_does_not_let_us(w):
    yield from refused(w, 403)


@case("dropped_invalid", "400", "own log")
def a_peer_finds_the_data_invalid(w):
    yield from refused(w, 400)


@case("dropped_not_otlp", "HTML", "endpoint", change="endpoint")
def a_web_server_answers(w):
    yield from refused(w, 200, b"<html>hello</html>", {"Content-Type": "text/html"})


@case("dropped_unsupported", "compression", change="compression")
def a_peer_does_not_read_the_form(w):
    yield from refused(w, 415)


@case("dropped_bad_label", "label")
def a_receiver_does_not_take_a_label(w):
    yield from unsent(w, refuse(b"invalid label name"))


@case("dropped_authenticator", "several values", change="auth::authenticator")
def a_client_says_two_things(w):
    with closing(Receiver()) as r:
        d = w.start(
            pipeline(
                "metrics",
                write_to(r.url, "auth: {authenticator: headers_setter}"),
                receiver='otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0", include_metadata: true}}}',
                more="extensions: {headers_setter: {headers: [{key: X-Scope-OrgID, from_context: tenant}]}}\n",
                service="  extensions: [headers_setter]\n",
            )
        )
        with contextlib.suppress(Exception):
            d.export(Metrics().gauge("x", 1).request, metadata=[("tenant", "a"), ("tenant", "b")])
        d.wait_log("Points are not sent")
        yield d


# ---- a peer was away for too long, and is there again: what was lost remains to be told ----


class Passing:
    """A peer that fails until what it was sent is lost."""

    def __init__(self, fail):
        self.over = False
        self.peer = HttpPeer(lambda call: None if self.over else fail(call))

    def close(self):
        self.peer.close()


def passing(w, fail, more=ONCE):
    with closing(Passing(fail)) as p:
        d = w.start(pipeline(exporter=http_to(p.peer.endpoint, more)))
        send(d, traces())
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") > 0)
        p.over = True
        send(d, traces())
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
        yield d


@case("dropped_unavailable", "503", "queue on disk", change="sending_queue::storage")
def a_peer_could_not_take_it_for_too_long(w):
    yield from passing(w, lambda call: (503, {}, b""))


@case("dropped_throttled", "429", "raise its limits")
def a_peer_asked_to_slow_down_for_too_long(w):
    yield from passing(w, lambda call: (429, {}, b""))


@case("dropped_timeout", "queue on disk", change="sending_queue::storage")
def a_peer_did_not_answer_for_too_long(w):
    yield from passing(w, lambda call: w.slow.wait(2) and None, "timeout: 100ms, " + ONCE)
    w.slow.set()


@case("dropped_unreachable", "queue on disk", change="sending_queue::storage")
def a_peer_was_away_for_too_long(w):
    port = free_port()
    d = w.start(pipeline(exporter=http_to(f"http://127.0.0.1:{port}", ONCE)))
    send(d, traces())
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") > 0)
    with closing(HttpPeer(port=port)):
        send(d, traces())
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
        yield d


@case("dropped_retries_exhausted", "max_elapsed_time", change="retry_on_failure::max_elapsed_time")
def a_receiver_did_not_take_it_within_max_elapsed_time(w):
    down = [True]
    with closing(Receiver(lambda request: (503 if down else 204, {}, b""))) as r:
        d = w.start(pipeline("metrics", write_to(r.url, ONCE)))
        send(d, Metrics().gauge("x", 1).request)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") > 0)
        down.clear()
        send(d, Metrics().gauge("x", 1).request)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
        yield d


@case("refused_queue_full", "queue full", change="sending_queue::queue_size")
def a_queue_is_full_of_a_peer_that_is_slow(w):
    with closing(HttpPeer(lambda call: w.slow.wait(60) and None)) as peer:
        d = w.start(pipeline(exporter=http_to(peer.endpoint, "timeout: 1h, " + QUEUE.replace("batch: null", "num_consumers: 1"))))
        d.wait_metrics(lambda m: d.post(traces())[0] == 503)
        yield d
        w.slow.set()


# ---- on purpose, or by what a sender makes ----


def transformed(*transforms):
    return "metrics_transform: {transforms: [%s]}" % ", ".join(transforms)


@case("dropped_merged", "one point of several")
def two_metrics_are_made_one(w):
    combine = "{include: '^x|y$', match_type: regexp, action: combine, new_name: z, aggregation_type: sum}"
    d = w.start(pipeline("metrics", processor=transformed(combine)))
    request, now = Metrics().gauge("x", 1).gauge("y", 2), time.time_ns()
    for metric in request.scope.metrics:
        metric.gauge.data_points[0].time_unix_nano = now
    send(d, request.request)
    yield d


@case("dropped_deleted", "told to delete")
def points_of_a_label_value_are_deleted(w):
    delete = "{include: x, action: update, operations: [{action: delete_label_value, label: user, label_value: me}]}"
    d = w.start(pipeline("metrics", processor=transformed(delete)))
    send(d, Metrics().gauge("x", 1, user="me").gauge("x", 1, user="you").request)
    yield d


@case("dropped_drop_policy", "drops these traces", change="policies")
def a_policy_drops_a_trace(w):
    drop = "{name: d, type: drop, drop: {drop_sub_policy: [{name: c, type: always_sample}]}}"
    d = w.start(pipeline(processor=f"tail_sampling: {{decision_wait: 100ms, policies: [{drop}]}}"))
    send(d, traces(3))
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_dropped_items", reason="drop_policy") == 3)
    yield d


@case("dropped_trace_too_large", "larger than tail_sampling keeps", change="maximum_trace_size_bytes")
def a_trace_is_too_large(w):
    d = w.start(pipeline(processor=f"tail_sampling: {{decision_wait: 1h, maximum_trace_size_bytes: 10, {POLICY}}}"))
    send(d, traces(3))
    yield d


@case("dropped_reset", "began anew")
def a_series_begins_anew(w):
    d = w.start(pipeline("metrics", processor="cumulative_to_delta: {initial_value: keep}"))
    for value in (5, 3):
        send(d, Metrics(start=1).sum("x", value).request)
    yield d


@case("dropped_older_start", "service.instance.id")
def a_delta_begins_before_the_last(w):
    d = w.start(pipeline("metrics", processor="delta_to_cumulative:"))
    for start in (2_000, 1_000):
        send(d, Metrics(start=start).sum("x", 1, temporality=DELTA).request)
    yield d


@case("dropped_stream_limit", "raise the limit", change="max_streams")
def there_are_more_streams_than_may_be(w):
    d = w.start(pipeline("metrics", processor="delta_to_cumulative: {max_streams: 1}"))
    for user in "ab":
        send(d, Metrics().sum("x", 1, temporality=DELTA, user=user).request)
    yield d


@case("dropped_no_recorded_value", "no value")
def a_point_says_that_it_has_no_value(w):
    d = w.start(pipeline("metrics", processor="cumulative_to_delta:"))
    metrics = Metrics().sum("x", 1)
    metrics.scope.metrics[0].sum.data_points[0].flags = 1
    send(d, metrics.request)
    yield d


# ---- who sends ----


@case("sender_bad_encoding", "gzip or none")
def a_sender_compresses_in_another_way(w):
    d = w.start(pipeline())
    assert d.post(traces(), body=b"no gzip", headers={"Content-Encoding": "gzip"})[0] == 400
    yield d


@case("sender_nothing_in_it", "another message")
def a_sender_sends_another_message(w):
    d = w.start(pipeline())
    assert d.post(traces(), body=b"\xfa\x07\x00")[0] == 200  # field 127
    yield d


@case("sender_aborted", "timeout")
def a_sender_goes_away_in_the_middle(w):
    d = w.start(pipeline())
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\nabc"
    with socket.create_connection(("127.0.0.1", d.http_port), 30) as s:
        s.sendall(head)
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_rejected_requests", reason="aborted") > 0)
    yield d


@case("sender_protocol", "port scan")
def what_comes_in_is_no_http(w):
    d = w.start(pipeline())
    with socket.create_connection(("127.0.0.1", d.http_port), 30) as s, contextlib.suppress(OSError):
        s.sendall(b"\x00\x01\x02 hello\r\n\r\n")
        s.recv(100)
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_broken_connections", reason="protocol") > 0)
    yield d


# ---- what is counted beside the ledgers ----


@case("samples_left_out", "mend the page")
def a_page_has_a_sample_twice(w):
    with w.target(b"load 1\nload 2\n") as target:
        d = w.start(pipeline("metrics", receiver=scraping(f'static_configs: [{{targets: ["{target.address}"]}}]')))
        d.wait_metrics(lambda m: m.sum("otelcd_scraper_left_out") > 0)
        yield d


@case("statement_fails", "otelcd ottl")
def a_statement_does_not_fit(w):
    statement = "{error_mode: ignore, log_statements: ['set(log.body, ParseJSON(log.body))']}"
    d = w.start(pipeline("logs", processor=f"transform: {statement}"))
    send(d, logs(1))
    d.wait_metrics(lambda m: m.sum("otelcd_statement_faults") > 0)
    yield d


@case("strings_repaired", "U+FFFD")
def a_string_is_no_utf8(w):
    d = w.start(pipeline("logs"))
    request = logs(1)
    request.resource_logs[0].scope_logs[0].log_records[0].severity_text = "INFO"
    body = request.SerializeToString().replace(b"INFO", b"IN\xffO")
    assert d.post(request, body=body)[0] == 200
    yield d


@case("series_overflow", "fewer dimensions", change="aggregation_cardinality_limit")
def there_are_more_series_of_spans_than_may_be(w):
    limited = "connectors: {span_metrics: {metrics_flush_interval: 100ms, aggregation_cardinality_limit: 1}}\n"
    d = w.start(pipeline(exporter="span_metrics:", more=limited, others=["metrics: {receivers: [span_metrics], exporters: [nop/2]}"]))
    for name in ("a", "b", "c"):
        request = traces(1)
        request.resource_spans[0].scope_spans[0].spans[0].name = name
        send(d, request)
    yield d


@case("certificate_broken", "stays", change="receivers::otlp")
def new_certificates_cannot_be_used(w):
    cert, key = w.authority.issue("localhost")
    tls = f"tls: {{cert_file: '{cert}', key_file: '{key}'}}"
    d = w.start(pipeline(receiver=f'otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0", {tls}}}}}}}'))
    d.export(traces())
    cert.write_text("no certificate")
    d.wait_log("New TLS files cannot be used")
    yield d


@case("exporter_is_refused", "401", "credentials", change="headers")
def a_peer_refuses_and_the_sender_is_told(w):
    with answering(401) as peer:
        d = w.start(pipeline(exporter=http_to(peer.endpoint, DIRECT)))
        d.post(traces())
        w.wait_failing(d)
        yield d


def refusing(w, fail, more=DIRECT):
    """Without a queue the sender is told; then the peer is well again. The other exporter of the pipeline has it all."""
    with closing(Passing(fail)) as p:
        text = pipeline(exporter=http_to(p.peer.endpoint, more)).replace("[otlp_http]", "[otlp_http, nop]")
        d = w.start(text.replace("exporters:\n", "exporters:\n  nop:\n"))
        for _ in range(3):
            d.post(traces())
        p.over = True
        d.wait_metrics(lambda m: d.post(traces())[0] == 200)
        yield d


@case("refused_unavailable", "503", "a queue keeps data meanwhile", change="sending_queue::enabled")
def a_peer_cannot_take_it_and_the_sender_is_told(w):
    yield from refusing(w, lambda call: (503, {}, b""))


@case("refused_throttled", "429", "a queue keeps data meanwhile", change="sending_queue::enabled")
def a_peer_asks_to_slow_down_and_the_sender_is_told(w):
    yield from refusing(w, lambda call: (429, {}, b""))


@case("refused_timeout", "a queue keeps data meanwhile", change="sending_queue::enabled")
def a_peer_does_not_answer_and_the_sender_is_told(w):
    yield from refusing(w, lambda call: w.slow.wait(2) and None, "timeout: 1s, " + DIRECT)
    w.slow.set()


@case("refused_unreachable", "a queue keeps data meanwhile", change="sending_queue::enabled")
def a_peer_is_away_and_the_sender_is_told(w):
    port = free_port()
    d = w.start(pipeline(exporter=http_to(f"http://127.0.0.1:{port}", DIRECT)))
    d.post(traces())
    with closing(HttpPeer(port=port)):
        d.wait_metrics(lambda m: d.post(traces())[0] == 200)
        yield d


@case("warning", "should be pointed at the gRPC port")
def a_line_of_the_log_that_nothing_else_tells_of(w):
    d = w.start(pipeline())
    d.export(traces(), address=d.http_address())
    yield d
