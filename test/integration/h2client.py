# SPDX-License-Identifier: Apache-2.0
"""A small HTTP/2 client for tests that must send what proper gRPC stacks refuse to send.

One connection, one thread, every wait bounded. Answers are plain objects: status, headers, body, trailers, reset.
"""

import socket
import struct
import time

import h2.config
import h2.connection
import h2.events
from harness.limits import PATIENCE


class Answer:
    def __init__(self):
        self.status = None
        self.headers = {}
        self.trailers = {}
        self.body = b""
        self.ended = False
        self.reset = None

    def __getitem__(self, name):
        """A header, wherever it stood: a Trailers-Only answer has its trailers in the first block."""
        return self.trailers.get(name, self.headers.get(name))

    @property
    def grpc_status(self):
        value = self["grpc-status"]
        return None if value is None else int(value)


class Client:
    def __init__(self, port, host="127.0.0.1", timeout=PATIENCE):
        self.timeout = timeout
        self.sock = socket.create_connection((host, port), timeout=timeout)
        config = h2.config.H2Configuration(client_side=True, validate_outbound_headers=False,
                                           normalize_outbound_headers=False, header_encoding="utf-8")
        self.conn = h2.connection.H2Connection(config)
        self.conn.initiate_connection()
        self.answers = {}
        self.goaway = None
        self.pings = 0
        self.closed = False
        self.flush()

    def flush(self):
        data = self.conn.data_to_send()
        if data:
            self.sock.sendall(data)

    def raw(self, data):
        self.sock.sendall(data)

    def start(self, path, headers=(), method="POST", grpc=True, end=False):
        """Begin a request; returns its stream id."""
        stream = self.conn.get_next_available_stream_id()
        h = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]
        if grpc:
            h += [("content-type", "application/grpc"), ("te", "trailers")]
        self.conn.send_headers(stream, h + list(headers), end_stream=end)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """Send body bytes, waiting for flow control as it must."""
        view = memoryview(data)
        deadline = time.monotonic() + self.timeout
        while len(view) > 0:
            n = min(self.conn.local_flow_control_window(stream), self.conn.max_outbound_frame_size, len(view))
            if n == 0:
                if time.monotonic() > deadline:
                    raise TimeoutError("no flow-control window")
                self.pump(0.2)
                if self.answers[stream].reset is not None or self.answers[stream].ended:
                    return
                continue
            self.conn.send_data(stream, bytes(view[:n]))
            view = view[n:]
            self.flush()
        if end:
            self.conn.end_stream(stream)
            self.flush()

    def pump(self, wait):
        """Read what has come, for at most `wait` seconds."""
        self.sock.settimeout(wait)
        try:
            data = self.sock.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return
        for event in self.conn.receive_data(data):
            self.on_event(event)
        self.flush()

    def on_event(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            answer.headers = dict(event.headers)
            answer.status = int(answer.headers[":status"])
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            if answer is not None:
                answer.reset = event.error_code
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings += 1

    def wait(self, stream):
        """The answer to a request, once it has ended (or was reset, or the connection has)."""
        deadline = time.monotonic() + self.timeout
        answer = self.answers[stream]
        while not answer.ended and answer.reset is None and not self.closed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer on stream {stream}")
            self.pump(left)
        return answer

    def call(self, path, message, headers=(), flag=0, **kw):
        """One unary gRPC call."""
        return self.post(path, struct.pack(">BI", flag, len(message)) + message, headers, **kw)

    def post(self, path, body, headers=(), **kw):
        stream = self.start(path, headers, **kw)
        self.send(stream, body, end=True)
        return self.wait(stream)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
