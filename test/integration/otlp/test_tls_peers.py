# SPDX-License-Identifier: Apache-2.0
"""TLS with what people have: the SDKs for Go and Node.js, grpcio, openssl s_client, Prometheus; and certificates that are swapped at both
ends under load."""

import os
import re
import socket
import subprocess
import threading

import grpc
import pytest

from configs import SCRAPE
from harness import otlp
from harness.authority import Authority
from harness.limits import PATIENCE
from harness.otlp_peer import GrpcPeer
from harness.relay import Relay
from test_sdks import delivered, go_peer, node_peer, run


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def pair(cert_and_key):
    return "cert_file: '{}', key_file: '{}'".format(*cert_and_key)


def with_tls(config, tls):
    return config.replace('endpoint: "127.0.0.1:0"}', f'endpoint: "127.0.0.1:0", tls: {{{tls}}}}}', 2)  # grpc and http


# --- SDKs ---


def environment(d, ca, mode, client):
    """What the specification of the SDKs calls it."""
    port = d.grpc_port if mode == "grpc" else d.http_port
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"https://localhost:{port}", "OTEL_EXPORTER_OTLP_CERTIFICATE": str(ca.cert)}
    if client is not None:
        env.update(zip(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"), map(str, client)))
    return env


def served(otelcd, ca, mutual, **more):
    tls = pair(ca.issue("localhost")) + (f", client_ca_file: '{ca.cert}'" if mutual else "")
    return otelcd(with_tls(SCRAPE, tls), **more), ca.issue("client") if mutual else None


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
@pytest.mark.parametrize("mode", ["grpc", "http"])
def test_the_sdk_for_go_over_tls(otelcd, ca, mode, mutual):
    program = go_peer("newest")
    d, client = served(otelcd, ca, mutual)
    run(program, mode, env=environment(d, ca, mode, client))
    delivered(d, 12, f"go-new-{mode}", 6)


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
@pytest.mark.parametrize("mode", ["grpc", "json", "proto"])
def test_the_sdk_for_node_over_tls(otelcd, ca, mode, mutual):
    peer = node_peer()
    d, client = served(otelcd, ca, mutual)
    run(*peer, mode, env=environment(d, ca, mode, client))
    delivered(d, 3, f"node-{mode}", 1)


def test_the_sdk_for_go_without_the_certificate_that_is_asked_for_is_turned_away(otelcd, ca):
    program = go_peer("newest")
    d, _ = served(otelcd, ca, True, expect=["the client sent no certificate"])
    ran = subprocess.run([program, "http"], capture_output=True, text=True, timeout=2 * PATIENCE,
                         env={**os.environ, **environment(d, ca, "http", None)})
    # TLS 1.3's client is done before the server looks: what it says then depends on which of its hands meets the alert first.
    assert ran.returncode != 0 and re.search("certificate required|client conn could not be established", ran.stderr), ran.stderr
    assert d.metrics().sum("otelcd_pipeline_received_items") == 0


# --- grpcio ---

SOON = "retry_on_failure: {initial_interval: 10ms, max_interval: 50ms}"
AGENT = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  {exporter}: {{endpoint: "{endpoint}", tls: {{{tls}}}, {more}}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [{exporter}]}}}}}}
"""


@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
def test_a_server_of_grpcio_takes_what_is_sent_over_tls(otelcd, ca, mutual):
    p = GrpcPeer(tls=(*ca.issue("localhost"), ca.cert if mutual else None))
    tls = f"ca_file: '{ca.cert}'" + (", " + pair(ca.issue("agent")) if mutual else "")
    d = otelcd(AGENT.format(exporter="otlp_grpc", endpoint=f"localhost:{p.port}", tls=tls, more=SOON))
    for _ in range(5):
        d.export(otlp.logs(100))
    p.wait_items(500)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    p.close()


def test_a_client_of_grpcio_shows_its_certificate(otelcd, ca):
    d, client = served(otelcd, ca, True)
    cert, key = (path.read_bytes() for path in client)
    credentials = grpc.ssl_channel_credentials(ca.cert.read_bytes(), key, cert)
    with grpc.secure_channel(f"localhost:{d.grpc_port}", credentials) as channel:
        call = channel.unary_unary(otlp.LOGS.rpc, lambda r: r.SerializeToString(), otlp.LOGS.response.FromString)
        for _ in range(20):
            call(otlp.logs(10), timeout=PATIENCE, compression=grpc.Compression.Gzip)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="debug") == 200)


# --- openssl ---


def s_client(d, ca, *args, text=""):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{d.http_port}", "-servername", "localhost", "-CAfile", ca.cert,
               "-verify_return_error", *args]
    ran = subprocess.run(list(map(str, command)), input=text, capture_output=True, text=True, timeout=PATIENCE)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_openssl_s_client_speaks_with_it(otelcd, ca, version):
    d, client = served(otelcd, ca, True)
    own = ["-cert", client[0], "-key", client[1]]
    out = s_client(d, ca, f"-{version}", *own, "-alpn", "h2,http/1.1")
    assert "Verify return code: 0 (ok)" in out and "ALPN protocol: h2" in out
    body = '{"resourceLogs":[]}'
    head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    out = s_client(d, ca, f"-{version}", *own, "-ign_eof", "-quiet", text=head + body)
    assert "HTTP/1.1 200" in out and "partialSuccess" in out


# --- Prometheus ---

SCRAPES = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: otelcd
    scheme: https
    honor_labels: true
    tls_config: {{ca_file: '{ca}', cert_file: '{cert}', key_file: '{key}', server_name: localhost}}
    static_configs: [{{targets: ["{target}"]}}]
"""


def test_prometheus_scrapes_over_https_and_shows_its_certificate(otelcd, prometheus, ca):
    tls = pair(ca.issue("localhost")) + f", client_ca_file: '{ca.cert}'"
    d = otelcd(SCRAPE.replace('prometheus: {endpoint: "127.0.0.1:0"', f'prometheus: {{tls: {{{tls}}}, endpoint: "127.0.0.1:0"'))
    d.export(otlp.Metrics().gauge("room.temperature", 21.5).request)
    cert, key = ca.issue("prometheus")
    p = prometheus(None, config=SCRAPES.format(ca=ca.cert, cert=cert, key=key, target=d.scrape_address("prometheus")))
    p.wait("room_temperature == 21.5")
    assert p.value("up") == 1


WRITES = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  prometheus_remote_write: {{endpoint: "{url}", tls: {{ca_file: '{ca}'}}}}
service: {{pipelines: {{metrics: {{receivers: [otlp], exporters: [prometheus_remote_write]}}}}}}
"""


def test_prometheus_takes_remote_write_over_https(otelcd, prometheus, ca):
    p = prometheus(None, tls=(ca.cert, *ca.issue("localhost")))
    d = otelcd(WRITES.format(url=p.write_url, ca=ca.cert))
    d.export(otlp.Metrics().gauge("room.temperature", 21.5).request)
    p.wait("room_temperature == 21.5")
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)


# --- swapped under load ---

GATEWAY = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", tls: {{{tls}}}}}
      http: {{endpoint: "127.0.0.1:0", tls: {{{tls}}}}}
exporters: {{nop: {{}}}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}}}
"""


class Front(Relay):
    def __init__(self, to):
        self.to = to
        super().__init__()

    def open_peer(self, request):
        return request, socket.create_connection(("127.0.0.1", self.to), PATIENCE)


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http"])
def test_certificates_and_cas_are_swapped_at_both_ends_under_load_and_nothing_is_lost(otelcd, tmp_path, exporter):
    """The usual way: the new CA beside the old one at both ends, then the new certificates, then the old CA goes."""
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    trusted, files = tmp_path / "trusted.pem", {}
    trusted.write_bytes(old.cert.read_bytes())
    for name in ("localhost", "agent"):
        files[name] = old.issue(name)
    cut = ["A TLS handshake with a client failed"]  # one that is cut in the middle of it
    gateway = otelcd(GATEWAY.format(tls=pair(files["localhost"]) + f", client_ca_file: '{trusted}'"), allow=cut)
    front = Front(gateway.grpc_port if exporter == "otlp_grpc" else gateway.http_port)
    endpoint = ("https://" if exporter == "otlp_http" else "") + f"localhost:{front.port}"
    tls, more = pair(files["agent"]) + f", ca_file: '{trusted}'", SOON + ", sending_queue: {block_on_overflow: true}"
    agent = otelcd(AGENT.format(exporter=exporter, endpoint=endpoint, tls=tls, more=more), allow=["Exporting failed"])
    stop, sent = threading.Event(), []

    def load():
        call = agent.caller(otlp.LOGS.request())
        while not stop.is_set():
            call(otlp.logs(10), timeout=PATIENCE)
            sent.append(10)

    def swap(to, data, *ends):
        """Once the ends have seen it, all connections end, and ten more batches are sent over new ones."""
        before = [d.metrics().sum("otelcd_tls_reloads", outcome="ok") for d in ends]
        for path, content in zip(to, data):
            fresh = path.with_name(path.name + ".fresh")
            fresh.write_bytes(content)
            os.replace(fresh, path)
        for d, n in zip(ends, before):
            d.wait_metrics(lambda m, n=n: m.sum("otelcd_tls_reloads", outcome="ok") > n)
        front.cut()
        seen = gateway.metrics().sum("otelcd_pipeline_received_items")
        gateway.wait_metrics(lambda m: m.sum("otelcd_pipeline_received_items") > seen + 100)

    worker = threading.Thread(target=load)
    worker.start()
    try:
        swap([trusted], [old.cert.read_bytes() + new.cert.read_bytes()], gateway, agent)
        for name, d in (("localhost", gateway), ("agent", agent)):
            swap(files[name], [path.read_bytes() for path in new.issue(name, file=f"new {name}")], d)
        swap([trusted], [new.cert.read_bytes()], gateway, agent)
    finally:
        stop.set()
        worker.join()
    agent.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert agent.metrics().sum("otelcd_exporter_delivered_items") == sum(sent)
    assert gateway.metrics().sum("otelcd_pipeline_received_items") >= sum(sent)  # what a cut has left without an answer goes again
    agent.stop()
    front.__exit__()


def fresh_connection(front, agent, gateway, n):
    """What is sent next goes over a new one, and arrives."""
    front.cut()
    agent.export(otlp.logs(1))
    gateway.wait_metrics(lambda m: m.sum("otelcd_pipeline_received_items") >= n)


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http"])
def test_files_of_an_exporter_that_are_half_written_leave_what_there_was(otelcd, ca, exporter):
    cert, key = ca.issue("agent")
    trusted = cert.with_name("trusted.pem")
    trusted.write_bytes(ca.cert.read_bytes())
    gateway = otelcd(GATEWAY.format(tls=pair(ca.issue("localhost")) + f", client_ca_file: '{ca.cert}'"), allow=["A TLS handshake with a client failed"])
    front = Front(gateway.grpc_port if exporter == "otlp_grpc" else gateway.http_port)
    endpoint = ("https://" if exporter == "otlp_http" else "") + f"localhost:{front.port}"
    tls = pair((cert, key)) + f", ca_file: '{trusted}'"
    agent = otelcd(AGENT.format(exporter=exporter, endpoint=endpoint, tls=tls, more=SOON), allow=["Exporting failed"],
                   expect=["New TLS files cannot be used"])
    failed = lambda m: m.sum("otelcd_tls_reloads", outcome="failed")  # noqa: E731
    n = 0
    for path in (trusted, cert, key):
        whole = path.read_bytes()
        for part in (whole[: len(whole) // 2], whole[:-30], b""):
            before = failed(agent.metrics())
            path.write_bytes(part)
            agent.wait_metrics(lambda m, before=before: failed(m) > before)
        n += 1
        fresh_connection(front, agent, gateway, n)
        before = agent.metrics().sum("otelcd_tls_reloads", outcome="ok")
        path.write_bytes(whole)
        agent.wait_metrics(lambda m, before=before: m.sum("otelcd_tls_reloads", outcome="ok") > before)
    agent.stop()
    front.__exit__()


@pytest.mark.parametrize("exporter", ["otlp_grpc", "otlp_http"])
def test_a_next_hop_whose_certificate_expires_is_told_with_the_date_and_what_waits_arrives_when_it_has_another(otelcd, ca, exporter):
    own = ca.issue("localhost", seconds=4)
    gateway = otelcd(GATEWAY.format(tls=pair(own)), expect=["A TLS certificate has expired"], allow=["."])
    front = Front(gateway.grpc_port if exporter == "otlp_grpc" else gateway.http_port)
    endpoint = ("https://" if exporter == "otlp_http" else "") + f"localhost:{front.port}"
    agent = otelcd(AGENT.format(exporter=exporter, endpoint=endpoint, tls=f"ca_file: '{ca.cert}'", more=SOON), expect=["Exporting failed"])
    gateway.wait_log("A TLS certificate has expired")
    front.cut()
    agent.export(otlp.logs(1))
    assert re.search(r"expired on 20\d\d-", str(agent.wait_log("Exporting failed")))
    agent.wait_metrics(lambda m: m.sum("otelcd_exporter_retried_items") >= 10)
    assert len(agent.records("Exporting failed")) < 8
    for path, new in zip(own, ca.issue("localhost", file="new")):
        os.replace(new, path)
    gateway.wait_metrics(lambda m: m.sum("otelcd_pipeline_received_items") == 1)
    agent.stop()
    front.__exit__()
