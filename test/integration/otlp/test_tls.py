# SPDX-License-Identifier: Apache-2.0
"""TLS with peers that are not otelcd (curl, grpcio, Python's ssl), and between two of it. Certificates are made for each test."""

import signal
import socket
import ssl
import subprocess

import grpc
import pytest
from harness.authority import Authority, openssl, pair
from harness.daemon import OTELCD
from harness.limits import PATIENCE, free_port

JSON = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'

SERVER = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", tls: {{{tls}}}}}
      http: {{endpoint: "127.0.0.1:0", tls: {{{tls}}}}}
exporters:
  debug: {{}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [debug]}}
"""

AGENT = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  otlp_grpc: {{endpoint: "localhost:{grpc}", tls: {{{tls}}}}}
  otlp_http: {{endpoint: "https://127.0.0.1:{http}", tls: {{{tls}}}}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [otlp_grpc, otlp_http]}}
"""


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def curl(*args):
    return subprocess.run(["curl", "-sS", "--max-time", str(PATIENCE), *map(str, args)], capture_output=True, text=True,
                          timeout=2 * PATIENCE)


def post(d, ca, *args, scheme="https"):
    return curl("-H", "content-type: application/json", "-d", JSON, "-w", " %{http_code} %{http_version}", "--cacert", ca.cert,
                *args, f"{scheme}://127.0.0.1:{d.http_port}/v1/logs")


def test_either_http_and_grpc_come_in_over_tls(otelcd, ca):
    d = otelcd(SERVER.format(tls=pair(ca.issue("localhost"))))
    assert post(d, ca, "--http1.1").stdout.endswith(" 200 1.1")
    assert post(d, ca, "--http2").stdout.endswith(" 200 2")
    credentials = grpc.ssl_channel_credentials(ca.cert.read_bytes())
    with grpc.secure_channel(f"localhost:{d.grpc_port}", credentials) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        assert call(b"", timeout=PATIENCE) == b"\n\0"  # nothing was rejected
    expiry = d.metrics().find("otelcd_tls_certificate_expiry", component="otlp")
    assert expiry


def test_clients_without_a_certificate_or_with_a_strange_one_stay_outside(otelcd, ca, tmp_path):
    tls = pair(ca.issue("localhost")) + f", client_ca_file: '{ca.cert}'"
    d = otelcd(SERVER.format(tls=tls), expect=["A TLS handshake with a client failed"])
    own, strange = ca.issue("agent"), Authority(tmp_path, "strangers").issue("stranger")
    assert "certificate required" in post(d, ca).stderr
    assert "unknown ca" in post(d, ca, "--cert", strange[0], "--key", strange[1]).stderr
    assert post(d, ca, "--cert", own[0], "--key", own[1]).stdout.endswith(" 200 2")
    d.wait_log("A TLS handshake with a client failed")
    assert "the client sent no certificate, which client_ca_file asks for" in d.log()
    d.wait_metrics(lambda m: m.sum("otelcd_tls_failed_handshakes") == 2)


def test_plain_http_and_old_versions_are_told(otelcd, ca):
    d = otelcd(SERVER.format(tls=pair(ca.issue("localhost"))), expect=["A TLS handshake with a client failed"])
    assert "Client sent an HTTP request to an HTTPS server." in post(d, ca, scheme="http").stdout
    assert "protocol version" in post(d, ca, "--tls-max", "1.1").stderr
    d.wait_log("A TLS handshake with a client failed")
    assert "speaks plain HTTP to this TLS port" in d.log()
    d.wait_metrics(lambda m: m.sum("otelcd_tls_failed_handshakes") == 2)


def test_a_request_that_began_in_plain_text_does_not_go_on_in_tls(otelcd, ca):
    port = free_port()
    config = SERVER.format(tls=pair(ca.issue("localhost"))).replace('http: {endpoint: "127.0.0.1:0"', f'http: {{endpoint: "127.0.0.1:{port}"')
    http = next(line for line in config.splitlines() if " http: " in line)
    d = otelcd(config.replace(http, http[: http.index(", tls")] + "}"))
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as began, socket.create_connection(("127.0.0.1", port), PATIENCE) as silent:
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\ncontent-type: application/json\r\ncontent-length: {len(JSON)}\r\n\r\n"
        began.sendall((head + JSON + "POST /v1/logs HTTP/1.1\r\nX-Said-By: ").encode())
        assert began.recv(4096).startswith(b"HTTP/1.1 200")
        (d.folder / "otelcd.yaml").write_text(config)
        d.terminate(signal.SIGHUP)
        assert began.recv(1) == b""
        with ssl.create_default_context(cafile=ca.cert).wrap_socket(silent, server_hostname="localhost") as shaken:
            assert shaken.version() == "TLSv1.3"  # who has said nothing may begin
    d.terminate()
    assert d.wait_end() == 0


def test_one_otelcd_sends_to_another_over_tls_with_certificates_on_both_sides(otelcd, ca):
    server = pair(ca.issue("localhost")) + f", client_ca_file: '{ca.cert}'"
    gateway = otelcd(SERVER.format(tls=server))
    client = pair(ca.issue("agent")) + f", ca_file: '{ca.cert}'"
    agent = otelcd(AGENT.format(grpc=gateway.grpc_port, http=gateway.http_port, tls=client))
    for _ in range(5):
        assert agent.http("POST", "/v1/logs", JSON.encode(), {"Content-Type": "application/json"})[0] == 200
    gateway.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 10)


def test_an_agent_without_a_certificate_is_told_what_to_write(otelcd, ca):
    tls = pair(ca.issue("localhost")) + f", client_ca_file: '{ca.cert}'"
    gateway = otelcd(SERVER.format(tls=tls), allow=["A TLS handshake with a client failed"])
    at_once = "retry_on_failure: {enabled: false}, sending_queue: {enabled: false}, tls"
    config = AGENT.format(grpc=gateway.grpc_port, http=gateway.http_port, tls=f"ca_file: '{ca.cert}'")
    agent = otelcd(config.replace(", otlp_http]", "]").replace(", tls", f", {at_once}", 1), allow=["Exporting failed", "not used by any pipe"])
    answer = agent.http("POST", "/v1/logs", JSON.encode(), {"Content-Type": "application/json"})
    assert answer[0] == 503 and b"the peer wants a certificate: set cert_file and key_file" in answer[2], answer


def test_who_it_was_that_tls_failed_with_is_in_the_line(otelcd, ca, tmp_path):
    """With the name, and the address that was dialled: a name may have several."""
    other = Authority(tmp_path, "other ca")
    gateway = otelcd(SERVER.format(tls=pair(ca.issue("localhost"))), expect=["A TLS handshake with a client failed"])
    agent = otelcd(AGENT.format(grpc=gateway.grpc_port, http=gateway.http_port, tls=f"ca_file: '{other.cert}'"), expect=["Exporting failed"])
    assert agent.http("POST", "/v1/logs", JSON.encode(), {"Content-Type": "application/json"})[0] == 200
    faults = {r["otelcol.component.id"]: r["error"] for r in [agent.wait_log("Exporting failed", n) for n in (1, 2)]}
    assert f"localhost (127.0.0.1:{gateway.grpc_port}): certificate " in faults["otlp_grpc"]
    assert f"127.0.0.1 (127.0.0.1:{gateway.http_port}): certificate " in faults["otlp_http"]
    gateway.wait_log("A TLS handshake with a client failed")


def cross_signed(one, two):
    """The CA `one` as certified by `two`."""
    request, san, cert = (one.folder / f"{one.cert.stem} by {two.cert.stem}{e}" for e in (".csr", ".san", ".pem"))
    openssl("req", "-new", "-key", one.key, "-subj", f"/CN={one.cert.stem}", "-out", request)
    san.write_text("basicConstraints=critical,CA:TRUE\n")
    sign = ["-CA", two.cert, "-CAkey", two.key, "-CAcreateserial", "-days", "20"]
    openssl("x509", "-req", "-in", request, *sign, "-extfile", san, "-out", cert)
    return cert


def test_a_chain_that_goes_round_in_a_circle_ends_in_a_sentence(otelcd, tmp_path):
    """Two CAs that certify each other; a peer that trusts neither must not follow them for ever, one that trusts one must get there."""
    one, two, other = (Authority(tmp_path, name) for name in ("one", "two", "other"))
    cert, key = one.issue("localhost")
    circle = [cert, cross_signed(one, two), cross_signed(two, one)]
    texts = [c.read_text() for c in circle]
    cert.write_text(texts[0] + "".join(text for _ in range(3) for text in texts[1:]))
    gateway = otelcd(SERVER.format(tls=pair((cert, key))), expect=["A TLS handshake with a client failed"])
    agent = lambda ca: AGENT.format(grpc=gateway.grpc_port, http=gateway.http_port, tls=f"ca_file: '{ca.cert}'")  # noqa: E731
    lost = otelcd(agent(other), expect=["Exporting failed"])
    assert lost.http("POST", "/v1/logs", JSON.encode(), {"Content-Type": "application/json"})[0] == 200
    assert "certificate " in lost.wait_log("Exporting failed")["error"]
    found = otelcd(agent(two))
    assert found.http("POST", "/v1/logs", JSON.encode(), {"Content-Type": "application/json"})[0] == 200
    gateway.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 2)


def client_hello():
    """The first flight of a client, which may be sent any number of times."""
    wire = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), wire, server_hostname="localhost").do_handshake()
    return wire.read()


def wait_until_closed(s):
    s.settimeout(PATIENCE)
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    s.close()


def test_a_thousand_handshakes_that_are_not_ended_hold_nobody_up(otelcd, ca):
    """They may hold a quarter of the budget, which is 340 of them; those before give way, and the last are reaped."""
    config = SERVER.format(tls=pair(ca.issue("localhost"))) + "  memory_budget_mib: 64\n"
    d = otelcd(config, allow=["A TLS handshake with a client failed"], expect=["connections hold a quarter of the memory budget"])
    hello, crowd = client_hello(), []
    for n in range(1000):
        crowd.append(socket.create_connection(("127.0.0.1", d.http_port), PATIENCE, source_address=("127.0.0.2", 0)))
        crowd[-1].sendall(hello)
        if n % 200 == 199:
            assert post(d, ca, "--http2").stdout.endswith(" 200 2")
    used = d.metrics().sum("otelcd_budget_used_bytes")
    assert 8 << 20 < used <= 16 << 20
    for s in crowd:
        wait_until_closed(s)
    d.wait_metrics(lambda m: m.sum("otelcd_budget_used_bytes") < 16 << 10)
    m = d.metrics()
    gave_way = m.sum("otelcd_receiver_broken_connections", reason="crowded")
    assert gave_way > 500 and gave_way + m.sum("otelcd_tls_failed_handshakes") == 1000


def test_connections_over_tls_are_paid_for_while_they_stay(otelcd, ca):
    d = otelcd(SERVER.format(tls=pair(ca.issue("localhost"))))
    context = ssl.create_default_context(cafile=str(ca.cert))
    kept = [context.wrap_socket(socket.create_connection(("127.0.0.1", d.http_port), PATIENCE), server_hostname="localhost") for _ in range(20)]
    d.wait_metrics(lambda m: 20 * (16 << 10) <= m.sum("otelcd_budget_used_bytes") < 21 * (16 << 10))
    for s in kept:
        s.unwrap().close()
    d.wait_metrics(lambda m: m.sum("otelcd_budget_used_bytes") < 16 << 10)  # the scrape's own request


def validate(file):
    return subprocess.run([OTELCD, "validate", "--config", file], capture_output=True, text=True, timeout=PATIENCE)


def test_validate_reads_the_files(ca, tmp_path):
    cert, _ = ca.issue("localhost")
    _, other = ca.issue("other")
    file = tmp_path / "c.yaml"
    file.write_text(SERVER.format(tls=pair((cert, other))))
    r = validate(file)
    assert r.returncode != 0 and "is not that of the first certificate" in r.stdout + r.stderr
    file.write_text(SERVER.format(tls=pair(ca.issue("localhost", days=3))))
    r = validate(file)
    assert r.returncode == 0 and "expires on" in r.stdout + r.stderr


HEALTH = """
receivers: {{nop: {{}}}}
exporters: {{nop: {{}}, prometheus: {{endpoint: "127.0.0.1:{shared}", tls: {{{tls}}}}}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{port}", tls: {{{tls}}}}}}}
service:
  extensions: [health_check]
  telemetry: {{logs: {{encoding: json}}, metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {shared}}}}}}}}}]}}}}
  pipelines: {{logs: {{receivers: [nop], exporters: [nop]}}, metrics: {{receivers: [nop], exporters: [prometheus]}}}}
"""


def test_a_health_check_asks_over_tls(otelcd, ca, tmp_path):
    port, shared = free_port(), free_port()
    config = HEALTH.format(port=port, shared=shared, tls=pair(ca.issue("localhost")))
    d = otelcd(config, telemetry=False, allow=["A TLS handshake with a client failed"])
    strange = Authority(tmp_path, "strangers")

    def check(*args):
        r = subprocess.run([OTELCD, "healthcheck", *map(str, args)], capture_output=True, text=True, timeout=PATIENCE)
        return r.returncode, r.stderr

    url = f"https://127.0.0.1:{port}/"
    assert check("--endpoint", url) == (0, "")
    assert check("--endpoint", url, "--ca", ca.cert) == (0, "")
    code, why = check("--endpoint", url, "--ca", strange.cert)
    assert code == 1 and "the certificate: " in why and "--ca FILE says whom to trust" in why
    assert check("--endpoint", f"http://127.0.0.1:{port}/")[0] == 1
    assert check("--endpoint", f"127.0.0.1:{shared}") == (0, "")
    assert check("--config", d.folder / "otelcd.yaml") == (0, "")
    assert check("--endpoint", url, "--ca", tmp_path / "none.pem")[0] == 1
    assert d.stop() == 0


PLAIN = """
extensions:
  oauth2client: {client_id: a, client_secret: b, token_url: "http://127.0.0.1:1/token", tls: {ca_file: CA}}
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
exporters:
  otlp_http: {endpoint: "http://127.0.0.1:1", tls: {ca_file: CA}}
  otlp_http/signal: {logs_endpoint: "http://127.0.0.1:1", tls: {cert_pem: x}}
  otlp_http/fine: {logs_endpoint: "https://127.0.0.1:1", endpoint: "http://127.0.0.1:1", tls: {ca_file: CA}}
  prometheus_remote_write: {endpoint: "http://127.0.0.1:1/api/v1/write", tls: {ca_file: CA}}
service:
  extensions: [oauth2client]
  pipelines:
    logs: {receivers: [otlp], exporters: [otlp_http, otlp_http/signal, otlp_http/fine]}
    metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}
"""


def test_a_tls_block_beside_plain_http_is_told(ca, tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text(PLAIN.replace("CA", f"'{ca.cert}'"))
    r = validate(file)
    said = r.stdout + r.stderr
    assert r.returncode == 0, said
    for path in ["exporters::otlp_http::tls::ca_file", "exporters::otlp_http/signal::tls::cert_pem", "exporters::prometheus_remote_write::tls::ca_file",
                 "extensions::oauth2client::tls::ca_file"]:
        assert f"{path}: has no effect: http:// is plain text; write https:// in the endpoint" in said
    assert said.count("http:// is plain text") == 4


def test_two_scrape_endpoints_at_one_address_have_one_certificate(ca, tmp_path):
    config = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  prometheus: {{endpoint: "127.0.0.1:18889", tls: {{{}}}}}
  prometheus/2: {{endpoint: "127.0.0.1:18889"{}}}
service: {{pipelines: {{metrics: {{receivers: [otlp], exporters: [prometheus, prometheus/2]}}}}}}
"""
    one, two = pair(ca.issue("localhost")), pair(ca.issue("localhost", file="two"))
    file = tmp_path / "c.yaml"
    for other, said in [(two, "their tls differs"), (one + f", client_ca_file: '{ca.cert}'", "their tls differs"), (one, None)]:
        file.write_text(config.format(one, f", tls: {{{other}}}"))
        r = validate(file)
        assert (said or "") in r.stdout + r.stderr and (r.returncode != 0) == (said is not None), r
    file.write_text(config.format(one, ""))
    assert validate(file).returncode == 0
