# SPDX-License-Identifier: Apache-2.0
"""The rows of bench.py about Kafka: OTLP in and a topic out, and a topic in and nothing out, against librdkafka's mock cluster in
this process and against a real broker, with the Go collector beside it where ORACLE names one that has its Kafka components. What
librdkafka's threads cost is otelcd's."""

import json
import os
import statistics
import subprocess
import time

import payload
from harness import otlp
from harness.limits import free_port
from scrape import read_sum

RECORDS, OUT, PARTITIONS, IN = 1000, 3000, 32, 1000  # of a request; requests; records in the topic
OUT_BAR, IN_BAR = 1.5e6, 2e6
GO_OUT = 600  # requests: enough to measure a slower one
LONGEST = 120

EXPORT = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  kafka: {options}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [kafka]}}
"""
RECEIVE = """
receivers:
  kafka: {options}
exporters:
  nop:
service:
  pipelines:
    logs: {{receivers: [kafka], exporters: [nop]}}
"""
GO = """
  telemetry:
    logs: {{level: error}}
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {port}}}}}}}}}]}}
"""


def export_options(cluster, compression):
    return json.dumps({"brokers": [cluster.address], "logs": {"topic": "out"}, "producer": {"compression": compression, "linger": "5ms"}, "sending_queue": {"block_on_overflow": True}})  # fmt: skip


def receive_options(cluster, group):
    return json.dumps({"brokers": [cluster.address], "logs": {"topics": ["in"]}, "group_id": group, "initial_offset": "earliest"})


def go_program():
    """The Go collector, where it has what is compared."""
    program = os.environ.get("ORACLE")
    if program and "kafka" in subprocess.run([program, "components"], capture_output=True, text=True).stdout:
        return program
    return None


class Go:
    """The Go collector with a configuration; asked by its own metrics how far it is."""

    def __init__(self, kafka, program, text):
        self.port = free_port()
        file = kafka.bench.folder / "go-kafka.yaml"
        file.write_text(text + GO.format(port=self.port))
        self.cpu_seconds = kafka.cpu_seconds
        self.process = subprocess.Popen(["taskset", "-c", str(kafka.core), program, "--config", str(file)])
        kafka.bench.started.append(self.process)

    def wait(self, counter, n):
        deadline = time.monotonic() + LONGEST
        while self.count(counter) < n:
            assert time.monotonic() < deadline and self.process.poll() is None, f"the Go collector has {self.count(counter)} of {n}"
            time.sleep(0.05)

    def count(self, counter):
        try:
            return read_sum(self.port, counter)
        except OSError:
            return 0

    def close(self):
        self.process.terminate()
        self.process.wait()


class Kafka:
    def __init__(self, bench, load, cpu_seconds, stop, core):
        self.bench, self.load, self.cpu_seconds, self.stop, self.core = bench, load, cpu_seconds, stop, core

    def send(self, address, n):
        file = payload.write(self.bench.folder / "kafka-logs", payload.logs(RECORDS))
        self.load(address, otlp.LOGS.rpc, file, n=n, c=4, m=8)

    def export(self, cluster, compression):
        """Records per CPU-second until the brokers have all of them."""
        d = self.bench.daemon(EXPORT.format(options=export_options(cluster, compression), port=0))
        before = self.cpu_seconds(d.process.pid)
        self.send(d.grpc_address(), OUT)
        d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["delivered"] == OUT * RECORDS)
        used = self.cpu_seconds(d.process.pid) - before
        self.stop(d)
        return OUT * RECORDS / used

    def receive(self, cluster, group):
        d = self.bench.daemon(RECEIVE.format(options=receive_options(cluster, group)))
        d.wait_metrics(lambda _: d.ledger("pipeline", "logs")["delivered"] == IN * RECORDS)
        used = self.cpu_seconds(d.process.pid)
        self.stop(d)
        return IN * RECORDS / used

    def go_export(self, cluster, program, compression):
        port = free_port()
        go = Go(self, program, EXPORT.format(options=export_options(cluster, compression), port=port))
        deadline = time.monotonic() + LONGEST
        while True:
            try:
                self.send(f"127.0.0.1:{port}", 1)
                break
            except AssertionError:
                assert time.monotonic() < deadline and go.process.poll() is None, "the Go collector does not start"
                time.sleep(0.1)
        go.wait("otelcol_exporter_sent_log_records", RECORDS)
        before = self.cpu_seconds(go.process.pid)
        self.send(f"127.0.0.1:{port}", GO_OUT)
        go.wait("otelcol_exporter_sent_log_records", (GO_OUT + 1) * RECORDS)
        used = self.cpu_seconds(go.process.pid) - before
        go.close()
        return GO_OUT * RECORDS / used

    def go_receive(self, cluster, program, group):
        go = Go(self, program, RECEIVE.format(options=receive_options(cluster, group)))
        go.wait("otelcol_receiver_accepted_log_records", IN * RECORDS)
        used = self.cpu_seconds(go.process.pid)
        go.close()
        return IN * RECORDS / used

    # --- rows ---

    def row(self, name, rates, bar, go=None):
        rate = statistics.median(rates)
        beside = f"  Go {go / 1e6:.2f} M/s" if go else ""
        self.bench.row(f"kafka, {name}", f"{rate / 1e6:8.2f} M/s{beside}", rate, bar, lambda v: f"{v / 1e6:.1f} M/s")

    def fill(self, cluster):
        from harness import kafka

        (body,) = payload.logs(RECORDS)
        for partition in range(PARTITIONS):
            n = IN // PARTITIONS + (partition < IN % PARTITIONS)
            kafka.write(cluster.address, "in", [body] * n, partition, compression_type="lz4")

    def mock(self):
        from harness import kafka

        cluster = kafka.MockCluster(1)
        cluster.topic("out", 4), cluster.topic("in", PARTITIONS)
        for compression, bar in (("none", None), ("lz4", OUT_BAR)):
            self.row(f"out, {compression}: records per CPU-second", [self.export(cluster, compression) for _ in range(self.bench.rounds)], bar)
        self.fill(cluster)
        self.row("in, lz4: records per CPU-second, start and all", [self.receive(cluster, f"bench{i}") for i in range(self.bench.rounds)], IN_BAR)
        cluster.close()

    def broker(self):
        """The same through a broker of Apache Kafka, which is a process of its own."""
        import pytest
        from harness.servers.kafka_broker import Broker

        folder, go = self.bench.folder / "broker", go_program()
        folder.mkdir()
        try:
            broker = Broker(folder)
        except (pytest.skip.Exception, pytest.fail.Exception) as why:
            self.bench.row("kafka, a real broker", f"not measured: {why}")
            return
        self.bench.started.append(broker.process)
        try:
            broker.topic("out", 4, retention_bytes=64 << 20), broker.topic("in", PARTITIONS)
            ours = [self.export(broker, "lz4") for _ in range(self.bench.rounds)]
            self.row("out, lz4, a real broker: records per CPU-second", ours, OUT_BAR, go and self.go_export(broker, go, "lz4"))
            self.fill(broker)
            ours = [self.receive(broker, f"bench{i}") for i in range(self.bench.rounds)]
            self.row("in, lz4, a real broker: records per CPU-second, start and all", ours, IN_BAR, go and self.go_receive(broker, go, "go"))
        finally:
            broker.close()

    def rows(self, chosen):
        if chosen("kafka"):
            self.mock()
            self.broker()
