# SPDX-License-Identifier: Apache-2.0
"""Spans in the forms of Jaeger and Zipkin, from and to Kafka: held to what the Go collector wrote and read (test/data/kafka,
kept by test/oracle/test_kafka.py)."""

import json

import pytest
from harness import otlp, span_records
from harness.otlp_peer import PEERS

kafka = pytest.importorskip("harness.kafka")
TROUBLE = ["The brokers cannot be used", "The brokers do not give records", "librdkafka warns"]


@pytest.fixture
def mock():
    yield from kafka.each_closed(kafka.MockCluster)


@pytest.fixture
def peer():
    yield from kafka.each_closed(PEERS["otlp_grpc"])


def config(cluster, peer, encoding, **exporter):
    """From OTLP to a topic, and from the topic to the peer."""
    source = {"brokers": [cluster.address], "initial_offset": "earliest", "traces": {"topics": ["spans"], "encoding": encoding}}
    written = encoding if encoding in span_records.ENCODINGS else "otlp_proto"
    sink = {"brokers": [cluster.address], "traces": {"topic": "spans", "encoding": written}, "timeout": "5s", **exporter}
    return f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
  kafka: {json.dumps(source)}
exporters:
  kafka: {json.dumps(sink)}
  otlp_grpc: {{endpoint: "{peer.endpoint}", tls: {{insecure: true}}}}
service:
  pipelines:
    traces/out: {{receivers: [otlp], exporters: [kafka]}}
    traces/in: {{receivers: [kafka], exporters: [otlp_grpc]}}
"""


def wait_spans(d, peer, n):
    def requests():
        with peer.changed:
            return [c.message for c in peer.calls]

    d.wait_metrics(lambda _: sum(len(s.spans) for r in requests() for g in r.resource_spans for s in g.scope_spans) >= n)
    return span_records.spans_of(requests())


def written(cluster, n):
    topic = kafka.Topic(cluster.address, "spans")
    found = topic.wait(lambda m: len(m) >= n)
    topic.close()
    return found


@pytest.mark.parametrize("encoding", span_records.READ)
def test_records_of_the_collector_are_read_as_it_reads_them(mock, peer, otelcd, encoding):
    cluster, p = mock(), peer()
    cluster.topic("spans", 1)
    records, wanted = span_records.kept(encoding)
    kafka.write(cluster.address, "spans", [(k or None, v, None) for k, v in records])
    d = otelcd(config(cluster, p, encoding), allow=TROUBLE)
    assert wait_spans(d, p, len(wanted)) == wanted


@pytest.mark.parametrize("encoding", span_records.ENCODINGS)
def test_what_is_written_is_read_as_what_the_collector_writes(mock, peer, otelcd, encoding):
    cluster, p = mock(), peer()
    cluster.topic("spans", 1)
    records, wanted = span_records.kept(encoding)
    d = otelcd(config(cluster, p, encoding), allow=TROUBLE)
    d.export(span_records.sample())
    assert wait_spans(d, p, len(wanted)) == wanted
    messages = written(cluster, len(records))
    assert sorted(m.key() or b"" for m in messages) == sorted(k for k, _ in records)


def test_a_span_without_ids_is_dropped_where_zipkin_has_no_place_for_it(mock, peer, otelcd):
    cluster, p = mock(), peer()
    cluster.topic("spans", 1)
    d = otelcd(config(cluster, p, "zipkin_json"), allow=TROUBLE)
    sent = otlp.sample("traces", 3)
    sent.resource_spans[0].scope_spans[0].spans[1].span_id = b""
    d.export(sent)
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "traces")["delivered"] == 2)
    assert d.ledger("exporter", "kafka", "traces")["dropped"] == 1
    sent.resource_spans[0].scope_spans[0].spans[0].trace_id = b""
    del sent.resource_spans[0].scope_spans[0].spans[2]
    d.export(sent)
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "traces")["dropped"] == 3)
    assert len(wait_spans(d, p, 2)) == 2


@pytest.mark.parametrize("encoding", ["zipkin_json", "jaeger_proto"])
def test_a_resource_that_every_span_repeats_makes_more_records_and_no_larger_ones(mock, peer, otelcd, encoding):
    cluster, p = mock(), peer()
    cluster.topic("spans", 1)
    d = otelcd(config(cluster, p, encoding, producer={"max_message_bytes": 20000}), allow=TROUBLE)
    sent = otlp.TRACES.request()
    group = sent.resource_spans.add()
    otlp.put(group.resource.attributes, {"service.name": "large", "long": "x" * 3000})
    spans = group.scope_spans.add().spans
    for i in range(50):
        spans.add(trace_id=bytes([i + 1]) * 16, span_id=bytes([i + 1]) * 8, name=str(i), start_time_unix_nano=span_records.BASE)
    d.export(sent)
    assert len(wait_spans(d, p, 50)) == 50
    messages = written(cluster, 50 if encoding == "jaeger_proto" else 10)
    assert max(len(m.value()) for m in messages) < 20000


@pytest.mark.parametrize("encoding", span_records.READ)
def test_what_is_no_span_is_named_counted_and_skipped(mock, peer, otelcd, encoding):
    cluster, p = mock(), peer()
    cluster.topic("spans", 1)
    good = span_records.kept(encoding)[0][0][1]
    kafka.write(cluster.address, "spans", [b"\x0a\x05no", good])
    d = otelcd(config(cluster, p, encoding), allow=TROUBLE, expect=["cannot be taken, and is skipped"])
    wait_spans(d, p, 1)
    assert d.metric("otelcd_receiver_kafka_bad_messages", receiver="kafka", signal="traces") == 1
