# SPDX-License-Identifier: Apache-2.0
"""The rows of bench.py about Kafka: OTLP in and a topic out, and a topic in and nothing out, against librdkafka's mock cluster in
this process. What librdkafka's threads cost is otelcd's."""

import json
import statistics

import payload
from harness import otlp

RECORDS, OUT, PARTITIONS, IN = 1000, 3000, 32, 1000  # of a request; requests; records in the topic
OUT_BAR, IN_BAR = 1.5e6, 2e6

EXPORT = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
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


class Kafka:
    def __init__(self, bench, load, cpu_seconds, stop):
        self.bench, self.load, self.cpu_seconds, self.stop = bench, load, cpu_seconds, stop

    def export(self, cluster, compression):
        """Records per CPU-second until the brokers have all of them."""
        options = {"brokers": [cluster.address], "logs": {"topic": "out"}, "producer": {"compression": compression, "linger": "5ms"},
                   "sending_queue": {"block_on_overflow": True}}
        d = self.bench.daemon(EXPORT.format(options=json.dumps(options)))
        file = payload.write(self.bench.folder / "kafka-logs", payload.logs(RECORDS))
        before = self.cpu_seconds(d.process.pid)
        self.load(d.grpc_address(), otlp.LOGS.rpc, file, n=OUT, c=4, m=8)
        d.wait_metrics(lambda _: d.ledger("exporter", "kafka", "logs")["delivered"] == OUT * RECORDS)
        used = self.cpu_seconds(d.process.pid) - before
        self.stop(d)
        return OUT * RECORDS / used

    def receive(self, cluster, group):
        options = {"brokers": [cluster.address], "logs": {"topics": ["in"]}, "group_id": group, "initial_offset": "earliest"}
        d = self.bench.daemon(RECEIVE.format(options=json.dumps(options)))
        d.wait_metrics(lambda _: d.ledger("pipeline", "logs")["delivered"] == IN * RECORDS)
        used = self.cpu_seconds(d.process.pid)
        self.stop(d)
        return IN * RECORDS / used

    def rows(self, chosen):
        if not chosen("kafka"):
            return
        from harness import kafka

        show = lambda v: f"{v / 1e6:.1f} M/s"  # noqa: E731
        cluster = kafka.MockCluster(1)
        cluster.topic("out", 4), cluster.topic("in", PARTITIONS)
        for compression, bar in (("none", None), ("lz4", OUT_BAR)):
            rate = statistics.median(self.export(cluster, compression) for _ in range(self.bench.rounds))
            self.bench.row(f"kafka, out, {compression}: records per CPU-second", f"{rate / 1e6:8.2f} M/s", rate, bar, show)
        (body,) = payload.logs(RECORDS)
        for partition in range(PARTITIONS):
            kafka.write(cluster.address, "in", [body] * (IN // PARTITIONS + (partition < IN % PARTITIONS)), partition,
                        compression_type="lz4")
        rate = statistics.median(self.receive(cluster, f"bench{i}") for i in range(self.bench.rounds))
        self.bench.row("kafka, in, lz4: records per CPU-second, start and all", f"{rate / 1e6:8.2f} M/s", rate, IN_BAR, show)
        cluster.close()
