# SPDX-License-Identifier: Apache-2.0
"""A remote-write receiver that answers as a test tells it, and keeps every sample that it said OK to.

It reads snappy and protobuf by itself, so that nothing of otelcd's own encoders is taken on trust."""

import http.server
import struct
import sys
import threading
import time
import traceback
from collections import namedtuple

from .limits import PATIENCE

Sample = namedtuple("Sample", "name labels value time start exemplars metadata histogram")
Request = namedtuple("Request", "headers message version series metadata size raw")

STALE = 0x7FF0000000000002


class PeerServer(http.server.ThreadingHTTPServer):
    """Of a peer with `closing` and `errors`: what its handlers raise stands there, but for what the end breaks."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, peer, port, handler, host="127.0.0.1"):
        self.peer = peer
        super().__init__((host, port), handler)

    def handle_error(self, request, client_address):
        if not self.peer.closing and not isinstance(sys.exc_info()[1], OSError):
            self.peer.errors.append(traceback.format_exc())


def unsnappy(data):
    length, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        kind = tag & 3
        if kind == 0:
            n = (tag >> 2) + 1
            if n > 60:
                width = n - 60
                n = int.from_bytes(data[at : at + width], "little") + 1
                at += width
            out += data[at : at + n]
            at += n
            continue
        if kind == 1:
            n, offset = ((tag >> 2) & 7) + 4, (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            n, offset = (tag >> 2) + 1, int.from_bytes(data[at : at + width], "little")
            at += width
        assert 0 < offset <= len(out), "snappy: an offset outside"
        for _ in range(n):
            out.append(out[-offset])
    assert len(out) == length, "snappy: another length than announced"
    return bytes(out)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            value, at = data[at : at + 8], at + 8
        elif wire == 2:
            n, at = varint(data, at)
            value, at = data[at : at + n], at + n
            assert len(value) == n, "protobuf: cut short"
        else:
            raise AssertionError(f"protobuf: wire type {wire}")
        yield number, value


def signed(v):
    return v - (1 << 64) if v >> 63 else v


def zigzag(v):
    return (v >> 1) ^ -(v & 1)


def double(b):
    return struct.unpack("<d", b)[0]


def packed(data):
    at, out = 0, []
    while at < len(data):
        v, at = varint(data, at)
        out.append(v)
    return out


def histogram(data):
    h = {"positive_spans": [], "negative_spans": [], "positive_deltas": [], "negative_deltas": [], "schema": 0}
    for number, v in fields(data):
        if number == 1:
            h["count"] = v
        elif number == 3:
            h["sum"], h["sum_bits"] = double(v), int.from_bytes(v, "little")
        elif number == 4:
            h["schema"] = zigzag(v)
        elif number == 5:
            h["zero_threshold"] = double(v)
        elif number == 6:
            h["zero_count"] = v
        elif number in (8, 11):
            span = dict(fields(v))
            h["negative_spans" if number == 8 else "positive_spans"].append((zigzag(span.get(1, 0)), span.get(2, 0)))
        elif number in (9, 12):
            h["negative_deltas" if number == 9 else "positive_deltas"] += [zigzag(x) for x in packed(v)]
        elif number == 15:
            h["time"] = signed(v)
        elif number == 16:
            h["custom"] = [double(v[i : i + 8]) for i in range(0, len(v), 8)]
        elif number == 17:
            h["start"] = signed(v)
    return h


class Symbols:
    def __init__(self, strings):
        self.strings = strings

    def labels(self, refs):
        assert len(refs) % 2 == 0, "an odd number of label references"
        return [(self.strings[a], self.strings[b]) for a, b in zip(refs[::2], refs[1::2])]


def check_series(labels, samples, histograms):
    """What makes the series invalid, or None."""
    names = [n for n, _ in labels]
    if names != sorted(names, key=str.encode) or len(set(names)) != len(names):
        return "labels not sorted or twice"
    if not all(v for _, v in labels) or not all(names):
        return "an empty label"
    return None if bool(samples) != bool(histograms) else "samples or histograms, not both, not none"


def _series(data, symbols, strict):
    labels, samples, exemplars, metadata, histograms = [], [], [], None, []
    for number, v in fields(data):
        if symbols is None and number == 1:
            pair = dict(fields(v))
            labels.append((pair.get(1, b"").decode(), pair.get(2, b"").decode()))
        elif symbols is not None and number == 1:
            labels += symbols.labels(packed(v))
        elif number == 2:
            s = dict(fields(v))
            samples.append((s.get(1, bytes(8)), signed(s.get(2, 0)), signed(s.get(3, 0))))
        elif number == (3 if symbols is None else 4):
            x = list(fields(v))
            pairs = (
                [tuple(dict(fields(f)).get(i, b"").decode() for i in (1, 2)) for n, f in x if n == 1]
                if symbols is None
                else symbols.labels(packed(dict(x).get(1, b"")))
            )
            one = dict(x)
            exemplars.append((dict(pairs), double(one[2]), signed(one[3])))
        elif number == (4 if symbols is None else 3):
            histograms.append(histogram(v))
        elif number == 5 and symbols is not None:
            m = dict(fields(v))
            metadata = (m.get(1, 0), symbols.strings[m.get(3, 0)], symbols.strings[m.get(4, 0)])
    rest = dict(labels)
    name = rest.pop("__name__")
    fault = check_series(labels, samples, histograms)
    if strict:
        assert not fault, f"{fault}: {labels}"
    elif fault:
        yield Sample(name, {"": f"{fault}: {labels}"}, 0, 0, 0, [], None, None)
        return
    for bits, at, start in samples:
        yield Sample(name, rest, bits if int.from_bytes(bits, "little") == STALE else double(bits), at, start, exemplars, metadata, None)
    for h in histograms:
        yield Sample(name, rest, None, h.get("time", 0), h.get("start", 0), exemplars, metadata, h)


def decode(message, version, strict=True):
    if version == "0.1.0":
        metadata = []
        for number, v in fields(message):
            if number == 3:
                m = dict(fields(v))
                metadata.append((m.get(1, 0), m[2].decode(), m.get(4, b"").decode(), m.get(5, b"").decode()))
        return [s for number, v in fields(message) if number == 1 for s in _series(v, None, strict)], metadata
    strings = [v.decode() for number, v in fields(message) if number == 4]
    assert strings and strings[0] == "", "symbols[0] is the empty string"
    return [s for number, v in fields(message) if number == 5 for s in _series(v, Symbols(strings), strict)], []


def key(sample):
    return (sample.name, *sorted(sample.labels.items()))


def accept(request):
    """The answer of a receiver that knows Remote-Write 2.0."""
    samples = sum(s.histogram is None for s in request.series)
    return 204, {
        "X-Prometheus-Remote-Write-Samples-Written": str(samples),
        "X-Prometheus-Remote-Write-Histograms-Written": str(len(request.series) - samples),
    }, b""


class Receiver:
    """strict: an invalid series is an error; else a sample that says so. answer(request) -> (status, headers, body), None to
    cut the connection, or a function of the handler that writes what it likes to its wfile. Runs in the server's thread."""

    def __init__(self, answer=None, strict=True):
        self.answer = answer or (lambda request: (204, {}, b""))
        self.requests = []  # all of them
        self.samples = []  # of those that got a 2xx
        self.changed = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                message = unsnappy(raw)
                version = self.headers["X-Prometheus-Remote-Write-Version"]
                series, metadata = decode(message, version, strict)
                outer._serve(self, Request(self.headers, message, version, series, metadata, len(raw), raw))

            def log_message(self, *args):
                pass

        self.errors = []
        self.closing = False
        self.server = PeerServer(self, 0, Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/api/v1/write"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def _serve(self, handler, request):
        with self.changed:
            self.requests.append(request)
            answer = self.answer(request)
            if isinstance(answer, tuple) and 200 <= answer[0] < 300:
                self.samples += request.series
            self.changed.notify_all()
        if not isinstance(answer, tuple):
            handler.close_connection = True
            if answer is not None:
                answer(handler)
            handler.connection.close()
            return
        status, headers, body = answer
        try:
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            if status != 204:
                handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True

    def wait(self, met):
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while not met(self):
                left = deadline - time.monotonic()
                assert left > 0, f"never came true: {len(self.requests)} requests, {len(self.samples)} samples; {self.errors}"
                self.changed.wait(min(left, 0.2))
        return self

    def series(self):
        """{key: [(time, value), ...]} in the order of arrival."""
        found = {}
        for s in self.samples:
            found.setdefault(key(s), []).append((s.time, s.value))
        return found

    def values(self, name):
        return [s.value for s in self.samples if s.name == name]

    def close(self):
        self.closing = True
        self.server.shutdown()
        self.server.server_close()
        assert not self.errors, self.errors[0]
