# SPDX-License-Identifier: Apache-2.0
"""`make demo`: two Go services -> otelcd -> scrape and remote write -> queries, alerts, and one trace from three sides."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from harness import dashboards
from harness.limits import OTELCD, PATIENCE, ROOT, tool

EXAMPLE = ROOT / "contrib/example"

pytestmark = pytest.mark.xdist_group("demo")  # one loop for all of them


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def query(base, expression):
    status, body = get(f"{base}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
    assert status == 200, f"{expression}: {body}"
    return json.loads(body)["data"]["result"]


# The services are compiled first, on a machine that may never have compiled anything.
BUILD_PATIENCE = 20 * PATIENCE


def wait(met, what, patience=2 * PATIENCE):
    deadline = time.monotonic() + patience
    while True:
        found = met()
        if found:
            return found
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.2)


class Demo:
    """One loop, for all tests of this file, as one would start it by hand."""

    def __init__(self, folder):
        for name in ("go", "prometheus", "victoria-metrics", "prometheus-alertmanager"):
            tool(name)
        self.folder, self.output = folder, []
        self.process = subprocess.Popen(
            [str(EXAMPLE / "demo"), "--otelcd", OTELCD, "--folder", str(folder), "--no-load"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PATIENCE": str(2 * PATIENCE)},
        )
        self.reader = threading.Thread(target=lambda: self.output.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()
        try:
            wait(lambda: "starting\n" in self.text() or self.process.poll() is not None, self.text, BUILD_PATIENCE)
            wait(lambda: "Ctrl-C ends it all." in self.text() or self.process.poll() is not None, self.text)
            assert self.process.poll() is None, self.text()
            self.at = json.loads((folder / "demo.json").read_text())
        except BaseException:
            self.end()
            raise

    def text(self):
        return "".join(self.output)

    def work(self, path="/work", times=1):
        for _ in range(times):
            status, body = get(self.at["frontend"] + path)
        return status, json.loads(body)

    def counts(self):
        return {name: json.loads(get(self.at[name] + "/counts")[1]) for name in ("frontend", "backend")}

    def correlate(self, *args):
        return subprocess.run(
            [str(EXAMPLE / "correlate"), "--demo", str(self.folder), "--wait", str(PATIENCE), *args],
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
        )

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(3 * PATIENCE)
        finally:
            self.process.kill()
            self.reader.join()
        return self.process.returncode


def start(tmp_path_factory):
    """Its ports were free when it chose them; another test may have been faster."""
    for again in (True, True, False):
        try:
            return Demo(tmp_path_factory.mktemp("demo"))
        except AssertionError as e:
            if not again or "address already in use" not in str(e).lower():
                raise


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    d = start(tmp_path_factory)
    yield d
    assert d.end() == 0, d.text()
    line = r"(pipeline|exporter) (\S+), signal (\w+), received (\d+), delivered (\d+), held (\d+), refused (\d+), dropped (\d+)(?:, dropped\{duplicate_timestamp\} (\d+))?$"
    ledgers = re.findall("(?m)" + line, d.text())
    assert {(k, i) for k, i, *_ in ledgers} >= {("pipeline", "traces"), ("pipeline", "metrics"), ("pipeline", "logs"), ("exporter", "prometheus_remote_write")}
    # An SDK that ends exports once more: what has the time of its last export is sent once.
    for _, _, _, received, delivered, held, refused, dropped, twice in ledgers:
        assert int(received) == int(delivered) + int(dropped) > 0 and dropped == (twice or "0") and held == refused == "0", d.text()
    log = (d.folder / "otelcd.log").read_text()
    assert "Shutdown complete" in log and "runtime error" not in log and "AddressSanitizer" not in log, log
    for name in ("frontend", "backend"):
        assert "lost" not in (d.folder / f"{name}.log").read_text()


def expected(counts):
    """What queries have to give: {expression: value}."""
    out = {}
    for job, counted in counts.items():
        for name, n in counted.items():
            match name.split():
                case "requests", route, status:
                    out[f'sum(http_server_request_duration_seconds_count{{job="{job}", http_route="{route}", http_response_status_code="{status}"}})'] = n
                case "orders", kind:
                    out[f'sum(orders_total{{job="{job}", kind="{kind}"}})'] = n
                case "backend", "calls":
                    out[f'sum(backend_call_duration_seconds_count{{job="{job}"}})'] = n
    return out


def test_what_services_counted_is_what_queries_give_by_scrape_and_by_remote_write(demo):
    demo.work(times=20)
    demo.work("/slow", times=2)
    assert demo.work("/fail", times=3)[0] == 500
    counts = demo.counts()
    wanted = expected(counts)
    assert len(wanted) >= 9
    for base in (demo.at["prometheus"], demo.at["victoria_metrics"]):

        def found(base=base):
            return {e: [float(r["value"][1]) for r in query(base, e)] for e in wanted}

        wait(lambda: found() == {e: [n] for e, n in wanted.items()}, lambda: f"{base}: {found()} for {wanted}")
    backend = counts["backend"]
    p = demo.at["prometheus"]

    def native():
        found = [float(query(p, f"sum(histogram_{f}(order_value))")[0]["value"][1]) for f in ("count", "sum")]
        return found[0] == backend["order value count"] and abs(found[1] - backend["order value sum"]) < 1e-6

    wait(native, lambda: str(query(p, "order_value")))
    assert 0 <= float(query(p, 'stock_level{job="backend"}')[0]["value"][1]) <= 1000
    assert float(query(p, 'go_goroutine_count{job="frontend"}')[0]["value"][1]) > 1
    wait(lambda: len(query(p, 'up{job="app"} == 1 and on(instance) process_cpu_seconds_total')) == 2, lambda: str(query(p, "up")))


def test_every_page_that_the_demo_names_is_there(demo):
    for name in ("prometheus_page", "victoria_metrics_page", "alertmanager_page"):
        assert get(demo.at[name])[0] == 200, demo.at[name]


def test_a_request_is_one_trace_through_both_services(demo):
    trace_id = demo.work()[1]["trace_id"]

    def spans():
        found = []
        for line in (demo.folder / "traces.jsonl").read_text().splitlines():
            for rs in json.loads(line)["resourceSpans"]:
                service = next(a["value"]["stringValue"] for a in rs["resource"]["attributes"] if a["key"] == "service.name")
                found += [(service, s) for ss in rs["scopeSpans"] for s in ss["spans"] if s["traceId"] == trace_id]
        return found if len(found) == 4 else None

    found = {(service, s["name"]): s for service, s in wait(spans, "four spans of one trace")}
    a, client = found["frontend", "GET /work"], found["frontend", "HTTP GET"]
    b, own = found["backend", "GET /order"], found["backend", "take order"]
    assert a.get("parentSpanId", "") == ""
    assert (client["parentSpanId"], b["parentSpanId"], own["parentSpanId"]) == (a["spanId"], client["spanId"], b["spanId"])


def test_jaeger_has_a_request_as_one_trace_where_there_is_a_jaeger(demo):
    if demo.at["jaeger"] is None:
        assert "is not here (`make peers` compiles it)" in demo.text()
        pytest.skip("jaeger is not compiled: `make peers` does so")
    trace_id = demo.work()[1]["trace_id"]

    def names():
        status, body = get(f"{demo.at['jaeger']}/api/v3/traces/{trace_id}")
        found = json.loads(body)["result"]["resourceSpans"] if status == 200 else []
        return {s["name"] for r in found for scope in r["scopeSpans"] for s in scope["spans"]}

    wait(lambda: names() == {"GET /work", "HTTP GET", "GET /order", "take order"}, lambda: f"{trace_id}: {names()}")


def test_correlate_shows_spans_lines_and_exemplars_of_one_trace(demo):
    trace_id = demo.work("/slow")[1]["trace_id"]
    ran = demo.correlate(trace_id.upper())
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.startswith(f"trace {trace_id}\n")
    assert re.search(r"spans\n.*frontend: GET /\w+ .*\n.*frontend: HTTP GET .*\n.*backend: GET /\w+", ran.stdout), ran.stdout
    assert re.search(r"log lines\n(.*\n)*.* frontend +INFO +order placed", ran.stdout), ran.stdout
    assert re.search(r"exemplars\n(.*\n)*.* backend_call_duration_seconds_bucket\{", ran.stdout), ran.stdout
    newest = demo.correlate()  # its exemplar is known by now, and no request came after it
    assert newest.returncode == 0 and newest.stdout.split("\n")[0] == f"trace {trace_id}"


@pytest.mark.parametrize("option, says", [("--traces", "no span of it"), ("--logs", "no log line with it"), ("--prometheus", "gives no exemplars")])
def test_correlate_fails_when_one_of_the_three_is_missing(demo, option, says):
    trace_id = demo.work("/slow")[1]["trace_id"]
    elsewhere = "http://127.0.0.1:1" if option == "--prometheus" else "/dev/null"
    ran = demo.correlate("--wait", "3", option, elsewhere, trace_id)
    assert ran.returncode == 1 and f"missing: {says}" in ran.stderr or option == "--prometheus" and says in ran.stderr, ran.stderr


def test_correlate_says_what_it_needs():
    ran = subprocess.run([str(EXAMPLE / "correlate"), "xyz"], capture_output=True, text=True)
    assert ran.returncode == 2 and "say where to look" in ran.stderr
    ran = subprocess.run([str(EXAMPLE / "correlate"), "--demo", "/nowhere"], capture_output=True, text=True)
    assert ran.returncode == 2 and "/nowhere/demo.json" in ran.stderr


def test_a_failing_service_fires_an_alert_that_reaches_the_webhook_and_ends(demo):
    def notified(status):
        alerts = json.loads(get(demo.at["bridge"] + "/received")[1])
        return any(a["status"] == status and a["labels"]["alertname"] == "HighErrorRate" and a["labels"]["job"] == "frontend" for a in alerts)

    def failing():
        demo.work("/fail")
        return notified("firing")

    wait(failing, lambda: demo.text() + str(query(demo.at["prometheus"], "ALERTS")))

    def working():
        demo.work("/work", times=3)
        return notified("resolved")

    wait(working, lambda: demo.text() + str(query(demo.at["prometheus"], "ALERTS")))
    wait(lambda: "alert: firing HighErrorRate job=frontend" in demo.text(), demo.text)


def test_the_demo_says_what_is_missing(tmp_path):
    ran = subprocess.run(
        ["/usr/bin/python3", str(EXAMPLE / "demo"), "--otelcd", "/nowhere/otelcd"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
    )
    assert ran.returncode == 1
    assert "/nowhere/otelcd: make" in ran.stderr and "go: golang" in ran.stderr, ran.stderr


@pytest.mark.parametrize("file", [f for f in dashboards.FILES if f.stem != "otelcd"], ids=lambda f: f.stem)
def test_dashboards_show_the_services(demo, file):
    """Names are those that the SDK's own instrumentation gives; what is asked for is there."""
    demo.work(times=5)
    wanted = {(title, dashboards.filled(expr, "1m")) for title, expr in dashboards.expressions(dashboards.load(file))}
    wanted = {w for w in wanted if not w[0].startswith("annotation")}

    def empty():
        return {w for w in wanted if not query(demo.at["prometheus"], w[1])}

    wait(lambda: not empty(), lambda: f"no data for {empty()}")
