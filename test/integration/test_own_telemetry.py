# SPDX-License-Identifier: Apache-2.0
"""Own telemetry that is sent: what arrives at a backend, and that nothing of it runs away, waits long or gets in the way of users' data."""

import json
import socket

import pytest
from harness import otlp
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
    d = otelcd(config(periodic(to(p, form, compression="gzip", headers=[{"name": "X-Who", "value": "me"}], headers_list="x-list=a%20b,x-who=not"))))
    d.export(otlp.traces(3))
    p.wait(lambda p: any(points(c)[k][1].as_int == 3 for c in p.taken for k in points(c) if k[0] == "otelcol_receiver_accepted_spans"))
    call = p.taken[-1]
    assert (call.headers["x-who"], call.headers["x-list"]) == ("me", "a b")
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
