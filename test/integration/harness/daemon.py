# SPDX-License-Identifier: Apache-2.0
"""One running otelcd: started on a configuration, watched through its log, held to its promises when it stops."""

import http.client
import json
import os
import re
import signal
import subprocess
import textwrap
import threading
import time

import grpc

from . import exposition
from .limits import OTELCD, PATIENCE
from .otlp import SIGNALS

READY = "Everything is ready. Begin running and processing data."
SANITIZER = re.compile(r"(Address|Leak|Memory|Thread|UndefinedBehavior)Sanitizer|runtime error:")
COLUMNS = ("received", "delivered", "held", "refused", "dropped")

# Underneath every test's own configuration: lines that can be read, all telemetry, no fixed port.
TELEMETRY = """
service:
  telemetry:
    logs: {encoding: json, sampling: {enabled: false}}
    metrics:
      level: detailed
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: 0}}}}]
"""


class Daemon:
    def __init__(self, folder, config, args=(), env=None, under=(), telemetry=True):
        """under: a command that executes otelcd. (A preexec_fn would fork this process, whose gRPC threads may hang on that.)"""
        self.folder = folder
        self.output = []  # of stderr: a dict for a JSON line, the text for any other
        self.changed = threading.Condition()
        self.ended = False
        self.ending = False  # it was told to
        self.open = []  # connections to close
        self.expected = []  # patterns that expect_warning added
        command = [*under, OTELCD]
        for name, text in (("telemetry.yaml", TELEMETRY if telemetry else None), ("otelcd.yaml", config)):
            if text is not None:
                (folder / name).write_text(textwrap.dedent(text))
                command += ["--config", str(folder / name)]
        self.stdout = open(folder / "stdout", "w+b")
        self.process = subprocess.Popen(
            [*command, *args],
            stdin=subprocess.DEVNULL,
            stdout=self.stdout,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", **(env or {})},
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    # --- the log ---

    def _read(self):
        for raw in self.process.stderr:
            text = raw.decode(errors="replace").rstrip("\n")
            try:
                line = json.loads(text)
            except ValueError:
                line = text
            with self.changed:
                self.output.append(line)
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def log(self):
        return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in self.output)

    def records(self, pattern="", level=None):
        """The JSON lines whose message matches."""
        with self.changed:
            found = [r for r in self.output if isinstance(r, dict) and re.search(pattern, r["msg"])]
        return [r for r in found if level in (None, r["level"])]

    def lines(self, text):
        """The lines of the log that contain this text."""
        return [line for line in self.log().splitlines() if text in line]

    def expect_warning(self, *patterns):
        """From now on these must be in the log by the end."""
        self.expected += patterns

    def wait_log(self, pattern, n=1):
        """The n-th line whose message matches, waited for."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                found = [r for r in self.output if isinstance(r, dict) and re.search(pattern, r["msg"])]
                if len(found) >= n:
                    return found[n - 1]
                left = deadline - time.monotonic()
                assert left > 0 and not self.ended, f"no line {pattern!r} came\n{self.log()}"
                self.changed.wait(left)

    def wait_ready(self):
        self.wait_log("^" + re.escape(READY))
        return self

    def reload(self, config=None, result="^" + re.escape(READY)):
        """SIGHUP, with another configuration if one is given, until the log says what came of it."""
        n = len(self.records(result))
        if config is not None:
            (self.folder / "otelcd.yaml").write_text(config)
        self.process.send_signal(signal.SIGHUP)
        self.wait_log(result, n + 1)

    # --- where it listens ---

    def endpoint(self, message, component=None):
        found = [r for r in self.records(message) if component in (None, r.get("otelcol.component.id"))]
        for r in reversed(found):  # where it listens since the last reload
            if r.get("otelcol.component.id") == found[0].get("otelcol.component.id"):
                return r["endpoint"]
        raise AssertionError(f"nothing listens for {message!r} of {component or 'any component'}\n{self.log()}")

    def grpc_address(self, component=None):
        return self.endpoint("^Starting GRPC server$", component)

    def http_address(self, component=None):
        return self.endpoint("^Starting HTTP server$", component)

    def scrape_address(self, source="telemetry"):
        """Of otelcd's own metrics, or of the exporter of that id."""
        return self.endpoint("^Starting Prometheus scrape endpoint$", source)

    @property
    def grpc_port(self):
        return int(self.grpc_address().rpartition(":")[2])

    @property
    def http_port(self):
        return int(self.http_address().rpartition(":")[2])

    # --- talking to it ---

    def export(self, request, timeout=PATIENCE, compression=None, metadata=None, component=None, address=None):
        """One export over gRPC (the C core's client); the response, or grpc.RpcError."""
        call = self.caller(request, address or self.grpc_address(component))
        return call(request, timeout=timeout, compression=compression, metadata=metadata)

    def caller(self, request, address=None):
        """A connection of its own for requests like this one; call(request), or call.future(request)."""
        sort = next(s for s in SIGNALS.values() if isinstance(request, s.request))
        channel = self.channel(address or self.grpc_address())
        return channel.unary_unary(sort.rpc, lambda r: r.SerializeToString(), sort.response.FromString)

    def channel(self, address, **options):
        channel = grpc.insecure_channel(
            address, options=[("grpc.use_local_subchannel_pool", 1), *options.items()]
        )
        self.open.append(channel)
        return channel

    def post(self, request, body=None, headers=None, path=None, component=None, address=None):
        """One export over HTTP/1.1; (status, headers, body)."""
        sort = next((s for s in SIGNALS.values() if isinstance(request, s.request)), None)
        body = request.SerializeToString() if body is None else body
        headers = {"Content-Type": "application/x-protobuf", **(headers or {})}
        return self.http("POST", path or sort.path, body, headers, address or self.http_address(component))

    def http(self, method, path, body=None, headers=None, address=None):
        connection = http.client.HTTPConnection(address or self.http_address(), timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def scrape(self, component="telemetry", accept=exposition.TEXT):
        status, headers, body = self.http("GET", "/metrics", headers={"Accept": accept}, address=self.scrape_address(component))
        assert status == 200, body
        return headers, body

    def metrics(self, component="telemetry"):
        return exposition.from_text(self.scrape(component)[1].decode())

    def metric(self, name, **labels):
        """The value of one sample of otelcd's own metrics; 0 where there is none yet."""
        found = self.metrics().find(name, **labels)
        assert len(found) <= 1, f"{name}{labels} is not one sample: {found}"
        return found[0].value if found else 0

    def wait_metrics(self, met, component="telemetry"):
        """Scrapes until met(samples) is true: for what happens a little later. Bounded by PATIENCE."""
        deadline = time.monotonic() + PATIENCE
        while True:
            samples = self.metrics(component)
            if met(samples):
                return samples
            assert time.monotonic() < deadline, f"never came true; last: {samples.all}"
            self.process_alive()
            threading.Event().wait(0.02)

    def process_alive(self):
        assert self.process.poll() is None, f"otelcd ended with {self.process.returncode}\n{self.log()}"

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS:"))

    # --- the ledger ---

    def ledgers(self):
        """{("pipeline", "traces"): {"received": ..., ...}, ("exporter", "debug", "traces"): ...} from /metrics."""
        found = {}
        for sample in self.metrics().all:
            named = re.fullmatch(r"otelcd_(pipeline|exporter)_(received|delivered|held|refused|dropped)_items", sample.name)
            if named:
                key = (named[1], sample.labels[named[1]])
                if named[1] == "exporter":
                    key += (sample.labels["signal"],)
                column = found.setdefault(key, dict.fromkeys(COLUMNS, 0))
                column[named[2]] += int(sample.value)
        return found

    def ledger(self, *key):
        return self.ledgers()[key]

    def final_ledgers(self):
        """The same from the lines of the shutdown log."""
        found = {}
        for r in self.records("^Ledger$"):
            key = ("pipeline", r["pipeline"]) if "pipeline" in r else ("exporter", r["exporter"], r["signal"])
            found[key] = {
                c: r.get(c, 0) if not isinstance(r.get(c), dict) else sum(r[c].values()) for c in COLUMNS
            }
        return found

    # --- the end ---

    def stop(self):
        """SIGTERM, and the exit code."""
        self.terminate()
        return self.wait_end()

    def terminate(self, sig=signal.SIGTERM):
        self.ending = self.ending or sig in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(sig)

    def wait_end(self, timeout=PATIENCE):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"otelcd did not end within {timeout} s\n{self.log()}") from None
        self.reader.join(PATIENCE)
        self.stdout.flush()
        return code

    def close_clients(self):
        for c in self.open:
            c.close()
        self.open.clear()


def check_sums(ledgers, where, log):
    assert ledgers, f"no ledger in {where}\n{log}"
    for key, c in ledgers.items():
        assert c["received"] == c["delivered"] + c["held"] + c["refused"] + c["dropped"], f"{where}: {key} does not sum: {c}"


def check_log(daemon, expect=(), allow=()):
    """No sanitizer report; each warning and error is one that the test names; each that it must see was there."""
    expect = (*expect, *daemon.expected)
    for line in daemon.output:
        text = line if isinstance(line, str) else json.dumps(line)
        assert not SANITIZER.search(text), daemon.log()
        if isinstance(line, dict) and line["level"] in ("warn", "error", "fatal") and line["msg"] != "Ledger":
            assert any(re.search(p, text) for p in (*expect, *allow)), f"unexpected: {text}\n\n{daemon.log()}"
    for p in expect:
        assert re.search(p, daemon.log()), f"expected in the log: {p!r}\n{daemon.log()}"


def check_stopped(daemon, expect=(), allow=(), durable=False):
    """Ends a daemon that should be well, and holds it to its promises. durable: a queue on disk may still hold items."""
    before = None
    if daemon.process.poll() is None and not daemon.ending and not daemon.records("^Starting shutdown"):
        before = daemon.ledgers()
        check_sums(before, "/metrics", daemon.log())
        daemon.close_clients()  # a gRPC client that idles would not answer the PING, and hold up the end for 5 s
        daemon.terminate()
    code = daemon.wait_end()
    assert code == 0, f"exit code {code}\n{daemon.log()}"
    check_log(daemon, expect, allow)
    final = daemon.final_ledgers()
    check_sums(final, "the shutdown log", daemon.log())
    for key, c in final.items():
        assert c["held"] == 0 or durable, f"{key} still held items at the end: {c}"
    for key, c in (before or {}).items():
        assert key in final, f"{key} is missing in the shutdown log"
        for column in ("received", "delivered", "refused", "dropped"):
            assert final[key][column] >= c[column], f"{key} {column} shrank: {c} then {final[key]}"
