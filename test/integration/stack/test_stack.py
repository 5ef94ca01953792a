# SPDX-License-Identifier: Apache-2.0
"""contrib/docker without containers: dashboards, rules and configurations, against the real programs."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from harness import dashboards, otlp
from harness.otlp_peer import GrpcPeer
from harness.dashboards import FILES, RULES, STACK
from harness.limits import OTELCD, PATIENCE, ROOT, missing, tool

SCHEMA = ROOT / "test/peers/grafana"


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, **more)


def passes(*command, **more):
    ran = run(*command, **more)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def by_name(file):
    return file.name


# --- dashboards ---


@pytest.mark.parametrize("file", FILES, ids=by_name)
def test_a_dashboard_is_whole(file):
    d = dashboards.load(file)
    assert json.dumps(d, indent=2, ensure_ascii=False) + "\n" == file.read_text(), "not as json.dumps(indent=2) writes it"
    ids = [p["id"] for p in d["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for p in d["panels"]:
        g = p["gridPos"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert g["x"] + g["w"] <= 24 and not cells & taken, f"{p['title']} lies over another panel"
        taken |= cells
    known = {"datasource", *(v["name"] for v in d["templating"]["list"])}
    for p in dashboards.panels(d):
        assert p["description"] and p["targets"], p["title"]
        assert len({t["refId"] for t in p["targets"]}) == len(p["targets"])
        for t in p["targets"]:
            assert t["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"\$(?!__)(\w+)", t["expr"])) <= known, t["expr"]


def test_dashboards_do_not_share_a_uid():
    uids = [dashboards.load(f)["uid"] for f in FILES]
    assert len(FILES) == 3 and len(set(uids)) == 3
    assert {v["name"] for v in dashboards.load(FILES[-1])["templating"]["list"]} == {"datasource", "env", "service"}


def test_promtool_reads_every_expression(tmp_path):
    rules = [
        {"record": "x", "expr": dashboards.filled(expr), "labels": {"panel": f"{file.stem} {title}", "n": str(i)}}
        for file in FILES
        for i, (title, expr) in enumerate(dashboards.expressions(dashboards.load(file)))
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": rules}]}))
    out = passes(tool("promtool", "prometheus"), "check", "rules", str(tmp_path / "rules.yml"))
    assert f"{len(rules)} rules found" in out and len(rules) > 90


def test_names_of_own_metrics_are_those_of_the_source():
    source = "".join(p.read_text() for p in (ROOT / "src").rglob("*.c"))
    # Names are whole in the source, or a prefix that a macro completes with the word of the signal.
    unknown = {n for n in dashboards.own_names() if f'"{n}"' not in source and f'"{n}_"' not in source}
    unknown = {n for n in unknown if not re.search(rf'"{re.sub("_(spans|metric_points|log_records)?$", "", n)}_', source)}
    assert len(dashboards.own_names()) > 40 and not unknown, unknown


def schema():
    """test/peers/grafana with its packages, installed once into build/peers/grafana."""
    folder = ROOT / "build/peers/grafana"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".done").exists() or (folder / ".done").read_bytes() != (SCHEMA / "package-lock.json").read_bytes():
            for name in ("package.json", "package-lock.json", "tsconfig.json"):
                shutil.copy(SCHEMA / name, folder)
            ran = run(tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
            if ran.returncode != 0:
                missing("npm ci failed: " + ran.stderr[-2000:])
            shutil.copy(folder / "package-lock.json", folder / ".done")
    return folder


CHECK = """
import type { Dashboard } from '@grafana/schema';
// What JSON can say of a type: the words of an enum, for the enum.
type Json<T> = T extends string ? `${T}` : T extends readonly (infer U)[] ? readonly Json<U>[]
    : T extends object ? { readonly [K in keyof T]: Json<T[K]> } : T;
"""


def tsc(folder, name, text):
    (folder / f"{name}.ts").write_text(CHECK + f"const read = {text.strip()} as const;\nexport const d: Json<Dashboard> = read;\n")
    config = {"extends": "./tsconfig.json", "files": [f"{name}.ts"]}
    (folder / f"{name}.json").write_text(json.dumps(config))
    return run(str(folder / "node_modules/.bin/tsc"), "-p", f"{name}.json", cwd=folder)


def test_dashboards_have_the_types_of_grafana():
    folder = schema()
    for file in FILES:
        ran = tsc(folder, file.stem, file.read_text())
        assert ran.returncode == 0, ran.stdout
    wrong = tsc(folder, "wrong", FILES[0].read_text().replace('"x": 0', '"x": "0"', 1))
    assert wrong.returncode != 0 and "gridPos" in wrong.stdout


# --- rules and configurations ---


def test_rules_pass_their_unit_tests():
    passes(tool("promtool", "prometheus"), "check", "rules", *map(str, RULES))
    tests = sorted((STACK / "rules/test").glob("*.yml"))
    assert [t.name for t in tests] == [r.name for r in RULES]
    for t in tests:
        passes(tool("promtool", "prometheus"), "test", "rules", str(t))


def test_every_alert_has_a_unit_test_and_words():
    for rules in RULES:
        text, tests = rules.read_text(), (STACK / "rules/test" / rules.name).read_text()
        alerts = re.findall(r"- alert: (\w+)", text)
        assert alerts and not [a for a in alerts if f"alertname: {a}" not in tests]
        for word in ("severity:", "summary:", "description:"):
            assert text.count(word) == len(alerts)


def test_the_configurations_are_valid():
    passes(tool("promtool", "prometheus"), "check", "config", str(STACK / "prometheus.yml"))
    out = passes(tool("amtool", "prometheus-alertmanager"), "check-config", str(STACK / "alertmanager.yml"))
    assert "3 receivers" in out
    ran = run(OTELCD, "validate", "--config", str(STACK / "otelcd.yaml"))
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


# --- under load ---

LANGUAGE = {"telemetry.sdk.language": "go", "deployment.environment.name": "test"}
BOUNDS = [0.005, 0.05, 0.5, 5]


def service_metrics(name, n):
    """What the SDK for Go with otelhttp and the runtime instrumentation reports after n rounds."""
    m = otlp.Metrics(resource={"service.name": name, **LANGUAGE})  # as the usual tutorial: without service.instance.id
    ok = {"http.route": "/work", "http.response.status_code": 200, "http.request.method": "GET"}
    bad = {**ok, "http.route": "/fail", "http.response.status_code": 500}
    scheduled = [0.0001] * n
    m.histogram("go.schedule.duration", scheduled, BOUNDS, unit="s")
    two = m.histogram("http.server.request.duration", [0.01, 0.1] * n, BOUNDS, unit="s", exemplars=[0.1], **ok)
    two.histogram("http.server.request.duration", [0.6] * n, BOUNDS, unit="s", **bad)
    m.sum("http.server.active_requests", 2, monotonic=False, unit="{request}")
    m.sum("go.goroutine.count", 12, monotonic=False, unit="{goroutine}")
    m.sum("go.memory.used", 4 << 20, monotonic=False, unit="By", **{"go.memory.type": "other"})
    m.sum("go.memory.used", 1 << 20, monotonic=False, unit="By", **{"go.memory.type": "stack"})
    m.sum("go.memory.gc.goal", 8 << 20, monotonic=False, unit="By")
    m.sum("go.memory.allocated", n << 16, unit="By")
    m.sum("go.memory.allocations", n << 4, unit="{allocation}")
    m.sum("go.processor.limit", 2, monotonic=False, unit="{thread}")
    m.sum("go.config.gogc", 100, monotonic=False, unit="%")
    return m.request


def local(text, port, **replace):
    """The stack's otelcd.yaml on this machine: one free port for both metrics endpoints, any for OTLP."""
    text = re.sub(r"0\.0\.0\.0:431[78]", "127.0.0.1:0", text).replace("0.0.0.0:8888", f"127.0.0.1:{port}")
    return text.replace("host: 0.0.0.0, port: 8888", f"host: 127.0.0.1, port: {port}")


def local_prometheus(port):
    """The stack's prometheus.yml on this machine, hurried."""
    text = (STACK / "prometheus.yml").read_text()
    text = text.replace("otelcd:8888", f"127.0.0.1:{port}").replace("rules/*.yml", f"{STACK}/rules/*.yml")
    text = text[: text.index("  # The other parts of the stack.")]
    text = re.sub(r"(scrape_interval|scrape_timeout|evaluation_interval): \d+s", r"\1: 1s", text)
    return text.replace('"alertmanager:9093"', '"127.0.0.1:1"')


def rules_of(p):
    return [r for g in p.api("rules")["groups"] for r in g["rules"]]


@pytest.fixture
def traces():
    peer = GrpcPeer()
    yield peer
    peer.close()


def test_every_panel_and_rule_has_data(victoria_metrics, traces, otelcd, prometheus, unused_port, tmp_path):
    v = victoria_metrics()
    env = {"REMOTE_WRITE_URL": f"http://{v.address}/api/v1/write", "OTELCD_QUEUE": str(tmp_path / "queue"), "JAEGER_ENDPOINT": traces.endpoint}
    d = otelcd(local((STACK / "otelcd.yaml").read_text(), unused_port), telemetry=False, env=env)
    config = local_prometheus(unused_port).replace(f"{STACK}/rules/*.yml", str(hurried_rules(tmp_path)))
    p = prometheus(None, config=config)
    wanted = {(f.stem, title, dashboards.filled(expr, "5s")) for f in FILES for title, expr in dashboards.expressions(dashboards.load(f))}
    wanted = {w for w in wanted if not w[1].startswith("annotation")}
    deadline, n = time.monotonic() + 2 * PATIENCE, 0
    while wanted:
        for _ in range(5):
            n += 1
            d.export(service_metrics("frontend", n))
            d.post(service_metrics("backend", n))
            d.export(otlp.traces(3))
            d.post(otlp.logs(2))
            time.sleep(0.1)
        wanted = {w for w in wanted if not p.query(w[2])}
        assert time.monotonic() < deadline, "no data for:\n" + "\n".join(map(str, sorted(wanted)))
    assert p.value('histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket{job="frontend"}[5s])))') > 0.5
    p.wait('job:http_server_errors:ratio_rate2m{job="backend"} > 0.2')
    assert len(p.wait("otelcd:pipeline_ledger_difference:items == 0")) == 3
    assert len(p.query("otelcd:exporter_ledger_difference:items == 0")) == 5
    broken = [r for r in rules_of(p) if r["health"] != "ok"]
    assert not broken, broken
    quiet = [r["name"] for r in rules_of(p) if r["name"].startswith("Otelcd") and r["state"] != "inactive"]
    assert not quiet, f"{quiet} though nothing is wrong"
    v.wait('go_goroutine_count{job="frontend",deployment_environment_name="test"}')


def hurried_rules(folder):
    """The rules, evaluated every second."""
    (folder / "rules").mkdir()
    for r in RULES:
        (folder / "rules" / r.name).write_text(r.read_text().replace("interval: 15s", "interval: 1s"))
    return folder / "rules/*.yml"
