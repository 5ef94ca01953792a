# SPDX-License-Identifier: Apache-2.0
"""A broker of Kafka that is no good: what it answers is bounded, and read on when it speaks well again."""

import json
import struct

import pytest
from harness import kafka, otlp  # noqa: F401 - skips these where there is no librdkafka
from harness.kafka_stranger import FETCH, JOIN, METADATA, SYNC, VERSIONS, Stranger, batch, data, record
from harness.limits import PATIENCE, SANITIZED
from harness.watch import MIB, PeakRss

CONFIG = """
receivers:
  kafka: {receiver}
exporters:
  nop:
service:
  memory_budget_mib: 64
  pipelines:
    logs: {{receivers: [kafka], exporters: [nop]}}
"""
TROUBLE = ["The brokers cannot be used", "The brokers do not give records", "librdkafka warns"]
GARBAGE = bytes(range(255, 0, -1)) * 40


@pytest.fixture
def broker():
    """broker(...): see Stranger."""
    made = []
    yield lambda **more: made.append(Stranger(**more)) or made[-1]
    for b in made:
        b.close()


def config(broker):
    options = {"brokers": [broker.address], "initial_offset": "earliest", "autocommit": {"interval": "50ms"}, "session_timeout": "6s", "heartbeat_interval": "500ms", "metadata": {"refresh_interval": "1s"}}
    return CONFIG.format(receiver=json.dumps(options))


def delivered(d):
    return d.ledger("pipeline", "logs")["delivered"]


LOG = otlp.logs(1).SerializeToString()
ANSWERS = {
    "a frame of 2 GiB": {"raw": {FETCH: lambda number: struct.pack(">ii", 0x7FFFFFFF, number)}},
    "metadata of 2 GiB": {"raw": {METADATA: lambda number: struct.pack(">ii", 0x7FFFFFFF, number)}},
    "no frame": {"raw": {VERSIONS: lambda number: GARBAGE}},
    "garbage for metadata": {"on": {METADATA: GARBAGE}},
    "garbage when it joins": {"on": {JOIN: GARBAGE}},
    "garbage for an assignment": {"on": {SYNC: struct.pack(">h", 0) + data(GARBAGE)}},
    "garbage for records": {"on": {FETCH: struct.pack(">i", 0) + GARBAGE}},
}


@pytest.mark.parametrize("what", ANSWERS)
def test_a_broker_that_answers_garbage_is_read_when_it_speaks_well_again(otelcd, broker, what):
    b = broker(fetches=[(0, batch(record(LOG)))], **ANSWERS[what])
    d = otelcd(config(b), allow=TROUBLE)
    d.wait_metrics(lambda _: b.wrong >= 3)
    assert delivered(d) == 0
    b.on, b.raw = {}, {}
    d.wait_metrics(lambda _: delivered(d) == 1)


def test_a_record_that_lies_about_its_length_is_read_when_it_is_mended(otelcd, broker):
    good = (1, batch(record(LOG, offset=0) + record(LOG, offset=1), n=2))
    b = broker()
    d = otelcd(config(b), allow=TROUBLE)
    for lying in (record(LOG, length=1 << 30), record(LOG, length=-5)):
        b.fetches = [(1, batch(lying))]
        n = b.fetched.count(0)
        d.wait_metrics(lambda _: b.fetched.count(0) > n + 1)  # noqa: B023
    assert delivered(d) == 0
    b.fetches = [good]
    d.wait_metrics(lambda _: delivered(d) == 2)


def test_what_is_large_beside_the_value_of_a_record_costs_no_more_than_it_has(otelcd, broker):
    wide = [(b"h%d" % i, b"v") for i in range(100000)]
    large = [(b"n" * 1000, b"v" * MIB)] * 5
    records = [record(LOG, headers=wide), record(LOG, key=b"k" * 10 * MIB), record(LOG, headers=large)] * 5
    b = broker(fetches=[(i, batch(r, base=i, crc=0)) for i, r in enumerate(records)])
    d = otelcd(config(b), allow=TROUBLE)
    with PeakRss(d) as peak:
        d.wait_metrics(lambda _: delivered(d) == 15)
    assert SANITIZED or peak.mib < 160


def test_of_1200_partitions_all_are_read_and_1000_have_metrics(otelcd, broker):
    b = broker(fetches=[(0, batch(record(LOG)))], partitions=1200, everywhere=batch(record(LOG)))
    d = otelcd(config(b), expect=["Partitions beyond these"], allow=TROUBLE, end=False)
    d.wait_metrics(lambda _: delivered(d) == 1200)
    samples = d.metrics()
    assert samples.sum("otelcd_receiver_kafka_partitions") == 1200
    assert len(samples.find("otelcd_receiver_kafka_lag_messages")) == len(samples.find("otelcd_receiver_kafka_safe_offset")) == 1000
    d.process.kill()  # librdkafka would end some day: it looks for each partition among all
    d.process.wait(PATIENCE)
