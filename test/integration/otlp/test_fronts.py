# SPDX-License-Identifier: Apache-2.0
"""nginx, haproxy and nghttpx between senders and receivers, as people have them there: they end TLS, speak HTTP/2 to gRPC's port, and
TLS again where that has it."""

import socket
import subprocess
import time

import grpc
import pytest
from harness import otlp
from harness.authority import Authority
from harness.limits import PATIENCE, free_port, tool

GATEWAY = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0"{tls}}}
      http: {{endpoint: "127.0.0.1:0"{tls}}}
exporters: {{nop: {{}}}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [nop]}}}}}}
"""

AGENT = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  otlp_grpc: {{endpoint: "localhost:{grpc}", tls: {{ca_file: '{ca}'}}, {retry}}}
  otlp_http: {{endpoint: "https://localhost:{http}", tls: {{ca_file: '{ca}'}}, {retry}}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}}}}}
"""
SOON = "retry_on_failure: {initial_interval: 50ms, max_interval: 100ms}"

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; client_max_body_size 64m;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  ssl_certificate {cert}; ssl_certificate_key {key};
  server {{ listen 127.0.0.1:{grpc} ssl http2; location / {{ grpc_pass grpc{s}://127.0.0.1:{to_grpc}; }} }}
  server {{ listen 127.0.0.1:{http} ssl http2; location / {{ proxy_pass http{s}://127.0.0.1:{to_http}; proxy_http_version 1.1; }} }}
}}
"""

HAPROXY = """
global
  maxconn 512
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend grpc
  bind 127.0.0.1:{grpc} ssl crt {both} alpn h2
  default_backend grpc
frontend http
  bind 127.0.0.1:{http} ssl crt {both} alpn h2,http/1.1
  default_backend http
backend grpc
  server s 127.0.0.1:{to_grpc} {again_grpc}
backend http
  server s 127.0.0.1:{to_http} {again_http}
"""


def nginx(folder, ports, tls):
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, s="s" if tls else "", **ports))
    return [[tool("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]]


def haproxy(folder, ports, tls):
    again = f"ssl verify required ca-file '{ports['ca']}' verifyhost localhost sni str(localhost) alpn " if tls else ""
    more = {"again_grpc": again + "h2" if tls else "proto h2", "again_http": again + "http/1.1" if tls else ""}
    (folder / "haproxy.cfg").write_text(HAPROXY.format(**more, **ports))
    return [[tool("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]]


def nghttpx(folder, ports, tls):
    def one(name, proto):
        backend = f"127.0.0.1,{ports['to_' + name]};;proto={proto}" + (";tls;sni=localhost" if tls else "")
        return [tool("nghttpx"), "--conf=/dev/null", f"--frontend=127.0.0.1,{ports[name]}", f"--backend={backend}", "--workers=1",
                f"--cacert={ports['ca']}", f"--errorlog-file={folder}/{name}.log", "--accesslog-file=", str(ports["key"]), str(ports["cert"])]

    return [one("grpc", "h2"), one("http", "http/1.1")]


FRONTS = {"nginx": nginx, "haproxy": haproxy, "nghttpx": nghttpx}


@pytest.fixture(params=[(kind, tls) for kind in FRONTS for tls in (False, True)], ids=lambda p: p[0] + (", TLS again" if p[1] else ""))
def front(request, otelcd, tmp_path):
    """The gateway, the ports of what stands before it, and the CA that both have their certificates of."""
    kind, tls = request.param
    ca = Authority(tmp_path)
    cert, key = ca.issue("localhost")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    gateway = otelcd(GATEWAY.format(tls=f", tls: {{cert_file: '{cert}', key_file: '{key}'}}" if tls else ""))
    ports = {"grpc": free_port(), "http": free_port(), "to_grpc": gateway.grpc_port, "to_http": gateway.http_port}
    commands = FRONTS[kind](tmp_path, {**ports, "cert": cert, "key": key, "both": both, "ca": ca.cert}, tls)
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tmp_path) for c in commands]
    try:
        for name in ("grpc", "http"):
            wait_listening(ports[name], running)
        yield gateway, ports, ca
        gateway.close_clients()
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.communicate(timeout=PATIENCE)


def wait_listening(port, running):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            ended = [p.stderr.read().decode() for p in running if p.poll() is not None]
            assert not ended and time.monotonic() < deadline, ended
            time.sleep(0.02)


def test_what_senders_of_every_kind_send_through_it_arrives(front, otelcd, tmp_path):
    gateway, ports, ca = front
    agent = otelcd(AGENT.format(grpc=ports["grpc"], http=ports["http"], ca=ca.cert, retry=SOON), allow=["Exporting failed"])
    for _ in range(20):
        agent.export(otlp.logs(100))
    agent.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert agent.metrics().sum("otelcd_exporter_delivered_items") == 4000
    credentials = grpc.ssl_channel_credentials(ca.cert.read_bytes())
    with grpc.secure_channel(f"localhost:{ports['grpc']}", credentials) as channel:
        call = channel.unary_unary(otlp.LOGS.rpc, lambda r: r.SerializeToString(), otlp.LOGS.response.FromString)
        assert not call(otlp.logs(100), timeout=PATIENCE, compression=grpc.Compression.Gzip).partial_success.rejected_log_records
        large = otlp.logs(2000)
        for r in large.resource_logs[0].scope_logs[0].log_records:
            r.body.string_value = "x" * 1000
        call(large, timeout=PATIENCE)
    (tmp_path / "body").write_bytes(otlp.logs(100).SerializeToString())
    for version in ("--http1.1", "--http2"):
        ran = subprocess.run(["curl", "-sS", version, "--cacert", ca.cert, "-H", "content-type: application/x-protobuf", "--data-binary",
                              f"@{tmp_path}/body", "-o", "/dev/null", "-w", "%{http_code}", f"https://localhost:{ports['http']}/v1/logs"],
                             capture_output=True, text=True, timeout=PATIENCE)
        assert ran.stdout == "200", ran
    assert gateway.metrics().sum("otelcd_pipeline_received_items") == 4000 + 100 + 2000 + 200
    agent.stop()


def test_a_gateway_that_starts_again_behind_it_costs_senders_nothing(front, otelcd):
    """What the front answers meanwhile (502 and 503 over HTTP, or a status of gRPC's) is a refusal for now."""
    gateway, ports, ca = front
    agent = otelcd(AGENT.format(grpc=ports["grpc"], http=ports["http"], ca=ca.cert, retry=SOON), allow=["Exporting failed", "does not take"])
    agent.export(otlp.logs(10))
    agent.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 20)
    text = (gateway.folder / "otelcd.yaml").read_text()
    for name in ("grpc", "http"):
        text = text.replace('"127.0.0.1:0"', f'"127.0.0.1:{ports["to_" + name]}"', 1)
    gateway.stop()
    for _ in range(10):
        agent.export(otlp.logs(10))
    agent.wait_metrics(lambda m: m.sum("otelcd_exporter_otlp_requests", outcome="failure") >= 4)
    again = otelcd(text)
    agent.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert agent.metrics().sum("otelcd_exporter_delivered_items") == 220
    assert again.metrics().sum("otelcd_pipeline_received_items") == 200
    agent.stop()
