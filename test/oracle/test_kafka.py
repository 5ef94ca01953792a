# SPDX-License-Identifier: Apache-2.0
"""Topics between the Go collector and otelcd, on a real broker: what one writes the other reads, both ways, and keys and
partitions are the same."""

import json
import subprocess

import pytest
from conftest import build
from harness import otlp, span_records, thrift_spans
from harness.limits import PATIENCE
from harness.otlp_peer import PEERS

kafka = pytest.importorskip("harness.kafka")
from harness.servers.kafka_broker import Broker  # noqa: E402

GROUPS = {"traces": "resource_spans", "metrics": "resource_metrics", "logs": "resource_logs"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    listed = subprocess.run([build(), "components"], capture_output=True, text=True, timeout=PATIENCE).stdout
    if "kafka" not in listed:
        pytest.skip("this Go collector was built without its Kafka components")
    b = Broker(tmp_path_factory.mktemp("broker"))
    yield b
    b.close()


@pytest.fixture
def peer():
    p = PEERS["otlp_grpc"]()
    yield p
    p.close()


def text(receivers, exporters):
    """The Go collector's fixture puts its telemetry behind it."""
    (receiver,), (exporter,) = receivers, exporters
    pipelines = {s: {"receivers": [receiver], "exporters": [exporter]} for s in GROUPS}
    return f"receivers: {json.dumps(receivers)}\nexporters: {json.dumps(exporters)}\nservice:\n  pipelines: {json.dumps(pipelines)}\n"


def writer(address, topics, encoding, **more):
    options = {"brokers": [address], **{s: {"topic": t, "encoding": encoding} for s, t in topics.items()}, **more}
    return text({"otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}}}}, {"kafka": options})


def reader(address, topics, encoding, peer, exporter):
    topics = {s: {"topics": [t], "encoding": encoding} for s, t in topics.items()}
    options = {"brokers": [address], "initial_offset": "earliest", "group_id": topics["logs"]["topics"][0], **topics}
    return text({"kafka": options}, {exporter: {"endpoint": peer.endpoint, "tls": {"insecure": True}}})


def filled(group):
    """With the empty messages that the Go collector writes, and otelcd leaves as they are."""
    group.resource.SetInParent()
    for scope in [*getattr(group, "scope_spans", []), *getattr(group, "scope_logs", []), *getattr(group, "scope_metrics", [])]:
        scope.scope.SetInParent()
        for span in getattr(scope, "spans", []):
            span.status.SetInParent()
    return group.SerializeToString(deterministic=True)


def arrived(peer, signal):
    with peer.changed:
        messages = [c.message for c in peer.calls]
    return sorted(filled(g) for m in messages for g in getattr(m, GROUPS[signal], []))


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
@pytest.mark.parametrize("ours", ["writes", "reads"])
def test_what_one_writes_the_other_reads(broker, otelcd, collector, peer, encoding, ours):
    topics = {s: broker.topic(f"{ours}_{encoding}_{s}") for s in GROUPS}
    sent = {s: [otlp.sample(s, 5) for _ in range(3)] for s in GROUPS}
    if ours == "writes":
        first = otelcd(writer(broker.address, topics, encoding))
        address = first.grpc_address()
        collector(reader(broker.address, topics, encoding, peer, "otlp"))
    else:
        go = collector(writer(broker.address, topics, encoding, sending_queue={"enabled": False}))
        first = otelcd(reader(broker.address, topics, encoding, peer, "otlp_grpc"))
        address = go.ports["grpc"]
    for requests in sent.values():
        for request in requests:
            first.export(request, address=address)
    for signal, requests in sent.items():
        wanted = sorted(filled(getattr(r, GROUPS[signal])[0]) for r in requests)
        first.wait_metrics(lambda _: len(arrived(peer, signal)) >= 3)
        assert arrived(peer, signal) == wanted


def test_both_give_a_resource_the_same_key_and_partition(broker, otelcd, collector):
    topics = {s: f"keys_{s}" for s in GROUPS}
    more = {"partition_logs_by_resource_attributes": True, "sending_queue": {"enabled": False}}
    broker.topic("keys_logs", 5)
    go = collector(writer(broker.address, topics, "otlp_proto", **more))
    d = otelcd(writer(broker.address, topics, "otlp_proto", **more))
    for i in range(20):
        request = otlp.logs(1, {"service.name": f"s{i}", "n": i, "d": i / 8, "b": i % 2 == 0, "raw": bytes([i, 255])})
        d.export(request)
        d.export(request, address=go.ports["grpc"])
    topic = kafka.Topic(broker.address, "keys_logs")
    found = {}
    for m in topic.wait(lambda m: len(m) >= 40):
        found.setdefault(m.value(), set()).add((m.key(), m.partition()))
    topic.close()
    by_name = {}
    for value, places in found.items():
        name = otlp.LOGS.request.FromString(value).resource_logs[0].resource.attributes[0].value.string_value
        by_name.setdefault(name, set()).update(places)
    assert len(by_name) == 20 and all(len(places) == 1 for places in by_name.values()), by_name


def spans_text(address, topic, encoding, peer, exporter):
    """From OTLP into a topic, or with a peer from the topic to it."""
    if peer is None:
        receivers, exporters = {"otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:0"}}}}, {"kafka": {"brokers": [address], "traces": {"topic": topic, "encoding": encoding}, "sending_queue": {"enabled": False}}}
    else:
        source = {"brokers": [address], "initial_offset": "earliest", "group_id": f"{exporter}-{topic}", "traces": {"topics": [topic], "encoding": encoding}}
        receivers, exporters = {"kafka": source}, {exporter: {"endpoint": peer.endpoint, "tls": {"insecure": True}}}
    pipelines = {"traces": {"receivers": list(receivers), "exporters": list(exporters)}}
    return f"receivers: {json.dumps(receivers)}\nexporters: {json.dumps(exporters)}\nservice:\n  pipelines: {json.dumps(pipelines)}\n"


def read_spans(d, peer, n):
    def requests():
        with peer.changed:
            return [c.message for c in peer.calls]

    d.wait_metrics(lambda _: sum(len(s.spans) for r in requests() for g in r.resource_spans for s in g.scope_spans) >= n)
    return requests()


@pytest.mark.parametrize("encoding", span_records.ENCODINGS)
def test_spans_of_jaeger_and_zipkin_are_read_as_the_collector_reads_its_own(broker, otelcd, collector, peer, request, encoding):
    """Its own way first, which is kept; then each of our ways is held to that."""
    sent, topics = span_records.sample(), {side: broker.topic(f"{side}_{encoding}", 1) for side in ("go", "our")}
    ours = otelcd(spans_text(broker.address, topics["our"], encoding, None, "kafka"))
    ours.export(sent)
    go = collector(spans_text(broker.address, topics["go"], encoding, None, "kafka"))
    ours.export(sent, address=go.ports["grpc"])
    go.close()
    n = len(span_records.spans_of([sent]))
    topic = kafka.Topic(broker.address, topics["go"])
    records = [(m.key(), m.value()) for m in topic.wait(lambda m: len(m) >= (n if "jaeger" in encoding else 1))]
    topic.close()
    collector(spans_text(broker.address, topics["go"], encoding, peer, "otlp"))
    theirs = read_spans(ours, peer, n)
    if request.config.getoption("--rewrite"):
        span_records.keep(encoding, records, theirs)
    wanted = span_records.spans_of(theirs)
    assert wanted == span_records.kept(encoding)[1]
    other = PEERS["otlp_grpc"]()
    reader = otelcd(spans_text(broker.address, topics["go"], encoding, other, "otlp_grpc"))
    assert span_records.spans_of(read_spans(reader, other, n)) == wanted
    other.close()
    other = PEERS["otlp_grpc"]()
    collector(spans_text(broker.address, topics["our"], encoding, other, "otlp"))
    assert span_records.spans_of(read_spans(ours, other, n)) == wanted
    other.close()


def test_spans_of_zipkins_first_version_are_read_as_the_collector_reads_them(broker, otelcd, collector, peer, request):
    topic, record = broker.topic("thrift", 1), thrift_spans.sample()
    kafka.write(broker.address, topic, [record])
    n = int.from_bytes(record[1:5], "big")
    other = PEERS["otlp_grpc"]()
    ours = otelcd(spans_text(broker.address, topic, "zipkin_thrift", other, "otlp_grpc"))
    collector(spans_text(broker.address, topic, "zipkin_thrift", peer, "otlp"))
    theirs = read_spans(ours, peer, n)
    if request.config.getoption("--rewrite"):
        span_records.keep("zipkin_thrift", [(None, record)], theirs)
    wanted = span_records.spans_of(theirs)
    assert wanted == span_records.kept("zipkin_thrift")[1]
    assert span_records.spans_of(read_spans(ours, other, n)) == wanted
    other.close()
