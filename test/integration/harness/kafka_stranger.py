# SPDX-License-Identifier: Apache-2.0
"""A broker that means harm: it speaks as much of Kafka's protocol as brings a consumer to fetch, and then answers what a test
says. Records are made here byte by byte, so that they can be wrong."""

import socket
import struct
import threading

PRODUCE, FETCH, LIST_OFFSETS, METADATA, COMMIT, OFFSETS, COORDINATOR, JOIN, HEARTBEAT, LEAVE, SYNC, VERSIONS = 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 18
# The one version of each that is spoken.
SPOKEN = {PRODUCE: (3, 3), FETCH: (4, 4), LIST_OFFSETS: (1, 1), METADATA: (1, 1), COMMIT: (2, 2), OFFSETS: (1, 1), COORDINATOR: (0, 0), JOIN: (0, 0), HEARTBEAT: (0, 0), LEAVE: (0, 0), SYNC: (0, 0), VERSIONS: (0, 0)}  # fmt: skip
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
UNSUPPORTED_VERSION = 35


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack(">h", len(s)) + s


def data(b):
    return struct.pack(">i", len(b)) + b


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def varint(n):
    """Zigzag, as records have their numbers."""
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n & ~0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def _table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC32C = _table()


def crc32c(b):
    crc = 0xFFFFFFFF
    for byte in b:
        crc = CRC32C[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def record(value, key=b"", headers=(), offset=0, length=None):
    """headers: of (name, value). length: what it says of itself, in place of the truth."""
    body = b"\0" + varint(0) + varint(offset) + varint(len(key)) + key + varint(len(value)) + value + varint(len(headers))
    for name, v in headers:
        body += varint(len(name)) + name + varint(len(v)) + v
    return varint(len(body) if length is None else length) + body


def batch(records, base=0, n=1, codec=0, crc=None, length=None):
    """A record batch of format 2. records: their bytes, compressed already if codec says so; n of them."""
    covered = struct.pack(">hiqqqhii", codec, n - 1, 0, 0, -1, -1, -1, n) + records
    behind = struct.pack(">ibI", 0, 2, crc32c(covered) if crc is None else crc) + covered
    return struct.pack(">qi", base, len(behind) if length is None else length) + behind


class Stranger:
    """on: {an API key: function(version, rest of the request) -> the answer's body}, or bytes; a body of None is no answer.
    raw: {an API key: function(correlation id) -> all bytes of the answer, with its frame}. fetches: of (the last offset, the bytes) of record
    batches of partition 0 of `topic`, each an answer of its own; those of the others are empty, but for `everywhere`, a batch
    at the beginning of each of them."""

    def __init__(self, topic="otlp_logs", fetches=(), on=None, raw=None, partitions=1, everywhere=b""):
        self.topic, self.fetches, self.on, self.raw = topic, list(fetches), on or {}, raw or {}
        self.partitions, self.everywhere = partitions, everywhere
        self.wrong = 0  # answers that a test has made
        self.fetched = []  # the offsets that were asked for of partition 0
        self.changed = threading.Condition()
        self.ending = threading.Event()
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while len(head := stream.read(4)) == 4:
                request = stream.read(struct.unpack(">i", head)[0])
                key, version, number = struct.unpack(">hhi", request[:8])
                self.wrong += key in self.raw or key in self.on
                if key in self.raw:
                    connection.sendall(self.raw[key](number))
                    continue
                skip = 8 + 2 + max(struct.unpack(">h", request[8:10])[0], 0)
                body = self._answer(key, version, request[skip:])
                if body is not None:
                    connection.sendall(struct.pack(">ii", len(body) + 4, number) + body)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _answer(self, key, version, rest):
        special = self.on.get(key)
        if isinstance(special, bytes):
            return special
        if special is not None:
            return special(version, rest)
        return getattr(self, "_on_" + str(key))(version, rest)

    def _on_18(self, version, rest):
        listed = array([struct.pack(">hhh", k, *v) for k, v in SPOKEN.items()])
        return struct.pack(">h", 0 if version == 0 else UNSUPPORTED_VERSION) + listed

    def brokers(self):
        return array([struct.pack(">i", 1) + text("127.0.0.1") + struct.pack(">i", self.port) + struct.pack(">h", -1)])

    def partition(self, number):
        return struct.pack(">hii", 0, number, 1) + array([struct.pack(">i", 1)]) * 2

    def _on_3(self, version, rest):
        topic = struct.pack(">h", 0) + text(self.topic) + b"\0" + array([self.partition(i) for i in range(self.partitions)])
        return self.brokers() + struct.pack(">i", 1) + array([topic])

    def _on_10(self, version, rest):
        return struct.pack(">hi", 0, 1) + text("127.0.0.1") + struct.pack(">i", self.port)

    def _on_11(self, version, rest):
        return struct.pack(">hi", 0, 1) + text("range") + text("other") + text("me") + array([])

    def assignment(self):
        return struct.pack(">h", 0) + array([text(self.topic) + array([struct.pack(">i", i) for i in range(self.partitions)])]) + data(b"")

    def _on_14(self, version, rest):
        return struct.pack(">h", 0) + data(self.assignment())

    def _on_12(self, version, rest):
        return struct.pack(">h", 0)

    _on_13 = _on_12

    def each(self, made):
        """An answer that has something for each partition of the topic."""
        return array([text(self.topic) + array([made(i) for i in range(self.partitions)])])

    def _on_9(self, version, rest):
        return self.each(lambda i: struct.pack(">iq", i, -1) + text("") + struct.pack(">h", 0))

    def _on_2(self, version, rest):
        return self.each(lambda i: struct.pack(">ihqq", i, 0, -1, 0))

    def _on_8(self, version, rest):
        return self.each(lambda i: struct.pack(">ih", i, 0))

    def asked_for(self, rest):
        """{partition: the offset that a fetch wants}; as far as can be told of one topic."""
        at = 4 + 4 + 4 + 4 + 1 + 4 + 2 + len(self.topic)
        if len(rest) < at:
            return {}
        n = struct.unpack(">i", rest[at : at + 4])[0]
        return dict(struct.unpack(">iq4x", rest[at + 4 + 16 * i : at + 20 + 16 * i]) for i in range(n))

    def _on_1(self, version, rest):
        wanted = self.asked_for(rest)
        found = {i: self.log_of(i, offset) for i, offset in wanted.items()}
        with self.changed:
            self.fetched.append(wanted.get(0, -1))
        if not any(found.values()):
            self.ending.wait(0.1)
        return struct.pack(">i", 0) + array([text(self.topic) + array([struct.pack(">ihqqi", i, 0, 1 << 40, 1 << 40, 0) + data(b) for i, b in found.items()])])

    def log_of(self, partition, offset):
        """The first batch that has something at or behind it."""
        if partition > 0:
            return self.everywhere if offset == 0 else b""
        return next((records for last, records in self.fetches if last >= offset), b"")

    def close(self):
        self.ending.set()
        self.listener.close()
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
