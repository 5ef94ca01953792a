# SPDX-License-Identifier: Apache-2.0
"""The kafka exporter against librdkafka's mock cluster: what arrives, in which topic, by which key; brokers that fail."""

import json
import signal
import threading

import pytest
from harness import otlp
from harness.limits import PATIENCE, ROOT, SANITIZED

kafka = pytest.importorskip("harness.kafka")

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0", include_metadata: true}}}}}}
extensions:
  file_storage: {{directory: {folder}/storage, create_directory: true}}
exporters:
  kafka: {options}
service:
  extensions: [file_storage]
  pipelines:
    traces: {{receivers: [otlp], exporters: [kafka]}}
    metrics: {{receivers: [otlp], exporters: [kafka]}}
    logs: {{receivers: [otlp], exporters: [kafka]}}
"""
TROUBLE = ["The brokers cannot be used", "librdkafka warns", "Exporting failed"]
TYPES = {"traces": otlp.TRACES, "metrics": otlp.METRICS, "logs": otlp.LOGS}
FAST = {"initial_interval": "10ms", "max_interval": "100ms"}


@pytest.fixture
def mock():
    yield from kafka.each_closed(kafka.MockCluster)


@pytest.fixture
def topic():
    yield from kafka.each_closed(lambda cluster, *names: kafka.Topic(cluster.address, *names))


def text(folder, cluster, **options):
    options = {"brokers": [cluster.address], "retry_on_failure": FAST, "timeout": "2s", "producer": {"linger": "1ms"}, **options}
    return CONFIG.format(folder=folder, options=json.dumps(options))


def parsed(signal_name, message):
    return TYPES[signal_name].request.FromString(message.value())


def items_of(request):
    """Names of spans, bodies of logs, numbers of points."""
    if hasattr(request, "resource_spans"):
        return [s.name for r in request.resource_spans for p in r.scope_spans for s in p.spans]
    if hasattr(request, "resource_logs"):
        return [s.body.string_value for r in request.resource_logs for p in r.scope_logs for s in p.log_records]
    return [d for r in request.resource_metrics for p in r.scope_metrics for m in p.metrics for d in m.gauge.data_points]


def all_items(signal_name, messages):
    return [i for m in messages for i in items_of(parsed(signal_name, m))]


def delivered(d, signal_name):
    return d.ledger("exporter", "kafka", signal_name)["delivered"]


def wait_delivered(d, signal_name, n):
    d.wait_metrics(lambda _: delivered(d, signal_name) >= n)


@pytest.mark.parametrize("name", TYPES)
def test_each_signal_arrives_in_its_topic_as_one_request(mock, otelcd, topic, tmp_path, name):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster))
    sent = otlp.sample(name, 30)
    d.export(sent)
    wait_delivered(d, name, 30)
    (message,) = topic(cluster, {"traces": "otlp_spans", "metrics": "otlp_metrics", "logs": "otlp_logs"}[name]).wait(len)
    assert parsed(name, message) == sent and message.key() is None


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_every_compression_and_ack_delivers_each_item_once(mock, otelcd, topic, tmp_path, compression, acks):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, producer={"compression": compression, "required_acks": acks, "linger": "1ms"}))
    for _ in range(5):
        d.export(otlp.logs(100))
    wait_delivered(d, "logs", 500)
    assert len(all_items("logs", topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 500))) == 500


def test_json_is_what_the_specification_says(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, traces={"encoding": "otlp_json"}))
    sent = otlp.traces(2)
    d.export(sent)
    (message,) = topic(cluster, "otlp_spans").wait(len)
    spans = json.loads(message.value())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [s["traceId"] for s in spans] == [s.trace_id.hex() for s in sent.resource_spans[0].scope_spans[0].spans]


def test_raw_is_the_body_of_each_log_record(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, logs={"encoding": "raw"}))
    sent = otlp.logs(4)
    records = sent.resource_logs[0].scope_logs[0].log_records
    records[1].body.bytes_value = b"\x00\xff"
    records[2].body.int_value = 7
    records[3].ClearField("body")
    d.export(sent)
    got = {m.value() for m in topic(cluster, "otlp_logs").wait(lambda m: len(m) >= 3)}
    assert got == {b'"order 0 paid"', b"\x00\xff", b"7"}
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["dropped"] == 1)
    assert delivered(d, "logs") == 3


def test_traces_by_id_are_whole_and_keyed_by_it(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, partition_traces_by_id=True))
    sent = otlp.traces(6)
    spans = sent.resource_spans[0].scope_spans[0].spans
    for i, s in enumerate(spans):
        s.trace_id = spans[i % 3].trace_id
    d.export(sent)
    messages = topic(cluster, "otlp_spans").wait(lambda m: len(m) >= 3)
    assert len(messages) == 3
    for m in messages:
        got = [s for r in parsed("traces", m).resource_spans for p in r.scope_spans for s in p.spans]
        assert [s.trace_id.hex() for s in got] == [m.key().decode()] * 2
        assert parsed("traces", m).resource_spans[0].resource == sent.resource_spans[0].resource


def fnv1a_partition(key, partitions):
    """Sarama's: the hash as a signed number, and its absolute value."""
    h = 0x811C9DC5
    for byte in key:
        h = (h ^ byte) * 0x01000193 & 0xFFFFFFFF
    signed = h - (1 << 32) if h >> 31 else h
    return abs(signed) % partitions


def test_a_key_goes_to_the_partition_that_the_go_collector_chooses(mock, otelcd, topic, tmp_path):
    cluster = mock()
    cluster.topic("otlp_spans", 7)
    d = otelcd(text(tmp_path, cluster, partition_traces_by_id=True))
    d.export(otlp.traces(40))
    for m in topic(cluster, "otlp_spans").wait(lambda m: len(m) >= 40):
        assert m.partition() == fnv1a_partition(m.key(), 7)


def murmur2_partition(key, partitions):
    """Of Kafka's own clients."""
    h, m = 0x9747B28C ^ len(key), 0x5BD1E995
    for at in range(0, len(key) // 4 * 4, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & 0xFFFFFFFF
        k = (k ^ k >> 24) * m & 0xFFFFFFFF
        h = h * m & 0xFFFFFFFF ^ k
    rest = key[len(key) // 4 * 4 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions


def test_keys_come_from_metadata_and_from_the_traces_of_logs(mock, otelcd, topic, tmp_path):
    cluster = mock()
    cluster.topic("otlp_spans", 7), cluster.topic("otlp_logs", 7)
    options = {"traces": {"message_key_from_metadata_key": "x-key"}, "partition_logs_by_trace_id": True, "record_partitioner": {"sticky_key": {"hasher": "murmur2"}}}
    d = otelcd(text(tmp_path, cluster, **options))
    for key in ("blue", "green", "a key of some length"):
        d.export(otlp.traces(2), metadata=[("x-key", key)])
    d.export(otlp.traces(1))
    sent = otlp.logs(7)
    ids = [bytes([i]) * 16 for i in (1, 2, 3)]
    for i, record in enumerate(sent.resource_logs[0].scope_logs[0].log_records[:6]):
        record.trace_id = ids[i % 3]
    d.export(sent)
    spans, logs = (topic(cluster, name).wait(lambda m: len(m) >= 4) for name in ("otlp_spans", "otlp_logs"))
    assert {m.key() for m in spans} == {b"blue", b"green", b"a key of some length", None}
    assert {m.key(): len(items_of(parsed("logs", m))) for m in logs} == {None: 1, **{i.hex().encode(): 2 for i in ids}}
    for m in (*spans, *logs):
        assert m.key() is None or m.partition() == murmur2_partition(m.key(), 7)


def test_profiles_go_through_a_topic(mock, otelcd, tmp_path):
    cluster = mock()
    cluster.topic("otlp_profiles", 1)
    source = {"brokers": [cluster.address], "initial_offset": "earliest"}
    d = otelcd(f"""
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
  kafka: {json.dumps(source)}
exporters:
  kafka: {json.dumps({"brokers": [cluster.address]})}
  file: {{path: {tmp_path}/out}}
service:
  pipelines:
    profiles/out: {{receivers: [otlp], exporters: [kafka]}}
    profiles/in: {{receivers: [kafka], exporters: [file]}}
""", allow=TROUBLE)
    body = (ROOT / "test/data/debug/profiles.json").read_bytes()
    assert d.http("POST", otlp.PROFILES.path, body, {"Content-Type": "application/json"})[0] == 200
    d.wait_metrics(lambda _: d.ledger("pipeline", "profiles/in")["delivered"] > 0)
    assert d.ledger("pipeline", "profiles/in")["delivered"] == d.ledger("pipeline", "profiles/out")["received"]
    assert "resourceProfiles" in (tmp_path / "out").read_text()


@pytest.mark.parametrize("name", ["metrics", "logs"])
def test_by_resource_each_record_is_of_one_and_equal_ones_have_equal_keys(mock, otelcd, topic, tmp_path, name):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, **{f"partition_{name}_by_resource_attributes": True}))
    sent = otlp.sample(name, 2)
    for _ in range(2):
        sent.MergeFrom(otlp.sample(name, 2))
    groups = sent.resource_logs if name == "logs" else sent.resource_metrics
    groups[1].resource.attributes[0].value.string_value = "another"
    d.export(sent)
    messages = topic(cluster, f"otlp_{name}").wait(lambda m: len(m) >= 3)
    assert len(messages) == 3 and len({m.key() for m in messages}) == 2 and {len(m.key()) for m in messages} == {16}


def test_topics_come_from_attributes_and_metadata(mock, otelcd, topic, tmp_path):
    cluster = mock()
    options = {"topic_from_attribute": "kafka.topic", "traces": {"topic_from_metadata_key": "x-topic"}, "record_headers": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}], "include_metadata_keys": ["x-tenant"]}
    d = otelcd(text(tmp_path, cluster, **options), expect=["cannot be delivered"])
    sent = otlp.logs(1, {"kafka.topic": "first"})
    sent.MergeFrom(otlp.logs(1, {"kafka.topic": "second"}))
    sent.MergeFrom(otlp.logs(1))
    sent.MergeFrom(otlp.logs(1, {"kafka.topic": "no topic/at all"}))
    d.export(sent, metadata=[("x-tenant", "blue")])
    d.export(otlp.traces(1), metadata=[("x-topic", "third")])
    messages = topic(cluster, "first", "second", "otlp_logs", "third").wait(lambda m: len(m) >= 4)
    assert sorted(m.topic() for m in messages) == ["first", "otlp_logs", "second", "third"]
    assert next(m for m in messages if m.topic() == "first").headers() == [("a", b"1"), ("a", b"2"), ("x-tenant", b"blue")]
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["dropped"] == 1)


def test_what_is_larger_than_a_record_goes_in_several_and_one_item_too_large_is_dropped_and_named(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, producer={"max_message_bytes": 4000, "linger": "1ms"}), expect=["one item of .* is larger than producer::max_message_bytes"])
    sent = otlp.logs(200)
    sent.resource_logs[0].scope_logs[0].log_records[77].body.string_value = "x" * 5000
    d.export(sent)
    messages = topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 199)
    assert len(all_items("logs", messages)) == 199 and max(len(m.value()) for m in messages) <= 4000
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["dropped"] == 1)


def test_a_record_too_large_for_the_broker_is_halved_until_it_fits(mock, otelcd, topic, tmp_path):
    cluster = mock()
    cluster.topic("otlp_logs", 1)
    cluster.fail(kafka.PRODUCE, *[kafka.MESSAGE_TOO_LARGE] * 3)
    d = otelcd(text(tmp_path, cluster), expect=["The brokers take no records as large"], allow=TROUBLE)
    d.export(otlp.logs(64))
    wait_delivered(d, "logs", 64)
    messages = topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 64)
    assert len(messages) > 1 and len(all_items("logs", messages)) == 64


def test_one_item_too_large_for_the_broker_is_sent_alone_before_it_is_dropped(mock, otelcd, tmp_path):
    cluster = mock()
    cluster.topic("otlp_logs", 1)
    cluster.fail(kafka.PRODUCE, kafka.MESSAGE_TOO_LARGE, kafka.MESSAGE_TOO_LARGE)
    d = otelcd(text(tmp_path, cluster), expect=["larger than the brokers take"], allow=TROUBLE)
    d.export(otlp.logs(1))
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["dropped"] == 1)
    d.export(otlp.logs(1))
    wait_delivered(d, "logs", 1)


def test_a_record_that_is_refused_for_good_is_dropped_and_the_others_arrive(mock, otelcd, topic, tmp_path):
    cluster = mock()
    cluster.topic("bad", 1), cluster.topic("good", 1)
    cluster.topic_error("bad", kafka.INVALID_RECORD)
    d = otelcd(text(tmp_path, cluster, topic_from_attribute="t"), allow=["cannot be delivered", *TROUBLE])
    cluster.fail(kafka.PRODUCE, kafka.INVALID_RECORD)
    d.export(otlp.logs(3, {"t": "good"}))
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["dropped"] == 3)
    d.export(otlp.logs(5, {"t": "good"}))
    assert len(all_items("logs", topic(cluster, "good").wait(len))) == 5


def test_senders_without_a_queue_hear_what_the_brokers_say(mock, otelcd, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, sending_queue={"enabled": False}, retry_on_failure={"enabled": False}, timeout="5s"), allow=["cannot be delivered", *TROUBLE])
    d.export(otlp.logs(1))
    assert delivered(d, "logs") == 1
    cluster.fail(kafka.PRODUCE, kafka.INVALID_RECORD)
    with pytest.raises(Exception, match="INVALID_ARGUMENT"):
        d.export(otlp.logs(1))
    cluster.down()
    with pytest.raises(Exception, match="UNAVAILABLE"):
        d.export(otlp.logs(1))
    cluster.up()


def test_a_broker_that_goes_and_comes_costs_no_item(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster), allow=TROUBLE)
    d.export(otlp.logs(10))
    wait_delivered(d, "logs", 10)
    cluster.down()
    for _ in range(20):
        d.export(otlp.logs(10))
    d.wait_log("The brokers cannot be used|Exporting failed")
    cluster.up()
    wait_delivered(d, "logs", 210)
    assert len(all_items("logs", topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 210))) >= 210


def test_brokers_that_are_away_are_named_with_the_reason(mock, otelcd, tmp_path):
    config = text(tmp_path, mock(), brokers=["127.0.0.1:1"], timeout="1s").replace("service:", "service:\n  shutdown_timeout: 1s")
    d = otelcd(config, allow=[*TROUBLE, "Did not stop in time"])
    d.export(otlp.logs(1))
    why = 'topic "otlp_logs": Local: Message timed out: Connect to ipv4#127.0.0.1:1 failed: Connection refused'
    d.wait_metrics(lambda _: any(r["error"].endswith(why) for r in d.records("Will retry")))


def test_errors_that_pass_are_tried_again(mock, otelcd, tmp_path):
    cluster = mock(2)
    cluster.topic("otlp_logs", 1)
    cluster.leader("otlp_logs", 0, 1)
    d = otelcd(text(tmp_path, cluster), allow=TROUBLE)
    cluster.fail(kafka.PRODUCE, kafka.NOT_LEADER, kafka.TIMED_OUT, kafka.STORAGE, kafka.NOT_AUTHORIZED)
    for _ in range(6):
        d.export(otlp.logs(5))
    cluster.leader("otlp_logs", 0, 2)
    wait_delivered(d, "logs", 30)


@pytest.mark.parametrize("storage", ["", "file_storage"])
def test_only_the_records_that_failed_are_sent_again(mock, otelcd, topic, tmp_path, storage):
    cluster = mock()
    cluster.topic("first", 1), cluster.topic("second", 1)
    cluster.topic_error("second", kafka.NOT_AUTHORIZED)
    d = otelcd(text(tmp_path, cluster, topic_from_attribute="t", timeout="1s", sending_queue={"storage": storage}), allow=["error exporting", *TROUBLE])
    sent = otlp.logs(4, {"t": "first"})
    sent.MergeFrom(otlp.logs(4, {"t": "second"}))
    d.export(sent)
    d.wait_log("Exporting failed", 1)
    cluster.topic_error("second", 0)
    wait_delivered(d, "logs", 8)
    messages = topic(cluster, "first", "second").wait(lambda m: len(m) >= 2)
    assert sorted(m.topic() for m in messages) == ["first", "second"]
    assert d.metric("otelcd_exporter_kafka_messages", exporter="kafka", signal="logs", outcome="success") == 2


def test_what_a_killed_daemon_has_on_disk_is_delivered_by_the_next(mock, otelcd, topic, tmp_path):
    cluster = mock()
    cluster.down()
    options = {"sending_queue": {"storage": "file_storage"}, "timeout": "1s"}
    d = otelcd(text(tmp_path, cluster, **options), allow=TROUBLE, end=False)
    for _ in range(10):
        d.export(otlp.logs(10))
    d.terminate(signal.SIGKILL)
    d.process.wait(PATIENCE)
    cluster.up()
    d = otelcd(text(tmp_path, cluster, **options), allow=TROUBLE)
    wait_delivered(d, "logs", 100)
    assert len(all_items("logs", topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 100))) == 100


def test_more_records_than_librdkafka_may_hold_wait_for_their_turn(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, logs={"encoding": "raw"}, producer={"flush_max_messages": 10, "linger": "1ms"}))
    for _ in range(3):
        d.export(otlp.logs(200))
    wait_delivered(d, "logs", 600)
    assert len(topic(cluster, "otlp_logs").wait(lambda m: len(m) >= 600)) == 600


@pytest.mark.parametrize("options", [{"partition_traces_by_id": True}, {"traces": {"encoding": "jaeger_proto"}}], ids=["by_id", "jaeger"])
def test_records_that_repeat_a_large_resource_stay_within_the_budget(mock, otelcd, tmp_path, options):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, **options).replace("service:", "service:\n  memory_budget_mib: 16", 1))
    sent = otlp.traces(100)
    otlp.put(sent.resource_spans[0].resource.attributes, {"long": "x" * 300_000})
    for i, s in enumerate(sent.resource_spans[0].scope_spans[0].spans):
        s.trace_id = bytes([1, i]) * 8
    d.export(sent)
    wait_delivered(d, "traces", 100)
    assert d.metrics().sum("otelcd_budget_peak_bytes") < 16 << 20


def test_tiny_records_cost_no_many_times_their_bytes(mock, otelcd, tmp_path):
    d = otelcd(text(tmp_path, mock(), logs={"encoding": "raw"}))
    sent = otlp.logs(1)
    records = sent.resource_logs[0].scope_logs[0].log_records
    records[0].Clear()
    records.extend(records[0] for _ in range(1_000_000 - 1))
    d.export(sent)
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["dropped"] == 1_000_000)
    with open(f"/proc/{d.process.pid}/status") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
    assert SANITIZED or peak < 150_000, "2 MB of empty records"


def test_a_shutdown_delivers_what_was_taken(mock, otelcd, topic, tmp_path):
    cluster = mock()
    cluster.delay(200)
    d = otelcd(text(tmp_path, cluster))
    senders = [threading.Thread(target=lambda: d.export(otlp.logs(10))) for _ in range(20)]
    for s in senders:
        s.start()
    for s in senders:
        s.join()
    assert d.stop() == 0
    assert len(all_items("logs", topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 200))) == 200


def test_a_shutdown_with_the_brokers_away_ends_in_time(mock, otelcd, tmp_path):
    cluster = mock()
    cluster.down()
    config = text(tmp_path, cluster).replace("service:", "service:\n  shutdown_timeout: 1s")
    d = otelcd(config, allow=[*TROUBLE, "Did not stop in time"])
    d.export(otlp.logs(10))
    d.wait_log("The brokers cannot be used|Exporting failed")
    assert d.stop() == 0
    assert d.final_ledgers()["exporter", "kafka", "logs"]["dropped"] == 10


def test_a_reload_keeps_what_is_on_its_way(mock, otelcd, topic, tmp_path):
    cluster = mock()
    d = otelcd(text(tmp_path, cluster))
    d.export(otlp.logs(10))
    d.reload(text(tmp_path, cluster, client_id="another"))
    d.export(otlp.logs(10))
    assert len(all_items("logs", topic(cluster, "otlp_logs").wait(lambda m: len(all_items("logs", m)) >= 20))) == 20
    assert d.stop() == 0


def test_who_does_not_use_kafka_does_not_load_it(otelcd, tmp_path):
    d = otelcd('receivers:\n  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}\nexporters:\n  nop:\nservice:\n  pipelines:\n    logs: {receivers: [otlp], exporters: [nop]}\n')
    with open(f"/proc/{d.process.pid}/maps") as maps:
        assert "librdkafka" not in maps.read()


def test_items_of_a_resource_that_is_too_long_as_json_are_not_tried_one_by_one(mock, otelcd, tmp_path):
    """400 times 35 ms of the processor otherwise."""
    cluster = mock()
    d = otelcd(text(tmp_path, cluster, logs={"encoding": "otlp_json"}), allow=[*TROUBLE, "A record cannot be delivered"])
    request = otlp.logs(2)
    for n in (400, 3):
        group = request.resource_logs.add()
        group.CopyFrom(otlp.logs(n).resource_logs[0])
    big = request.resource_logs[1].resource.attributes.add()
    big.key, big.value.string_value = "big", "\x01" * 400_000  # six bytes each as JSON
    before = d.cpu_seconds()
    d.export(request)
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["held"] == 0)
    assert d.cpu_seconds() - before < 4
    ledger = d.ledger("exporter", "kafka", "logs")
    assert (ledger["delivered"], ledger["dropped"]) == (5, 400)
    assert d.metric("otelcd_exporter_dropped_items", exporter="kafka", reason="too_large") == 400
