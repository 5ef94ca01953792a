# SPDX-License-Identifier: Apache-2.0
"""Real backends that take OTLP, each on free ports, and what they give back by their own query API."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from .limits import PATIENCE, free_port


class Backend:
    """One program with its log in `folder`; a subclass says how it is started, and what answers when it is ready."""

    def __init__(self, folder, command, ready, environment=None):
        self.log = folder / "backend.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
        try:
            self.wait(ready, bool)
        except BaseException:
            self.close()
            raise

    def get(self, address, path, **query):
        """The answer's body, or None where it is an error or nobody listens."""
        url = f"http://{address}{path}?" + urllib.parse.urlencode(query)
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return answer.read()
        except OSError:  # HTTPError is one
            return None

    def wait(self, ask, met=bool):
        """Asks until met(answer); returns the answer."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = ask()
            if met(answer):
                return answer
            assert time.monotonic() < deadline and self.process.poll() is None, f"{answer}\n{self.log.read_text()[-4000:]}"
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


JAEGER = """
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines: {{traces: {{receivers: [otlp], exporters: [jaeger_storage_exporter]}}}}
  telemetry: {{metrics: {{level: none}}}}
extensions:
  healthcheckv2: {{use_v2: true, http: {{endpoint: {health}}}}}
  jaeger_query: {{storage: {{traces: memory}}, http: {{endpoint: {query}}}, grpc: {{endpoint: {query_grpc}}}}}
  jaeger_storage: {{backends: {{memory: {{memory: {{max_traces: 100000}}}}}}}}
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: {grpc}}}, http: {{endpoint: {http}}}}}}}
exporters: {{jaeger_storage_exporter: {{trace_storage: memory}}}}
"""


class Jaeger(Backend):
    """Jaeger 2, all in one, in memory."""

    def __init__(self, folder, program):
        names = ["health", "query", "query_grpc", "grpc", "http"]
        addresses = {name: f"127.0.0.1:{free_port()}" for name in names}
        self.health, self.query, _, self.grpc, self.http = (addresses[name] for name in names)
        (folder / "jaeger.yaml").write_text(JAEGER.format(**addresses))
        # Without the variable it sends its own traces to whoever listens at 4317.
        environment = {"PATH": "/usr/bin:/bin", "OTEL_TRACES_SAMPLER": "always_off"}
        super().__init__(folder, [program, "--config", "jaeger.yaml"], lambda: self.get(self.health, "/status"), environment)

    def trace(self, trace_id, spans=1):
        """The resource spans of a trace, as OTLP's JSON, when it has that many spans."""

        def ask():
            answer = self.get(self.query, f"/api/v3/traces/{trace_id.hex()}")
            return json.loads(answer)["result"]["resourceSpans"] if answer else []

        count = lambda found: sum(len(s["spans"]) for r in found for s in r["scopeSpans"])
        return self.wait(ask, lambda found: count(found) == spans)

    def services(self):
        return json.loads(self.get(self.query, "/api/v3/services"))["services"]


class VictoriaLogs(Backend):
    def __init__(self, folder, program):
        self.address = f"127.0.0.1:{free_port()}"
        command = [program, f"-storageDataPath={folder}/data", f"-httpListenAddr={self.address}"]
        super().__init__(folder, command, lambda: self.get(self.address, "/health"))

    def records(self, query, n):
        """n records that match, each a dict of its fields."""

        def ask():
            answer = self.get(self.address, "/select/logsql/query", query=query)
            return [json.loads(line) for line in (answer or b"").decode().splitlines()]

        return self.wait(ask, lambda found: len(found) == n)
