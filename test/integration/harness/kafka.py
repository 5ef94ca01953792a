# SPDX-License-Identifier: Apache-2.0
"""Kafka as a peer: librdkafka's mock cluster in this process, whose brokers fail as they are told to, and a reader and a
writer of topics. (A real broker is in kafka_broker.py.)"""

import ctypes
import time

import pytest

from .limits import PATIENCE

confluent = pytest.importorskip("confluent_kafka", reason="python3-confluent-kafka is not installed")

PRODUCE, FETCH, METADATA, COMMIT = 0, 1, 3, 8  # API keys
# Error codes of brokers.
MESSAGE_TOO_LARGE, NOT_LEADER, TIMED_OUT, NOT_AUTHORIZED, INVALID_RECORD, STORAGE = 10, 6, 7, 29, 87, 56


def _library():
    lib = ctypes.CDLL("librdkafka.so.1")
    p, i = ctypes.c_void_p, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_conf_new", p, []),
        ("rd_kafka_new", p, [i, p, ctypes.c_char_p, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [p]),
        ("rd_kafka_mock_cluster_new", p, [p, i]),
        ("rd_kafka_mock_cluster_destroy", None, [p]),
        ("rd_kafka_mock_cluster_bootstraps", ctypes.c_char_p, [p]),
        ("rd_kafka_mock_topic_create", i, [p, ctypes.c_char_p, i, i]),
        ("rd_kafka_mock_broker_set_down", i, [p, i]),
        ("rd_kafka_mock_broker_set_up", i, [p, i]),
        ("rd_kafka_mock_broker_set_rtt", i, [p, i, i]),
        ("rd_kafka_mock_partition_set_leader", i, [p, ctypes.c_char_p, i, i]),
        ("rd_kafka_mock_push_request_errors_array", None, [p, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(i)]),
        ("rd_kafka_mock_clear_request_errors", None, [p, ctypes.c_int16]),
        ("rd_kafka_mock_topic_set_error", None, [p, ctypes.c_char_p, i]),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class MockCluster:
    """Brokers on loopback. Topics are made by whoever asks for them, with four partitions."""

    def __init__(self, brokers=1):
        self.lib = _library()
        why = ctypes.create_string_buffer(512)
        self.handle = self.lib.rd_kafka_new(0, self.lib.rd_kafka_conf_new(), why, len(why))
        assert self.handle, why.value
        self.cluster = self.lib.rd_kafka_mock_cluster_new(self.handle, brokers)
        self.address = self.lib.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def topic(self, name, partitions=4):
        assert self.lib.rd_kafka_mock_topic_create(self.cluster, name.encode(), partitions, 1) == 0
        return name

    def fail(self, request, *codes):
        """The next requests of that kind are answered so, one each."""
        self.lib.rd_kafka_mock_push_request_errors_array(self.cluster, request, len(codes), (ctypes.c_int * len(codes))(*codes))

    def heal(self, request):
        self.lib.rd_kafka_mock_clear_request_errors(self.cluster, request)

    def topic_error(self, name, code):
        self.lib.rd_kafka_mock_topic_set_error(self.cluster, name.encode(), code)

    def down(self, broker=1):
        self.lib.rd_kafka_mock_broker_set_down(self.cluster, broker)

    def up(self, broker=1):
        self.lib.rd_kafka_mock_broker_set_up(self.cluster, broker)

    def delay(self, milliseconds, broker=1):
        self.lib.rd_kafka_mock_broker_set_rtt(self.cluster, broker, milliseconds)

    def leader(self, topic, partition, broker):
        self.lib.rd_kafka_mock_partition_set_leader(self.cluster, topic.encode(), partition, broker)

    def close(self):
        self.lib.rd_kafka_mock_cluster_destroy(self.cluster)
        self.lib.rd_kafka_destroy(self.handle)


def each_closed(make):
    """For a fixture: a function that makes as many as a test wants, all of which are closed behind it."""
    made = []

    def start(*arguments):
        made.append(make(*arguments))
        return made[-1]

    yield start
    for each in made:
        each.close()


class Topic:
    """Reads a topic from its beginning, in a group of its own."""

    def __init__(self, address, *names, group=None, **more):
        settings = {"bootstrap.servers": address, "group.id": group or f"reader-{time.monotonic_ns()}", "auto.offset.reset": "earliest"}
        self.consumer = confluent.Consumer({**settings, "allow.auto.create.topics": True, **{k.replace("_", "."): v for k, v in more.items()}})
        self.consumer.subscribe(list(names))
        self.messages = []

    def wait(self, met, patience=PATIENCE):
        """Reads until met(all messages so far); returns them."""
        deadline = time.monotonic() + patience
        while not met(self.messages):
            assert time.monotonic() < deadline, f"{len(self.messages)} messages: {[m.topic() for m in self.messages[:20]]}"
            message = self.consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.messages.append(message)
        return self.messages

    def close(self):
        self.consumer.close()


def write(address, topic, values, partition=-1, **more):
    """Values, or (key, value, headers), into a topic; returns when the broker has all."""
    failures = []
    producer = confluent.Producer({"bootstrap.servers": address, "linger.ms": 5, **{k.replace("_", "."): v for k, v in more.items()}})
    for value in values:
        key, value, headers = value if isinstance(value, tuple) else (None, value, None)
        place = {} if partition < 0 else {"partition": partition}
        producer.produce(topic, value, key, headers=headers, on_delivery=lambda e, m: e and failures.append(e), **place)
        producer.poll(0)
    assert producer.flush(PATIENCE) == 0 and not failures, failures[:3]
