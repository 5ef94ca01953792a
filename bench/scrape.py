# SPDX-License-Identifier: Apache-2.0
"""The rows of bench.py about scraping and the receiver of remote write: samples for each second on the processor, beside
vmagent and the Go collector where they are there (`vmagent` in the path, ORACLE=the collector), 1,000 targets, 1,000,000
series.

The targets are one server that has its pages ready; all scrape the same."""

import http.server
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

TARGETS, SERIES, SECONDS = 4, 10_000, 10
TYPES = {
    "text": "text/plain; version=0.0.4",
    "OpenMetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "protobuf": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
}
PROTOCOLS = {"text": "PrometheusText0.0.4", "OpenMetrics": "OpenMetricsText1.0.0", "protobuf": "PrometheusProto"}
NAME = "http_server_requests_total"


def labels(i):
    """With name and value 137 bytes a line."""
    return (
        ("code", "200"),
        ("host", f"host-{i // 100:04}.eu-west-1.compute.example.net"),
        ("method", "GET"),
        ("route", f"/api/v1/items/{i:07}"),
    )


def text_page(series, openmetrics=False):
    family = NAME.removesuffix("_total") if openmetrics else NAME
    lines = [f"# HELP {family} Requests.", f"# TYPE {family} counter"]
    for i in range(series):
        pairs = ",".join(f'{k}="{v}"' for k, v in labels(i))
        lines.append(f"{NAME}{{{pairs}}} {i * 7919}")
    return ("\n".join(lines + (["# EOF"] if openmetrics else [])) + "\n").encode()


def field(number, content):
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def protobuf_page(series):
    family = field(1, NAME.encode()) + field(2, b"Requests.") + bytes([3 << 3, 0])
    for i in range(series):
        pairs = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in labels(i))
        family += field(4, pairs + field(3, b"\x09" + struct.pack("<d", i * 7919)))
    return varint(len(family)) + family


def make_page(form, series):
    return protobuf_page(series) if form == "protobuf" else text_page(series, form == "OpenMetrics")


class Targets:
    """So many at one address, each with a path and an instance of its own, and one page."""

    def __init__(self, form, n, series):
        page, self.n, self.paused = make_page(form, series), n, False
        targets = self

        class Page(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(503 if targets.paused else 200)
                self.send_header("Content-Type", TYPES[form])
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 1024
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Page)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def groups(self):
        address = f"127.0.0.1:{self.server.server_address[1]}"
        return [{"targets": [address], "labels": {"__metrics_path__": f"/{i}", "instance": f"host{i}:80"}} for i in range(self.n)]

    def config(self, form, interval):
        job = {"job_name": "bench", "static_configs": self.groups(), "scrape_protocols": [PROTOCOLS[form]]}
        return {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": [job]}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def read_metrics(port):
    ran = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/metrics"], capture_output=True, text=True)
    return [line for line in ran.stdout.splitlines() if not line.startswith("#")]


def read_sum(port, prefix):
    return sum(float(line.split()[-1]) for line in read_metrics(port) if line.startswith(prefix))


class Scrape:
    def __init__(self, bench, core, cpu_seconds, stop, stalls):
        self.bench, self.core, self.cpu_seconds, self.stop, self.stalls = bench, core, cpu_seconds, stop, stalls

    # --- who scrapes ---

    def daemon(self, config, exporter="nop", options=None):
        config = {
            "receivers": {"prometheus": {"config": config, "discovery_reload_on_startup": True}},
            "exporters": {exporter: options},
            "service": {"pipelines": {"metrics": {"receivers": ["prometheus"], "exporters": [exporter]}}},
        }
        return self.bench.daemon(json.dumps(config))

    def beside(self, command, count):
        """Another program: what it has done by its own account, `count`, for each second on the processor."""
        process = subprocess.Popen(
            ["taskset", "-c", str(self.core), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.bench.folder
        )
        self.bench.started.append(process)
        try:
            rate = self.measure(process.pid, count, TARGETS * SERIES)
            return rate, resident(process.pid)
        finally:
            process.terminate()
            process.wait()

    def measure(self, pid, count, each):
        """After two rounds, which have made the series."""
        deadline = time.monotonic() + 120
        while count() < 2 * each:
            assert time.monotonic() < deadline, "it does not scrape"
            time.sleep(0.1)
        first, used = count(), self.cpu_seconds(pid)
        while count() < first + SECONDS * each:
            assert time.monotonic() < deadline, "it stopped scraping"
            time.sleep(0.2)
        return (count() - first) / (self.cpu_seconds(pid) - used)

    @staticmethod
    def reach(count, n):
        """Two rounds of 15 s, on a machine that may have other things to do."""
        deadline = time.monotonic() + 180
        while count() < n:
            assert time.monotonic() < deadline, f"{count()} samples, not {n}"
            time.sleep(0.5)

    # --- rows ---

    def rate(self, form, bar):
        targets = Targets(form, TARGETS, SERIES)
        d = self.daemon(targets.config(form, "1s"))
        rate = self.measure(d.process.pid, lambda: d.metrics().sum("otelcol_receiver_accepted_metric_points"), TARGETS * SERIES)
        stall = self.stalls(d)
        self.stop(d)
        go = self.go(targets.config(form, "1s"))
        targets.close()
        self.bench.row(
            f"scrape {form}, 4 × 10,000 series: samples per CPU-second",
            f"{rate / 1e6:8.2f} M/s{go}  longest stall {stall.longest * 1000:.2f} ms, on the processor {stall.cpu * 1000:.2f} ms",
            rate,
            bar,
            lambda v: f"{v / 1e6:.1f} M/s",
        )

    def go(self, config, exporter="nop", options=None, counter="otelcol_receiver_accepted_metric_points"):
        program = os.environ.get("ORACLE")
        if program is None:
            return "  (ORACLE is not set: no Go collector beside it)"
        port = free_port()
        file = self.bench.folder / "go.yaml"
        config = json.loads(json.dumps(config))
        file.write_text(
            json.dumps(
                {
                    "receivers": {"prometheus": {"config": config}},
                    "exporters": {exporter: options},
                    "service": {
                        "pipelines": {"metrics": {"receivers": ["prometheus"], "exporters": [exporter]}},
                        "telemetry": {
                            "metrics": {"readers": [{"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": port}}}}]},
                            "logs": {"level": "error"},
                        },
                    },
                }
            )
        )
        rate, rss = self.beside([program, "--config", str(file)], lambda: read_sum(port, counter))
        return f"  Go {rate / 1e6:.2f} M/s, {rss / 2**20:.0f} MiB"

    def go_written(self, targets, address):
        options = {"endpoint": f"http://{address}/w", "wal": {"directory": str(self.bench.folder / "go-scraped")}}
        return self.go(targets.config("text", "1s"), "prometheusremotewrite", options, "otelcol_exporter_sent_metric_points")

    def written(self, bar, rss_bar):
        """With the queue on disk, to who discards it."""
        targets = Targets("text", TARGETS, SERIES)
        sink, address = self.bench.sink()
        options = {"endpoint": f"http://{address}/w", "wal": {"directory": str(self.bench.folder / "scraped")}}
        d = self.daemon(targets.config("text", "1s"), "prometheus_remote_write", options)
        rate = self.measure(d.process.pid, lambda: d.metrics().sum("prometheus_remote_storage_samples_total"), TARGETS * SERIES)
        rss, stall = d.rss(), self.stalls(d)
        beside = self.vmagent(targets, address) + self.go_written(targets, address)
        self.stop(d)
        targets.close()
        sink.terminate()
        sink.wait()
        self.bench.row(
            "scrape text → remote write, on disk: samples per CPU-second",
            f"{rate / 1e6:8.2f} M/s{beside}  longest stall {stall.longest * 1000:.2f} ms, on the processor {stall.cpu * 1000:.2f} ms",
            rate,
            bar,
            lambda v: f"{v / 1e6:.1f} M/s",
        )
        self.bench.row(
            "scrape text → remote write, on disk: resident memory, 40,000 series", f"{rss / 2**20:8.0f} MiB", rss / 2**20, rss_bar, lambda v: f"{v} MiB", False
        )

    def vmagent(self, targets, address):
        program = shutil.which("vmagent")
        if program is None:
            return "  (vmagent is not in the path: not compared)"
        port = free_port()
        config = targets.config("text", "1s")
        del config["scrape_configs"][0]["scrape_protocols"]
        (self.bench.folder / "vmagent.yml").write_text(json.dumps(config))
        command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-remoteWrite.url=http://{address}/w", "-loggerLevel=ERROR"]
        command += [f"-remoteWrite.tmpDataPath={self.bench.folder}/vmagent-scraped", f"-promscrape.config={self.bench.folder}/vmagent.yml"]
        rate, rss = self.beside(command, lambda: read_sum(port, "vmagent_remotewrite_block_size_rows_sum"))
        return f"  vmagent {rate / 1e6:.2f} M/s, {rss / 2**20:.0f} MiB"

    def many_targets(self, n=1000, series=100, seconds=30):
        targets = Targets("text", n, series)
        d = self.daemon(targets.config("text", "15s"))
        time.sleep(20)  # each was scraped, and nobody has asked for /metrics, which would be the longest turn
        stall = self.stalls(d)
        assert d.metrics().sum("otelcol_receiver_accepted_metric_points") >= n * series
        used, began = self.cpu_seconds(d.process.pid), time.monotonic()
        time.sleep(seconds)
        share = (self.cpu_seconds(d.process.pid) - used) / (time.monotonic() - began)
        self.stop(d)
        targets.close()
        self.bench.row(
            "scrape 1,000 targets of 100 series: longest stall of the loop",
            f"{stall.cpu * 1000:8.2f} ms on the processor, by the wall {stall.longest * 1000:.2f} ms",
            stall.cpu * 1000,
            1,
            lambda v: f"{v} ms",
            False,
        )
        self.bench.row("scrape 1,000 targets of 100 series: share of a core, each 15 s", f"{share:8.2%}", share * 100, 3, lambda v: f"{v} %", False)

    def many_series(self, targets, series, bar):
        """In so many targets; two rounds."""
        served = Targets("text", targets, series)
        config = served.config("text", "15s")
        config["scrape_configs"][0]["body_size_limit"] = "256MB"  # 128 MiB are usual
        d = self.daemon(config)
        empty = charged(d)
        self.reach(lambda: d.metrics().sum("otelcol_receiver_accepted_metric_points"), 2 * targets * series)
        rss, stall = d.rss(), self.stalls(d)
        quiet = min(charged(d) for _ in range(30))  # between two scrapes
        of_labels = len("__name__" + NAME) + sum(len(k + v) for k, v in labels(0))
        self.stop(d)
        served.close()
        words = f"scrape {targets * series:,} series in {targets} targets"
        each = (quiet - empty) / (targets * series)
        self.bench.row(
            f"{words}: resident memory",
            f"{rss / 2**20:8.0f} MiB",
            rss / 2**20,
            bar,
            lambda v: f"{v} MiB",
            False,
        )
        if bar is not None:  # else the page is what takes most
            text = f"{each - of_labels:8.0f} B  ({each:.0f} of them, {of_labels} of labels)"
            self.bench.row(f"{words}: memory of a series beyond its labels", text, each - of_labels, 150, lambda v: f"{v} B", False)
        self.bench.row(f"{words}: longest stall of the loop", f"{stall.cpu * 1000:8.2f} ms on the processor, by the wall {stall.longest * 1000:.2f} ms")

    def many_written(self, targets=100, series=10_000):
        """Of so many series, with the queue on disk."""
        served = Targets("text", targets, series)
        sink, address = self.bench.sink()
        options = {"endpoint": f"http://{address}/w", "wal": {"directory": str(self.bench.folder / "many")}}
        d = self.daemon(served.config("text", "15s"), "prometheus_remote_write", options)
        sent = lambda: d.metrics().sum("prometheus_remote_storage_samples_total")
        each = targets * series
        self.reach(sent, each)
        first, used = sent(), self.cpu_seconds(d.process.pid)
        self.reach(sent, first + 2 * each)
        rate = (sent() - first) / (self.cpu_seconds(d.process.pid) - used)
        rss, stall = d.rss(), self.stalls(d)
        self.stop(d)
        served.close()
        sink.terminate()
        sink.wait()
        self.bench.row(
            f"scrape {each:,} series → remote write, on disk",
            f"{rate / 1e6:8.2f} M/s, {rss / 2**20:.0f} MiB, longest stall {stall.cpu * 1000:.2f} ms on the processor",
        )

    def received(self, form):
        """What another otelcd scrapes and writes, 40,000 samples a second."""
        d = self.bench.daemon(
            json.dumps(
                {
                    "receivers": {"prometheusremotewrite": {"endpoint": "127.0.0.1:0"}},
                    "exporters": {"nop": None},
                    "service": {"pipelines": {"metrics": {"receivers": ["prometheusremotewrite"], "exporters": ["nop"]}}},
                }
            )
        )
        targets = Targets("text", TARGETS, SERIES)
        address = d.endpoint("^Starting HTTP server$")
        writer = self.daemon(targets.config("text", "1s"), "prometheus_remote_write", {"endpoint": f"http://{address}/api/v1/write", "protobuf_message": form})
        rate = self.measure(d.process.pid, lambda: d.metrics().sum("otelcol_receiver_accepted_metric_points"), TARGETS * SERIES)
        rss, stall = d.rss(), self.stalls(d)
        self.stop(writer)
        self.stop(d)
        targets.close()
        self.bench.row(
            f"remote write received, {form}: samples per CPU-second",
            f"{rate / 1e6:8.2f} M/s, {rss / 2**20:.0f} MiB, longest stall {stall.longest * 1000:.2f} ms, on the processor {stall.cpu * 1000:.2f} ms",
            rate,
            1.5e6,
            lambda v: f"{v / 1e6:.1f} M/s",
        )

    def rows(self, chosen):
        for form, bar in (("text", 4e6), ("OpenMetrics", 3e6), ("protobuf", 3e6)):
            if chosen(f"scrape {form}"):
                self.rate(form, bar)
        if chosen("scrape remote write"):
            self.written(1.5e6, 40)
        if chosen("scrape 1,000 targets"):
            self.many_targets()
        if chosen("scrape size"):
            self.many_series(100, 10_000, 400)
            self.many_series(1, 1_000_000, None)
            self.many_written()
        if chosen("remote write received"):
            self.received("prometheus.WriteRequest")
            self.received("io.prometheus.write.v2.Request")


def charged(d):
    """Bytes: unlike what is resident, without what malloc() keeps of pages that have gone."""
    time.sleep(0.1)
    return d.metrics().sum("otelcd_budget_used_bytes")


def resident(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS:"))
