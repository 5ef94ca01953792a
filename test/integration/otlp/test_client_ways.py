# SPDX-License-Identifier: Apache-2.0
"""The ways from a client of ours to its peer: which protocol is spoken over TLS, and what stands between."""

import concurrent.futures
import http.server
import subprocess
import threading

import pytest
from harness.authority import Authority
from harness.limits import PATIENCE, free_port, tool
from harness.relay import TlsFront, TunnelProxy

JSON = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'

GATEWAY = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}, grpc: {endpoint: "127.0.0.1:0"}}}}
exporters: {debug: {}}
service: {pipelines: {logs: {receivers: [otlp], exporters: [debug]}}}
"""

AGENT = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  otlp_http:
    endpoint: "https://{host}:{port}"
    tls: {{ca_file: '{ca}'}}
    retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms}}
{more}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_http]}}}}}}
"""


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def agent_config(ca, port, *more, host="127.0.0.1"):
    return AGENT.format(host=host, port=port, ca=ca.cert, more="\n".join(f"    {line}" for line in more))


def send(d, n=1):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: d.http("POST", "/v1/logs", JSON, {"Content-Type": "application/json"})[0], range(n)))
    assert answers == [200] * n


def delivered(d, n):
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == n)


def test_many_requests_over_https_share_one_connection_with_a_peer_that_chooses_http_2(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2", "http/1.1"]) as front:
        agent = otelcd(agent_config(ca, front.port))
        send(agent, 40)
        delivered(gateway, 40)
        assert front.chosen == ["h2"]
        agent.stop()


@pytest.mark.parametrize("alpn, more, chosen", [
    pytest.param(["http/1.1"], [], "http/1.1", id="a peer that knows nothing else"),
    pytest.param([], [], None, id="a peer that chooses nothing"),
    pytest.param(["h2", "http/1.1"], ["force_attempt_http2: false"], "http/1.1", id="force_attempt_http2: false"),
    pytest.param(["h2", "http/1.1"], ["disable_keep_alives: true"], "http/1.1", id="a connection for each request"),
])
def test_http_1_is_spoken_over_https_to(otelcd, ca, alpn, more, chosen):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue("localhost"), alpn) as front:
        agent = otelcd(agent_config(ca, front.port, *more), allow=["Exporting failed"])
        send(agent, 20)
        delivered(gateway, 20)
        assert set(front.chosen) == {chosen}
        front.mute.set()
        send(agent, 5)
        gateway.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") >= 25)  # nobody waits for the answer of another
        assert len(front.chosen) >= 5
        front.mute.clear()
        front.cut()
        agent.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 25)
        agent.stop()


def test_a_peer_that_comes_back_with_another_protocol_is_followed(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2", "http/1.1"]) as front:
        agent = otelcd(agent_config(ca, front.port), allow=["Exporting failed"])
        for turn, alpn in enumerate((["h2"], ["http/1.1"], ["h2"], [], ["h2"])):
            front.choose(alpn)
            front.cut()
            send(agent, 8)
            gateway.wait_metrics(lambda m, n=8 * (turn + 1): m.sum("otelcd_exporter_delivered_items") >= n)
            assert front.chosen[-1] == (alpn[0] if alpn else None)
        agent.stop()


def test_a_peer_that_falls_silent_over_http_2_is_found_by_a_ping(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2"]) as front:
        agent = otelcd(agent_config(ca, front.port, "http2_read_idle_timeout: 200ms", "http2_ping_timeout: 200ms"), expect=["Exporting failed"])
        send(agent)
        delivered(gateway, 1)
        front.mute.set()
        send(agent)
        assert "has not answered a keepalive ping within 0.2 s" in agent.wait_log("Exporting failed")["error"]
        front.mute.clear()
        gateway.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") >= 2)
        agent.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 2)
        agent.stop()


# ---- through proxies ----

NAME = "gateway.example"
GRPC_AGENT = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  otlp_grpc:
    endpoint: "gateway.example:{port}"
    tls: {{{tls}}}
    retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms}}
service: {{pipelines: {{logs: {{receivers: [otlp], exporters: [otlp_grpc]}}}}}}
"""
NO_PROXIES = {name: "" for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")}


@pytest.mark.parametrize("user, shown", [(None, ""), ("me:p@ss", "me:p%40ss@")])
def test_https_goes_through_a_proxy_by_connect(otelcd, ca, user, shown):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.http_port, ca.issue(NAME), ["h2", "http/1.1"]) as front, TunnelProxy({f"{NAME}:443": front.port}, user) as proxy:
        config = agent_config(ca, 443, f'proxy_url: "http://{shown}127.0.0.1:{proxy.port}"', host=NAME)
        agent = otelcd(config, env=NO_PROXIES)
        send(agent, 10)
        delivered(gateway, 10)
        assert (proxy.asked, front.chosen) == ([f"{NAME}:443"], ["h2"])
        agent.stop()


def test_grpc_goes_through_the_proxy_that_the_environment_names_for_https(otelcd, ca):
    gateway = otelcd(GATEWAY)
    with TlsFront(gateway.grpc_port, ca.issue(NAME), ["h2"]) as front:
        names = {f"{NAME}:4317": gateway.grpc_port, f"{NAME}:4318": front.port}
        with TunnelProxy(names, "me:secret") as proxy:
            env = {**NO_PROXIES, "HTTPS_PROXY": f"http://me:secret@127.0.0.1:{proxy.port}"}
            for n, (port, tls) in enumerate(((4317, "insecure: true"), (4318, f"ca_file: '{ca.cert}'"))):
                agent = otelcd(GRPC_AGENT.format(port=port, tls=tls), env=env)
                send(agent, 5)
                delivered(gateway, 5 * (n + 1))
                agent.stop()
            assert proxy.asked == list(names)


def test_a_loopback_peer_and_those_of_no_proxy_are_reached_without_the_proxy(otelcd, ca):
    gateway = otelcd(GATEWAY)
    env = {**NO_PROXIES, "HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "other.example"}
    with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2"]) as front:
        agent = otelcd(agent_config(ca, front.port), env=env)
        send(agent, 3)
        delivered(gateway, 3)
        agent.stop()


@pytest.mark.parametrize("answer, why", [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required: write its name and password into its URL"),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope", "answers CONNECT with 403 Forbidden"),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "what it answers to CONNECT is not HTTP"),
    (b"", "it closed the connection before it answered CONNECT"),
    (b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 40000, "its answer to CONNECT is too long"),
    (b"HTTP/1.1 200 OK\r\n\r\nwelcome", "something was said before the TLS handshake"),
], ids=["407", "403", "no HTTP", "nothing", "too long", "too much"])
def test_what_a_proxy_answers_besides_200_is_told(otelcd, ca, answer, why):
    with TunnelProxy({}, answer=answer) as proxy:
        more = ["sending_queue: {enabled: false}", f'proxy_url: "http://127.0.0.1:{proxy.port}"']
        config = agent_config(ca, 4318, *more, host=NAME).replace("{initial_interval", "{enabled: false, initial_interval")
        agent = otelcd(config, env=NO_PROXIES, allow=["Exporting failed"])
        status, _, body = agent.http("POST", "/v1/logs", JSON, {"Content-Type": "application/json"})
        assert status == 503 and why.encode() in body, (status, body)
        agent.stop()


def test_a_proxy_of_the_world_opens_tunnels_too(otelcd, ca, tmp_path):
    program = tool("tinyproxy")
    port, conf = free_port(), tmp_path / "tinyproxy.conf"
    conf.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\nBasicAuth me secret\nLogFile \"{tmp_path}/log\"\nMaxClients 20\n")
    proxy = subprocess.Popen([program, "-d", "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        gateway = otelcd(GATEWAY)
        with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2"]) as front:
            agent = otelcd(agent_config(ca, front.port, f'proxy_url: "http://me:secret@127.0.0.1:{port}"', host="localhost"), env=NO_PROXIES,
                           allow=["Exporting failed"])
            send(agent, 10)
            delivered(gateway, 10)
            agent.stop()
            assert "CONNECT localhost:" in (tmp_path / "log").read_text()
    finally:
        proxy.kill()
        proxy.wait(PATIENCE)


# ---- cookies ----


class Sticky(http.server.BaseHTTPRequestHandler):
    """A load balancer that knows its clients by a cookie."""

    protocol_version, seen = "HTTP/1.1", []

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers.get("cookie"))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Set-Cookie", f"lb=node{len(self.seen)}; Path=/; Max-Age=3600")
        self.send_header("Set-Cookie", "other=1; Domain=elsewhere.example")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("more, seen", [(["cookies: {}"], [None, "lb=node1", "lb=node2"]), (["cookies: {enabled: false}"], [None] * 3), ([], [None] * 3)])
def test_cookies_of_the_peer_come_back_where_they_are_kept(otelcd, ca, more, seen):
    handler = type("Own", (Sticky,), {"seen": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = agent_config(ca, server.server_port, *more).replace("https:", "http:")
        agent = otelcd(config.replace(f"tls: {{ca_file: '{ca.cert}'}}", ""))
        for n in range(3):
            send(agent)
            agent.wait_metrics(lambda m, n=n: m.sum("otelcd_exporter_delivered_items") == n + 1)
        assert handler.seen == seen
        agent.stop()
        server.shutdown()


def test_cookies_come_back_over_http_2_too(otelcd, ca):
    config = GATEWAY.replace('{http: {endpoint: "127.0.0.1:0"}', '{http: {endpoint: "127.0.0.1:0", include_metadata: true, response_headers: {set-cookie: "lb=here; Secure"}}')
    config = config.replace("debug: {}", "debug: {verbosity: detailed}").replace("receivers: [otlp],", "receivers: [otlp], processors: [attributes],")
    gateway = otelcd(config + "processors: {attributes: {actions: [{key: crumb, from_context: metadata.cookie, action: insert}]}}\n")
    with TlsFront(gateway.http_port, ca.issue("localhost"), ["h2"]) as front:
        agent = otelcd(agent_config(ca, front.port, "cookies: {}"))
        for n in range(2):
            send(agent)
            delivered(gateway, n + 1)
        gateway.wait_log(r"crumb: Str\(lb=here\)")
        agent.stop()
        assert gateway.log().count("crumb: Str(lb=here)") == 1
