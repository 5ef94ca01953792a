# SPDX-License-Identifier: Apache-2.0
"""The ways from a client of ours to its peer: which protocol is spoken over TLS, and what stands between."""

import concurrent.futures

import pytest
from harness.authority import Authority
from harness.relay import TlsFront

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
        agent = otelcd(agent_config(ca, front.port, *more))
        send(agent, 20)
        delivered(gateway, 20)
        assert set(front.chosen) == {chosen}
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
