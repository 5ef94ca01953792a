# SPDX-License-Identifier: Apache-2.0
"""The zpages extension: pages that a person can read, and that a stranger's text cannot change."""

import html.parser
import json
import re
import socket

import pytest
from harness import otlp

CONFIG = """
extensions:
  zpages: {endpoint: "127.0.0.1:0", expvar: {enabled: true}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
processors: {batch: {timeout: 10ms}}
exporters:
  nop:
  prometheus_remote_write: {endpoint: "http://127.0.0.1:1/", headers: {authorization: hush}}
service:
  extensions: [zpages]
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [nop]}
    traces/2: {receivers: [otlp], exporters: [nop]}
    metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}
"""
PAGES = ["", "servicez", "pipelinez", "extensionz", "featurez", "tracez"]


class Page(html.parser.HTMLParser):
    """The tags, the text, and each row of each table; every tag that is opened is closed."""

    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.rows, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if self.rows and "tr" in self.open:
            self.rows[-1][-1] += data


def get(d, name, method="GET"):
    return d.http(method, f"/debug/{name}", address=d.endpoint("^Serving pages$"))


def page(d, name):
    status, headers, body = get(d, name)
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(body.decode())


@pytest.mark.parametrize("name", PAGES)
def test_each_page_stands_alone_and_runs_nothing(otelcd, name):
    d = otelcd(CONFIG)
    status, headers, body = get(d, name)
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    p = Page(body.decode())
    assert not {"script", "img", "link", "iframe", "form"} & {tag for tag, _ in p.tags}
    links = [a["href"] for tag, a in p.tags if tag == "a"]
    assert links and all(get(d, link.removeprefix("/debug/"))[0] == 200 for link in links)
    head = get(d, name, "HEAD")
    assert (head[0], head[2], head[1]["Content-Length"]) == (200, b"", str(len(body)))
    assert get(d, name, "POST")[0] == 405
    assert get(d, "nothing")[0] == 404


def test_the_pipelines_are_shown_with_their_ledgers_and_the_reasons(otelcd):
    d = otelcd(CONFIG, allow=["Remote write failed", "Exporting failed", "Ledger", "given up", "in time"])
    d.export(otlp.traces(7))
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_delivered_items")) == 14)
    p = page(d, "pipelinez")
    rows = [r for r in p.rows if r[0] in ("pipeline", "exporter")]
    assert rows[0] == ["pipeline", "", "7", "7", "0", "0", "0", ""]
    assert rows[1][1:7] == ["nop", "14", "14", "0", "0", "0"]
    text = "".join(p.words)
    assert "hush" not in text and "[REDACTED]" in text
    only = page(d, "pipelinez?zpipelinename=traces%2F2")
    assert sum(tag == "h2" for tag, _ in only.tags) == 1 and "traces/2" in only.words


def test_a_component_that_fails_is_shown_with_its_reason(otelcd):
    d = otelcd(CONFIG, allow=["Remote write failed", "Exporting failed", "Ledger"])
    request = otlp.Metrics().gauge("x", 1.0).request
    call = d.caller(request).future(request)
    d.wait_log("Remote write failed")
    (row,) = [r for r in page(d, "pipelinez").rows if r[0] == "exporter" and r[1] == "prometheus_remote_write"]
    assert re.match(r"failing for \d+s: .*127.0.0.1:1", row[-1]), row
    call.cancel()


def test_what_a_stranger_sends_is_text_on_the_page(otelcd):
    d = otelcd(CONFIG, allow=["."])
    host, _, port = d.http_address("otlp").rpartition(":")
    with socket.create_connection((host, int(port))) as s:
        s.sendall(b"POST /<script>alert(1)</script>&\"' HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Type: application/json\r\n\r\n")
        s.recv(1000)
    p = page(d, "tracez")
    assert "script" not in {tag for tag, _ in p.tags}
    assert any("<script>alert(1)</script>" in w for w in p.words)


def test_no_more_lines_are_kept_than_the_page_says(otelcd):
    d = otelcd(CONFIG, allow=["."])
    for i in range(100):
        d.post(otlp.traces(1), path=f"/nowhere/{i}/" + "x" * 3000)
    p = page(d, "tracez")
    assert 1 <= len(p.rows) - 1 <= 64 and sum(map(len, p.words)) < 64 * 1400


def test_variables_are_json(otelcd):
    d = otelcd(CONFIG)
    assert json.loads(get(d, "expvarz")[2])["memstats"]["Sys"] > 0
    d = otelcd(CONFIG.replace("expvar: {enabled: true}", ""))
    assert get(d, "expvarz")[0] == 404
