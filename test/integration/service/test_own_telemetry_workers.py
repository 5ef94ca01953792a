# SPDX-License-Identifier: Apache-2.0
"""Own telemetry that is sent, of several processes: it arrives as that of one service, from one sender, and nothing is counted twice."""

import json
import os
import signal

from harness import otlp
from harness.otlp_peer import GrpcPeer
from test_own_telemetry import PULL, attributes, config, peer, points, to  # noqa: F401
from test_control import runtime  # noqa: F401
from test_tap import Tap
from test_workers import DIED, Connection, pids, shared, status


def all_of_it(exporter, interval=100):
    reader = {"periodic": {"interval": interval, "exporter": exporter}}
    batch = [{"batch": {"exporter": exporter, "schedule_delay": 50}}]
    metrics = "metrics: {level: detailed, readers: [%s, %s]}" % (PULL, json.dumps(reader))
    return "%s\n    logs: {encoding: json, sampling: {enabled: false}, processors: %s}\n    traces: {processors: %s}" % (
        metrics,
        json.dumps(batch),
        json.dumps(batch),
    )


def of_signal(p, field):
    return [r for call in list(p.taken) for r in getattr(call.message, field, [])]


def lines(p):
    """[(which worker, "": none; message)]"""
    return [
        (attributes(r.resource.attributes).get("otelcd.worker", ""), record.body.string_value)
        for r in of_signal(p, "resource_logs")
        for s in r.scope_logs
        for record in s.log_records
    ]


def span_workers(p):
    return [attributes(r.resource.attributes).get("otelcd.worker", "") for r in of_signal(p, "resource_spans") for s in r.scope_spans for _ in s.spans]


def accepted(call):
    """Of a request of metrics: spans that receivers took, in all its points."""
    return [v[1].as_int for k, v in points(call).items() if k[0] == "otelcol_receiver_accepted_spans"]


def metric_calls(p):
    return [c for c in list(p.taken) if getattr(c.message, "resource_metrics", [])]


def test_all_processes_are_one_service_that_counts_once(peer, otelcd):  # noqa: F811
    p = peer()
    d = otelcd(shared(config(all_of_it(to(p)))), expect=[DIED])
    connections = [Connection(d) for _ in range(4)]
    for c in connections:
        assert c.send(5) == 200
    p.wait(lambda p: metric_calls(p) and accepted(metric_calls(p)[-1]) == [20])
    p.wait(lambda p: sorted(span_workers(p)) == ["1", "1", "2", "2"])
    p.wait(lambda p: {("1", "Starting GRPC server"), ("2", "Starting GRPC server"), ("", "Everything is ready. Begin running and processing data.")} <= set(lines(p)))
    os.kill(pids(d)[0], signal.SIGKILL)
    p.wait(lambda p: ("", DIED) in lines(p) and ("", "The worker runs again") in lines(p))
    assert Connection(d).send(1) == 200
    p.wait(lambda p: accepted(metric_calls(p)[-1]) == [21])
    counts = [sum(accepted(c)) for c in metric_calls(p)]
    assert counts == sorted(counts), "a sum went back"
    p.wait(lambda p: len(span_workers(p)) == 5)
    ledgers = d.ledgers()
    assert ledgers["pipeline", "traces/own_telemetry"]["delivered"] == 5
    assert {k[0] for k in points(metric_calls(p)[-1])} >= {"otelcd_worker_up", "otelcol_exporter_queue_capacity", "otelcd_pipeline_received_items"}
    capacity = [v[1].as_int for k, v in points(metric_calls(p)[-1]).items() if k[0] == "otelcol_exporter_queue_capacity"]
    assert len(capacity) == 3 and len(set(capacity)) == 1  # one queue of each, whatever the number of processes
    d.close_clients()
    assert d.stop() == 0
    assert ("", "Starting shutdown...") in lines(p)
    last = points(metric_calls(p)[-1])
    assert last["otelcd_exporter_delivered_items", (("exporter", "nop"), ("signal", "traces"))][1].as_int == 21
    of_all = [attributes(r.resource.attributes) for f in ("resource_metrics", "resource_logs", "resource_spans") for r in of_signal(p, f)]
    assert len({a["service.instance.id"] for a in of_all}) == 1 and {a["service.name"] for a in of_all} == {"otelcd"}
    assert not any("otelcd.worker" in attributes(r.resource.attributes) for r in of_signal(p, "resource_metrics"))
    drops = [k for k in last if k[0] == "otelcd_telemetry_dropped_items" and last[k][1].as_int]
    assert not drops


def test_a_reload_leads_what_workers_tell_to_another_backend(peer, otelcd):  # noqa: F811
    p, other = peer(), peer(GrpcPeer)
    d = otelcd(shared(config(all_of_it(to(p)))))
    p.wait(lambda p: metric_calls(p) and {"1", "2"} <= {w for w, _ in lines(p)})
    d.reload(shared(config(all_of_it(to(other)))))
    connections = [Connection(d) for _ in range(4)]
    for c in connections:
        assert c.send(5) == 200
    other.wait(lambda p: sorted(span_workers(p)) == ["1", "1", "2", "2"] and metric_calls(p) and accepted(metric_calls(p)[-1]) == [20])
    d.reload(shared(config("metrics: {readers: [%s]}" % PULL)))
    assert connections[0].send(1) == 200
    assert d.ledger("pipeline", "traces")["delivered"] == 21
    assert len(span_workers(other)) == 4 and "own_telemetry" not in json.dumps(status(d)["pipelines"])


def test_a_tap_of_own_telemetry_sees_what_all_of_them_send(peer, otelcd, runtime):  # noqa: F811
    p = peer()
    d = otelcd(shared(config(all_of_it(to(p)))), env={"RUNTIME_DIRECTORY": str(runtime)})
    tap = Tap(d, "traces/own_telemetry", "--count", "4", "--rate", "0")
    for _ in range(4):
        assert Connection(d).send(1) == 200
    code, items, told = tap.end()
    assert code == 0 and items.count("receiver/otlp/TraceDataReceived") == 4 and "otelcd.worker" in items, told


def test_a_backend_that_is_away_costs_own_telemetry_alone(otelcd, unused_port):
    exporter = {"otlp": {"protocol": "http/protobuf", "endpoint": f"http://127.0.0.1:{unused_port}", "timeout": 300}}
    d = otelcd(shared(config(all_of_it(exporter))), allow=["Exporting failed", "Dropping data", "could not be sent", "is full"])
    for _ in range(4):
        assert Connection(d).send(5) == 200
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items", exporter="otlp_http/own_metrics") > 0)
    assert d.ledger("pipeline", "traces")["delivered"] == 20
    d.close_clients()
    assert d.stop() == 0


def test_what_a_killed_worker_had_gathered_of_own_telemetry_is_counted_as_dropped(peer, otelcd):  # noqa: F811
    p = peer()
    later = json.dumps([{"batch": {"exporter": to(p), "schedule_delay": 600000}}])
    own = "metrics: {readers: [%s]}\n    logs: {encoding: json, sampling: {enabled: false}, processors: %s}\n    traces: {processors: %s}"
    d = otelcd(shared(config(own % (PULL, later, later))), expect=[DIED])
    connections = [Connection(d) for _ in range(4)]
    for c in connections:
        assert c.send(5) == 200
    d.wait_metrics(lambda m: m.sum("otelcol_receiver_accepted_spans") == 20)  # each has told what it has
    os.kill(pids(d)[0], signal.SIGKILL)
    for of_signal in ("logs", "traces"):
        d.wait_metrics(lambda m, s=of_signal: m.sum("otelcd_telemetry_dropped_items", signal=s) > 0)
    assert d.metrics().sum("otelcd_telemetry_dropped_items", signal="traces") == 2
    d.wait_log("The worker runs again")
    d.close_clients()
    assert d.stop() == 0
