# SPDX-License-Identifier: Apache-2.0
"""The kafka receiver against librdkafka's mock cluster: forms of records, what is committed when, and what comes again."""

import json
import re
import signal
import threading
import time

import pytest
from google.protobuf import json_format
from harness import otlp
from harness.limits import PATIENCE, ROOT
from harness.otlp_peer import PEERS

kafka = pytest.importorskip("harness.kafka")

CONFIG = """
receivers:
  kafka: {receiver}
exporters:
  {exporters}
service:
  pipelines:
    {pipelines}
"""
DEBUG = "debug: {verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000}"
TROUBLE = ["The brokers cannot be used", "The brokers do not give records", "librdkafka warns", "Offsets could not be committed"]
TOPICS = {"traces": "otlp_spans", "metrics": "otlp_metrics", "logs": "otlp_logs"}


@pytest.fixture
def mock():
    def with_topics(brokers=1):
        cluster = kafka.MockCluster(brokers)
        for name in TOPICS.values():
            cluster.topic(name, 4)
        return cluster

    yield from kafka.each_closed(with_topics)


@pytest.fixture
def peer():
    """peer(answer=None): a real gRPC server that takes OTLP."""
    yield from kafka.each_closed(PEERS["otlp_grpc"])


def text(cluster, peer=None, signals=("logs",), service="", **options):
    receiver = {"brokers": [cluster.address], "initial_offset": "earliest", "autocommit": {"interval": "50ms"}, "session_timeout": "6s", "heartbeat_interval": "500ms"}
    receiver.update(options)
    name = "otlp_grpc" if peer else "debug"
    # Without a queue: a record is safe when the peer has it.
    exporter = f"otlp_grpc: {{endpoint: '{peer.endpoint}', tls: {{insecure: true}}, sending_queue: {{enabled: false}}, retry_on_failure: {{enabled: false}}, timeout: 60s}}" if peer else DEBUG
    pipelines = "\n    ".join(f"{s}: {{receivers: [kafka], exporters: [{name}]}}" for s in signals)
    return CONFIG.format(receiver=json.dumps(receiver), exporters=exporter, pipelines=pipelines).replace("service:", "service:" + service)


def printed(d):
    d.stdout.flush()
    with open(d.stdout.name, errors="replace") as f:
        return f.read()


def wait_received(d, n, signal_name="logs"):
    d.wait_metrics(lambda _: d.ledger("pipeline", signal_name)["delivered"] >= n)


def committed(cluster, topic, partitions=4, group="otel-collector"):
    """The offset that the group has committed of each partition; 0 for none."""
    confluent = kafka.confluent
    consumer = confluent.Consumer({"bootstrap.servers": cluster.address, "group.id": group})
    try:
        found = consumer.committed([confluent.TopicPartition(topic, p) for p in range(partitions)], timeout=PATIENCE)
        return [max(p.offset, 0) for p in found]
    finally:
        consumer.close()


def wait_committed(d, cluster, topic, n):
    d.wait_metrics(lambda _: sum(committed(cluster, topic)) >= n)
    assert sum(committed(cluster, topic)) == n


def bodies(peer):
    with peer.changed:
        calls = list(peer.calls)
    return [r.body.string_value for c in calls for g in c.message.resource_logs for s in g.scope_logs for r in s.log_records]


def numbered(n, first=0):
    """Requests of one log record each, whose bodies are numbers."""
    made = []
    for i in range(first, first + n):
        request = otlp.logs(1)
        request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = str(i)
        made.append(request.SerializeToString())
    return made


@pytest.mark.parametrize("name", TOPICS)
@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_each_signal_is_read_whatever_its_compression(mock, otelcd, name, compression):
    cluster = mock()
    kafka.write(cluster.address, TOPICS[name], [otlp.sample(name, 10).SerializeToString() for _ in range(20)], compression_type=compression)
    d = otelcd(text(cluster, signals=[name]))
    wait_received(d, 200, name)
    wait_committed(d, cluster, TOPICS[name], 20)
    assert d.metric("otelcol_receiver_accepted_" + {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}[name], receiver="kafka", transport="kafka") >= 200


def test_json_and_the_bodies_of_logs_are_read(mock, otelcd):
    cluster = mock()
    for topic in ("t_json", "t_text", "t_raw", "t_object"):
        cluster.topic(topic, 1)
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "from-json", "traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708"}]}]}]}
    kafka.write(cluster.address, "t_json", [json.dumps(spans).encode()])
    kafka.write(cluster.address, "t_text", ["größe ok".encode(), b"latin \xe9"])
    kafka.write(cluster.address, "t_raw", [b"\x00\x01"])
    kafka.write(cluster.address, "t_object", [b'{"a": {"b": [1, "two", true, null]}}'])
    receivers, pipelines = [], []
    for i, (topic, encoding) in enumerate((("t_text", "text"), ("t_raw", "raw"), ("t_object", "json"))):
        receivers.append(f"  kafka/{i}: {{brokers: ['{cluster.address}'], group_id: g{i}, initial_offset: earliest, logs: {{topics: [{topic}], encoding: {encoding}}}}}")
        pipelines.append(f"kafka/{i}")
    receivers.append(f"  kafka/t: {{brokers: ['{cluster.address}'], group_id: gt, initial_offset: earliest, traces: {{topics: [t_json], encoding: otlp_json}}}}")
    d = otelcd(f"receivers:\n" + "\n".join(receivers) + f"\nexporters:\n  {DEBUG}\nservice:\n  pipelines:\n    logs: {{receivers: [{', '.join(pipelines)}], exporters: [debug]}}\n    traces: {{receivers: [kafka/t], exporters: [debug]}}\n")
    wait_received(d, 4)
    wait_received(d, 1, "traces")
    out = printed(d)
    assert "from-json" in out and "größe ok" in out and "Bytes(" in out and '"two"' in out and "latin \ufffd" in out


def test_headers_become_attributes_and_metadata(mock, otelcd, peer):
    cluster, p = mock(), peer()
    kafka.write(cluster.address, "otlp_logs", [(b"k", numbered(1)[0], [("tenant", b"blue"), ("tenant", b"red"), ("other", b"x")])])
    d = otelcd(text(cluster, p, header_extraction={"extract_headers": True, "headers": ["tenant"]}))
    wait_received(d, 1)
    (group,) = p.calls[0].message.resource_logs
    assert [a.value.string_value for a in group.resource.attributes if a.key == "kafka.header.tenant"] == ["blue"]
    assert [a.key for a in group.resource.attributes if a.key.startswith("kafka.")] == ["kafka.header.tenant"]


def test_of_large_headers_the_pipeline_is_not_told(mock, otelcd):
    cluster = mock()
    cluster.topic("out", 1)
    kafka.write(cluster.address, "otlp_logs", [(b"k", numbered(1)[0], [("large", b"x" * 16384), ("small", b"y")])])
    exporter = {"brokers": [cluster.address], "logs": {"topic": "out"}, "include_metadata_keys": ["large", "small"], "sending_queue": {"enabled": False}}
    d = otelcd(text(cluster).replace(DEBUG, "kafka: " + json.dumps(exporter)).replace("exporters: [debug]", "exporters: [kafka]"), allow=TROUBLE)
    d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["delivered"] == 1)
    out = kafka.Topic(cluster.address, "out")
    (record,) = out.wait(lambda m: m)
    out.close()
    assert record.headers() == [("small", b"y")]


def test_bad_records_are_counted_and_skipped(mock, otelcd):
    cluster = mock()
    cluster.topic("mixed", 1)
    kafka.write(cluster.address, "mixed", [numbered(1)[0], b"\xff\xff no protobuf", b"", *numbered(2, 1)])
    d = otelcd(text(cluster, logs={"topics": ["mixed"]}), expect=["cannot be taken, and is skipped"])
    wait_received(d, 3)
    d.wait_metrics(lambda _: d.metric("otelcd_receiver_kafka_bad_messages", receiver="kafka", signal="logs") == 1)
    d.wait_metrics(lambda _: committed(cluster, "mixed", 1) == [5])


def test_a_partition_stops_at_a_bad_record_where_that_is_asked_for(mock, otelcd):
    cluster = mock()
    cluster.topic("mixed", 1)
    kafka.write(cluster.address, "mixed", [*numbered(2), b"\xff\xff no protobuf", *numbered(2, 2)])
    d = otelcd(text(cluster, logs={"topics": ["mixed"]}, message_marking={"on_permanent_error": False}), expect=["its partition stops there"])
    d.wait_log("its partition stops there")
    d.wait_metrics(lambda _: committed(cluster, "mixed", 1) == [2])
    kafka.write(cluster.address, "mixed", numbered(3, 4))
    assert d.ledger("pipeline", "logs")["delivered"] <= 4 and committed(cluster, "mixed", 1) == [2]


def test_a_partition_that_had_stopped_is_read_when_it_comes_back(mock, otelcd):
    cluster, stops = mock(), "its partition stops there"
    cluster.topic("mixed", 1)
    kafka.write(cluster.address, "mixed", [b"bad", *numbered(5)])
    config = text(cluster, logs={"topics": ["mixed"]}, message_marking={"on_permanent_error": False}, group_rebalance_strategies=["range"])
    one = otelcd(config, expect=[stops], allow=TROUBLE)
    one.wait_log(stops)
    other = otelcd(config, allow=[*TROUBLE, stops])
    one.wait_log("Partitions are not read here any more")  # one of them has it now
    assert other.stop() == 0
    one.wait_log(stops, n=2)
    assert sum(committed(cluster, "mixed", 1)) == 0


def test_nothing_is_committed_before_the_peer_has_it(mock, otelcd, peer):
    cluster, gate = mock(), threading.Event()
    p = peer(lambda call: gate.wait(PATIENCE) and None)
    kafka.write(cluster.address, "otlp_logs", numbered(20))
    d = otelcd(text(cluster, p))
    d.wait_metrics(lambda _: d.ledger("pipeline", "logs")["held"] == 20)
    assert sum(committed(cluster, "otlp_logs")) == 0
    gate.set()
    wait_received(d, 20)
    wait_committed(d, cluster, "otlp_logs", 20)


def test_offsets_wait_for_the_slowest_record_of_their_partition(mock, otelcd, peer):
    cluster, gate = mock(), threading.Event()
    cluster.topic("one", 1)

    def answer(call):
        if call.message.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "3":
            gate.wait(PATIENCE)
        return None

    p = peer(answer)
    kafka.write(cluster.address, "one", numbered(10))
    d = otelcd(text(cluster, p, logs={"topics": ["one"]}))
    wait_received(d, 9)
    d.wait_metrics(lambda _: committed(cluster, "one", 1) == [3])
    gate.set()
    d.wait_metrics(lambda _: committed(cluster, "one", 1) == [10])


def test_what_the_peer_refuses_for_now_comes_again_until_it_is_taken(mock, otelcd, peer):
    cluster = mock()
    refusals = iter([("UNAVAILABLE", "busy", None)] * 7)
    p = peer(lambda call: next(refusals, None))
    kafka.write(cluster.address, "otlp_logs", numbered(10))
    d = otelcd(text(cluster, p, error_backoff={"initial_interval": "10ms", "max_interval": "50ms"}), expect=["gets it again"], allow=["Exporting failed", "does not take what is sent"])
    wait_received(d, 10)
    wait_committed(d, cluster, "otlp_logs", 10)


def test_what_the_peer_refuses_for_good_is_skipped_and_counted(mock, otelcd, peer):
    cluster = mock()
    refusals = iter([("INVALID_ARGUMENT", "never", None)])
    p = peer(lambda call: next(refusals, None))
    kafka.write(cluster.address, "otlp_logs", numbered(5))
    d = otelcd(text(cluster, p), expect=["cannot be taken, and is skipped"], allow=["Exporting failed", "The peer refuses"])
    wait_received(d, 4)
    wait_committed(d, cluster, "otlp_logs", 5)
    assert d.metric("otelcd_receiver_kafka_refused_messages", receiver="kafka", signal="logs") == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_that_ends_again_and_again_loses_no_record(mock, otelcd, peer, end):
    cluster, p = mock(), peer()
    wanted = {str(i) for i in range(600)}
    prompt = end == signal.SIGTERM
    config = text(cluster, p)
    for round_number in range(3):
        kafka.write(cluster.address, "otlp_logs", numbered(200, 200 * round_number))
        d = otelcd(config, allow=[*TROUBLE, "Exporting failed", "Did not stop"], end=False)
        d.wait_metrics(lambda _: d.ledger("pipeline", "logs")["delivered"] >= 20)
        before = time.monotonic()
        d.terminate(end)
        d.process.wait(2 * PATIENCE)
        prompt = prompt and time.monotonic() - before < 2
    d = otelcd(config, allow=TROUBLE)
    d.wait_metrics(lambda _: set(bodies(p)) >= wanted)
    d.wait_metrics(lambda _: sum(committed(cluster, "otlp_logs")) == 600)
    if prompt:  # what was safe was committed before it left, for which it has 3 s
        assert len(bodies(p)) == 600


def test_two_of_a_group_share_the_partitions_and_one_that_goes_leaves_them_to_the_other(mock, otelcd, peer):
    cluster, p = mock(), peer()
    config = text(cluster, p)
    first = otelcd(config, allow=TROUBLE)
    first.wait_metrics(lambda _: first.metric("otelcd_receiver_kafka_partitions", receiver="kafka", signal="logs") == 4)
    second = otelcd(config, allow=TROUBLE, end=False)
    second.wait_metrics(lambda _: second.metric("otelcd_receiver_kafka_partitions", receiver="kafka", signal="logs") == 2)
    first.wait_metrics(lambda _: first.metric("otelcd_receiver_kafka_partitions", receiver="kafka", signal="logs") == 2)
    kafka.write(cluster.address, "otlp_logs", numbered(100))
    second.terminate(signal.SIGKILL)
    second.process.wait(PATIENCE)
    kafka.write(cluster.address, "otlp_logs", numbered(100, 100))
    first.wait_metrics(lambda _: set(bodies(p)) >= {str(i) for i in range(200)})
    wait_committed(first, cluster, "otlp_logs", 200)


def test_a_partition_that_goes_to_another_member_takes_its_lag_with_it(mock, otelcd):
    cluster = mock()
    for i in range(4):
        kafka.write(cluster.address, TOPICS["logs"], numbered(5), partition=i)
    first = otelcd(text(cluster), allow=TROUBLE)
    shown = lambda d: len(d.metrics().find("otelcd_receiver_kafka_lag_messages"))  # noqa: E731
    first.wait_metrics(lambda _: shown(first) == 4)
    second = otelcd(text(cluster), allow=TROUBLE)
    second.wait_metrics(lambda _: second.metric("otelcd_receiver_kafka_partitions", receiver="kafka", signal="logs") == 2)
    first.wait_metrics(lambda _: first.metric("otelcd_receiver_kafka_partitions", receiver="kafka", signal="logs") == 2)
    assert shown(first) <= 2


def test_a_full_budget_pauses_the_partitions_and_nothing_is_lost(mock, otelcd, peer):
    cluster, gate = mock(), threading.Event()
    p = peer(lambda call: gate.wait(PATIENCE) and None)
    big = otlp.logs(1)
    numbers = [f"{i:02}" for i in range(60)]
    for partition in range(4):  # the mock cluster keeps 5 MB of each
        values = []
        for number in numbers[15 * partition :][:15]:
            big.resource_logs[0].scope_logs[0].log_records[0].body.string_value = number + "x" * 200_000
            values.append(big.SerializeToString())
        kafka.write(cluster.address, "otlp_logs", values, partition)
    service = "\n  memory_budget_mib: 8"
    d = otelcd(text(cluster, p, service=service), allow=TROUBLE)
    d.wait_metrics(lambda m: d.metric("otelcd_receiver_kafka_pauses", receiver="kafka", signal="logs") >= 1)
    assert d.metric("otelcd_budget_peak_bytes") <= 10 << 20
    gate.set()
    wait_received(d, 60)
    wait_committed(d, cluster, "otlp_logs", 60)
    assert sorted(body[:2] for body in bodies(p)) == numbers  # none twice: for an answer there is room


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
def test_large_records_stay_in_the_order_of_their_partition(mock, otelcd, encoding):
    cluster = mock()
    cluster.topic("one", 1)
    large = 2_200_000 if encoding == "otlp_proto" else 700_000
    values = []
    for i in range(6):
        body = {"stringValue": f"number-{i}."}
        records = [{"body": body, "attributes": [{"key": "long", "value": {"stringValue": "x" * (large if i == 1 else 10)}}]}]
        request = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
        values.append(request if encoding == "otlp_json" else json_format.Parse(request, otlp.LOGS.request()).SerializeToString())
    values.insert(3, b"{" + b"x" * large)  # and a large one that is none; the mock cluster keeps 5 MB
    kafka.write(cluster.address, "one", values, message_max_bytes=4_000_000)
    d = otelcd(text(cluster, logs={"topics": ["one"], "encoding": encoding}), expect=["cannot be taken, and is skipped"])
    wait_received(d, 6)
    d.wait_metrics(lambda _: committed(cluster, "one", 1) == [7])
    assert re.findall(r"number-\d", printed(d)) == [f"number-{i}" for i in range(6)]


def test_large_records_for_which_there_is_no_room_wait(mock, otelcd, peer):
    cluster, gate = mock(), threading.Event()
    p = peer(lambda call: gate.wait(PATIENCE) and None)
    request, numbers = otlp.logs(1), [str(i) for i in range(8)]
    for partition in range(4):  # the mock cluster keeps 5 MB of each
        values = []
        for number in numbers[2 * partition :][:2]:
            request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = number + "x" * 2_200_000
            values.append(request.SerializeToString())
        kafka.write(cluster.address, "otlp_logs", values, partition, message_max_bytes=4_000_000)
    d = otelcd(text(cluster, p, service="\n  memory_budget_mib: 12"), allow=TROUBLE)
    d.wait_metrics(lambda m: d.metric("otelcd_receiver_kafka_pauses", receiver="kafka", signal="logs") >= 1)
    assert d.metric("otelcd_budget_peak_bytes") <= 16 << 20
    gate.set()
    wait_received(d, 8)
    wait_committed(d, cluster, "otlp_logs", 8)
    assert {body[0] for body in bodies(p)} == set(numbers)


def test_a_large_record_of_profiles_is_read_whatever_its_texts_could_take(mock, otelcd):
    cluster = mock()
    cluster.topic("otlp_profiles", 1)
    request = json.loads((ROOT / "test/data/debug/profiles.json").read_bytes())
    request["resourceProfiles"][0]["resource"]["attributes"].append({"key": "long", "value": {"stringValue": "x" * 1_200_000}})
    kafka.write(cluster.address, "otlp_profiles", [json.dumps(request).encode()], message_max_bytes=4_000_000)
    d = otelcd(text(cluster, signals=("profiles",), service="\n  memory_budget_mib: 8", profiles={"encoding": "otlp_json"}), allow=TROUBLE)
    d.wait_metrics(lambda _: d.ledger("pipeline", "profiles")["delivered"] > 0)


def test_a_broker_that_goes_and_comes_costs_no_record(mock, otelcd, peer):
    cluster, p = mock(), peer()
    d = otelcd(text(cluster, p), allow=TROUBLE)
    kafka.write(cluster.address, "otlp_logs", numbered(50))
    wait_received(d, 50)
    cluster.down()
    d.wait_log("The brokers cannot be used")
    cluster.up()
    kafka.write(cluster.address, "otlp_logs", numbered(50, 50))
    d.wait_metrics(lambda _: set(bodies(p)) >= {str(i) for i in range(100)})
    wait_committed(d, cluster, "otlp_logs", 100)


def test_two_signals_while_large_records_are_decoded_end_it_in_peace(mock, otelcd):
    cluster = mock()
    for partition in range(4):  # the mock cluster keeps 5 MB of each
        records = [{"body": {"intValue": str(i)}} for i in range(130_000)]
        kafka.write(cluster.address, "otlp_logs", [json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()], partition, message_max_bytes=6_000_000)
    d = otelcd(text(cluster, logs={"encoding": "otlp_json"}, max_fetch_size=10_000_000).replace(DEBUG, "nop:").replace("[debug]", "[nop]"), allow=[*TROUBLE, "Did not stop in time"], end=False)
    d.wait_log("Partitions are read here now")
    d.terminate()
    d.terminate()
    assert d.wait_end() == 0


def test_partitions_whose_leader_moves_to_a_slow_broker_cost_no_record(mock, otelcd, peer):
    cluster, p = mock(2), peer()
    cluster.delay(150, broker=2)
    for partition in range(4):
        cluster.leader("otlp_logs", partition, 1)
    d = otelcd(text(cluster, p), allow=TROUBLE)
    kafka.write(cluster.address, "otlp_logs", numbered(40))
    wait_received(d, 40)
    for partition in range(4):
        cluster.leader("otlp_logs", partition, 2)
    kafka.write(cluster.address, "otlp_logs", numbered(40, 40))
    d.wait_metrics(lambda _: set(bodies(p)) >= {str(i) for i in range(80)})
    wait_committed(d, cluster, "otlp_logs", 80)


def test_what_is_refused_for_now_is_skipped_where_that_is_asked_for(mock, otelcd, peer):
    cluster = mock()
    p = peer(lambda call: ("UNAVAILABLE", "busy", None) if call.message.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "3" else None)
    kafka.write(cluster.address, "otlp_logs", numbered(6))
    options = {"message_marking": {"on_error": True}, "autocommit": {"enable": False}}
    d = otelcd(text(cluster, p, **options), expect=["is skipped as on_error says"], allow=["Exporting failed", "does not take what is sent"])
    d.wait_metrics(lambda _: d.metric("otelcd_receiver_kafka_refused_messages", receiver="kafka", signal="logs") == 1)
    wait_committed(d, cluster, "otlp_logs", 6)
    assert sorted(bodies(p)) == ["0", "1", "2", "3", "4", "5"] and d.ledger("pipeline", "logs")["delivered"] == 5


def test_patterns_of_topics_are_read_but_for_those_excluded(mock, otelcd, peer):
    cluster, p = mock(), peer()
    for topic, first in (("app_a", 0), ("app_b", 10), ("app_not", 20)):
        cluster.topic(topic, 1)
        kafka.write(cluster.address, topic, numbered(10, first))
    d = otelcd(text(cluster, p, logs={"topics": ["^app_.*"], "exclude_topics": ["^app_not$"]}), allow=TROUBLE)
    d.wait_metrics(lambda _: set(bodies(p)) >= {str(i) for i in range(20)})
    assert len(bodies(p)) == 20


def test_a_reload_that_changes_the_group_reads_on(mock, otelcd, peer):
    cluster, p = mock(), peer()
    d = otelcd(text(cluster, p), allow=TROUBLE)
    kafka.write(cluster.address, "otlp_logs", numbered(10))
    wait_received(d, 10)
    d.reload(text(cluster, p, client_id="another"))
    kafka.write(cluster.address, "otlp_logs", numbered(10, 10))
    d.wait_metrics(lambda _: set(bodies(p)) >= {str(i) for i in range(20)})
    assert d.stop() == 0 and len(bodies(p)) == 20


def test_what_the_exporter_writes_the_receiver_reads_back(mock, otelcd, peer):
    cluster, p = mock(), peer()
    out = f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  kafka: {{brokers: ["{cluster.address}"], partition_logs_by_resource_attributes: true, producer: {{required_acks: all, compression: lz4}}}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [kafka]}}
"""
    agent = otelcd(out, allow=TROUBLE)
    gateway = otelcd(text(cluster, p), allow=TROUBLE)
    sent = [otlp.logs(20) for _ in range(10)]
    for request in sent:
        agent.export(request)
    gateway.wait_metrics(lambda _: len(bodies(p)) >= 200)
    assert len(bodies(p)) == 200
    got = {c.message.resource_logs[0].SerializeToString() for c in p.calls}
    assert got == {r.resource_logs[0].SerializeToString() for r in sent}


KEPT_MOST = 20000


def test_what_is_done_behind_a_record_that_is_refused_is_limited_in_number(mock, peer, otelcd):
    cluster, open_now = mock(), threading.Event()
    p = peer(lambda call: None if open_now.is_set() else ("UNAVAILABLE", "not now", None))
    stuck = otlp.logs(1)
    stuck.resource_logs[0].resource.attributes.add(key="to").value.string_value = "peer"
    kafka.write(cluster.address, "otlp_logs", [stuck.SerializeToString(), *[otlp.logs(1).SerializeToString()] * (KEPT_MOST + 500)], partition=0)
    receiver = {"brokers": [cluster.address], "initial_offset": "earliest", "autocommit": {"interval": "50ms"}, "error_backoff": {"initial_interval": "100ms", "max_interval": "200ms"}}
    d = otelcd(
        f"""
receivers:
  kafka: {json.dumps(receiver)}
connectors:
  routing: {{default_pipelines: [logs/rest], table: [{{condition: 'attributes["to"] == "peer"', pipelines: [logs/peer]}}]}}
exporters:
  nop:
  otlp_grpc: {{endpoint: '{p.endpoint}', tls: {{insecure: true}}, sending_queue: {{enabled: false}}, retry_on_failure: {{enabled: false}}}}
service:
  pipelines:
    logs/in: {{receivers: [kafka], exporters: [routing]}}
    logs/rest: {{receivers: [routing], exporters: [nop]}}
    logs/peer: {{receivers: [routing], exporters: [otlp_grpc]}}
""",
        expect=["gets it again"],
        allow=["Exporting failed", "does not take what is sent"],
    )
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_kafka_pauses") == 1)
    assert d.metrics().sum("otelcd_receiver_kafka_messages") == KEPT_MOST and sum(committed(cluster, "otlp_logs")) == 0
    open_now.set()
    wait_committed(d, cluster, "otlp_logs", KEPT_MOST + 501)


def test_workers_are_members_of_one_group_and_each_record_makes_a_span(mock, peer, otelcd):
    cluster, backend, spans = mock(), peer(), PEERS["otlp_http"]()
    processor = json.dumps([{"batch": {"schedule_delay": 50, "exporter": {"otlp": {"protocol": "http/protobuf", "endpoint": spans.endpoint}}}}])
    service = f"\n  workers: 2\n  telemetry: {{traces: {{processors: {processor}}}}}"
    d = otelcd(text(cluster, backend, service=service, group_instance_id="mine", autocommit={"interval": "50ms"}), allow=TROUBLE)
    try:
        d.wait_metrics(lambda m: m.sum("otelcd_receiver_kafka_partitions") == 4)
        kafka.write(cluster.address, TOPICS["logs"], numbered(40))
        wait_received(d, 40)
        assert sorted(bodies(backend), key=int) == [str(i) for i in range(40)]
        wait_committed(d, cluster, TOPICS["logs"], 40)
        found = lambda p: [s for c in list(p.taken) for g in c.message.resource_spans for o in g.scope_spans for s in o.spans if s.name == "receiver/kafka/LogsReceived"]  # noqa: E731
        spans.wait(lambda p: len(found(p)) == 40)
        fields = {a.key: a.value for a in found(spans)[0].attributes}
        assert (fields["transport"].string_value, fields["accepted_log_records"].int_value, fields["messaging.destination.name"].string_value) == ("kafka", 1, TOPICS["logs"])
        assert d.stop() == 0
    finally:
        spans.close()
