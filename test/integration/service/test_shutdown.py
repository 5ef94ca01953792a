# SPDX-License-Identifier: Apache-2.0
"""Ends: SIGTERM under load loses nothing that was acknowledged; kill -9 leaves nothing that hangs."""

import signal
import socket
import threading
import time

import grpc
import pytest

from configs import DEBUG, NOP
from harness import otlp
from harness.limits import PATIENCE

BATCH = NOP.replace("exporters:\n  nop:\n", "processors:\n  batch: {timeout: 1s}\nexporters:\n  nop:\n").replace(
    "exporters: [nop]", "processors: [batch], exporters: [nop]"
)


HALF = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: application/x-protobuf\r\n\r\n"


class Load(threading.Thread):
    """Sends requests of 10 spans until refused for good; counts the spans that were acknowledged."""

    def __init__(self, d, protocol):
        super().__init__(daemon=True)
        self.d, self.protocol = d, protocol
        self.acknowledged = 0
        self.uncertain = 0  # sent, and the connection ended before the answer: may be in or not
        self.started = threading.Event()

    def run(self):
        request = otlp.traces(10)
        address = self.d.grpc_address() if self.protocol == "grpc" else self.d.http_address()
        channel = self.d.channel(address) if self.protocol == "grpc" else None
        while True:
            try:
                if channel is not None:
                    channel.unary_unary(otlp.TRACES.rpc)(request.SerializeToString(), timeout=PATIENCE)
                elif self.d.post(request, address=address)[0] != 200:
                    return
            except ConnectionRefusedError:
                return
            except (grpc.RpcError, OSError, Exception):
                self.uncertain += 10
                return
            self.acknowledged += 10
            self.started.set()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("config", ["nop", "batch"])
def test_what_was_acknowledged_before_the_signal_is_delivered(otelcd, sig, config):
    d = otelcd(NOP if config == "nop" else BATCH, allow=["shutting down"])
    senders = [Load(d, "grpc") for _ in range(4)] + [Load(d, "http") for _ in range(4)]
    for s in senders:
        s.start()
    for s in senders:
        assert s.started.wait(PATIENCE)
    d.terminate(sig)
    assert d.wait_end() == 0
    for s in senders:
        s.join(PATIENCE)
    acknowledged = sum(s.acknowledged for s in senders)
    uncertain = sum(s.uncertain for s in senders)
    final = d.final_ledgers()[("pipeline", "traces")]
    assert final["dropped"] == 0
    assert acknowledged <= final["delivered"] <= acknowledged + uncertain
    assert d.final_ledgers()[("exporter", "nop", "traces")]["delivered"] == final["delivered"]


def test_a_batch_that_waits_leaves_at_sigterm(otelcd):
    d = otelcd(DEBUG.replace("timeout: 10ms", "timeout: 1h"))
    d.export(otlp.traces(3))
    assert d.ledger("pipeline", "traces")["held"] == 3
    d.terminate()
    assert d.wait_end() == 0
    assert d.final_ledgers()[("exporter", "debug", "traces")]["delivered"] == 3
    assert (d.folder / "stdout").read_text().count("Span #") == 3


def test_connections_that_idle_do_not_hold_up_the_end(otelcd):
    d = otelcd(NOP, args=["--set", "service.shutdown_timeout=1h"])
    idle = []
    for address in (d.grpc_address(), d.http_address(), d.scrape_address()):
        host, port = address.rsplit(":", 1)
        idle.append(socket.create_connection((host, int(port))))
    d.terminate()
    assert d.wait_end(PATIENCE / 2) == 0
    for s in idle:
        s.close()


def test_a_request_that_never_ends_holds_up_the_end_no_longer_than_the_deadline(otelcd):
    # The receiver cuts the request at the deadline, at which the graph gives up waiting: either may be first.
    d = otelcd(NOP, args=["--set", "service.shutdown_timeout=500ms"], allow=["Did not stop in time"])
    host, port = d.http_address().rsplit(":", 1)
    with socket.create_connection((host, int(port))) as s:
        s.sendall(HALF)
        d.terminate()
        assert d.wait_end(PATIENCE / 2) == 0


def test_a_second_signal_ends_at_once(otelcd):
    d = otelcd(NOP, args=["--set", "service.shutdown_timeout=1h"], end=False, allow=["."])
    host, port = d.http_address().rsplit(":", 1)
    with socket.create_connection((host, int(port))) as s:
        s.sendall(HALF)
        d.terminate()
        d.wait_log("^Starting shutdown")
        d.terminate()
        d.wait_end(PATIENCE / 2)


QUEUES = {
    "in memory": "",
    "on disk": "wal: {{directory: {folder}}}",
    "none": "remote_write_queue: {{enabled: false}}",
}


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("signals", [2, 1])
def test_a_receiver_that_never_answers_does_not_outlast_the_second_signal(otelcd, tmp_path, queue, signals):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = "endpoint: http://127.0.0.1:%d/write, timeout: 60s" % silent.getsockname()[1]
        more = QUEUES[queue].format(folder=tmp_path / "wal")
        config = NOP.replace("  nop:\n", f"  prometheus_remote_write: {{{exporter}{', ' + more if more else ''}}}\n  nop:\n")
        config = config.replace("metrics: {receivers: [otlp], exporters: [nop]}", "metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}")
        limit = ["--set", "service.shutdown_timeout=1s"] if signals == 1 else []
        d = otelcd(config, args=limit, end=False, allow=["."])
        points = otlp.Metrics()
        points.gauge("g", 1)
        waiting = d.caller(points.request).future(points.request)
        silent.accept()[0].recv(1)  # it is on its way
        if queue != "none":
            waiting.result()
        d.terminate()
        d.wait_log("^Starting shutdown")
        for _ in range(signals - 1):
            d.terminate()
        assert d.wait_end() == 0
        ledger = d.final_ledgers()[("exporter", "prometheus_remote_write", "metrics")]
        end = {"in memory": "dropped", "on disk": "held", "none": "refused"}[queue]
        assert ledger["received"] == 1 and ledger[end] == 1 or queue == "none" and ledger["dropped"] == 1, ledger


def test_signals_that_come_until_the_very_end_do_not_change_the_exit_code(otelcd):
    d = otelcd(NOP)
    d.terminate()
    deadline = time.monotonic() + PATIENCE
    while d.process.poll() is None and time.monotonic() < deadline:
        d.terminate(signal.SIGHUP)
    assert d.wait_end() == 0


def test_after_kill_9_the_ports_are_free_and_clients_are_told(otelcd):
    d = otelcd(NOP, end=False)
    sender = Load(d, "grpc")
    sender.start()
    assert sender.started.wait(PATIENCE)
    address = d.grpc_address()
    d.process.kill()
    assert d.wait_end() == -signal.SIGKILL
    sender.join(PATIENCE)
    assert not sender.is_alive()
    again = otelcd(NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "{address}"}}'))
    again.export(otlp.traces(1))
    assert again.ledger("pipeline", "traces")["delivered"] == 1


@pytest.mark.parametrize("protocol", ["grpc", "http"])  # with http, the listener for gRPC is open already
def test_a_port_in_use_is_a_start_error_that_names_it(otelcd, protocol):
    d = otelcd(NOP)
    taken = d.grpc_address()
    second = otelcd(
        NOP.replace(f'{protocol}: {{endpoint: "127.0.0.1:0"', f'{protocol}: {{endpoint: "{taken}"'),
        ready=False,
        end=False,
        allow=["."],
    )
    assert second.wait_end() == 1
    assert taken in second.log() and "address already in use" in second.log()


def test_a_client_that_sends_half_a_request_is_told_off_before_the_stop_ends(otelcd):
    d = otelcd(NOP)
    host, port = d.http_address().rsplit(":", 1)
    with socket.create_connection((host, int(port)), PATIENCE) as s:
        s.sendall(HALF + b"ab")
        d.post(otlp.traces(1))  # what was sent before has been read
        d.terminate()
        answer = s.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 408 ") and b"\r\nConnection: close\r\n" in answer
    assert d.wait_end() == 0
