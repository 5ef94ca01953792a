# SPDX-License-Identifier: Apache-2.0
"""Servers of HTTP/2 that are no good, at the other end of otlp_grpc: bounded, retried, and everybody else is served."""

import functools
import json
import socket
import struct
import threading
import zlib

import pytest
from harness import otlp
from harness.limits import PATIENCE, SANITIZED
from harness.otlp_peer import GrpcPeer
from harness.stranger import DATA, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame, literal

CONTINUATION, END_HEADERS = 9, 4
INITIAL_WINDOW_SIZE = 4
OK = literal(b":status", b"200") + literal(b"content-type", b"application/grpc")

CONFIG = """
receivers:
  otlp:
    protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}
exporters:
  otlp_grpc: {bad}
  otlp_grpc/good: {good}
service:
  shutdown_timeout: 1s
  pipelines:
    logs: {{receivers: [otlp], exporters: [otlp_grpc, otlp_grpc/good]}}
"""


def number(n, bits=7):
    """An integer of HPACK behind a prefix of that many bits (RFC 7541 5.1)."""
    top = (1 << bits) - 1
    if n < top:
        return bytes([n])
    out, n = [top], n - top
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes([*out, n])


def field(name, value):
    return b"\0" + number(len(name)) + name + number(len(value)) + value


def block(stream, data, end=True):
    """HEADERS, and as many CONTINUATIONs as it takes."""
    pieces = [data[i : i + 16384] for i in range(0, len(data), 16384)]
    for i, piece in enumerate(pieces):
        flags = (END_HEADERS if i == len(pieces) - 1 else 0) | (END_STREAM if end and i == 0 else 0)
        yield frame(HEADERS if i == 0 else CONTINUATION, flags, stream, piece)


def for_ever(*frames):
    while True:
        yield from frames


def after(*first, then):
    yield from first
    yield from then


def one_byte_at_a_time(data):
    for b in data:
        yield bytes([b])
        threading.Event().wait(0.05)


@functools.cache
def bomb_pieces():
    """A message that says 1 GiB in one megabyte, as the payloads of frames."""
    packer, out = zlib.compressobj(9, zlib.DEFLATED, 31), []
    for _ in range(1024):
        out.append(packer.compress(bytes(1 << 20)))
    packed = b"".join([*out, packer.flush()])
    message = b"\x01" + struct.pack(">I", len(packed)) + packed
    return [message[i : i + 16384] for i in range(0, len(message), 16384)]


def goaway(last, code=0, text=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + text)


# What is said to each request, by its stream.
KINDS = {
    "silence": lambda s: [],
    "a window of nothing": lambda s: [frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, 0))],
    "1xx for ever": lambda s: for_ever(frame(HEADERS, END_HEADERS, s, literal(b":status", b"103"))),
    "data for ever": lambda s: after(frame(HEADERS, END_HEADERS, s, OK), then=for_ever(frame(DATA, 0, s, bytes(16384)))),
    "trailers without end": lambda s: after(
        frame(HEADERS, END_HEADERS, s, OK),
        frame(HEADERS, END_STREAM, s, literal(b"a", b"b")),
        then=for_ever(frame(CONTINUATION, 0, s, literal(b"a", b"b"))),
    ),
    "a status text of 1 MB": lambda s: block(s, OK + literal(b"grpc-status", b"14") + field(b"grpc-message", b"%1B[2J" * 180_000)),
    "a status text of 50 kB": lambda s: block(s, OK + literal(b"grpc-status", b"14") + field(b"grpc-message", b"%1B[2J%0A" * 5_500)),
    "headers by the index": lambda s: block(
        s, OK + b"\x40\x01x" + number(4000) + b"y" * 4000 + b"\xbe" * 16000 + literal(b"grpc-status", b"14")
    ),
    "a gzip bomb": lambda s: [
        frame(HEADERS, END_HEADERS, s, OK + literal(b"grpc-encoding", b"gzip")),
        *(frame(DATA, 0, s, piece) for piece in bomb_pieces()),
        *block(s, literal(b"grpc-status", b"0")),
    ],
    "a storm of GOAWAY": lambda s: for_ever(goaway(0x7FFFFFFF, 0, b"again")),
    "a GOAWAY to each request": lambda s: [goaway(0, 0, b"max_age")],
    "a flood of SETTINGS": lambda s: for_ever(frame(SETTINGS, 0, 0)),
    "a flood of PING": lambda s: for_ever(frame(PING, 0, 0, bytes(8))),
    "refusals": lambda s: [frame(RST_STREAM, 0, s, struct.pack(">I", 7))],
    "dribble": lambda s: one_byte_at_a_time(b"".join(block(s, OK + literal(b"grpc-status", b"0"))) * 20),
    "half an answer and an end": lambda s: [frame(HEADERS, END_HEADERS, s, OK), None],
    "no HTTP/2": lambda s: [b"HTTP/1.1 400 Bad Request\r\n\r\n", None],
}
# Who fails each request at once.
QUICK = {"a status text of 1 MB", "a status text of 50 kB", "refusals", "half an answer and an end", "no HTTP/2"}
# What is said at once, without being asked.
GREETINGS = {"no greeting": [], "HTTP/1.1": [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", None]}


class BadPeer:
    """A server that answers each request with script(stream): bytes, or None for an end."""

    def __init__(self, script, greeting=(frame(SETTINGS, 0, 0), frame(SETTINGS, 1, 0))):
        self.script, self.greeting = script, greeting
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.met = threading.Condition()
        self.connections, self.requests = [], 0
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.met:
                self.connections.append(connection)
                self.met.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _say(self, connection, script):
        for data in script:
            if data is None or self.closed:
                connection.close()
                return
            connection.sendall(data)

    def _serve(self, connection):
        unread = b""
        try:
            self._say(connection, self.greeting)
            while data := connection.recv(1 << 20):
                unread += data
                if PREFACE in unread:
                    unread = unread.removeprefix(PREFACE)
                while len(unread) >= 9 and len(unread) >= 9 + (size := int.from_bytes(unread[:3], "big")):
                    kind, stream = unread[3], int.from_bytes(unread[5:9], "big")
                    unread = unread[9 + size :]
                    if kind != HEADERS:
                        continue
                    with self.met:
                        self.requests += 1
                        self.met.notify_all()
                    self._say(connection, self.script(stream))
        except OSError:
            pass

    def wait(self, what):
        with self.met:
            assert self.met.wait_for(lambda: what(self), PATIENCE)

    def close(self):
        self.closed = True
        self.listener.close()
        for c in self.connections:
            c.close()


@pytest.fixture
def between(otelcd):
    """between(bad) -> a daemon that sends everything to the bad peer and to a good one, and the good one."""
    made = []

    def start(bad):
        good = GrpcPeer()
        made.extend([bad, good])
        retry = {"initial_interval": "10ms", "max_interval": "20ms"}
        options = {"endpoint": bad.endpoint, "tls": {"insecure": True}, "compression": "none", "timeout": "1s", "retry_on_failure": retry}
        text = CONFIG.format(bad=json.dumps(options), good=json.dumps({**options, "endpoint": good.endpoint, "timeout": "30s"}))
        return otelcd(text, allow=["."]), good

    yield start
    for p in made:
        p.close()


def prove_others_are_served(d, good):
    for _ in range(10):
        d.export(otlp.logs(1000))
    good.wait_items(10_000)
    assert SANITIZED or d.rss() < 150 << 20
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items", exporter="otlp_grpc/good") == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_bad_peer_answers_is_bounded_and_the_others_are_served(between, kind):
    bad = BadPeer(KINDS[kind])
    d, good = between(bad)
    d.export(otlp.logs(1000))
    good.wait_items(1000)
    bad.wait(lambda b: b.requests >= (1 if kind in ("dribble", "a gzip bomb") else 3))
    good.calls.clear()
    prove_others_are_served(d, good)
    if kind in QUICK:  # a line for the first, and then ever more seldom
        bad.wait(lambda b: b.requests >= 20)
    assert len(d.records("Exporting failed")) < 8
    assert not any("\x1b" in str(line) or len(str(line)) > 10_000 for line in d.output)


@pytest.mark.parametrize("kind", GREETINGS)
def test_who_greets_badly_gets_no_request_and_the_others_are_served(between, kind):
    bad = BadPeer(lambda stream: [], GREETINGS[kind])
    d, good = between(bad)
    d.export(otlp.logs(1000))
    good.wait_items(1000)
    bad.wait(lambda b: len(b.connections) >= (2 if kind == "HTTP/1.1" else 1))
    good.calls.clear()
    prove_others_are_served(d, good)
    assert bad.requests == 0
    if kind == "HTTP/1.1":
        assert "write the other port" in str(d.wait_log("does not take what is sent"))
