# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: a good configuration takes over and loses nothing; a bad one changes nothing."""

import signal
import socket
import threading

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
    d.wait_log("^" + READY, 2)
    d.export(otlp.traces(2))
    assert d.ledger("pipeline", "traces")["delivered"] == 2
    assert "\notelcd_config_last_reload_successful 0\n" in d.scrape()[1].decode()
    rewrite(d, NOP)
    d.wait_log("^" + READY, 3)
    scrape = d.records("^Starting Prometheus scrape endpoint$")[-1]["endpoint"]
    text = d.http("GET", "/metrics", address=scrape)[2].decode()
    assert "\notelcd_config_last_reload_successful 1\n" in text
    d.terminate()
    assert d.wait_end() == 0


def test_a_configuration_that_does_not_start_gives_way_to_the_old_one(otelcd):
    d = otelcd(NOP, expect=["does not start", "Running on the old configuration"])
    taken = otelcd(NOP).grpc_address()
    rewrite(d, NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "{taken}"}}'))
    d.wait_log("^" + READY, 2)
    d.export(otlp.traces(2), address=d.records("^Starting GRPC server$")[-1]["endpoint"])
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
        self.answered = self.refused = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            with socket.socket(self.family, socket.SOCK_STREAM) as s:
                s.settimeout(PATIENCE)
                try:
                    s.connect(self.address)
                    s.sendall(REQUEST)
                    self.answered += s.recv(4096).startswith(b"HTTP/1.1 200")
                except (ConnectionRefusedError, FileNotFoundError):
                    self.refused += 1
                except (ConnectionResetError, BrokenPipeError):
                    pass  # taken at the moment at which the connections without a request are closed

    def end(self):
        self.over.set()
        self.join(PATIENCE)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_reload_refuses_no_connection(otelcd, tmp_path, family):
    address = ("127.0.0.1", free_port()) if family == socket.AF_INET else str(tmp_path / "socket")
    config = fixed(address[1]) if family == socket.AF_INET else NOP.replace(
        'http: {endpoint: "127.0.0.1:0"}', f"http: {{endpoint: {address}, transport: unix}}"
    )
    d = otelcd(config)
    callers = Callers(family, address)
    callers.start()
    for n in range(2, 12):
        seen = callers.answered
        rewrite(d, config)
        d.wait_log("^" + READY, n)
        wait(lambda: callers.answered > seen, "nobody is answered after a reload")
    callers.end()
    assert callers.refused == 0
    d.terminate()
    assert d.wait_end() == 0
    if family == socket.AF_UNIX:
        assert not (tmp_path / "socket").exists()


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
        d.terminate(signal.SIGHUP)
        d.wait_log("^Config updated")
        d.terminate()
        assert d.wait_end() == 0
