# SPDX-License-Identifier: Apache-2.0
"""Real backends that take OTLP, each on free ports, and what they give back by their own query API."""

import http.server
import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from ..limits import PATIENCE, ROOT, free_port
from ..otlp_peer import GrpcPeer


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


JAEGER = (ROOT / "contrib/docker/jaeger.yaml").read_text().replace(
    "{grpc: {endpoint: 0.0.0.0:4317}}", "{grpc: {endpoint: 0.0.0.0:4317}, http: {endpoint: 0.0.0.0:4318}}"
)


class Jaeger(Backend):
    """Jaeger 2 with the file of the stack, on free ports, and OTLP over HTTP besides."""

    PORTS = {"health": 13133, "query": 16686, "query_grpc": 16685, "grpc": 4317, "http": 4318}

    def __init__(self, folder, program):
        addresses = {name: f"127.0.0.1:{free_port()}" for name in self.PORTS}
        self.health, self.query, _, self.grpc, self.http = addresses.values()
        config = JAEGER
        for name, port in self.PORTS.items():
            config = re.sub(rf"[\d.]+:{port}\b", addresses[name], config)
        (folder / "jaeger.yaml").write_text(config)
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


class TraceStandIn:
    """In Jaeger's place where it is not compiled: takes traces by OTLP/gRPC, and has one query of its API."""

    def __init__(self):
        self.peer = GrpcPeer()
        self.grpc = self.peer.endpoint
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = outer.resource_spans(bytes.fromhex(self.path.removeprefix("/api/v3/traces/")))
                body = json.dumps({"result": {"resourceSpans": found}}, separators=(",", ":")).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.query = f"127.0.0.1:{self.server.server_address[1]}"

    def resource_spans(self, trace_id):
        """As OTLP's JSON, of what it needs."""
        with self.peer.changed:
            all_of = [r for call in self.peer.taken for r in call.message.resource_spans]
        found = []
        for r in all_of:
            spans = [s for scope in r.scope_spans for s in scope.spans if s.trace_id == trace_id]
            attributes = [{"key": a.key, "value": {"stringValue": a.value.string_value}} for a in r.resource.attributes]
            named = [{"traceId": trace_id.hex(), "spanId": s.span_id.hex(), "name": s.name, "kind": s.kind} for s in spans]
            if spans:
                found.append({"resource": {"attributes": attributes}, "scopeSpans": [{"scope": {}, "spans": named}]})
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.peer.close()


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
