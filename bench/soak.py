# SPDX-License-Identifier: Apache-2.0
"""Where resident memory ends when series come and go all the time: all signals, a scrape endpoint and remote write.

OTELCD=build/otelcd PYTHONPATH=build/py /usr/bin/python3 bench/soak.py 900     (seconds)"""

import http.server
import pathlib
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test/integration"))

from harness import otlp  # noqa: E402
from harness.daemon import Daemon  # noqa: E402

CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}}
processors: {batch: {timeout: 10ms}}
exporters:
  nop:
  prometheus: {endpoint: "127.0.0.1:0"}
  prometheus_remote_write: {endpoint: "http://127.0.0.1:%d/w"}
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [nop]}
    metrics: {receivers: [otlp], processors: [batch], exporters: [prometheus, prometheus_remote_write]}
    logs: {receivers: [otlp], processors: [batch], exporters: [nop]}
"""
BATCHES_A_SECOND, SERIES_A_BATCH = 15, 15


class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def churn():
    """Requests whose series nobody has sent before."""
    m = otlp.Metrics(resource={"service.name": "churn"})
    for i in range(SERIES_A_BATCH):
        m.gauge("pod.cpu", 1, pod=f"#######-{i:02d}", zone="a")
    body = m.request.SerializeToString()
    return (body.replace(b"#######", b"%07d" % n) for n in range(10_000_000))


def main():
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    d = Daemon(pathlib.Path(tempfile.mkdtemp()), CONFIG % sink.server_address[1]).wait_ready()
    steady, others = otlp.Metrics().gauges("steady", 200).request, (otlp.traces(50), otlp.logs(50))
    began, told = time.monotonic(), 0
    for n, body in enumerate(churn()):
        at = time.monotonic() - began
        if at > float(sys.argv[1]):
            break
        d.post(steady, body=body)
        if n % 10 == 0:
            for request in (steady, *others):
                d.post(request)
        if n % 150 == 0:
            d.scrape("prometheus")
        if at >= told:
            told += 30
            used = d.metrics().value("otelcd_budget_used_bytes")
            print(f"{at:5.0f} s  {SERIES_A_BATCH * n:8,} series so far  RSS {d.rss() / 2**20:5.1f} MiB  budget {used / 2**20:5.1f} MiB", flush=True)
        time.sleep(max(0, 1 / BATCHES_A_SECOND - (time.monotonic() - began - at)))
    d.terminate()
    assert d.wait_end() == 0, d.log()


if __name__ == "__main__":
    main()
