# SPDX-License-Identifier: Apache-2.0
"""Peers of the OTLP exporters that answer as a test tells them, over HTTP and over gRPC, and keep what they have said OK to.

HTTP is Python's own server and gRPC is grpcio, so that nothing of otelcd's own code is taken on trust."""

import base64
import functools
import gzip
import http.server
import re
import socket
import threading
import time
import zlib
from collections import namedtuple
from concurrent import futures

import grpc
import lz4.frame
import zstandard
from google.protobuf import json_format
from rpc import rpc_status_pb2

from .limits import PATIENCE
from .otlp import SIGNALS
from .remote_write import PeerServer, unsnappy


class Call(namedtuple("Call", "signal message headers raw size path")):
    """signal: the row of harness.otlp; headers: lower-case names; raw: the body as it came; size: of the message in protobuf."""

    @functools.cached_property
    def items(self):
        """Counted once: who waits for all of them asks at each call that comes."""
        return items(self.message)


RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def unframed(data):
    """The framed form of snappy, of what otelcd writes."""
    assert data[:10] == b"\xff\x06\x00\x00sNaPpY"
    out, at = b"", 10
    while at < len(data):
        kind, n = data[at], int.from_bytes(data[at + 1 : at + 4], "little")
        chunk = data[at + 8 : at + 4 + n]
        out += unsnappy(chunk) if kind == 0 else chunk
        at += 4 + n
    return out


INFLATE = {
    None: bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw),
    "snappy": unsnappy,
    "x-snappy-framed": unframed,
    "lz4": lz4.frame.decompress,
}


def items(message):
    """How many items a request has; of profiles their samples."""

    def children(m, depth):
        field = next(f for f in m.DESCRIPTOR.fields if f.number == (1 if depth == 0 else 2))
        return getattr(m, field.name)

    total = 0
    for resource in children(message, 0):
        for scope in children(resource, 1):
            for item in children(scope, 2):
                if item.DESCRIPTOR.name == "Metric":
                    total += len(getattr(item, item.WhichOneof("data")).data_points)
                else:
                    total += len(item.samples) if item.DESCRIPTOR.name == "Profile" else 1
    return total


def status(code, text, retry=None):
    """A google.rpc.Status; `retry`: the seconds of its RetryInfo."""
    s = rpc_status_pb2.Status(code=code, message=text)
    if retry is not None:
        delay = rpc_status_pb2.RetryInfo()
        delay.retry_delay.seconds = int(retry)
        delay.retry_delay.nanos = int(retry % 1 * 1e9)
        s.details.add(type_url=RETRY_INFO, value=delay.SerializeToString())
    return s.SerializeToString()


def retry_of(error):
    """The seconds of the RetryInfo in what a gRPC client was told; None without one."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in rpc_status_pb2.Status.FromString(value).details:
                delay = rpc_status_pb2.RetryInfo.FromString(detail.value).retry_delay
                return delay.seconds + delay.nanos / 1e9
    return None


class Peer:
    def __init__(self):
        self.calls = []  # all of them
        self.taken = []  # those that were answered with a success
        self.changed = threading.Condition()
        self.answering = 0  # successes that are not written yet
        self.errors = []

    def note(self, call, taken):
        with self.changed:
            if taken:
                self.taken.append(call)
                self.answering += 1
            else:
                self.calls.append(call)
            self.changed.notify_all()

    def answered(self):
        with self.changed:
            self.answering -= 1
            self.changed.notify_all()

    def wait_answered(self):
        """A test may end when a call is in `taken`: whoever sent it is told before the peer goes away."""
        self.wait(lambda p: p.answering == 0)

    def wait(self, met):
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while not met(self):
                left = deadline - time.monotonic()
                assert left > 0, f"never came true: {len(self.calls)} calls, {len(self.taken)} taken; {self.errors}"
                self.changed.wait(min(left, 0.2))
        return self

    def wait_items(self, n):
        return self.wait(lambda p: p.items() >= n)

    def items(self):
        return sum(c.items for c in self.taken)


class HttpPeer(Peer):
    """answer(call) -> None: all is well; (status, headers, body); or a function of the handler, which then writes what it
    likes to the connection, and closes it."""

    exporter = "otlp_http"

    def __init__(self, answer=None, port=0, host="127.0.0.1"):
        super().__init__()
        self.answer = answer or (lambda call: None)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                outer.open.append(self.connection)

            def do_POST(self):
                outer._serve(self)

            def log_message(self, *args):
                pass

        self.closing = False
        self.open = []  # connections
        self.server = PeerServer(self, port, Handler, host)
        self.port = self.server.server_address[1]
        self.endpoint = f"http://{host}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _read(self, handler):
        headers = {k.lower(): v for k, v in handler.headers.items()}
        raw = handler.rfile.read(int(headers["content-length"]))
        plain = INFLATE[headers.get("content-encoding")](raw)
        signal = next((s for s in SIGNALS.values() if handler.path.split("?")[0].endswith(s.path)), SIGNALS["logs"])
        if headers["content-type"] == "application/json":
            message = signal.request()
            text = plain.decode()
            for name in ("traceId", "spanId", "parentSpanId"):
                text = rehexed(text, name)
            json_format.Parse(text, message)
        else:
            message = signal.request.FromString(plain)
        return Call(signal, message, headers, raw, len(plain), handler.path)

    def _serve(self, handler):
        call = self._read(handler)
        self.note(call, False)
        answer = self.answer(call)
        if callable(answer):
            handler.close_connection = True
            answer(handler)
            return
        code, headers, body = answer or (200, {"Content-Type": call.headers["content-type"]}, b"")
        if answer is None and call.headers["content-type"] == "application/json":
            body = b"{}"
        taken = 200 <= code < 300
        if taken:
            self.note(call, True)
        try:
            handler.send_response(code)
            for name, value in headers.items():
                handler.send_header(name, value)
            if code != 204:
                handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True
        finally:
            if taken:
                self.answered()

    def close(self):
        self.wait_answered()
        self.closing = True
        self.server.shutdown()
        self.server.server_close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        assert not self.errors, self.errors[0]


def rehexed(text, name):
    """Ids are hex in OTLP's JSON, and base64 in what protobuf reads."""
    return re.sub(
        f'"{name}":"([0-9a-f]*)"', lambda m: f'"{name}":"{base64.b64encode(bytes.fromhex(m[1])).decode()}"', text
    )


def inflated(raw):
    """What grpcio hands on as it came, for it knows neither: messages of zstd and of snappy, by their first bytes."""
    if raw[:4] == b"\x28\xb5\x2f\xfd":
        return INFLATE["zstd"](raw)
    return unframed(raw) if raw[:4] == b"\xff\x06\x00\x00" else raw


class GrpcPeer(Peer):
    """answer(call) -> None: all is well; a response message; or (code, text, seconds of a RetryInfo or None); it may block.
    tls: (certificate, key, CA of the clients or None)."""

    exporter = "otlp_grpc"

    def __init__(self, answer=None, port=0, options=(), tls=None, host="127.0.0.1"):
        super().__init__()
        self.answer = answer or (lambda call: None)
        self.server = grpc.server(
            futures.ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1), *options]
        )
        for signal in SIGNALS.values():
            service = signal.rpc.split("/")[1]
            handler = grpc.unary_unary_rpc_method_handler(
                self._handler(signal),
                request_deserializer=bytes,
                response_serializer=bytes,
            )
            self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
        self.port = self._listen(f"{host}:{port}", tls)
        assert self.port != 0
        self.endpoint = f"{host}:{self.port}"
        self.server.start()

    def _listen(self, address, tls):
        if tls is None:
            return self.server.add_insecure_port(address)
        cert, key, ca = (None if path is None else path.read_bytes() for path in tls)
        credentials = grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=ca is not None)
        return self.server.add_secure_port(address, credentials)

    def _handler(self, signal):
        def serve(raw, context):
            headers = {k.lower(): v for k, v in context.invocation_metadata()}
            plain = inflated(raw)
            call = Call(signal, signal.request.FromString(plain), headers, raw, len(plain), signal.rpc)
            self.note(call, False)
            answer = self.answer(call)
            if isinstance(answer, tuple):
                code, text, retry = answer
                if retry is not None:
                    context.set_trailing_metadata(
                        (("grpc-status-details-bin", status(getattr(grpc.StatusCode, code).value[0], text, retry)),)
                    )
                context.abort(getattr(grpc.StatusCode, code), text)
            self.note(call, True)
            if not context.add_callback(self.answered):
                self.answered()
            return (answer or signal.response()).SerializeToString()

        return serve

    def close(self, grace=None):
        self.wait_answered()
        self.server.stop(grace).wait()


PEERS = {"otlp_http": HttpPeer, "otlp_grpc": GrpcPeer}
