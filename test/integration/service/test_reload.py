# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: a good configuration takes over and loses nothing; a bad one changes nothing."""

import signal
import socket
import struct
import threading

import grpc
import hpack
import pytest

from configs import NOP
from harness import otlp
from harness.alerts import wait
from harness.daemon import READY
from harness.limits import PATIENCE, free_port

BATCH = NOP.replace("exporters:\n  nop:\n", "processors:\n  batch: {timeout: 1h}\nexporters:\n  nop:\n").replace(
    "exporters: [nop]", "processors: [batch], exporters: [nop]"
)


def rewrite(d, config):
    (d.folder / "otelcd.yaml").write_text(config)
    d.terminate(signal.SIGHUP)


def other(config, n):
    """The same with another receiver of OTLP, for what is alike is kept."""
    return config.replace("http: {endpoint", f"http: {{max_request_body_size: {20_000_000 + n}, endpoint")


def test_a_good_configuration_takes_over_and_what_was_held_is_delivered(otelcd):
    d = otelcd(BATCH)
    d.export(otlp.traces(3))
    assert d.ledger("pipeline", "traces")["held"] == 3
    rewrite(d, NOP.replace("traces:", "traces/new:"))
    d.wait_log("^" + READY, 2)
    ledgers = d.final_ledgers()
    assert ledgers[("pipeline", "traces")]["delivered"] == 3
    address = d.records("^Starting GRPC server$")[-1]["endpoint"]
    d.export(otlp.traces(2), address=address)
    scrape = d.records("^Starting Prometheus scrape endpoint$")[-1]["endpoint"]
    text = d.http("GET", "/metrics", address=scrape)[2].decode()
    assert 'otelcd_pipeline_delivered_items{pipeline="traces/new"} 2' in text
    assert 'otelcd_exporter_delivered_items{exporter="nop",signal="traces"} 5' in text  # counts go on
    d.terminate()
    assert d.wait_end() == 0


def test_a_bad_configuration_is_named_and_the_old_one_runs_on(otelcd):
    d = otelcd(NOP, expect=["nopp", "running on with the old one"])
    rewrite(d, NOP.replace("exporters: [nop]", "exporters: [nopp]"))
    d.wait_log("running on with the old one")
    d.export(otlp.traces(2))
    assert d.ledger("pipeline", "traces")["delivered"] == 2
    assert len(d.records("^" + READY)) == 1  # the reload that failed does not end with the words of one that did not
    assert "\notelcd_config_last_reload_successful 0\n" in d.scrape()[1].decode()
    rewrite(d, NOP)
    d.wait_log("^" + READY, 2)
    scrape = d.records("^Starting Prometheus scrape endpoint$")[-1]["endpoint"]
    text = d.http("GET", "/metrics", address=scrape)[2].decode()
    assert "\notelcd_config_last_reload_successful 1\n" in text
    d.terminate()
    assert d.wait_end() == 0


def test_a_configuration_that_does_not_start_gives_way_to_the_old_one(otelcd):
    d = otelcd(NOP, expect=["does not start", "Running on the old configuration"])
    taken = otelcd(NOP).grpc_address()
    rewrite(d, NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "{taken}"}}'))
    d.wait_log("^Running on the old configuration")
    d.export(otlp.traces(2), address=d.records("^Starting GRPC server$")[-1]["endpoint"])
    assert len(d.records("^" + READY)) == 1
    d.terminate()
    assert d.wait_end() == 0


def whole(path, line):
    """The file's text once that line stands in it; the outputs are written one after another."""
    wait(lambda: path.exists() and line in path.read_text(), f"no {line!r} in {path}")
    return path.read_text()


def test_the_log_goes_to_each_of_its_outputs_and_to_the_new_ones_after_a_reload(otelcd, tmp_path):
    text = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters: {{nop: }}
service:
  telemetry: {{logs: {{output_paths: [{paths}]}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [nop]}}}}
"""
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    d = otelcd(text.format(paths=f"stderr, {a}, file://{b}"))
    d.wait_log("^Everything is ready")
    whole(a, "Everything is ready")
    assert whole(b, "Everything is ready") == a.read_text()
    rewrite(d, text.format(paths=f"stderr, {c}"))
    d.wait_log("^Everything is ready", 2)
    whole(c, "Everything is ready")
    before = a.stat().st_size
    d.terminate()
    assert d.wait_end() == 0
    assert "Shutdown complete" in c.read_text() and a.stat().st_size == before


REQUEST = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-protobuf\r\n"
REQUEST += b"Content-Length: %d\r\n\r\n%b" % (len(otlp.traces(1).SerializeToString()), otlp.traces(1).SerializeToString())


def fixed(port, host="127.0.0.1"):
    return NOP.replace('http: {endpoint: "127.0.0.1:0"}', f'http: {{endpoint: "{host}:{port}"}}')


class Callers(threading.Thread):
    """Sends one request after the other, each on a connection of its own."""

    def __init__(self, family, address):
        super().__init__(daemon=True)
        self.family, self.address = family, address
        self.answered, self.failed = 0, []
        self.over = threading.Event()
        self.socket = None
        self.start()

    def connect(self):
        self.socket = socket.socket(self.family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(self.address)

    def call(self):
        self.connect()
        with self.socket as s:
            s.sendall(REQUEST)
            head = s.recv(4096)
            assert head.startswith(b"HTTP/1.1 200"), head

    def run(self):
        while not self.over.is_set():
            try:
                self.call()
                self.answered += 1
            except (OSError, AssertionError, grpc.RpcError) as e:
                self.failed.append(repr(e))
                self.socket = None

    def end(self):
        self.over.set()
        self.join(PATIENCE)
        if self.socket is not None:
            self.socket.close()


class KeptCallers(Callers):
    """The same on one connection, until an answer says that it is the last."""

    def call(self):
        if self.socket is None:
            self.connect()
        self.socket.sendall(REQUEST.replace(b"Connection: close\r\n", b""))
        answer = b""
        while not answer.endswith(b"\r\n\r\n\n\0"):  # an empty partial_success
            data = self.socket.recv(4096)
            assert data, f"the connection ended without an answer: {answer}"
            answer += data
        assert answer.startswith(b"HTTP/1.1 200"), answer
        if b"connection: close" in answer.lower():
            self.socket.close()
            self.socket = None


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Http2Callers(Callers):
    """One stream after the other, until a GOAWAY; a stream that it does not name is sent again elsewhere (RFC 9113 6.8)."""

    fresh = False
    head = [(":method", "POST"), (":scheme", "http"), (":path", "/v1/traces"), (":authority", "x"), ("content-type", "application/x-protobuf")]

    def connect(self):
        super().connect()
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.stream, self.last, self.pending = -1, None, b""

    def close(self):
        self.socket.close()
        self.socket = None

    def frames(self):
        while True:
            while len(self.pending) >= 9 and len(self.pending) >= 9 + int.from_bytes(self.pending[:3], "big"):
                n = 9 + int.from_bytes(self.pending[:3], "big")
                one, self.pending = self.pending[:n], self.pending[n:]
                yield one[3], one[4], int.from_bytes(one[5:9], "big"), one[9:]
            data = self.socket.recv(65536)
            assert data, f"the connection ended under stream {self.stream}; GOAWAY says {self.last}"
            self.pending += data

    def call(self):
        while not self.attempt():
            self.close()
        if self.fresh or self.last is not None:
            self.close()

    def attempt(self):
        """False: the server has not looked at it."""
        if self.socket is None:
            self.connect()
        self.stream += 2
        body = otlp.traces(1).SerializeToString()
        try:
            self.socket.sendall(frame(1, 4, self.stream, self.encoder.encode(self.head)) + frame(0, 1, self.stream, body))
            return self.answer()
        except ConnectionError:  # after a GOAWAY the end is to be expected
            self.read_goaways()
            assert self.last is not None and self.stream > self.last, f"stream {self.stream} is cut, GOAWAY says {self.last}"
            return False

    def read_goaways(self):
        """What stands before the end: who is slow finds two of them there, and the second one counts."""
        try:
            for kind, _, _, payload in self.frames():
                if kind == 7:
                    self.last = int.from_bytes(payload[:4], "big")
        except (ConnectionError, AssertionError):
            pass

    def answer(self):
        status = None
        for kind, flags, stream, payload in self.frames():
            if kind == 1 and stream == self.stream:
                status = status or dict(self.decoder.decode(payload))[":status"]
            if kind in (0, 1) and stream == self.stream and flags & 1:
                assert status == "200", status
                return True
            if kind == 6 and not flags & 1:
                self.socket.sendall(frame(6, 1, 0, payload))
            if kind == 7:
                self.last = int.from_bytes(payload[:4], "big")
                assert payload[4:8] == bytes(4), payload
                if self.stream > self.last:
                    return False
            assert kind != 3, f"stream {stream} is reset"


class FreshHttp2Callers(Http2Callers):
    fresh = True


class GrpcCallers(Callers):
    """A real client, which is told to go elsewhere, and does."""

    channel = None

    def call(self):
        if self.channel is None:
            self.channel = grpc.insecure_channel("%s:%d" % self.address, [("grpc.use_local_subchannel_pool", 1)])
            self.export = self.channel.unary_unary(otlp.TRACES.rpc, lambda r: r.SerializeToString())
        self.export(otlp.traces(1), timeout=PATIENCE)

    def run(self):
        super().run()
        self.channel.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_reload_refuses_no_connection(otelcd, tmp_path, family):
    address = ("127.0.0.1", free_port()) if family == socket.AF_INET else str(tmp_path / "socket")
    config = fixed(address[1]) if family == socket.AF_INET else NOP.replace(
        'http: {endpoint: "127.0.0.1:0"}', f"http: {{endpoint: {address}, transport: unix}}"
    )
    d = otelcd(config)
    callers = Callers(family, address)
    for n in range(2, 12):
        seen = callers.answered
        rewrite(d, other(config, n))
        d.wait_log("^" + READY, n)
        wait(lambda: callers.answered > seen, "nobody is answered after a reload")
    callers.end()
    assert not callers.failed
    d.terminate()
    assert d.wait_end() == 0
    if family == socket.AF_UNIX:
        assert not (tmp_path / "socket").exists()


KINDS = [Callers, KeptCallers, Http2Callers, FreshHttp2Callers, GrpcCallers]


@pytest.mark.parametrize("kind", KINDS)
def test_no_caller_sees_an_error_however_often_the_configuration_is_reloaded(otelcd, kind):
    port = free_port()
    d = otelcd(fixed(port), allow=["should be pointed at the gRPC port"])
    callers = [kind(socket.AF_INET, ("127.0.0.1", port)) for _ in range(4)]
    for n in range(2, 42):
        seen = callers[n % 4].answered
        rewrite(d, other(fixed(port), n))
        d.wait_log("^" + READY, n)
        wait(lambda: callers[n % 4].answered > seen, f"a caller is not answered after a reload: {callers[n % 4].failed}")
    for c in callers:
        c.end()
    assert not [c.failed for c in callers if c.failed]
    d.terminate()
    assert d.wait_end() == 0


@pytest.mark.parametrize("sent", [b"", REQUEST[:20], REQUEST[: REQUEST.index(b"\r\n\r\n") + 2]])
def test_a_connection_without_a_request_outlives_a_reload(otelcd, sent):
    """Whatever has come of a request's head is not lost either, and the connection may have served requests before."""
    port = free_port()
    d = otelcd(fixed(port))
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as fresh, socket.create_connection(
        ("127.0.0.1", port), timeout=PATIENCE
    ) as kept:
        kept.sendall(REQUEST.replace(b"Connection: close\r\n", b""))
        assert kept.recv(4096).startswith(b"HTTP/1.1 200")
        for s in fresh, kept:
            s.sendall(sent)
        d.scrape()  # the loop has turned since
        rewrite(d, other(fixed(port), 1))
        d.wait_log("^" + READY, 2)
        for s in fresh, kept:
            s.sendall(REQUEST[len(sent) :])
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
    d.terminate()
    assert d.wait_end() == 0


def test_a_reload_may_widen_and_narrow_an_address_on_its_port(otelcd):
    port = free_port()
    d = otelcd(fixed(port))
    for n, host in enumerate(["0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1"], 2):
        rewrite(d, fixed(port, host))
        d.wait_log("^" + READY, n)
        assert d.http("POST", "/v1/traces", b"", {"content-type": "application/x-protobuf"}, f"127.0.0.1:{port}")[0] == 200
    d.terminate()
    assert d.wait_end() == 0


def test_an_address_that_the_new_configuration_lacks_is_closed(otelcd):
    port = free_port()
    d = otelcd(fixed(port))
    rewrite(d, NOP)
    d.wait_log("^" + READY, 2)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    d.terminate()
    assert d.wait_end() == 0


def test_an_end_asked_for_while_reloading_closes_what_was_kept(otelcd):
    port = free_port()
    d = otelcd(fixed(port), args=["--set", "service.shutdown_timeout=500ms"], allow=["Did not stop in time"])
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(REQUEST[:-1])
        wait(lambda: "otelcd_receiver_connections" in d.scrape()[1].decode(), "the connection does not arrive")
        rewrite(d, other(fixed(port), 1))
        d.wait_log("^Config updated")
        d.terminate()
        assert d.wait_end() == 0
