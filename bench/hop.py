# SPDX-License-Identifier: Apache-2.0
"""The rows of bench.py about OTLP in and OTLP out: how much of what `nop` gets leaves again, through TLS, compressed,
from a disk, how long a request takes at half load, and how much memory a peer costs that has stopped.

Each row runs both of what it compares in turn, in one run."""

import gzip
import json
import os
import signal
import statistics
import subprocess
import time
from collections import namedtuple

import payload
from harness import otlp

MIB = 2**20
# What goes in, and how many requests for one run.
Kind = namedtuple("Kind", "words signal body items requests")
# What goes out. on: "exporter" without TLS, "tls" both ways; against: what it is compared with.
Way = namedtuple("Way", "exporter coding gzipped tls disk queue processor", defaults=("none", False, False, False, True, None))
NOWHERE = Way(None)
MEMBERS = 4  # of load_balancing
# Requests before the clock starts: what they wait in has its pages from the system then, a fault each, and keeps them. A
# queue in memory holds 1000, and whether it fills is a matter of who has the other core.
WARM = 2000

STALL_SECONDS, STALL_RATE = 60, 4000  # ten times what is 0.4 M records/s, the whole of a core of the Go collector
STALL_LIMIT = 200  # MiB
INSERT = {"attributes": {"actions": [{"key": "deployment.environment", "action": "insert", "value": "production"}]}}


def kinds():
    return (
        Kind("1000 records", "logs", lambda: payload.logs(1000), 1000, 3000),
        Kind("1000 wide records", "logs", lambda: payload.logs(1000, True), 1000, 2500),
        Kind("100 spans", "traces", lambda: payload.traces(100), 100, 12000),
        Kind("1000 points", "metrics", lambda: payload.metrics(1000), 1000, 4000),
        Kind("10 records", "logs", lambda: payload.logs(10), 10, 40000),
    )


def by_zlib(kind, words):
    """Bytes an item that zlib's level 1 takes for what leaves then: a batch is of as many requests as have 8192 items."""
    request = otlp.SIGNALS[kind.signal].request.FromString(kind.body()[0])
    if words == "attributes insert":
        for record in request.resource_logs[0].scope_logs[0].log_records:
            payload.put(record.attributes, deployment__environment="production")
    requests = -(-8192 // kind.items) if words == "batch" else 1
    return len(gzip.compress(request.SerializeToString() * requests, 1)) / (requests * kind.items)


class Hop:
    def __init__(self, bench, load, cpu_seconds, stop):
        self.bench, self.load, self.cpu_seconds, self.stop = bench, load, cpu_seconds, stop
        self.cert = self.key = None
        self.queues = 0  # each run has one of its own: the ledger of a queue on disk goes on where it was

    # --- what runs ---

    def pair(self):
        if self.cert is None:
            self.cert, self.key = self.bench.folder / "cert.pem", self.bench.folder / "key.pem"
            new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
            subprocess.run(
                ["openssl", "req", "-x509", *new, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.cert],
                check=True,
                capture_output=True,
            )
        return self.cert, self.key

    def bodies(self, kind, gzipped):
        path = self.bench.folder / f"hop-{kind.words.replace(' ', '-')}-{gzipped}"
        return path if path.exists() else payload.write(path, kind.body(), gzipped)

    def config(self, kind, way, address):
        tls = {"tls": dict(zip(("cert_file", "key_file"), map(str, self.pair())))} if way.tls else {}
        protocols = {p: {"endpoint": "127.0.0.1:0", **tls} for p in ("grpc", "http")}
        exporter, extensions = {"nop": None}, {}
        if way.exporter:
            scheme = "" if way.exporter == "otlp_grpc" else "https://" if way.tls else "http://"
            queue = {"block_on_overflow": True} if way.queue else {"enabled": False}
            if way.disk:
                queue["storage"] = "file_storage"
                self.queues += 1
                extensions["file_storage"] = {"directory": str(self.bench.folder / f"queue{self.queues}"), "create_directory": True}
            block = {
                "compression": way.coding,
                "tls": {"ca_file": str(self.cert), "min_version": "1.3"} if way.tls else {"insecure": True},
                "sending_queue": queue,
            }
            if way.exporter == "load_balancing":
                block = {"protocol": {"otlp": block}, "resolver": {"static": {"hostnames": address.split()}}}
            else:
                block["endpoint"] = scheme + address
            exporter = {way.exporter: block}
        pipeline = {"receivers": ["otlp"], "processors": list(way.processor or {}), "exporters": list(exporter)}
        return json.dumps(
            {
                "receivers": {"otlp": {"protocols": protocols}},
                "processors": way.processor or {},
                "exporters": exporter,
                "extensions": extensions,
                "service": {"extensions": list(extensions), "pipelines": {kind.signal: pipeline}},
            }
        )

    def start(self, kind, way):
        n = 0 if way.exporter is None else MEMBERS if way.exporter == "load_balancing" else 1
        sinks = [self.bench.sink(*(self.pair() if way.tls else ())) for _ in range(n)]
        address = " ".join(address for _, address in sinks)
        return self.bench.daemon(self.config(kind, way, address)), [process for process, _ in sinks]

    def end(self, d, sinks):
        self.stop(d)
        for sink in sinks:
            sink.terminate()
            sink.wait()

    def push(self, d, kind, way, n, **options):
        address, path = d.grpc_address(), otlp.SIGNALS[kind.signal].rpc
        return self.load(address, path, self.bodies(kind, way.gzipped), gzipped=way.gzipped, tls=way.tls, n=n, **{"c": 4, "m": 16, **options})

    def settle(self, d):
        held = lambda m: sum(s.value for k in ("pipeline", "exporter") for s in m.find(f"otelcd_{k}_held_items"))  # noqa: E731
        d.wait_metrics(lambda m: held(m) == 0)

    # --- rates ---

    def once(self, kind, way, requests):
        """Items per CPU-second, and bytes an item on the wire to the peer."""
        d, sinks = self.start(kind, way)
        warm = max(requests // 10, min(requests, WARM))
        self.push(d, kind, way, warm)
        self.settle(d)
        before = self.cpu_seconds(d.process.pid)
        self.push(d, kind, way, requests)
        self.settle(d)
        rate = requests * kind.items / (self.cpu_seconds(d.process.pid) - before)
        weight = 0
        if way.exporter:
            column = d.ledger("exporter", way.exporter, kind.signal)
            assert column["delivered"] == (requests + warm) * kind.items, f"items are missing: {column}"
            weight = d.metrics().value("otelcd_exporter_otlp_sent_bytes", exporter=way.exporter, signal=kind.signal) / column["delivered"]
        self.end(d, sinks)
        return rate, weight

    def compare(self, name, kind, way, against, words, bar=None, share_bar=None, requests=None, weight_bar=None):
        """`way` beside `against`, which `words` call. weight_bar: bytes an item that it is not to be above."""
        ours, theirs, weights = [], [], []
        for _ in range(self.bench.rounds):
            theirs.append(self.once(kind, against, requests or kind.requests)[0])
            rate, weight = self.once(kind, way, requests or kind.requests)
            ours.append(rate)
            weights.append(weight)
        rate, other = statistics.median(ours), statistics.median(theirs)
        text = f"{rate / 1e6:8.2f} M/s  {words} {other / 1e6:.2f} M/s  share {rate / other:4.0%}  {statistics.median(weights):.0f} bytes an item"
        self.bench.row(f"{name}: items per CPU-second", text, rate, bar, lambda v: f"{v / 1e6:.2f} M/s")
        if weight_bar is not None:
            weight = statistics.median(weights)
            self.bench.row(f"{name}: bytes an item", f"{weight:8.2f}  by zlib's level 1 {weight_bar:.2f}", weight, weight_bar, lambda v: f"{v:.2f}", False)
        if share_bar is not None:
            self.bench.row(f"{name}: share of {words}", f"{rate / other:4.0%}", rate / other, share_bar, lambda v: f"{v:.0%}")

    def codings(self, chosen, kind):
        for exporter in ("otlp_grpc", "otlp_http"):
            for coding in ("none", "gzip", "zstd"):
                name = f"{kind.words} -> {exporter}, {coding}{' both ways' if coding == 'gzip' else ''}"
                if not chosen(name):
                    continue
                gzipped, small = coding == "gzip", kind.items == 10
                bars = {"bar": 3e5} if small and coding == "none" else {}
                if not small and coding == "none":
                    bars = {"share_bar": 0.5}
                elif not small and kind.signal == "logs":
                    bars = {"bar": 1.5e6}
                n = kind.requests if coding == "none" else kind.requests // 3
                self.compare(name, kind, Way(exporter, coding, gzipped), NOWHERE._replace(gzipped=gzipped), "in -> nop", requests=n, **bars)

    def tls(self, chosen, kind):
        if chosen(f"{kind.words}, TLS -> nop"):
            self.compare(f"{kind.words}, TLS -> nop", kind, Way(None, tls=True), NOWHERE, "plain", share_bar=0.45)
        for exporter in ("otlp_grpc", "otlp_http"):
            name = f"{kind.words} -> {exporter}, TLS both ways"
            if chosen(name):
                self.compare(name, kind, Way(exporter, tls=True), Way(exporter), "plain", share_bar=0.45)

    def rows(self, chosen):
        all_kinds = kinds()
        for kind in all_kinds:
            self.codings(chosen, kind)
            self.tls(chosen, kind)
        spans = all_kinds[2]
        name = f"{spans.words} -> load_balancing, {MEMBERS} members by trace id"
        if chosen(name):
            self.compare(name, spans, Way("load_balancing"), Way("otlp_grpc"), "otlp_grpc", bar=2e6)
        records = all_kinds[0]
        for exporter in ("otlp_grpc", "otlp_http"):
            for words, processor in (("attributes insert", INSERT), ("batch", {"batch": {}})):
                name = f"1000 records -> {exporter}, {words}"
                if chosen(name):
                    self.compare(name, records, Way(exporter, processor=processor), NOWHERE, "in -> nop")
            # What is changed or joined is compressed here; what is not leaves in the sender's bytes.
            for words, processor, bar in (("batch", {"batch": {}}, 1.5e6), ("attributes insert", INSERT, None)):
                name = f"1000 wide records -> {exporter}, gzip both ways, {words}"
                if chosen(name):
                    way, n = Way(exporter, "gzip", True, processor=processor), all_kinds[1].requests // 2
                    most = by_zlib(all_kinds[1], words)
                    self.compare(name, all_kinds[1], way, NOWHERE._replace(gzipped=True), "in -> nop", bar, requests=n, weight_bar=most)
            name = f"1000 records -> {exporter}, queue on disk, synced"
            if chosen(name):
                self.compare(name, records, Way(exporter, disk=True), Way(exporter), "in memory", share_bar=0.7)
        for kind in (records, all_kinds[-1]):
            self.latencies(chosen, kind)
        if chosen("stalled peer"):
            self.stalled(records)

    # --- latency ---

    def latencies(self, chosen, kind):
        for words, way in (("until the next hop has answered", Way("otlp_grpc", queue=False)), ("until it is safe in the queue on disk", Way("otlp_grpc", disk=True))):
            name = f"latency at half load, {kind.words}, {words}"
            if chosen(name):
                self.latency(name, kind, way)

    def latency(self, name, kind, way):
        """From when the generator looks for a request that is due to its answer, with half as many a second as there can be one
        at a time on each connection. (With more under way a wake-up serves many, and half of that can be more than all of what
        comes at its own pace.) Beside it what `nop` takes at that rate, in turn, and how late the generator looked: on a machine
        with others on it, most of the 99th percentile is the wait of three programs for two cores."""
        d, sinks = self.start(kind, way)
        plain, _ = self.start(kind, NOWHERE)
        n = kind.requests
        self.push(d, kind, way, n // 10)
        self.settle(d)
        full = self.push(d, kind, way, n, m=1)
        self.settle(d)
        rate = int(full["requests"] / full["seconds"] / 2)
        runs = {"": [], "  in -> nop ": []}
        for _ in range(self.bench.rounds):
            for words, daemon in zip(runs, (d, plain)):
                runs[words].append(self.push(daemon, kind, way, rate * 5, r=rate, T=20))
                self.settle(daemon)
        text = ""
        for words, of in runs.items():
            p50, p99, p999 = (statistics.median(r[k] for r in of) / 1000 for k in ("p50_us", "p99_us", "p999_us"))
            text += f"{words}p50 {p50:.2f} ms  p99 {p99:.2f} ms  p99.9 {p999:.2f} ms"
        late = statistics.median(r["late_p99_us"] for of in runs.values() for r in of) / 1000
        self.bench.row(name, f"{text}  generator late p99 {late:.2f} ms  at {rate:,} requests/s")
        self.end(plain, [])
        self.end(d, sinks)

    # --- memory ---

    def stalled(self, kind):
        """A peer that takes no byte for a minute, while ten times as much comes as usual."""
        limiter = {"memory_limiter": {"check_interval": "100ms", "limit_mib": STALL_LIMIT}}
        way = Way("otlp_grpc", processor=limiter)
        d, (sink,) = self.start(kind, way)
        self.push(d, kind, way, 100)
        self.settle(d)
        os.kill(sink.pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            ran = self.push(d, kind, way, STALL_RATE * STALL_SECONDS, r=STALL_RATE, T=STALL_SECONDS, k=None, m=64)
        finally:
            os.kill(sink.pid, signal.SIGCONT)
        took = time.monotonic() - began
        peak = peak_rss(d)
        refused = d.ledger("pipeline", kind.signal)["refused"]
        words = f"{peak / MIB:8.0f} MiB at most  {ran['requests'] / took * kind.items / 1e6:.1f} M records/s offered for {took:.0f} s, {refused / 1e6:.0f} M refused"
        bar = STALL_LIMIT + 32
        self.bench.row(f"stalled peer, memory_limiter {STALL_LIMIT} MiB: resident memory", words, peak / MIB, bar, lambda v: f"{v:.0f} MiB", False)
        self.settle(d)
        self.end(d, [sink])


def peak_rss(d):
    with open(f"/proc/{d.process.pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM:"))
