# SPDX-License-Identifier: Apache-2.0
"""The compose file, the way of an alert, and `make test-*` of the stack against a loop without containers."""

import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.parse

import pytest

from harness import otlp
from harness.alerts import Alertmanager, Bridge, DingTalk, Mail, wait
from harness.servers.backends import Jaeger, TraceStandIn
from harness.dashboards import RULES, STACK
from harness.limits import PATIENCE, ROOT, tool
from test_stack import LANGUAGE, local, local_prometheus

SCRIPT = str(STACK / "stack")
PASSWORD = {"GRAFANA_ADMIN_PASSWORD": "not a default"}


def run(*command, env=None, path=None):
    env = {**os.environ, **(env or {}), **({"PATH": path} if path else {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=6 * PATIENCE, env=env)


# --- compose.yaml ---


def compose(**env):
    return run(tool("docker-compose"), "-f", str(STACK / "compose.yaml"), "config", env=env)


def test_compose_is_valid_closed_and_bounded():
    ran = compose(**PASSWORD)
    assert ran.returncode == 0, ran.stderr
    yaml = pytest.importorskip("yaml")  # docker-compose needs it too
    services = yaml.safe_load(ran.stdout)["services"]
    assert set(services) >= {"otelcd", "frontend", "backend", "prometheus", "victoria-metrics", "jaeger", "alertmanager", "grafana"}
    for name, s in services.items():
        assert all(str(p).startswith("127.0.0.1:") for p in s.get("ports", [])), f"{name} listens beyond this machine"
        assert s.get("mem_limit"), f"{name} may take all memory"
        assert "build" in s or re.search(r":v?\d+\.\d+\.\d+$", s["image"]), f"{name} is not pinned to a version"
        assert s["cap_drop"] == ["ALL"] and s["security_opt"] == ["no-new-privileges:true"]
        for v in s.get("volumes", []):
            source = str(v).split(":")[0]
            assert not source.startswith("/") or os.path.exists(source), f"{name} mounts {source}"
    assert services["otelcd"]["read_only"] is True
    assert 'HEALTHCHECK' in (STACK / "Dockerfile").read_text()
    assert services["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == PASSWORD["GRAFANA_ADMIN_PASSWORD"]


def test_grafana_finds_what_is_mounted():
    yaml = pytest.importorskip("yaml")
    grafana = yaml.safe_load((STACK / "compose.yaml").read_text())["services"]["grafana"]
    mounts = dict(v.split(":")[:2] for v in grafana["volumes"])
    provisioning = STACK / "grafana/provisioning"
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    providers = yaml.safe_load((provisioning / "dashboards/dashboards.yaml").read_text())["providers"]
    assert [p["options"]["path"] for p in providers] == [mounts["./grafana/dashboards"]]
    sources = yaml.safe_load((provisioning / "datasources/datasources.yaml").read_text())["datasources"]
    assert sum(s.get("isDefault", False) for s in sources) == 1 and len({s["uid"] for s in sources}) == len(sources)
    services = yaml.safe_load((STACK / "compose.yaml").read_text())["services"]
    for s in sources:
        host, _, port = s["url"].removeprefix("http://").partition(":")
        assert f"127.0.0.1:{port}:{port}" in services[host]["ports"], s["name"]


def test_compose_asks_for_the_password():
    ran = compose(GRAFANA_ADMIN_PASSWORD="")
    assert ran.returncode != 0 and "the password that Grafana's admin shall have" in ran.stderr
    ran = run(SCRIPT, "up", env={"GRAFANA_ADMIN_PASSWORD": ""})
    assert ran.returncode == 1 and "GRAFANA_ADMIN_PASSWORD is not set" in ran.stderr


def test_the_script_says_what_is_missing(tmp_path):
    for name in ("bash", "curl", "dirname", "sed"):
        (tmp_path / name).symlink_to(shutil.which(name))
    ran = run(SCRIPT, "up", env=PASSWORD, path=str(tmp_path))
    assert ran.returncode == 1
    for text in ("docker: not installed", "podman-compose: not installed", "Install one of", "make demo"):
        assert text in ran.stderr
    assert run(SCRIPT, "frobnicate").returncode == 2


# --- the way of an alert ---


@pytest.fixture
def parts(tmp_path):
    """parts(thing): closed when the test ends."""
    opened = []

    def keep(thing):
        opened.append(thing)
        return thing

    yield keep
    for thing in reversed(opened):
        thing.close()


ALERT = {
    "labels": {"alertname": "HighErrorRate", "severity": "critical", "job": "shop", "notify": "dingtalk"},
    "annotations": {"summary": "shop fails", "description": "Look at the log."},
}


def test_an_alert_reaches_webhook_mail_and_dingtalk_and_so_does_its_end(parts, tmp_path):
    mail, robot = parts(Mail()), parts(DingTalk())
    bridge = parts(Bridge(tmp_path, DINGTALK_URL=robot.url, DINGTALK_SECRET="SEC1"))
    am = parts(Alertmanager(tmp_path, bridge.address, mail.address))
    am.post(ALERT)
    wait(lambda: bridge.received() and mail.messages and robot.messages, am.text() + bridge.text())
    assert bridge.received()[0]["labels"] == ALERT["labels"] and bridge.received()[0]["status"] == "firing"
    assert "firing HighErrorRate job=shop" in bridge.text()
    assert "oncall@example.com" in mail.messages[0] and "HighErrorRate" in mail.messages[0]

    path, message = robot.messages[0]
    query = urllib.parse.parse_qs(urllib.parse.urlparse(path).query)
    sign = hmac.new(b"SEC1", f"{query['timestamp'][0]}\nSEC1".encode(), hashlib.sha256).digest()
    assert query["access_token"] == ["t"] and base64.b64decode(query["sign"][0]) == sign
    assert message["msgtype"] == "markdown" and message["markdown"]["title"] == "HighErrorRate: 1 firing, 0 resolved"
    assert "- **firing** shop fails (job=shop)" in message["markdown"]["text"]

    am.post({**ALERT, "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-01-01T00:00:01Z"})
    wait(lambda: bridge.received()[-1]["status"] == "resolved", am.text() + bridge.text())
    wait(lambda: len(mail.messages) == 2 and len(robot.messages) == 2, am.text() + bridge.text())
    assert "RESOLVED" in mail.messages[1] and "0 firing, 1 resolved" in robot.messages[1][1]["markdown"]["title"]


def test_alerts_without_the_label_do_not_go_to_dingtalk(parts, tmp_path):
    robot = parts(DingTalk())
    bridge = parts(Bridge(tmp_path, DINGTALK_URL=robot.url))
    am = parts(Alertmanager(tmp_path, bridge.address, "127.0.0.1:1"))
    am.post({"labels": {"alertname": "A", "severity": "warning"}}, {"labels": {"alertname": "B", "notify": "dingtalk"}})
    wait(lambda: len(bridge.received()) == 2 and robot.messages, am.text() + bridge.text())
    assert [m["markdown"]["title"] for _, m in robot.messages] == ["B: 1 firing, 0 resolved"]
    assert "sign=" not in robot.messages[0][0]


def test_the_bridge_says_what_is_wrong(parts, tmp_path):
    robot = parts(DingTalk())
    bridge = parts(Bridge(tmp_path, DINGTALK_URL=robot.url))
    good = json.dumps({"alerts": [{"status": "firing", **ALERT}] * 500}).encode()
    assert bridge.post("/print", b"{")[0] == 400
    for body in (b"[]", b"5", b'{"alerts": [1]}', b'{"alerts": [{"status": "x", "labels": 5}]}', b"[" * 100_000):
        assert bridge.post("/print", body)[0] == 400
    assert bridge.post("/other", good)[0] == 404
    assert bridge.post("/print", b" " * ((1 << 20) + 1))[0] == 413
    assert bridge.post("/print", good) == (200, {})
    assert len(bridge.received()) == 100
    assert bridge.post("/dingtalk", good)[0] == 200
    text = robot.messages[-1][1]["markdown"]["text"]
    assert "and 480 more" in text and len(text.encode()) < 20_000
    robot.says = {"errcode": 310000, "errmsg": "sign not match"}
    status, body = bridge.post("/dingtalk", good)
    assert status == 502 and "sign not match" in body["error"]
    (tmp_path / "two").mkdir()
    status, body = parts(Bridge(tmp_path / "two")).post("/dingtalk", good)
    assert status == 400 and "DINGTALK_URL is not set" in body["error"]


# --- make test-* ---


class Frontend:
    """In place of the example's two services: /work is a trace through both, /fail an error."""

    def __init__(self, otelcd):
        self.otelcd, self.lock = otelcd, threading.Lock()
        self.counts = {200: 0, 500: 0}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status = 500 if self.path == "/fail" else 200
                outer.report(status, self.headers.get("traceparent"))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def report(self, status, traceparent):
        with self.lock:
            self.counts[status] += 1
            trace = bytes.fromhex(traceparent.split("-")[1]) if traceparent else None
            m = otlp.Metrics(resource={"service.name": "frontend", "service.instance.id": "1", **LANGUAGE})
            for code, n in self.counts.items():
                told = {"http.response.status_code": code}
                seen = [0.01] if trace and code == status else []
                m.histogram("http.server.request.duration", [0.01] * n, [0.1, 1], unit="s", exemplars=seen, trace=trace, **told)
            self.otelcd.export(m.request)
            for name in ("frontend", "backend") if trace else ():
                resource = {"service.name": name}
                for request in (otlp.traces(2, resource=resource), otlp.logs(2, resource=resource)):
                    self.mark(request, trace)
                    self.otelcd.export(request)

    @staticmethod
    def mark(request, trace):
        """The second record of the request belongs to the trace."""
        if hasattr(request, "resource_spans"):
            request.resource_spans[0].scope_spans[0].spans[1].trace_id = trace
        else:
            request.resource_logs[0].scope_logs[0].log_records[1].trace_id = trace

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def hurried(text):
    return re.sub(r"for: \w+", "for: 1s", text.replace("interval: 15s", "interval: 1s").replace("[2m]", "[8s]"))


def trace_backend(folder):
    """Jaeger with the stack's own file, where it is compiled; else who answers as it does."""
    program = ROOT / "build/peers/jaeger"
    if not program.exists():
        return TraceStandIn()
    return Jaeger(folder, str(program))


@pytest.fixture
def loop(victoria_metrics, otelcd, prometheus, parts, unused_port, tmp_path):
    """The stack without containers; the environment that tells the script where it is."""
    v = victoria_metrics()
    jaeger = parts(trace_backend(tmp_path))
    env = {"REMOTE_WRITE_URL": f"http://{v.address}/api/v1/write", "OTELCD_QUEUE": str(tmp_path / "queue"), "JAEGER_ENDPOINT": jaeger.grpc}
    d = otelcd(local((STACK / "otelcd.yaml").read_text(), unused_port), telemetry=False, env=env)
    bridge = parts(Bridge(tmp_path))
    am = parts(Alertmanager(tmp_path, bridge.address, parts(Mail()).address))
    (tmp_path / "rules").mkdir()
    for r in RULES:
        (tmp_path / "rules" / r.name).write_text(hurried(r.read_text()))
    config = local_prometheus(unused_port).replace(f"{STACK}/rules", f"{tmp_path}/rules").replace("127.0.0.1:1\"", f'{am.address}"')
    p = prometheus(None, config=config)
    return {
        "FRONTEND": parts(Frontend(d)).url,
        "PROMETHEUS": f"http://{p.address}",
        "VICTORIA_METRICS": f"http://{v.address}",
        "JAEGER": f"http://{jaeger.query}",
        "ALERTMANAGER": f"http://{am.address}",
        "BRIDGE": f"http://{bridge.address}",
        "OTELCD_LOGS": f"cat {d.folder}/stdout",
        "PATIENCE": str(int(PATIENCE)),
    }


def test_each_test_of_the_stack_finds_what_it_looks_for(loop):
    ran = run(SCRIPT, "test-logs", env=loop)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "found: backend: Str(order 1 paid)\n             frontend: Str(order 1 paid)\n" in ran.stdout
    ran = run(SCRIPT, "test-traces", env=loop)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("found: backend: GET /cart/1\n             frontend: GET /cart/1\n") == 2, ran.stdout
    ran = run(SCRIPT, "test-traces", env={**loop, "JAEGER": ""})
    assert ran.returncode == 0 and "jaeger: not asked" in ran.stdout, ran.stdout + ran.stderr
    ran = run(SCRIPT, "test-metrics", env=loop)
    assert ran.returncode == 0 and ran.stdout.count("found: 8") == 2, ran.stdout + ran.stderr
    ran = run(SCRIPT, "test-correlation", env=loop)
    assert ran.returncode == 0 and "found: http_server_request_duration_seconds_bucket\n" in ran.stdout, ran.stdout + ran.stderr
    trace = re.search("exemplars of trace ([0-9a-f]{32})", ran.stdout)[1]
    ran = run(SCRIPT, "test-correlation", env={**loop, "TRACE": trace})
    assert ran.returncode == 0 and "request:" not in ran.stdout and ran.stdout.count("found: ") == 3, ran.stdout + ran.stderr
    ran = run(SCRIPT, "test-alerts", env=loop)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for text in ("rules, none of them failing", "found: firing", "found: resolved", '"alertname": "HighErrorRate"', "test-alerts: passed"):
        assert text in ran.stdout


@pytest.mark.parametrize(
    "test, broken, says",
    [
        ("test-logs", {"OTELCD_LOGS": "true"}, "Do logs arrive?"),
        ("test-traces", {"OTELCD_LOGS": "true"}, "Spans arrived:"),
        ("test-traces", {"JAEGER": "http://127.0.0.1:1"}, "Jaeger gives no answer there: is it up?"),
        ("test-metrics", {"PROMETHEUS": "http://127.0.0.1:1"}, "does not scrape otelcd"),
        ("test-metrics", {"VICTORIA_METRICS": "http://127.0.0.1:1"}, "There it is nothing."),
        ("test-correlation", {"PROMETHEUS": "http://127.0.0.1:1"}, "Are there exemplars at all?"),
        ("test-correlation", {"OTELCD_LOGS": "true"}, "looks for spans alone"),
        ("test-alerts", {"BRIDGE": "http://127.0.0.1:1"}, "Alertmanager sent nothing"),
        ("test-logs", {"FRONTEND": "http://127.0.0.1:1"}, "is the stack up?"),
    ],
)
def test_each_test_of_the_stack_fails_when_its_link_is_broken(loop, test, broken, says):
    ran = run(SCRIPT, test, env={**loop, **broken, "PATIENCE": "12" if test == "test-alerts" else "8"})
    assert ran.returncode == 1 and says in ran.stderr, ran.stdout + ran.stderr
