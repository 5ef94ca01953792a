# SPDX-License-Identifier: Apache-2.0
"""Strangers with many connections: they cost a bounded part of the process, and others are served all the while."""

import itertools
import selectors
import socket
import threading
import time

import pytest

from configs import NOP
from harness import otlp
from harness.limits import PATIENCE, SANITIZED


def connect(address, source="127.0.0.1"):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=PATIENCE, source_address=(source, 0))


def post(address, source="127.0.0.1", kept=None):
    """One export over HTTP/1.1 from that address; the connection, for the next."""
    body = otlp.traces(1).SerializeToString()
    s = kept or connect(address, source)
    s.sendall(
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    head = s.recv(4096)
    assert head.startswith(b"HTTP/1.1 200"), head
    return s


class Report:
    """Prints what an attack cost: the most memory, and how long until others are served again."""

    def __init__(self, d, what):
        self.d, self.what, self.before = d, what, d.rss()
        self.began = time.monotonic()

    def end(self, bound):
        attacked = time.monotonic() - self.began
        with open(f"/proc/{self.d.process.pid}/status") as f:
            peak = next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:"))
        began = time.monotonic()
        self.d.export(otlp.traces(1))
        assert self.d.post(otlp.traces(1))[0] == 200
        recovery = time.monotonic() - began
        print(f"\n{self.what}: {attacked:.1f} s, peak RSS {peak >> 20} MB ({self.before >> 20} MB before), served after {recovery:.3f} s")
        assert peak - self.before < bound or SANITIZED
        assert recovery < PATIENCE


GREETINGS = {
    "nothing": b"",
    "half a head": b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n",
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
}


@pytest.mark.parametrize("greeting", GREETINGS)
@pytest.mark.parametrize("strangers_from", ["127.0.0.2", "127.0.0.1"])
def test_idle_strangers_that_take_every_descriptor_lock_nobody_out(otelcd, greeting, strangers_from):
    """300 connections with 64 descriptors: an old client, new ones, a scrape are all served, and the log tells why."""
    d = otelcd(NOP, expect=["File descriptors are scarce"], under=["prlimit", "--nofile=64:64"])
    report = Report(d, f"300 strangers that say {greeting}")
    old = post(d.http_address())
    strangers = []
    for n in range(300):
        s = connect(d.http_address(), strangers_from)
        s.sendall(GREETINGS[greeting])
        strangers.append(s)
        if n % 50 == 49:
            post(d.http_address()).close()
            d.export(otlp.traces(1))
            assert d.scrape()[1]
    post(d.http_address(), kept=old)
    report.end(16 << 20)
    assert d.metric("otelcd_receiver_broken_connections", reason="crowded", transport="http") >= 200
    for s in [old, *strangers]:
        s.close()


def test_files_are_opened_while_strangers_take_every_descriptor(otelcd, tmp_path):
    """The queue on disk has one segment after the other, and each is a new file."""
    config = f"""
extensions: {{file_storage: {{directory: {tmp_path}/queue, create_directory: true}}}}
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters: {{debug: {{verbosity: basic, sending_queue: {{storage: file_storage, sizer: bytes, queue_size: 32000000}}}}}}
service:
  extensions: [file_storage]
  pipelines: {{traces: {{receivers: [otlp], exporters: [debug]}}}}
"""
    d = otelcd(config, expect=["File descriptors are scarce"], under=["prlimit", "--nofile=64:64"])
    strangers = [connect(d.http_address(), "127.0.0.2") for _ in range(300)]
    large = otlp.traces(20_000)
    for _ in range(12):
        d.export(large)
    d.wait_metrics(lambda m: m.find("otelcd_exporter_delivered_items", exporter="debug", signal="traces")[0].value == 240_000)
    for s in strangers:
        s.close()


def test_a_busy_client_keeps_its_connection_whoever_comes(otelcd):
    """Who waits for an answer, or has fewer connections than the strangers, is not the one that gives way."""
    d = otelcd(NOP, expect=["File descriptors are scarce"], under=["prlimit", "--nofile=64:64"])
    body = otlp.traces(1).SerializeToString()
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n" % len(body)
    slow = connect(d.http_address(), "127.0.0.3")
    slow.sendall(head + body[:10])
    kept = post(d.http_address(), "127.0.0.4")
    strangers = [connect(d.http_address(), "127.0.0.2") for _ in range(200)]
    for s in strangers[-40:]:
        try:
            s.sendall(head + body[:10])  # half a body each, so that none of them is idle
        except ConnectionError:
            pass
    strangers += [connect(d.http_address(), "127.0.0.2") for _ in range(100)]
    post(d.http_address(), "127.0.0.5").close()
    slow.sendall(body[10:])
    assert slow.recv(4096).startswith(b"HTTP/1.1 200")
    post(d.http_address(), kept=kept)
    for s in itertools.chain(strangers, [slow, kept]):
        s.close()


class Greedy:
    """Connections of one address that ask for /metrics again as soon as they are answered, and read fast."""

    ASK = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"

    def __init__(self, address, n, source):
        self.address, self.source = address, source
        self.selector = selectors.DefaultSelector()
        self.done = threading.Event()
        for _ in range(n):
            self.begin()
        self.thread = threading.Thread(target=self.go_on)
        self.thread.start()

    def begin(self):
        s = connect(self.address, self.source)
        s.sendall(2 * self.ASK)
        self.selector.register(s, selectors.EVENT_READ)

    def go_on(self):
        while not self.done.is_set():
            for key, _ in self.selector.select(0.1):
                try:
                    data = key.fileobj.recv(1 << 20)
                    key.fileobj.sendall(self.ASK * data.count(b"HTTP/1.1 "))
                except ConnectionError:
                    data = b""
                if not data:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.begin()

    def close(self):
        self.done.set()
        self.thread.join(PATIENCE)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def test_one_that_scrapes_as_fast_as_it_can_leaves_the_page_to_the_others(otelcd, figure):
    config = NOP.replace("  nop:\n", '  nop:\n  prometheus: {endpoint: "127.0.0.1:0"}\n').replace(
        "metrics: {receivers: [otlp], exporters: [nop]}", "metrics: {receivers: [otlp], exporters: [prometheus]}"
    )
    d = otelcd(config, expect=["Scrape refused: too many run already"], allow=["Scrape cut off"])
    d.export(otlp.Metrics().gauges("many", 5_000).request)
    greedy = Greedy(d.scrape_address("prometheus"), 20, "127.0.0.2")
    d.wait_log("Scrape refused: too many run already")
    longest = 0
    try:
        for _ in range(3):
            began = time.monotonic()
            assert len(d.metrics("prometheus").find("many")) == 5_000, "served at the first time of asking"
            longest = max(longest, time.monotonic() - began)
            d.export(otlp.traces(1))
    finally:
        greedy.close()
    figure("longest scrape beside it", longest, "s")


def pipeline(address, requests):
    """All of them at once and then the end of the stream; how many answers came."""
    body = otlp.traces(1).SerializeToString()
    one = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with connect(address) as s:

        def send():
            s.sendall(one * requests)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        answers, tail = 0, b""
        while data := s.recv(1 << 16):
            tail += data
            answers += tail.count(b"HTTP/1.1 200")
            tail = tail[-11:] if b"HTTP/1.1 200" not in tail[-11:] else b""
        sender.join()
    return answers


def test_who_pipelines_tiny_requests_does_not_hold_a_turn_and_each_is_answered(otelcd, figure):
    """One turn took all that had come of them: 512 KiB of each connection, and seconds for a few."""
    d = otelcd(NOP)
    address, connections, requests = d.http_address(), 24, 4000
    counted = [0] * connections

    def run(i):
        counted[i] = pipeline(address, requests)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(connections)]
    for t in threads:
        t.start()
    assert d.post(otlp.traces(1))[0] == 200
    for t in threads:
        t.join()
    longest = d.metrics().value("otelcd_loop_longest_stall_cpu_seconds")
    figure("longest turn", longest * 1000, "ms of CPU")
    assert counted == [requests] * connections
    assert longest < (1 if SANITIZED else 0.1)
