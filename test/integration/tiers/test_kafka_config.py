# SPDX-License-Identifier: Apache-2.0
"""What validate says of Kafka's options: mistakes in the Go collector's words, and what is not served, by name."""

import ctypes
import json
import subprocess

import pytest
from harness.limits import OTELCD, PATIENCE

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: }}}}
  kafka: {receiver}
exporters:
  kafka: {exporter}
  nop:
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [kafka]}}
    logs/2: {{receivers: [kafka], exporters: [nop]}}
"""


def validate(tmp_path, receiver=None, exporter=None):
    (tmp_path / "c.yaml").write_text(CONFIG.format(receiver=json.dumps(receiver or {}), exporter=json.dumps(exporter or {})))
    ran = subprocess.run([OTELCD, "validate", "--config", "c.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    return ran.returncode, ran.stdout + ran.stderr


BOTH = [
    ({"brokers": []}, "brokers must be specified"),
    ({"protocol_version": "new"}, 'invalid protocol version: "new"'),
    ({"auth": {"sasl": {"mechanism": "PLAIN"}}}, "username is required"),
    ({"auth": {"sasl": {"mechanism": "PLAIN", "username": "a"}}}, "password is required"),
    ({"auth": {"sasl": {"mechanism": "X"}}}, "mechanism should be one of 'PLAIN'"),
    ({"auth": {"sasl": {"mechanism": "OAUTHBEARER"}}}, "oauth2authclient extension is required"),
    ({"auth": {"kerberos": {"realm": "x"}}}, "SCRAM-SHA-512"),
    ({"tls": {"server_name_override": "x"}}, "server_name_override is not served for Kafka"),
    ({"logs": {"encoding": "zipkin_json"}}, 'unrecognized logs encoding "zipkin_json"'),
]
EXPORTER = [
    ({"producer": {"required_acks": 2}}, "takes all (-1), 0 or 1; it is 2"),
    ({"producer": {"compression": "x"}}, "compression should be one of 'none'"),
    ({"producer": {"compression": "gzip", "compression_params": {"level": 11}}}, "write 0 to 9"),
    ({"partition_logs_by_trace_id": True, "partition_logs_by_resource_attributes": True}, "cannot both be enabled"),
    ({"partition_logs_by_trace_id": True, "logs": {"message_key_from_metadata_key": "x"}}, "cannot be combined with partition_logs_by_trace_id"),
    ({"include_metadata_keys": ["a"], "sending_queue": {"batch": {}}}, 'must include all include_metadata_keys values: missing "a"'),
    ({"logs": {"topic": "a b"}}, '"a b" is no topic'),
    ({"record_partitioner": {"round_robin": {}}}, "records without a key are spread already"),
]
RECEIVER = [
    ({"initial_offset": "first"}, "latest"),
    ({"message_marking": {"after": False}}, "an offset is committed only when its record is safe"),
    ({"logs": {"exclude_topics": ["^a"]}}, "none of the configured logs.topics use regex pattern"),
    ({"group_rebalance_strategies": ["sticky"]}, "librdkafka has cooperative-sticky"),
    ({"session_timeout": "2s"}, "heartbeat_interval must be less than session_timeout"),
    ({"default_fetch_size": 1}, "max_partition_fetch_size"),
]


@pytest.mark.parametrize("options, said", BOTH + EXPORTER, ids=[json.dumps(o)[:60] for o, _ in BOTH + EXPORTER])
def test_a_mistake_of_the_exporter_is_named(tmp_path, options, said):
    code, out = validate(tmp_path, exporter=options)
    assert code == 1 and said in out and "exporters::kafka" in out, out


@pytest.mark.parametrize("options, said", BOTH + RECEIVER, ids=[json.dumps(o)[:60] for o, _ in BOTH + RECEIVER])
def test_a_mistake_of_the_receiver_is_named(tmp_path, options, said):
    code, out = validate(tmp_path, receiver=options)
    assert code == 1 and said in out and "receivers::kafka" in out, out


def test_the_old_keys_work_and_are_warned_about(tmp_path):
    old = {"topic": "otel", "encoding": "otlp_json"}
    code, out = validate(tmp_path, receiver=old, exporter=old)
    assert code == 0 and out.count("the Go collector has no topic here any more") == 2 and out.count("no encoding here any more") == 2, out


def test_scram_is_warned_about_where_librdkafka_makes_a_mistake_in_it(tmp_path):
    code, out = validate(tmp_path, exporter={"auth": {"sasl": {"mechanism": "SCRAM-SHA-256", "username": "a", "password": "b"}}})
    assert code == 0 and ("makes a mistake in SCRAM" in out) == (ctypes.CDLL("librdkafka.so.1").rd_kafka_version() < 0x02060100), out


def test_a_strategy_that_an_old_librdkafka_dies_of_is_refused(tmp_path):
    code, out = validate(tmp_path, receiver={"group_rebalance_strategies": ["cooperative-sticky"]})
    old = ctypes.CDLL("librdkafka.so.1").rd_kafka_version() < 0x02030000
    assert (code == 1) == old == ("write [range, roundrobin], or install librdkafka 2.3.0" in out), out
    assert validate(tmp_path, receiver={"group_rebalance_strategies": ["range"]})[0] == 0
    assert validate(tmp_path, receiver={})[0] == 0
