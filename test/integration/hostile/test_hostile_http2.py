# SPDX-License-Identifier: Apache-2.0
"""Attacks on HTTP/2: each is cut off or outlived, with a bound on memory, and others are served. Figures are printed."""

import contextlib
import socket
import struct
import threading
import time

import pytest

from configs import NOP
from harness import otlp
from harness.limits import PATIENCE, SANITIZED
from test_hostile_connections import Report, connect

LIMITED = NOP.replace("service:\n", "service:\n  memory_budget_mib: 64\n")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
ENHANCE_YOUR_CALM = 11


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field that goes into no table."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


POST = b"\x83\x86" + literal(b":path", otlp.TRACES.rpc.encode()) + literal(b":authority", b"x")
GRPC = POST + literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers")
UPLOAD = b"\x83\x86" + literal(b":path", b"/v1/traces") + literal(b":authority", b"x") + literal(b"content-type", b"application/x-protobuf")


class Attacker:
    """Sends frames on one connection while it lasts, and reads what comes back."""

    def __init__(self, address, settings=b"", source="127.0.0.2"):
        self.socket = connect(address, source)
        self.received = b""
        self.cut = False
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with contextlib.suppress(OSError, ValueError):
            while data := self.socket.recv(65536):
                self.received += data
        self.cut = True

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.cut = True
        return not self.cut

    def frames(self):
        at, found = 0, []
        while at + 9 <= len(self.received):
            n = int.from_bytes(self.received[at : at + 3], "big")
            kind, flags, stream = struct.unpack(">BBI", self.received[at + 3 : at + 9])
            found.append((kind, flags, stream, self.received[at + 9 : at + 9 + n]))
            at += 9 + n
        return found

    def goaway(self):
        """The error of the last GOAWAY; None: there was none."""
        codes = [int.from_bytes(p[4:8], "big") for kind, _, _, p in self.frames() if kind == GOAWAY]
        return codes[-1] if codes else None

    def wait_cut(self):
        self.reader.join(PATIENCE)
        assert self.cut, "the connection goes on"

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def stream_of(n):
    return 2 * n + 1


FLOODS = {
    "rapid reset": lambda s: frame(HEADERS, END_HEADERS, s, GRPC) + frame(RST_STREAM, 0, s, struct.pack(">I", 8)),
    # MadeYouReset: the client's mistake makes the server reset the stream, and the work has begun.
    "a window update of zero": lambda s: frame(HEADERS, END_HEADERS, s, GRPC) + frame(WINDOW_UPDATE, 0, s, struct.pack(">I", 0)),
    "a window that overflows": lambda s: frame(HEADERS, END_HEADERS, s, GRPC) + frame(WINDOW_UPDATE, 0, s, struct.pack(">I", 2**31 - 1)),
    "a priority of wrong length": lambda s: frame(HEADERS, END_HEADERS, s, GRPC) + frame(PRIORITY, 0, s, b"1234"),
    "a stream that depends on itself": lambda s: frame(HEADERS, END_HEADERS, s, GRPC) + frame(PRIORITY, 0, s, struct.pack(">IB", s, 1)),
    "data after the end": lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, GRPC) + frame(DATA, 0, s, b"x"),
    "headers after the end": lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, GRPC) + frame(HEADERS, END_HEADERS, s, GRPC),
    "more body than announced": lambda s: frame(HEADERS, END_HEADERS, s, UPLOAD + literal(b"content-length", b"1"))
    + frame(DATA, 0, s, b"four"),
    "a header in capitals": lambda s: frame(HEADERS, END_HEADERS | END_STREAM, s, GRPC + literal(b"X", b"y")),
    "settings": lambda s: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)),
    "acknowledgements of settings": lambda s: frame(SETTINGS, ACK, 0),
    "pings": lambda s: frame(PING, 0, 0, b"12345678"),
    "empty data": lambda s: (frame(HEADERS, END_HEADERS, 1, GRPC) if s == 1 else b"") + frame(DATA, 0, 1),
    "empty continuations": lambda s: (frame(HEADERS, 0, 1, GRPC) if s == 1 else b"") + frame(CONTINUATION, 0, 1),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_ends_its_connection_soon(otelcd, flood):
    """A real client makes none of these thousands of times: the connection ends, most of them with ENHANCE_YOUR_CALM."""
    d = otelcd(NOP, allow=["broke the HTTP protocol", "should be pointed at the HTTP port", "Request rejected"])
    report = Report(d, flood)
    attacker = Attacker(d.grpc_address())
    for n in range(50_000):
        if not attacker.send(FLOODS[flood](stream_of(n))):
            break
    attacker.wait_cut()
    assert n < 20_000, "it was let go on for long"
    report.end(32 << 20)
    attacker.close()


def hold(d, n_connections, n_streams, head):
    """That many streams on each of that many connections, whose requests begin so and go on no further."""
    attackers = []
    for _ in range(n_connections):
        a = Attacker(d.grpc_address())
        for n in range(n_streams):
            if not a.send(frame(HEADERS, END_HEADERS, stream_of(n), head.of(n))):
                break
        attackers.append(a)
    for a in attackers:  # all that it sent has been looked at
        a.send(frame(PING, 0, 0, b"12345678"))
        until = time.monotonic() + PATIENCE
        while not a.cut and not any(kind == PING and flags & ACK for kind, flags, _, _ in a.frames()):
            assert time.monotonic() < until
            threading.Event().wait(0.01)
    return attackers


class Plain:
    def of(self, n):
        return GRPC


class Crumbs:
    """CVE-2026-49975: each byte is a whole field out of the table."""

    def of(self, n):
        entry = b"\x40\x06cookie\x01a" if n == 0 else b""
        return GRPC + entry + b"\xbe" * 1500


class Large:
    """The same with a field of 3,000 bytes."""

    def of(self, n):
        entry = b"\x40\x01b\x7f\xb9\x16" + b"v" * 3000 if n == 0 else b""
        return GRPC + entry + b"\xbe" * 20


HEADS = {"a plain head": (Plain(), 40), "1,500 crumbs of a cookie": (Crumbs(), 8), "20 times a field of 3,000 bytes": (Large(), 40)}


@pytest.mark.parametrize("held", HEADS)
def test_streams_that_are_opened_and_held_cost_no_more_than_the_budget(otelcd, held):
    """Streams whose requests never end, 1,000 on each connection. Others are served meanwhile, and memory stays within the limit."""
    d = otelcd(LIMITED, allow=["broke the HTTP protocol"])
    head, connections = HEADS[held]
    report = Report(d, f"{connections},000 streams, each {held}")
    attackers = hold(d, connections, 1000, head)
    report.end(80 << 20)
    for a in attackers:
        a.close()
    d.wait_metrics(lambda m: m.find("otelcd_budget_used_bytes")[0].value < 1 << 20)


def number(prefix, mask, n):
    """An integer of HPACK (RFC 7541 5.1)."""
    out = [prefix | mask]
    n -= mask
    while n >= 128:
        out.append(n % 128 | 128)
        n //= 128
    return bytes([*out, n])


def long_field(size):
    """A name of that size, and a value of which the last byte is missing."""
    return b"\x00" + number(0, 127, size) + b"n" * size + number(0, 127, size) + b"v" * (size - 1)


def in_pieces(block):
    """Headers that do not end."""
    pieces = [block[i : i + 16384] for i in range(0, len(block), 16384)]
    return frame(HEADERS, 0, 1, pieces[0]) + b"".join(frame(CONTINUATION, 0, 1, p) for p in pieces[1:])


BEGINNINGS = {
    "nothing": b"",
    "a head of 32 KB that does not end": frame(HEADERS, 0, 1, GRPC)
    + b"".join(frame(CONTINUATION, 0, 1, literal(b"a%d" % i, b"v" * 120) * 125) for i in range(2)),
}


@pytest.mark.parametrize("begun", BEGINNINGS)
def test_sessions_hold_a_quarter_of_the_budget_and_heads_that_do_not_end_another(otelcd, begun):
    """800 connections from one address, in a budget of 16 MiB: those that have asked for least give way, and others are served."""
    few = NOP.replace("service:\n", "service:\n  memory_budget_mib: 16\n")
    told = ["connections hold a quarter of the memory budget", "broke the HTTP protocol"]  # heads: whichever bound is met first
    d = otelcd(few, allow=told)
    report = Report(d, f"800 connections, each with {begun}")
    attackers = [connect(d.grpc_address(), "127.0.0.2") for _ in range(800)]
    for a in attackers:
        with contextlib.suppress(OSError):
            a.sendall(PREFACE + frame(SETTINGS, 0, 0) + BEGINNINGS[begun])
    d.wait_log("|".join(told) if BEGINNINGS[begun] else told[0])
    d.wait_metrics(lambda m: m.sum("otelcd_budget_used_bytes") <= 9 << 20)  # a quarter for sessions, another for heads, and some for who asks
    report.end(16 << 20)
    for a in attackers:
        a.close()
    d.wait_metrics(lambda m: m.find("otelcd_budget_used_bytes")[0].value < 1 << 20)


def test_fields_that_do_not_end_hold_a_quarter_of_the_budget(otelcd):
    """120 KB of one on each of 400 connections: who would hold more ends, and others are served."""
    few = NOP.replace("service:\n", "service:\n  memory_budget_mib: 16\n")
    d = otelcd(few, allow=["connections hold a quarter of the memory budget"], expect=["broke the HTTP protocol"])
    report = Report(d, "400 connections, each with a field of 120 KB that does not end")
    attackers = [connect(d.grpc_address(), "127.0.0.2") for _ in range(400)]
    begun = PREFACE + frame(SETTINGS, 0, 0) + in_pieces(GRPC + long_field(60000))
    for a in attackers:
        with contextlib.suppress(OSError):
            a.sendall(begun)
    assert "no room for its headers" in d.wait_log("broke the HTTP protocol")["reason"]
    # A quarter for sessions, another for heads, and something for who asks; input that waits for its turn is counted until it is taken.
    d.wait_metrics(lambda m: m.sum("otelcd_budget_used_bytes") <= 9 << 20)
    report.end(16 << 20)
    for a in attackers:
        a.close()
    d.wait_metrics(lambda m: m.find("otelcd_budget_used_bytes")[0].value < 1 << 20)


def test_scrapers_with_a_window_of_zero_give_way_to_one_that_reads(otelcd):
    """A small page is written and waits in the server; its place is free for those who come, a quarter of a second later."""
    d = otelcd(NOP, allow=["Scrape refused", "Scrape cut off"])
    get = b"\x82\x86" + literal(b":path", b"/metrics") + literal(b":authority", b"x")
    attackers = [Attacker(d.scrape_address(), struct.pack(">HI", 4, 0), f"127.0.0.{n + 2}") for n in range(16)]
    for a in attackers:
        a.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, get))
    for a in attackers:
        until = time.monotonic() + PATIENCE
        while not a.cut and not any(kind == HEADERS for kind, _, _, _ in a.frames()):
            assert time.monotonic() < until
            threading.Event().wait(0.01)
    until = time.monotonic() + 30  # long before the minute that an answer may wait for its peer
    while d.http("GET", "/metrics", address=d.scrape_address())[0] != 200:
        assert time.monotonic() < until, "places are held by those who do not read"
        threading.Event().wait(0.05)
    for a in attackers:
        a.close()
