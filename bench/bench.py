# SPDX-License-Identifier: Apache-2.0
"""How fast and how large otelcd is: `make bench`, or `make bench ARGS="--rounds 5 traces metrics"`.

Speed is items per CPU-second of the server process, as a share of what nghttpd does, which reads and discards the same
bytes: both run in turn, several times, each alone on one core, with the load generator on another. The medians are
compared. It talks to loopback only, every run is bounded in requests and in time, and what it starts it stops."""

import argparse
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "test/integration")]

import payload  # noqa: E402
from hop import Hop  # noqa: E402
from kafka_rows import Kafka  # noqa: E402
from scrape import Scrape, free_port  # noqa: E402
from reloading import Reloading  # noqa: E402
from shared import Shared  # noqa: E402
from watched import Watched  # noqa: E402
from harness import clustered, otlp  # noqa: E402
from harness.daemon import READY, TELEMETRY, Daemon  # noqa: E402
from harness.servers.kubernetes import ApiServer, pod  # noqa: E402
from harness.limits import OTELCD  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[1 % len(CORES)]
LOAD = os.environ["BENCH"] + "/load"
LONGEST = 120  # seconds for any one run

NOP = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
exporters:
  nop:
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
    metrics: {receivers: [otlp], exporters: [nop]}
    logs: {receivers: [otlp], exporters: [nop]}
"""
SCRAPE = NOP.replace("  nop:\n", '  nop:\n  prometheus: {endpoint: "127.0.0.1:0"}\n').replace(
    "metrics: {receivers: [otlp], exporters: [nop]}", "metrics: {receivers: [otlp], exporters: [prometheus]}"
)

INSERT = {"key": "deployment.environment", "action": "insert", "value": "production"}
RENAME = [{"key": "user", "action": "insert", "from_attribute": "user.email"}, {"key": "user.email", "action": "delete"}]
NOBODY = {"match_type": "strict", "resources": [{"key": "service.name", "value": "nobody"}]}
TEN = [f'set(log.attributes["k{i}"], "x") where log.severity_number == {i + 30}' for i in range(10)]
CONCAT = 'set(log.attributes["k"], Concat([log.attributes["http.request.method"], log.attributes["http.route"]], "-"))'
PATTERN = r"""replace_pattern(log.attributes["user.email"], "[0-9]+", "0")"""
# What the Go collector does on one core of the machine that the bars were set on, in items per second; it is not run here.
GO = {
    "processor filter, severity": 0.61e6,
    "processor filter, an attribute": 0.54e6,
    "processor transform, set and Concat": 0.47e6,
    "processor transform, replace_pattern": 0.36e6,
    "processor transform, ten statements for nobody": 0.47e6,
    "delta_to_cumulative": 0.44e6,
    "tail_sampling": 0.15e6,
    "connector span_metrics, two dimensions": 0.24e6,
    "connector service_graph": 0.30e6,
}
# Name, signal, processor; bars in items per CPU-second and as a share of the pipeline without it.
PROCESSORS = [
    ("processor attributes, insert and rename", "logs", {"attributes": {"actions": [INSERT, *RENAME]}}, 2e6, 0.6),
    ("processor attributes, delete by pattern", "logs", {"attributes": {"actions": [{"action": "delete", "pattern": "^http\\."}]}}, 1.5e6, None),
    ("processor attributes, include nobody", "logs", {"attributes": {"include": NOBODY, "actions": [INSERT]}}, None, 0.95),
    ("processor resource, upsert", "logs", {"resource": {"attributes": [{"key": "env", "action": "upsert", "value": "x"}]}}, None, None),
    ("processor probabilistic_sampler, 10 %", "traces", {"probabilistic_sampler": {"sampling_percentage": 10}}, 2e6, None),
    ("processor filter, severity", "logs", {"filter": {"log_conditions": ["log.severity_number < SEVERITY_NUMBER_DEBUG"]}}, 3.5e6, 0.6),
    ("processor filter, an attribute", "logs", {"filter": {"log_conditions": ['log.attributes["user"] == "nobody"']}}, 3e6, None),
    ("processor transform, set an attribute", "logs", {"transform": {"log_statements": ['set(log.attributes["k"], log.severity_text)']}}, 1.5e6, None),
    ("processor transform, set and Concat", "logs", {"transform": {"log_statements": [CONCAT]}}, 1.5e6, None),
    ("processor transform, replace_pattern", "logs", {"transform": {"log_statements": [PATTERN]}}, 7e5, None),
    ("processor transform, ten statements for nobody", "logs", {"transform": {"log_statements": TEN}}, None, 0.5),
    ("processor span, name from attributes", "traces", {"span": {"name": {"from_attributes": ["http.request.method", "http.route"], "separator": " "}}}, None, None),
]

METHOD_AND_STATUS = [{"name": "http.request.method"}, {"name": "http.response.status_code"}]
# The same of connectors, whose metrics go nowhere.
CONNECTORS = [
    ("connector span_metrics, two dimensions", "traces", {"span_metrics": {"dimensions": METHOD_AND_STATUS}}, 2.5e6, None),
    ("connector service_graph", "traces", {"service_graph": {}}, 1.5e6, None),
]

# bar: the least share of the discard server that is asked for. requests: for one run.
Case = namedtuple("Case", "name signal bodies items protocol gzip requests config known bar", defaults=(NOP, False, None))


def cases():
    rows = []
    kinds = (
        ("100 spans", "traces", lambda: payload.traces(100), 100, 12000, 0.70),
        ("1000 points", "metrics", lambda: payload.metrics(1000), 1000, 4000, 0.50),
        ("1000 records", "logs", lambda: payload.logs(1000), 1000, 3000, 0.70),
        ("10 spans", "traces", lambda: payload.traces(10), 10, 40000, None),
        ("10 points", "metrics", lambda: payload.metrics(10), 10, 40000, None),
        ("10 records", "logs", lambda: payload.logs(10), 10, 40000, None),
    )
    for name, signal, bodies, items, requests, bar in kinds:
        for protocol in ("gRPC", "HTTP"):
            for gzipped in (False, True):
                asked = bar if not gzipped and (protocol == "gRPC" or signal != "traces") else None
                n = requests // 3 if gzipped else requests
                rows.append(Case(f"{name}, {protocol}{', gzip' if gzipped else ''} -> nop", signal, bodies, items, protocol, gzipped, n, bar=asked))
    for words, series, requests, bar in (("10,000", 10_000, 3000, 0.40), ("1,000,000", 1_000_000, 2000, 0.20)):
        rows.append(
            Case(
                f"1000 points, gRPC -> prometheus, {words} series known",
                "metrics",
                lambda series=series: payload.metrics(1000, series),
                1000,
                "gRPC",
                False,
                requests,
                SCRAPE,
                True,
                bar,
            )
        )
    return rows


def cpu_seconds(pid):
    """Time on the processor of all threads, in units of ns where the kernel says them."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def load(address, path, file, case_protocol="gRPC", gzipped=False, stamp=False, tls=False, **options):
    """The options are bench/load's; None for one that has no value."""
    command = ["taskset", "-c", str(LOAD_CORE), LOAD, "-a", address, "-p", path, "-f", str(file), "-T", str(LONGEST)]
    command += ["-g"] if case_protocol == "gRPC" else []
    command += ["-z"] if gzipped else []
    command += ["-t"] if stamp else []
    command += ["-s"] if tls else []
    for name, value in options.items():
        command += ["-" + name, *([str(value)] if value is not None else [])]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST + 60)
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}{ran.stderr}"
    return json.loads(ran.stdout)


# 16 MiB instead of 64 KiB, as otelcd's own are wide: about a third faster, so the harder measure.
WIDE_WINDOWS = ["--window-bits=24", "--connection-window-bits=24"]


class Discard:
    """nghttpd: reads the body and answers 200 with a file of two bytes."""

    def __init__(self, folder):
        for s in otlp.SIGNALS.values():
            for path in (s.rpc, s.path):
                target = folder / "docs" / path[1:]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text("ok")
        program = shutil.which("nghttpd") or "/usr/sbin/nghttpd"
        for port in range(18400, 18500):
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), program, "--no-tls", *WIDE_WINDOWS, "-d", folder / "docs", "-a", "127.0.0.1", str(port)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            self.address = f"127.0.0.1:{port}"
            if self._up():
                return
        raise AssertionError("nghttpd did not start")

    def _up(self):
        for _ in range(100):
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection(tuple([self.address.split(":")[0], int(self.address.split(":")[1])])).close()
                return True
            except OSError:
                time.sleep(0.02)
        return False

    def close(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    def __init__(self, rounds):
        self.rounds = rounds
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="otelcd-bench-"))
        self.missed = []
        self.files = {}
        self.daemons = 0
        self.started = []  # what must not outlive a run that fails

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)

    def daemon(self, config, under=("taskset", "-c", str(SERVER_CORE))):
        folder = self.folder / f"otelcd{self.daemons}"
        self.daemons += 1
        folder.mkdir()
        d = Daemon(folder, config, under=list(under))
        self.started.append(d.process)
        return d.wait_ready()

    def bodies(self, case):
        key = (case.name.split(",")[0], case.known and case.name, case.gzip)
        if key not in self.files:
            self.files[key] = payload.write(self.folder / f"bodies{len(self.files)}", case.bodies(), case.gzip)
        return self.files[key]

    # --- ratios ---

    def one(self, case, address, pid, connections=4, streams=16):
        signal = otlp.SIGNALS[case.signal]
        path = signal.rpc if case.protocol == "gRPC" else signal.path
        before = cpu_seconds(pid)
        result = load(
            address, path, self.bodies(case), case.protocol, case.gzip, case.known, n=case.requests, c=connections, m=streams
        )
        used = cpu_seconds(pid) - before
        return result["requests"] * case.items / used, result["bytes"] / used / 1e6

    def warm(self, case, d):
        """The series are known before the clock starts."""
        if case.known:
            n = self.bodies(case).stat().st_size // 120_000 + 1
            load(d.grpc_address(), otlp.METRICS.rpc, self.bodies(case), stamp=True, n=n, c=2, m=4)

    def ratio(self, case):
        ours, theirs, mb = [], [], []
        d = self.daemon(case.config)
        self.warm(case, d)
        received = d.ledger("pipeline", case.signal)["received"]
        for _ in range(self.rounds):
            discard = Discard(self.folder)
            theirs.append(self.one(case, discard.address, discard.process.pid)[0])
            discard.close()
            address = d.grpc_address() if case.protocol == "gRPC" else d.http_address()
            rate, megabytes = self.one(case, address, d.process.pid)
            ours.append(rate)
            mb.append(megabytes)
        column = d.ledger("pipeline", case.signal)
        assert column["delivered"] - received == self.rounds * case.requests * case.items, f"items are missing: {column}"
        stop(d)
        share = statistics.median(ours) / statistics.median(theirs)
        spread = (max(ours) - min(ours)) / statistics.median(ours)
        self.row(
            case.name,
            f"{statistics.median(ours) / 1e6:8.2f} M/s {statistics.median(mb):6.0f} MB/s  discard {statistics.median(theirs) / 1e6:8.2f} M/s  "
            f"spread {spread:4.0%}  share {share:4.0%}",
            share,
            case.bar,
            lambda v: f"{v:.0%}",
        )

    def connector(self, name, signal, connector, bar=None, share_bar=None):
        kind = next(iter(connector))
        if os.environ.get("ORACLE"):
            GO[name] = self.go_connector({kind.replace("_", ""): connector[kind]})
        text = NOP.replace("exporters:\n", f"connectors: {json.dumps(connector)}\nexporters:\n", 1)
        text = text.replace(f"{signal}: {{receivers: [otlp], exporters: [nop]", f"{signal}: {{receivers: [otlp], exporters: [{kind}]")
        self.beside_plain(name, signal, text.replace("metrics: {receivers: [otlp]", f"metrics: {{receivers: [otlp, {kind}]"), bar, share_bar)

    def go_connector(self, connector):
        """The Go collector's, with the same spans: for each second on the processor."""
        kind, grpc, telemetry = next(iter(connector)), free_port(), free_port()
        reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": telemetry}}}}
        config = {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{grpc}"}}}},
            "connectors": connector,
            "exporters": {"nop": None},
            "service": {
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": [kind]}, "metrics": {"receivers": [kind], "exporters": ["nop"]}},
                "telemetry": {"metrics": {"readers": [reader]}, "logs": {"level": "error"}},
            },
        }
        file = self.folder / "go-connector.yaml"
        file.write_text(json.dumps(config))
        process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), os.environ["ORACLE"], "--config", str(file)])
        self.started.append(process)
        deadline = time.monotonic() + 60
        while not _is_open(grpc):
            assert time.monotonic() < deadline and process.poll() is None, "the Go collector does not start"
            time.sleep(0.1)
        case = Case("traces for processors", "traces", lambda: payload.traces(100), 100, "gRPC", False, 3000)
        rates = [self.one(case, f"127.0.0.1:{grpc}", process.pid)[0] for _ in range(self.rounds + 1)]
        process.terminate()
        process.wait()
        return statistics.median(rates[1:])

    def processor(self, name, signal, processor, bar=None, share_bar=None):
        kind = next(iter(processor))
        text = NOP.replace("exporters:\n", f"processors: {json.dumps(processor)}\nexporters:\n", 1)
        text = text.replace(f"{signal}: {{receivers: [otlp], ", f"{signal}: {{receivers: [otlp], processors: [{kind}], ")
        self.beside_plain(name, signal, text, bar, share_bar)

    def pods(self, name):
        """Resources whose pod is known by the client's address, among a thousand."""
        api = ApiServer()
        for i in range(1000):
            api.put("pods", pod(f"p{i}", ip="127.0.0.1" if i == 0 else f"10.0.{i >> 8}.{i & 255}"))
        os.environ["KUBECONFIG"] = clustered.kubeconfig(self.folder, api.address)
        try:
            labels = [{"key": "app", "tag_name": "app"}]
            self.processor(name, "traces", {"k8s_attributes": {"auth_type": "kubeConfig", "wait_for_metadata": True, "extract": {"labels": labels}}}, None, 0.85)
        finally:
            api.close()

    def beside_plain(self, name, signal, text, bar, share_bar):
        """That configuration, a plain pipeline, and the discard server, in turn."""
        wide = signal == "logs"
        bodies, items, requests = (lambda: payload.logs(1000, True), 1000, 3000) if wide else (lambda: payload.traces(100), 100, 12000)
        case = Case(f"{signal} for processors", signal, bodies, items, "gRPC", False, requests)
        plain = self.daemon(NOP)
        ours = self.daemon(text)
        rates = {"plain": [], "ours": [], "discard": []}
        for _ in range(self.rounds):
            discard = Discard(self.folder)
            rates["discard"].append(self.one(case, discard.address, discard.process.pid)[0])
            discard.close()
            rates["plain"].append(self.one(case, plain.grpc_address(), plain.process.pid)[0])
            rates["ours"].append(self.one(case, ours.grpc_address(), ours.process.pid)[0])
        column = ours.ledger("pipeline", signal)
        assert column["delivered"] + column["dropped"] == self.rounds * requests * items, f"items are missing: {column}"
        stop(plain)
        stop(ours)
        rate, without, discarded = (statistics.median(rates[k]) for k in ("ours", "plain", "discard"))
        go = f"  Go {GO[name] / 1e6:.2f} M/s" if name in GO else ""
        words = f"{rate / 1e6:8.2f} M/s{go}  without it {without / 1e6:.2f} M/s  discard {discarded / 1e6:.2f} M/s  share of discard {rate / discarded:4.0%}"
        self.row(f"{name}: items per CPU-second", words, rate, bar, lambda v: f"{v / 1e6:.1f} M/s")
        self.row(f"{name}: of the pipeline without it", f"{rate / without:8.0%}", rate / without, share_bar, lambda v: f"{v:.0%}")

    def tap(self):
        """One pipeline, with and without somebody who looks for what does not come."""
        case = Case("traces for processors", "traces", lambda: payload.traces(100), 100, "gRPC", False, 40000)
        d = self.daemon(NOP)
        socket_path = d.records("^Control socket")[-1]["socket"]
        rates = {"without": [], "with": []}
        for _ in range(self.rounds):
            rates["without"].append(self.one(case, d.grpc_address(), d.process.pid)[0])
            tap = subprocess.Popen(
                ["taskset", "-c", str(LOAD_CORE), OTELCD, "tap", "traces", "--condition", 'span.name == "nobody"', "--socket", socket_path],
                stderr=subprocess.PIPE,
                text=True,
            )
            self.started.append(tap)
            assert "looking at" in tap.stderr.readline()
            rates["with"].append(self.one(case, d.grpc_address(), d.process.pid)[0])
            tap.send_signal(signal.SIGINT)
            said = tap.stderr.read().splitlines()[-1]
            assert tap.wait(60) == 0
        stop(d)
        without, tapped = (statistics.median(rates[k]) for k in ("without", "with"))
        self.row("tap, nothing matches: items per CPU-second", f"{tapped / 1e6:8.2f} M/s  without it {without / 1e6:.2f} M/s  {said}")
        self.row("tap, nothing matches: of the pipeline without it", f"{tapped / without:8.0%}", tapped / without, 0.9, lambda v: f"{v:.0%}")

    def open_traces(self, traces=60_000, spans=10, wait=5):
        """As many traces begin in `wait` seconds, so as many are open. The first wave fills the memory; the second one, and the
        decisions that are due meanwhile, are timed."""
        keys = {
            "decision_wait": f"{wait}s",
            "num_traces": 2 * traces,
            "max_bytes": 1 << 30,
            "policies": [
                {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
                {"name": "slow", "type": "latency", "latency": {"threshold_ms": 4900}},
            ],
        }
        waves = [payload.open_traces(traces, seed, spans) for seed in (1, 2)]
        wire = sum(map(len, waves[0]))
        files = [payload.write(self.folder / f"traces{i}", bodies) for i, bodies in enumerate(waves)]
        text = NOP.replace("exporters:\n", f"processors: {json.dumps({'tail_sampling': keys})}\nexporters:\n", 1)
        text = text.replace("traces: {receivers: [otlp], ", "traces: {receivers: [otlp], processors: [tail_sampling], ")
        rates, memory = [], []
        for _ in range(self.rounds):
            d = self.daemon(text)
            empty, used = d.rss(), []
            for file in files:
                before = cpu_seconds(d.process.pid)
                load(d.grpc_address(), otlp.TRACES.rpc, file, n=len(waves[0]), c=4, m=4, r=len(waves[0]) // wait)
                used.append(cpu_seconds(d.process.pid) - before)
            memory.append((d.rss() - empty) / wire)
            rates.append(traces * spans / used[1])
            d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_held_items")) == 0)
            assert sum(s.value for s in d.metrics().find("otelcol_processor_tail_sampling_global_count_traces_sampled")) == 2 * traces
            stop(d)
        name, rate, part = f"tail_sampling, {traces:,} open traces", statistics.median(rates), statistics.median(memory)
        self.row(f"{name}: spans per CPU-second", f"{rate / 1e6:8.2f} M/s  Go {GO['tail_sampling'] / 1e6:.2f} M/s", rate, 1e6, lambda v: f"{v / 1e6:.1f} M/s")
        self.row(f"{name}: memory", f"{part:8.2f} times the wire", part, 1.6, lambda v: f"{v:.1f}", False)

    def deltas(self, requests=3000):
        """Deltas that get later, one request after the other: beside one another some would come late."""
        file = payload.write(self.folder / "deltas", payload.deltas(1000))
        text = NOP.replace("exporters:\n", "processors: {delta_to_cumulative: {}}\nexporters:\n", 1)
        text = text.replace("metrics: {receivers: [otlp], ", "metrics: {receivers: [otlp], processors: [delta_to_cumulative], ")
        rates = []
        for _ in range(self.rounds):
            d = self.daemon(text)
            before = cpu_seconds(d.process.pid)
            load(d.grpc_address(), otlp.METRICS.rpc, file, stamp=True, n=requests, c=1, m=1)
            rates.append(requests * 1000 / (cpu_seconds(d.process.pid) - before))
            column = d.ledger("pipeline", "metrics")
            assert column["delivered"] == requests * 1000 and column["dropped"] == 0, f"points are missing: {column}"
            stop(d)
        rate = statistics.median(rates)
        words = f"{rate / 1e6:8.2f} M/s  Go {GO['delta_to_cumulative'] / 1e6:.2f} M/s"
        self.row("delta_to_cumulative: points per CPU-second", words, rate, 3e6, lambda v: f"{v / 1e6:.1f} M/s")

    def row(self, name, text, value=None, bar=None, show=str, least=True):
        verdict = ""
        if bar is not None:
            met = value >= bar if least else value <= bar
            verdict = f"  bar {'>=' if least else '<='} {show(bar)}: {'pass' if met else 'MISS'}"
            if not met:
                self.missed.append(name)
        print(f"{name:<58} {text}{verdict}", flush=True)

    # --- size and stalls ---

    def start_and_idle(self):
        config = self.folder / "start.yaml"
        config.write_text(NOP + TELEMETRY.split("service:\n")[1])
        took, rss = [], []
        for _ in range(15):
            milliseconds, mib = start_once(config)
            took.append(milliseconds)
            rss.append(mib)
        self.row("start to ready", f"{statistics.median(took):8.1f} ms", statistics.median(took), 10, lambda v: f"{v} ms", False)
        self.size_of_what_is_seen()
        self.row("idle resident memory", f"{statistics.median(rss):8.1f} MiB", statistics.median(rss), 6, lambda v: f"{v} MiB", False)

    def size_of_what_is_seen(self):
        """What the binary has for the page, its API, taps, the commands that tell of a configuration or a running otelcd, and
        reloads."""
        built = pathlib.Path(os.environ["BENCH"]).parent / "src"
        commands = "completion explain explain_loss fault_report migrate schema schema_rows schema_rules status tap top top_frame top_screen daemon daemon_tls"
        objects = [built / f"command/{c}.o" for c in commands.split()]
        for folder in ("page", "page/tap", "command/doctor", "command/migrate", "service/control", "service/reload", "otlp/text"):
            objects += (built / folder).glob("*.o")
        ran = subprocess.run(["size", "-t", *objects], capture_output=True, text=True, check=True)
        text, data = map(int, ran.stdout.splitlines()[-1].split()[:2])
        size = (text + data) / 1000
        self.row("size of what shows and tells", f"{size:8.0f} kB of the binary", size, 300, lambda v: f"{v} kB", False)

    def series(self, count, scrape_bar, rss_bar=None, rate=None):
        """Scrapes of `count` series, while `rate` requests of 1000 points arrive each second."""
        file = payload.write(self.folder / "series", payload.metrics(1000, count))
        d = self.daemon(SCRAPE)
        empty = d.rss()
        load(d.grpc_address(), otlp.METRICS.rpc, file, stamp=True, n=count // 1000, c=2, m=4)
        words = f"{count:,} series"
        self.row(f"{words}: resident memory", f"{d.rss() / 1e6:8.0f} MB  ({(d.rss() - empty) / count:.0f} bytes each)", d.rss() / 1e6, rss_bar, lambda v: f"{v} MB", False)
        filling = stalls(d)
        self.row(f"{words}: longest stall of the loop while they are made", f"{filling.longest * 1000:8.2f} ms, on the processor {filling.cpu * 1000:.2f} ms")
        arriving = None
        if rate:
            arriving = subprocess.Popen(
                ["taskset", "-c", str(LOAD_CORE), LOAD, "-g", "-t", "-a", d.grpc_address(), "-p", otlp.METRICS.rpc, "-f", str(file)]
                + ["-r", str(rate), "-n", str(rate * 60), "-T", "60"],
                stdout=subprocess.DEVNULL,
            )
        times, size = [], 0
        for _ in range(self.rounds + 2):
            ran = subprocess.run(
                ["taskset", "-c", str(LOAD_CORE), "curl", "-s", "-o", str(self.folder / "page"), "-w", "%{time_total} %{size_download}"]
                + ["--max-time", str(LONGEST), f"http://{d.scrape_address('prometheus')}/metrics"],
                capture_output=True,
                text=True,
                check=True,
            )
            times.append(float(ran.stdout.split()[0]))
            size = int(ran.stdout.split()[1])
        if arriving:
            assert arriving.poll() is None, "the points stopped arriving during the scrapes"
            arriving.terminate()
            arriving.wait()
        during = f" while {rate * 1000:,} points/s arrive" if rate else ""
        self.row(f"{words}: one scrape{during}", f"{statistics.median(times):8.3f} s  ({size / 1e6:.0f} MB of text)", statistics.median(times), scrape_bar, lambda v: f"{v} s", False)
        scraping = stalls(d)
        more = {le: n - filling.buckets[le] for le, n in scraping.buckets.items()}
        bound = min(le for le, n in more.items() if n == more[float("inf")]) * 1000
        wall = f"{scraping.longest * 1000:.2f} ms" if scraping.longest > filling.longest else f"below {bound:g} ms"
        over = more[float("inf")] - more[0.005]
        # The bar is for what the loop does; the wall's time also has what the machine did meanwhile (curl, the load, others).
        self.row(
            f"{words}: longest stall of the loop, making them and scrapes{during}",
            f"{scraping.cpu * 1000:8.2f} ms on the processor  (during scrapes by the wall {wall}, {over:.0f} of {more[float('inf')]:.0f} turns over 5 ms)",
            scraping.cpu * 1000,
            5 if rate else None,
            lambda v: f"{v} ms",
            False,
        )
        stop(d)


    # --- remote write ---

    def sink(self, *pair):
        """Discards what it is sent; through TLS where it is given a certificate and its key."""
        options = ["0", *map(str, pair)] if pair else []
        process = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), os.environ["BENCH"] + "/discard_server", "127.0.0.1:0", *options], stdout=subprocess.PIPE, text=True
        )
        self.started.append(process)
        return process, process.stdout.readline().strip()

    def remote_write(self, name, more, bar, series=250_000, requests=3000):
        """OTLP in, remote write to who discards it: samples per CPU-second, and what they weigh."""
        file = payload.write(self.folder / "written", payload.metrics(1000, series))
        sink, address = self.sink()
        config = NOP.replace("  nop:\n", f'  nop:\n  prometheus_remote_write: {{endpoint: "http://{address}/w", {more.format(folder=self.folder)}}}\n').replace(
            "metrics: {receivers: [otlp], exporters: [nop]}", "metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}"
        )
        d = self.daemon(config)
        push = lambda n: load(d.grpc_address(), otlp.METRICS.rpc, file, stamp=True, n=n, c=2, m=4)  # noqa: E731
        held = lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items"))  # noqa: E731
        push(series // 1000)
        d.wait_metrics(lambda m: held(m) == 0)
        rss = d.rss()
        before = cpu_seconds(d.process.pid)
        push(requests)
        d.wait_metrics(lambda m: held(m) == 0)
        used = cpu_seconds(d.process.pid) - before
        rate = requests * 1000 / used
        m = d.metrics()
        samples = m.value("prometheus_remote_storage_samples_total")
        weight = m.value("prometheus_remote_storage_bytes_total") / samples
        disk = sum(s.value for s in m.find("otelcd_exporter_wal_written_bytes")) / samples
        column = d.ledger("exporter", "prometheus_remote_write", "metrics")
        assert column["delivered"] == requests * 1000 + series and column["dropped"] == 0, f"items are missing: {column}"
        self.row(
            f"{name}: samples per CPU-second",
            f"{rate / 1e6:8.2f} M/s  ({weight:.1f} bytes a sample on the wire{f', {disk:.0f} on disk' if disk else ''})",
            rate,
            bar,
            lambda v: f"{v / 1e6:.1f} M/s",
        )
        if not disk:
            self.row(f"{name}: resident memory, {series:,} series", f"{rss / 2**20:8.0f} MiB", rss / 2**20, 64, lambda v: f"{v:.0f} MiB", False)
        stop(d)
        sink.terminate()
        sink.wait()
        return rate

    def replay(self, size=1 << 30, series=10_000):
        """A gigabyte waits on disk behind a receiver that was away: how soon after a start the first of it is delivered."""
        file = payload.write(self.folder / "waiting", payload.metrics(1000, series))
        sink, address = self.sink()
        exporter = '  prometheus_remote_write: {endpoint: "http://%s/w", wal: {directory: "%s", max_size_mib: 2048}}\n'
        config = lambda to: NOP.replace("  nop:\n", "  nop:\n" + exporter % (to, self.folder / "replay")).replace(  # noqa: E731
            "metrics: {receivers: [otlp], exporters: [nop]}", "metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}"
        )
        on_disk = lambda m: sum(s.value for s in m.find("otelcd_exporter_wal_size"))  # noqa: E731
        d = self.daemon(config("127.0.0.1:9"))
        sent = 0
        while on_disk(d.metrics()) < size:
            load(d.grpc_address(), otlp.METRICS.rpc, file, stamp=True, n=500, c=2, m=4)
            sent += 500_000
        waiting = on_disk(d.metrics())
        away = d.rss()
        stop(d)
        began = time.monotonic()
        d = self.daemon(config(address))
        delivered = lambda: d.ledger("exporter", "prometheus_remote_write", "metrics")["delivered"]  # noqa: E731
        while delivered() == 0:
            time.sleep(0.002)
        took = time.monotonic() - began
        before = cpu_seconds(d.process.pid)
        began, already, peak = time.monotonic(), delivered(), d.rss()
        while delivered() < sent:
            time.sleep(0.05)
            peak = max(peak, d.rss())
        rate, used = (sent - already) / (time.monotonic() - began), cpu_seconds(d.process.pid) - before
        self.row(
            "remote write, replay: start to first delivery",
            f"{took * 1000:8.0f} ms  {waiting / 2**30:.2f} GiB waited; then {rate / 1e6:.1f} M samples/s, {(sent - already) / used / 1e6:.1f} M per CPU-second",
            took,
            1,
            lambda v: f"{v * 1000:.0f} ms",
            False,
        )
        self.row("remote write, replay: resident memory", f"{peak / 2**20:8.0f} MiB at most; {away / 2**20:.0f} MiB while it gathered")
        stop(d)
        sink.terminate()
        sink.wait()

    def vmagent(self, ours, series=100_000, scrapes=8):
        """The same series through vmagent, by its own way in: it scrapes them and sends them on."""
        program = shutil.which("vmagent")
        if program is None:
            print("vmagent is not installed (victoria-metrics): not compared")
            return
        page = payload.exposition(series)
        served = []

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                served.append(time.monotonic())

            def log_message(self, *args):
                pass

        target = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=target.serve_forever, daemon=True).start()
        (self.folder / "scrape.yml").write_text(
            f"""
global: {{scrape_interval: 2s, scrape_timeout: 2s}}
scrape_configs:
  - {{job_name: checkout, static_configs: [{{targets: ["127.0.0.1:{target.server_address[1]}"]}}]}}
"""
        )
        sink, address = self.sink()
        port = next(p for p in range(18500, 18600) if not _is_open(p))
        agent = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), program, f"-httpListenAddr=127.0.0.1:{port}", f"-remoteWrite.url=http://{address}/w"]
            + [f"-remoteWrite.tmpDataPath={self.folder}/vmagent", "-loggerLevel=ERROR", "-promscrape.maxScrapeSize=500MB"]
            + [f"-promscrape.config={self.folder}/scrape.yml"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            first, used_first = self.vmagent_sent(port, agent, 2 * series)
            last, used_last = self.vmagent_sent(port, agent, first + scrapes * series)
        finally:
            for process in (agent, sink):
                process.terminate()
                process.wait()
            target.shutdown()
        rate = (last - first) / (used_last - used_first)
        self.row("remote write, vmagent (scraped)", f"{rate / 1e6:8.2f} M/s  otelcd (OTLP in) does {ours / rate:.1f} times that", ours / rate, 3, lambda v: f"{v:.1f} times")

    def vmagent_sent(self, port, agent, rows):
        """Waits until it has sent so many: (how many, its CPU seconds then)."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            ran = subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/metrics"], capture_output=True, text=True)
            sent = sum(float(x.split()[1]) for x in ran.stdout.splitlines() if x.startswith("vmagent_remotewrite_block_size_rows_sum"))
            if sent >= rows:
                return sent, cpu_seconds(agent.pid)
            time.sleep(0.05)
        raise AssertionError(f"vmagent did not send {rows} rows")


def _is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
        return True
    except OSError:
        return False


def start_once(config):
    """From posix_spawn to the ready line, in ms, and the resident memory then, in MiB."""
    out, into = os.pipe()
    began = time.monotonic()
    pid = os.posix_spawn(OTELCD, [OTELCD, "--config", str(config)], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, into, 2)])
    os.close(into)
    seen = b""
    while READY.encode() not in seen:
        more = os.read(out, 65536)
        assert more, seen.decode()
        seen += more
    took = (time.monotonic() - began) * 1000
    with open(f"/proc/{pid}/status") as f:
        rss = next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS:"))
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    os.close(out)
    return took, rss


Stalls = namedtuple("Stalls", "longest cpu buckets")


def stalls(d):
    """How long the loop was busy between two sleeps: the longest since the start, and how often up to how long."""
    metrics = d.metrics()
    buckets = {float(s.labels["le"]): s.value for s in metrics.find("otelcd_loop_busy_seconds_bucket")}
    return Stalls(metrics.value("otelcd_loop_longest_stall_seconds"), metrics.value("otelcd_loop_longest_stall_cpu_seconds"), buckets)


def stop(d):
    d.close_clients()
    d.terminate()
    assert d.wait_end() == 0, d.log()
    d.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side for each row (3)")
    parser.add_argument("words", nargs="*", help="only rows whose name has one of these words; `size` for the series")
    args = parser.parse_args()
    chosen = lambda name: not args.words or any(w in name for w in args.words)  # noqa: E731
    print("Against nghttpd with windows of 16 MiB; a share of its default windows would be about 1.3 times as large.")
    print(f"Items per CPU-second of the server process on core {SERVER_CORE}; load from core {LOAD_CORE}; medians of {args.rounds}.")
    bench = Bench(max(1, min(args.rounds, 20)))
    try:
        for case in cases():
            if chosen(case.name):
                bench.ratio(case)
        for name, signal, processor, bar, share_bar in PROCESSORS:
            if chosen(name):
                bench.processor(name, signal, processor, bar, share_bar)
        if chosen("processor k8s_attributes"):
            bench.pods("processor k8s_attributes, by address")
        for name, signal, connector, bar, share_bar in CONNECTORS:
            if chosen(name):
                bench.connector(name, signal, connector, bar, share_bar)
        if chosen("tap"):
            bench.tap()
        if chosen("tail_sampling"):
            bench.open_traces()
        if chosen("delta_to_cumulative"):
            bench.deltas()
        if chosen("start") or chosen("size"):
            bench.start_and_idle()
        if chosen("size"):
            bench.series(100_000, 0.1)
            bench.series(1_000_000, 1.0, 400, 100)
        if chosen("remote write"):
            ours = bench.remote_write("remote write", "", 1e6)
            bench.remote_write("remote write 2.0", "protobuf_message: io.prometheus.write.v2.Request", None)
            bench.remote_write("remote write, on disk, synced", 'wal: {{directory: "{folder}"}}', 5e5)
            bench.replay()
            bench.vmagent(ours)
        Shared(bench, cpu_seconds, stop).rows(chosen, NOP, cases(), LOAD)
        Hop(bench, load, cpu_seconds, stop).rows(chosen)
        Kafka(bench, load, cpu_seconds, stop, SERVER_CORE).rows(chosen)
        Scrape(bench, SERVER_CORE, cpu_seconds, stop, stalls).rows(chosen)
        file = payload.write(bench.folder / "watched", payload.traces(1000))
        Watched(bench, load, cpu_seconds, stop, stalls).rows(chosen, NOP, file, otlp.TRACES.rpc)
        Reloading(bench, load, stop, stalls).rows(chosen, NOP, file, otlp.TRACES.rpc, 1000)
    finally:
        bench.close()
    print(f"\n{len(bench.missed)} bars missed" + "".join(f"\n  {m}" for m in bench.missed))


if __name__ == "__main__":
    main()
