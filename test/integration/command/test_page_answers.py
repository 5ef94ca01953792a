# SPDX-License-Identifier: Apache-2.0
"""Somebody who reads only the page: is data arriving, is it leaving, where did it stop, and what is to be done? Causes of
docs/troubleshooting.md are provoked, and what a reader without the script sees is asked for."""

import html
import json
import re
import signal
import socket

import pytest
from harness.limits import free_port
from test_page import JSON, ask, send_logs, status

CONFIG = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors:
  filter: {error_mode: ignore, log_conditions: ["log.severity_number > 0"]}
  memory_limiter: {check_interval: 1s, limit_mib: 100000}
exporters:
  nop:
  otlp_http: {endpoint: "http://127.0.0.1:1", RETRY}
service: {pipelines: {logs: {receivers: [otlp], PROCESSORS exporters: [EXPORTER]}}}
"""


def configured(exporter="nop", processors="", retry="retry_on_failure: {max_elapsed_time: 0s}"):
    text = re.sub(f"  {'otlp_http' if exporter == 'nop' else 'nop'}:.*\n", "", CONFIG)
    text = text if "filter" in processors else re.sub("  filter: .*\n", "", text)
    text = text if "memory" in processors else re.sub("  memory_limiter: .*\n", "", text)
    text = text if processors else text.replace("processors:\n", "")
    return text.replace("EXPORTER", exporter).replace("PROCESSORS", processors).replace("RETRY", retry)


def read(d):
    """What is written on the page, its lines as a reader sees them."""
    code, _, text = ask(d, "/")
    assert code == 200
    text = re.sub(r"<details><summary>The configuration.*", "", text, flags=re.S)
    text = re.sub(r"<(/?(p|li|ol|ul|section|tr|table|dl|h[1-4]|div))\b[^>]*>", "\n", text)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def number(text, column):
    """Of the first pipeline's ledger."""
    return int(re.search(rf"\b{column}\s+([\d,]+)", text).group(1).replace(",", ""))


def wait_page(d, words):
    d.wait_metrics(lambda _: words in read(d))
    return read(d)


def test_nobody_sends(otelcd):
    d = otelcd(configured())
    text = read(d)
    assert "nobody has sent anything yet" in text and number(text, "received") == 0
    assert "all is well" in text and "not all is well" not in text


def test_all_is_well(otelcd):
    d = otelcd(configured())
    send_logs(d, 9, 9)
    text = read(d)
    assert number(text, "received") == number(text, "delivered") == 2 and "nobody has sent" not in text
    assert "not all is well" not in text and "What to do" not in text


def test_a_sender_speaks_tls_to_a_plain_port(otelcd):
    d = otelcd(configured())
    with socket.create_connection(tuple(d.http_address().rsplit(":", 1)), timeout=30) as s:
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        s.recv(10)
    text = read(d)
    assert number(text, "received") == 0 and "speaks TLS to this plain-text port" in text
    assert "What to do: set tls: {insecure: true} or http:// in the sender" in text
    d.expect_warning("speaks TLS")


@pytest.mark.parametrize(
    "path, body, what, todo",
    [
        ("/v1/traces", b"{}", "traces", "add a pipeline for the signal"),
        ("/v2/logs", b"{}", "/v2/logs", "mend the sender's path"),
        ("/v1/logs", b"{", "a key in quotes is wanted", "mend the sender"),
    ],
    ids=["no pipeline", "wrong path", "no OTLP"],
)
def test_a_sender_asks_for_what_is_not_there(otelcd, path, body, what, todo):
    d = otelcd(configured())
    assert d.http("POST", path, body, {**JSON, "User-Agent": "shipper"})[0] in (400, 404)
    text = read(d)
    [row] = [line for line in text.split("\n") if "shipper" in line]
    assert what in row and todo in row and number(text, "received") == 0
    d.expect_warning("Request rejected")


def test_a_peer_is_not_there(otelcd):
    d = otelcd(configured("otlp_http"))
    send_logs(d, 9, 9, 9)
    text = wait_page(d, "failing for")
    assert "not all is well" in text and "Connection refused" in text
    assert "What to do: start what should listen there" in text and "to http://127.0.0.1:1/v1/logs" in text
    assert re.search(r"queue\s+1\s+of 1,000 requests:\s+3\s+items", text)
    d.expect_warning("otlp_http")


def test_a_peer_is_not_there_and_nothing_waits_for_it(otelcd):
    d = otelcd(configured("otlp_http", retry="sending_queue: {queue_size: 1}, retry_on_failure: {max_elapsed_time: 0s}"))
    send_logs(d, 9)
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 9}]}]}]}).encode()
    assert d.http("POST", "/v1/logs", body, {**JSON, "User-Agent": "shipper"})[0] == 503
    text = read(d)
    assert number(text, "refused") == 1 and "queue_full" in text
    [row] = [line for line in text.split("\n") if "shipper" in line]
    assert "What to do" in row
    d.expect_warning("otlp_http")


def test_a_filter_drops_all(otelcd):
    d = otelcd(configured(processors="processors: [filter],"))
    send_logs(d, 9, 9)
    text = read(d)
    assert (number(text, "received"), number(text, "delivered"), number(text, "dropped")) == (2, 0, 2)
    assert "filtered" in text and "on purpose" in text


def test_a_reload_changed_nothing(otelcd):
    d = otelcd(configured())
    (d.folder / "otelcd.yaml").write_text(configured().replace("exporters: [nop]", "exporters: [nip]"))
    d.terminate(signal.SIGHUP)
    d.wait_log("running on with the old one")
    text = read(d)
    assert "the configuration before goes on" in text and "nip" in text and status(d)["well"]
    d.expect_warning("Fault in the configuration", "running on with the old one")


def test_a_peer_speaks_another_protocol(otelcd):
    port = free_port()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        peer.bind(("127.0.0.1", port))
        peer.listen()
        d = otelcd(configured("otlp_http").replace("127.0.0.1:1", f"127.0.0.1:{port}"))
        send_logs(d, 9)
        s, _ = peer.accept()
        s.recv(4096)
        s.sendall(b"220 mail.example.test ready\r\n")
        text = wait_page(d, "failing for")
        s.close()
    assert "answer is not HTTP/1.1" in text and "What to do: take the port of OTLP over HTTP (4318)" in text
    d.expect_warning("otlp_http")
