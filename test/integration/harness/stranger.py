# SPDX-License-Identifier: Apache-2.0
"""A stranger who speaks HTTP/2 by the frame, obeys its flow control, and never ends what it has begun."""

import select
import socket
import struct
import time

from .limits import PATIENCE

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM = 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME = 16384


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field without indexing (HPACK 6.2.2), its lengths below 127."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def call_headers(path):
    return (
        literal(b":method", b"POST") + literal(b":scheme", b"http") + literal(b":path", path) + literal(b":authority", b"x")
        + literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers")
    )  # fmt: skip


class Stranger:
    """One connection, from a source address of its own choice: 127.0.0.0/8 is all ours."""

    def __init__(self, address, source="127.0.0.1"):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), PATIENCE, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread, self.window, self.initial = b"", 65535, 65535
        self.streams = {}  # its own windows; a stream that was reset or answered is not there any more
        self.answers = {}  # stream: the payload of its first HEADERS
        self.next = 1
        self.gone = False
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0))
        self.socket.setblocking(False)

    def take(self, wait=0.0):
        """Read what has come; False when the connection is at its end."""
        while not self.gone and select.select([self.socket], [], [], wait)[0]:
            wait = 0.0
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionError:
                data = b""
            self.gone = not data
            self.unread += data
            while len(self.unread) >= 9 and len(self.unread) >= 9 + (size := int.from_bytes(self.unread[:3], "big")):
                kind, flags, stream = self.unread[3], self.unread[4], int.from_bytes(self.unread[5:9], "big")
                payload, self.unread = self.unread[9 : 9 + size], self.unread[9 + size :]
                self.note(kind, flags, stream, payload)
        return not self.gone

    def note(self, kind, flags, stream, payload):
        if kind == WINDOW_UPDATE:
            n = int.from_bytes(payload, "big")
            if stream == 0:
                self.window += n
            elif stream in self.streams:
                self.streams[stream] += n
        elif kind == SETTINGS and not flags & 1:
            for i in range(0, len(payload), 6):
                if payload[i : i + 2] == b"\0\4":
                    more = int.from_bytes(payload[i + 2 : i + 6], "big") - self.initial
                    self.initial += more
                    self.streams = {s: n + more for s, n in self.streams.items()}
            self.send(frame(SETTINGS, 1, 0))
        elif kind == PING and not flags & 1:
            self.send(frame(PING, 1, 0, payload))
        elif kind == HEADERS:
            self.answers.setdefault(stream, payload)
            self.streams.pop(stream, None)
        elif kind == RST_STREAM:
            self.streams.pop(stream, None)
        elif kind == GOAWAY:
            self.gone = True

    def send(self, data):
        deadline = time.monotonic() + PATIENCE
        while data and not self.gone and time.monotonic() < deadline:
            if not select.select([], [self.socket], [], 0.1)[1]:
                continue
            try:
                data = data[self.socket.send(data) :]
            except BlockingIOError:
                pass
            except ConnectionError:
                self.gone = True
        return not data

    def begin(self, path, announce):
        """Headers and the prefix of a gRPC message of so many bytes. The stream, None when nothing can be sent."""
        self.take()
        if self.gone or self.window < 5:
            return None
        stream, self.next = self.next, self.next + 2
        self.streams[stream] = self.initial - 5
        self.window -= 5
        head = frame(HEADERS, 4, stream, call_headers(path.encode()))
        return stream if self.send(head + frame(DATA, 0, stream, struct.pack(">BI", 0, announce))) else None

    def more(self, stream, n):
        """Zeros, as many of n as the windows allow now; how many that were."""
        self.take()
        n = max(0, min(n, self.window, self.streams.get(stream, 0)))
        out = b"".join(frame(DATA, 0, stream, bytes(min(FRAME, n - i))) for i in range(0, n, FRAME))
        if n == 0 or not self.send(out):
            return 0
        self.window -= n
        if stream in self.streams:
            self.streams[stream] -= n
        return n

    def close(self):
        self.socket.close()
