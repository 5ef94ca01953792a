# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/: `make pictures` starts an otelcd whose exporter finds nobody, sends to it, and takes what a
browser shows. Small: few colours, not over 100 kB each."""

import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test/integration")]

from harness.browser import Browser  # noqa: E402
from harness.limits import OTELCD, free_port  # noqa: E402

CONFIG = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}
processors:
  batch:
  filter: {{error_mode: ignore, log_conditions: ['log.severity_number < SEVERITY_NUMBER_INFO']}}
exporters:
  otlp_http: {{endpoint: "http://127.0.0.1:1"}}
  prometheus: {{endpoint: "127.0.0.1:{prometheus}"}}
  nop:
service:
  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [otlp_http]}}
    metrics: {{receivers: [otlp], exporters: [prometheus]}}
    logs: {{receivers: [otlp], processors: [filter], exporters: [nop]}}
"""
MOST = 100_000


def send(port, path, body, agent):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json", "user-agent": agent})
    try:
        urllib.request.urlopen(request, timeout=30).read()
    except urllib.error.HTTPError as e:
        e.read()


def send_all(port):
    python, script = "OTel-OTLP-Exporter-Python/1.27.0", "OTel-OTLP-Exporter-JavaScript/0.57.0"
    span = {"traceId": "11" * 16, "spanId": "22" * 8, "name": "GET /orders"}
    send(port, "/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span] * 120}]}]}, script)
    logs = [{"severityNumber": s} for s in (5, 9, 9, 13, 9, 17, 5)]
    send(port, "/v1/logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": logs * 40}]}]}, python)
    for name, users in (("orders", 40), ("carts", 25), ("logins", 10)):
        points = [{"asInt": "1", "timeUnixNano": str(time.time_ns()), "attributes": [{"key": "user", "value": {"stringValue": f"u{i}"}}]} for i in range(users)]
        send(port, "/v1/metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": name, "gauge": {"dataPoints": points}}]}]}]}, python)
    send(port, "/v1/logs", b'{"resourceLogs": [', "shipper/2.1")


def take(browser, selector, path, width):
    """The picture of the elements that the selector finds, from the first to the last."""
    box = browser.value(
        "(function () { var l = Array.from(document.querySelectorAll(%s)).map(function (e) { return e.getBoundingClientRect(); });"
        "var y = Math.min.apply(null, l.map(function (r) { return r.top; })) + scrollY;"
        "return [y, Math.max.apply(null, l.map(function (r) { return r.bottom; })) + scrollY - y]; }())" % json.dumps(selector)
    )
    clip = {"x": 0, "y": max(0, box[0] - 6), "width": width, "height": box[1] + 12, "scale": 1}
    shot = browser.ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
    data = base64.b64decode(shot["data"])
    assert len(data) <= MOST, f"{path} has {len(data)} bytes"
    path.write_bytes(data)
    print(f"{path.relative_to(ROOT)}: {len(data)} bytes")


def take_all(own, folder):
    browser = Browser()
    try:
        browser.ask("Target.setDiscoverTargets", discover=False)
        browser.open(f"http://127.0.0.1:{own}/")
        browser.ask("Emulation.setDeviceMetricsOverride", width=1000, height=700, deviceScaleFactor=1, mobile=False)
        browser.wait("document.querySelectorAll('#senders .bad, li.failing .bad').length >= 2", "the page is not there")
        browser.wait("document.querySelector('[data-r]').textContent !== ''", "nothing moves")
        take(browser, "header, main > section:nth-of-type(-n+3)", folder / "page-pipelines.png", 1000)
        take(browser, "#senders, #series", folder / "page-senders.png", 1000)
    finally:
        browser.close()


def main():
    folder = ROOT / "docs/img"
    folder.mkdir(exist_ok=True)
    otlp, prometheus, own = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as temporary:
        config = pathlib.Path(temporary) / "otelcd.yaml"
        config.write_text(re.sub(r"^\n", "", CONFIG).format(otlp=otlp, prometheus=prometheus, own=own))
        daemon = subprocess.Popen([OTELCD, "--config", config], stderr=subprocess.PIPE, text=True, env={**os.environ, "LANG": "C"})
        try:
            while "Everything is ready" not in daemon.stderr.readline():
                assert daemon.poll() is None, "otelcd does not start"
            send_all(otlp)
            take_all(own, folder)
        finally:
            daemon.terminate()
            daemon.communicate()


if __name__ == "__main__":
    main()
