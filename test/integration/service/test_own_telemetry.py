# SPDX-License-Identifier: Apache-2.0
"""Own telemetry that is sent: what arrives at a backend, and that nothing of it runs away, waits long or gets in the way of users' data."""

import json
import socket

import pytest
from harness import otlp, pushed
from harness.otlp_peer import PEERS, GrpcPeer, HttpPeer

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  nop:
service:
  telemetry:
    resource: {{service.namespace: ours}}
    {telemetry}
  pipelines:
    traces: {{receivers: [otlp], exporters: [nop]}}
    metrics: {{receivers: [otlp], exporters: [nop]}}
    logs: {{receivers: [otlp], exporters: [nop]}}
"""
PULL = "{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 0}}}}"


def config(telemetry, port=0):
    return CONFIG.format(telemetry=telemetry, port=port)


def to(peer, form="otlp", **more):
    """An exporter that sends to that peer."""
    if peer.exporter == "otlp_http":
        options = {"endpoint": peer.endpoint, **({"protocol": "http/protobuf"} if form == "otlp" else {}), **more}
    elif form == "otlp":
        options = {"endpoint": peer.endpoint, "protocol": "grpc", "insecure": True, **more}
    else:
        options = {"endpoint": peer.endpoint, "tls": {"insecure": True}, **more}
    return {form: options}


def periodic(exporter, interval=100, **more):
    reader = json.dumps({"periodic": {"interval": interval, "exporter": exporter, **more}})
    return "metrics: {level: detailed, readers: [%s, %s]}" % (PULL, reader)


def attributes(of):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in of}


def points(call):
    """{(name, attributes): (kind, point, metric)} of one request."""
    found = {}
    for resource in call.message.resource_metrics:
        for scope in resource.scope_metrics:
            for m in scope.metrics:
                kind = m.WhichOneof("data")
                for p in getattr(m, kind).data_points:
                    found[m.name, tuple(sorted(attributes(p.attributes).items()))] = (kind, p, m)
    return found


@pytest.fixture
def peer():
    made = []

    def make(sort=HttpPeer, answer=None, **options):
        made.append(sort(answer, **options))
        return made[-1]

    yield make
    for p in made:
        p.close()


def forms():
    return [("otlp_http", "otlp"), ("otlp_grpc", "otlp"), ("otlp_http", "otlp_http"), ("otlp_grpc", "otlp_grpc")]


@pytest.mark.parametrize("exporter,form", forms())
def test_a_backend_is_sent_what_the_scrape_endpoint_shows(peer, otelcd, exporter, form):
    p = peer(PEERS[exporter])
    d = otelcd(config(periodic(to(p, form, compression="gzip", headers=[{"name": "X-Who", "value": "me"}], headers_list="x-list=a%20b,x-odd=5%zz%0%00,x-who=not"))))
    d.export(otlp.traces(3))
    p.wait(lambda p: any(points(c)[k][1].as_int == 3 for c in p.taken for k in points(c) if k[0] == "otelcol_receiver_accepted_spans"))
    call = p.taken[-1]
    assert (call.headers["x-who"], call.headers["x-list"], call.headers["x-odd"]) == ("me", "a b", "5%zz%0%00")
    resource = call.message.resource_metrics[0]
    assert attributes(resource.resource.attributes)["service.name"] == "otelcd"
    assert attributes(resource.resource.attributes)["service.namespace"] == "ours"
    assert {s.scope.name for s in resource.scope_metrics} == {"otelcd"}
    shown = {s.name for s in d.metrics().all if not s.name.endswith(("_sum", "_bucket"))} - {"target_info"}
    p.wait(lambda p: not shown - {k[0] for k in points(p.taken[-1])} - {k[0] + "_count" for k in points(p.taken[-1])})
    sent = points(call)
    for (name, _), (kind, point, metric) in sent.items():
        assert metric.description and point.time_unix_nano > 0
        if kind == "gauge":
            continue
        assert getattr(metric, kind).aggregation_temporality == 2
        assert 0 < point.start_time_unix_nano <= point.time_unix_nano
        if kind == "sum":
            assert metric.sum.is_monotonic
        else:
            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1 and sum(point.bucket_counts) == point.count
    assert {k[0] for k in sent} <= shown | {n.removesuffix("_count") for n in shown}


def test_the_last_numbers_are_sent_when_otelcd_stops(peer, otelcd):
    p = peer()
    d = otelcd(config(periodic(to(p), interval=3600000)))
    d.export(otlp.logs(7))
    assert not p.calls
    assert d.stop() == 0
    last = points(p.taken[-1])
    assert last["otelcd_exporter_delivered_items", (("exporter", "nop"), ("signal", "logs"))][1].as_int == 7


def test_a_backend_that_refuses_costs_own_points_and_nothing_else(otelcd, unused_port):
    exporter = {"otlp": {"protocol": "http/protobuf", "endpoint": f"http://127.0.0.1:{unused_port}"}}
    d = otelcd(config(periodic(exporter, timeout=300)), allow=["Dropping data", "could not be sent"])
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items", exporter="otlp_http/own_metrics") > 0)
    d.export(otlp.logs(5))
    assert d.ledger("pipeline", "logs")["delivered"] == 5
    assert d.stop() == 0


def test_a_backend_that_never_answers_does_not_hold_up_the_end(otelcd):
    """The listener accepts and says nothing; shutdown_timeout would be a minute."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = {"otlp": {"protocol": "http/protobuf", "endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}", "timeout": 600000}}
        d = otelcd(config(periodic(exporter)) + "  shutdown_timeout: 600s\n", allow=["Did not stop in time", "Dropping data"])
        d.wait_metrics(lambda m: m.sum("otelcol_exporter_queue_size", exporter="otlp_http/own_metrics") > 0)
        assert d.stop() == 0


def test_own_metrics_sent_to_ourselves_are_as_many_as_intervals(otelcd, unused_port):
    exporter = {"otlp": {"protocol": "grpc", "endpoint": f"127.0.0.1:{unused_port}", "insecure": True}}
    d = otelcd(config(periodic(exporter), port=unused_port), allow=["Dropping data"])  # the last ones find nobody
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items", pipeline="metrics") > 200)
    ledgers = d.ledgers()
    assert ledgers["pipeline", "metrics"]["received"] <= ledgers["pipeline", "metrics/own_telemetry"]["received"]


def test_a_reload_keeps_what_sends_own_metrics_and_changes_it_when_it_is_changed(peer, otelcd):
    p, other = peer(), peer(GrpcPeer)
    d = otelcd(config(periodic(to(p))))
    p.wait(lambda p: len(p.taken) >= 1)
    d.reload(config(periodic(to(p)).replace("level: detailed", "level: detailed ")))
    assert len(d.records("^Sending OTLP$")) == 1
    d.reload(config(periodic(to(other))))
    other.wait(lambda p: len(p.taken) >= 1)
    d.reload(config("metrics: {readers: [%s]}" % PULL))
    n = len(other.taken)
    d.wait_metrics(lambda m: m.sum("otelcd_loop_busy_seconds_count") > 0)
    assert len(other.taken) <= n + 1


# --- the log ---


def processors(exporter, how="batch", **more):
    return "logs: {encoding: json, sampling: {enabled: false}, processors: %s}" % json.dumps([{how: {"exporter": exporter, **more}}])


def records(peer):
    """[(body, severity text, attributes, attributes of the scope)] of all that came."""
    return [
        (r.body.string_value, r.severity_text, attributes(r.attributes), attributes(scope.scope.attributes))
        for call in peer.taken
        for resource in call.message.resource_logs
        for scope in resource.scope_logs
        for r in scope.log_records
    ]


@pytest.mark.parametrize("exporter", ["otlp_http", "otlp_grpc"])
def test_lines_of_the_log_arrive_with_their_fields_and_their_component(peer, otelcd, exporter):
    p = peer(PEERS[exporter])
    d = otelcd(config(processors(to(p), schedule_delay=50)), expect=["Request rejected"])
    d.post(None, body=b"\xff<\x1b[1m", path="/v1/logs")
    line = d.wait_log("^Request rejected$")
    p.wait(lambda p: any(r[0] == "Request rejected" for r in records(p)))
    body, severity, fields, scope = next(r for r in records(p) if r[0] == "Request rejected")
    assert (severity, fields["reason"], fields["error"], fields["requests"]) == ("warn", line["reason"], line["error"], 1)
    assert scope == {"otelcol.component.id": "otlp", "otelcol.component.kind": "receiver"}
    resource = attributes(p.taken[0].message.resource_logs[0].resource.attributes)
    assert (resource["service.name"], resource["service.namespace"]) == ("otelcd", "ours")
    assert "Starting GRPC server" in {r[0] for r in records(p)} and "resource" not in fields


def test_lines_about_the_end_are_sent_before_it(peer, otelcd):
    p = peer()
    d = otelcd(config(processors(to(p), schedule_delay=3600000)))
    assert not p.calls and d.stop() == 0
    bodies = [r[0] for r in records(p)]
    assert "Starting shutdown..." in bodies and "Everything is ready. Begin running and processing data." in bodies


def test_simple_sends_a_line_at_once(peer, otelcd):
    p = peer()
    d = otelcd(config(processors(to(p), how="simple")))
    p.wait(lambda p: any("Everything is ready" in r[0] for r in records(p)))
    assert len(p.taken) > 0 and d.stop() == 0


def test_what_the_exporter_of_the_log_says_is_not_sent_by_it(otelcd, peer, unused_port):
    """Nobody listens at first; what was logged about that stays here."""
    exporter = {"otlp": {"protocol": "http/protobuf", "endpoint": f"http://127.0.0.1:{unused_port}"}}
    d = otelcd(config(processors(exporter, schedule_delay=20)))
    d.wait_log("^Exporting failed. Will retry")
    p = peer(port=unused_port)
    d.wait_log("^Exporting works again")
    assert d.stop() == 0
    p.close()
    assert records(p) and not [r for r in records(p) if "Exporting" in r[0] or "Sending OTLP" in r[0]]


def test_a_log_that_is_sent_to_ourselves_and_printed_does_not_feed_itself(otelcd, unused_port):
    """The debug exporter prints each record that arrives into the log that is sent: the print itself is no record."""
    text = config(
        processors({"otlp": {"protocol": "grpc", "endpoint": f"127.0.0.1:{unused_port}", "insecure": True}}, schedule_delay=10),
        port=unused_port,
    ).replace("  nop:\n", "  nop:\n  debug: {verbosity: detailed}\n").replace("logs: {receivers: [otlp], exporters: [nop]}", "logs: {receivers: [otlp], exporters: [debug]}")
    d = otelcd(text, allow=["Dropping data"])
    d.wait_log("Begin running.*LogRecord|LogRecord")
    d.export(otlp.traces(1))
    before = d.ledger("pipeline", "logs/own_telemetry")["received"]
    for _ in range(30):
        d.export(otlp.traces(1))
    rounds = d.ledger("pipeline", "logs/own_telemetry")["received"] - before
    assert rounds < 100, f"{rounds} lines for nothing"
    assert d.rss() < 100 << 20


def test_without_processors_nothing_watches_the_log(otelcd):
    d = otelcd(config("page: {enabled: true}"))
    assert not [k for k in d.ledgers() if "own" in k[1]]


# --- spans ---

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def traces(exporter, sampler=None, **more):
    section = {"processors": [{"batch": {"exporter": exporter, "schedule_delay": 50, **more}}]}
    if sampler is not None:
        section["sampler"] = sampler
    return "traces: %s" % json.dumps(section)


def spans(peer):
    return [
        (s, attributes(s.attributes), attributes(scope.scope.attributes))
        for call in list(peer.taken)
        for resource in call.message.resource_spans
        for scope in resource.scope_spans
        for s in scope.spans
    ]


def named(peer, name):
    return [s for s in spans(peer) if s[0].name == name]


@pytest.mark.parametrize("exporter", ["otlp_http", "otlp_grpc"])
def test_a_received_request_is_a_span_of_its_senders_trace(peer, otelcd, exporter):
    p = peer(PEERS[exporter])
    d = otelcd(config(traces(to(p))))
    header = f"00-{TRACE}-{PARENT}-01"
    d.export(otlp.logs(4), metadata=[("traceparent", header)])
    d.post(otlp.traces(3), headers={"traceparent": header})
    d.post(otlp.traces(2), headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})  # its parent was not recorded
    p.wait(lambda p: named(p, "receiver/otlp/LogsReceived") and named(p, "receiver/otlp/TraceDataReceived"))
    d.stop()
    (span, fields, scope), (log, log_fields, _) = named(p, "receiver/otlp/TraceDataReceived")[0], named(p, "receiver/otlp/LogsReceived")[0]
    assert len(spans(p)) == 2
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind, span.flags) == (TRACE, PARENT, 2, 0x301)
    assert 0 < span.start_time_unix_nano < span.end_time_unix_nano and span.status.code == 0
    assert (fields["transport"], fields["format"], fields["accepted_spans"], fields["refused_spans"]) == ("http", "protobuf", 3, 0)
    assert (log_fields["transport"], log_fields["accepted_log_records"]) == ("grpc", 4)
    assert scope == {"otelcol.component.id": "otlp", "otelcol.component.kind": "receiver"}


def test_a_request_that_is_refused_says_why_in_its_span(peer, otelcd):
    p = peer()
    d = otelcd(config(traces(to(p))), expect=["Request rejected"])
    d.post(None, body=b"\xff", path="/v1/logs")
    p.wait(lambda p: named(p, "receiver/otlp/LogsReceived"))
    span = named(p, "receiver/otlp/LogsReceived")[0][0]
    assert span.status.code == 2 and "at byte" in span.status.message and not span.parent_span_id


def test_each_attempt_of_an_exporter_is_a_span(peer, otelcd):
    p, answers = peer(), [(503, {}, b"not now"), None]
    backend = peer(HttpPeer, lambda call: answers.pop(0))
    text = config(traces(to(p))).replace("  nop:\n", "  nop:\n  otlp_http: {endpoint: \"%s\", retry_on_failure: {initial_interval: 10ms}}\n" % backend.endpoint)
    d = otelcd(text.replace("logs: {receivers: [otlp], exporters: [nop]}", "logs: {receivers: [otlp], exporters: [otlp_http]}"), expect=["The peer does not take"])
    d.export(otlp.logs(4))
    p.wait(lambda p: len(named(p, "exporter/otlp_http/logs")) == 2)
    (failed, lost, scope), (sent, got, _) = named(p, "exporter/otlp_http/logs")
    assert (failed.status.code, lost["items.sent"], lost["items.failed"], failed.kind) == (2, 0, 4, 3) and failed.status.message
    assert (sent.status.code, got["items.sent"], got["items.failed"]) == (0, 4, 0) and got["url.full"].startswith(backend.endpoint)
    assert scope["otelcol.component.id"] == "otlp_http" and scope["otelcol.signal"] == "logs"
    assert not [s for s in spans(p) if "own_traces" in s[0].name]


def test_a_sampler_says_which_traces_are_recorded(peer, otelcd):
    p = peer()
    d = otelcd(config(traces(to(p), sampler={"trace_id_ratio_based": {"ratio": 0.25}})))
    for trace in ("0" * 16 + "1" + "0" * 15, "0" * 16 + "f" + "0" * 15) * 3:
        d.post(otlp.traces(1), headers={"traceparent": f"00-{trace}-{PARENT}-01"})
    d.stop()
    assert [s[0].trace_id.hex()[16] for s in spans(p)] == ["1"] * 3


def test_spans_that_are_sent_to_ourselves_do_not_multiply(otelcd, unused_port):
    exporter = {"otlp": {"protocol": "grpc", "endpoint": f"127.0.0.1:{unused_port}", "insecure": True}}
    d = otelcd(config(traces(exporter, schedule_delay=20), port=unused_port), allow=["Dropping data"])
    d.export(otlp.logs(1))
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_received_items", pipeline="traces") >= 20)
    assert d.metrics().sum("otelcol_exporter_otlp_requests", exporter="otlp_grpc/own_traces") <= d.ledger("pipeline", "traces")["received"] + 1
    sent = d.ledger("pipeline", "traces/own_telemetry")
    assert sent["received"] <= d.ledger("pipeline", "traces")["received"] + 3 and sent["dropped"] == 0


def test_a_remote_write_that_comes_in_is_a_span_of_its_senders_trace(peer, otelcd):
    p = peer()
    text = config(traces(to(p))).replace("receivers:\n", 'receivers:\n  prometheusremotewrite: {endpoint: "127.0.0.1:0"}\n')
    d = otelcd(text.replace("metrics: {receivers: [otlp]", "metrics: {receivers: [otlp, prometheusremotewrite]"), expect=["Request rejected"])
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    body = pushed.ENCODE[pushed.V1](pushed.Series("up", pushed.sample(1), pushed.sample(0, pushed.NOW + 1000), job="a", instance="b"))
    for sent in (body, b"\xff"):
        pushed.push(d, sent, pushed.V1, address=d.http_address("prometheusremotewrite"), headers=headers)
    p.wait(lambda p: len(named(p, "receiver/prometheusremotewrite/MetricsReceived")) == 2)
    (good, fields, scope), (bad, bad_fields, _) = named(p, "receiver/prometheusremotewrite/MetricsReceived")
    assert (good.trace_id.hex(), good.parent_span_id.hex(), good.kind, good.status.code) == (TRACE, PARENT, 2, 0)
    assert (fields["transport"], fields["accepted_metric_points"], fields["refused_metric_points"]) == ("http", 2, 0)
    assert scope["otelcol.component.id"] == "prometheusremotewrite"
    assert bad.status.code == 2 and bad.status.message and bad_fields["accepted_metric_points"] == 0


def test_each_scrape_is_a_span_with_its_target_and_what_went_wrong(peer, otelcd, unused_port):
    p, page = peer(), otelcd(config("metrics: {level: basic}")).scrape_address()
    targets = json.dumps([page, f"127.0.0.1:{unused_port}"])
    text = config(traces(to(p))).replace(
        "receivers:\n", f"receivers:\n  prometheus: {{config: {{scrape_configs: [{{job_name: a, scrape_interval: 1s, static_configs: [{{targets: {targets}}}]}}]}}}}\n"
    )
    d = otelcd(text.replace("metrics: {receivers: [otlp]", "metrics: {receivers: [otlp, prometheus]"), expect=["Failed to scrape"])
    name = "receiver/prometheus/MetricsReceived"
    p.wait(lambda p: {s[0].status.code for s in named(p, name)} == {0, 2})
    good, down = ([s for s in named(p, name) if s[0].status.code == code][0] for code in (0, 2))
    assert good[1]["url.full"] == f"http://{page}/metrics" and good[1]["accepted_metric_points"] > 5 and good[0].kind == 1
    assert str(unused_port) in down[1]["url.full"] and down[1]["accepted_metric_points"] > 0 and "refused" in down[0].status.message
    assert (good[1]["transport"], good[1]["format"]) == ("http", "prometheus") and not good[0].parent_span_id
    d.stop()
