# SPDX-License-Identifier: Apache-2.0
"""The page beside /metrics, and its API: somebody who has never seen otelcd sees whether data arrives, whether it leaves,
and where it stopped."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import urllib.request

import pytest
from harness.authority import Authority
from harness.browser import Browser
from harness.limits import OTELCD, PATIENCE
from harness.otlp import Metrics
from harness.otlp_peer import GrpcPeer

CONFIG = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
processors:
  filter: {error_mode: ignore, log_conditions: ['log.severity_number < 5']}
exporters:
  nop:
  otlp_grpc: {endpoint: "127.0.0.1:1", tls: {insecure: true}, headers: {authorization: hush}, retry_on_failure: {max_elapsed_time: 0s}}
service:
  telemetry: {PAGE}
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
    logs: {receivers: [otlp], processors: [filter], exporters: [otlp_grpc]}
"""
CALM = re.sub("  otlp_grpc: .*\n", "", CONFIG).replace("exporters: [otlp_grpc]", "exporters: [nop]")
LIMITED = CALM.replace("  nop:\n", "  nop:\n  prometheus: {endpoint: \"127.0.0.1:0\", max_series: 3}\n") + "    metrics: {receivers: [otlp], exporters: [prometheus]}\n"
JSON = {"content-type": "application/json"}


def base(d):
    return [r for r in d.records("^Starting Prometheus scrape endpoint$") if r["otelcol.component.id"] == "telemetry"][-1]["endpoint"]


def ask(d, path, headers=None, method="GET"):
    c = http.client.HTTPConnection(base(d), timeout=30)
    c.request(method, path, headers=headers or {})
    r = c.getresponse()
    body = r.read().decode()
    c.close()
    return r.status, {k.lower(): v for k, v in r.getheaders()}, body


def status(d):
    code, _, body = ask(d, "/api/v1/status")
    assert code == 200
    return json.loads(body)


def send_logs(d, *severities):
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": s} for s in severities]}]}]}
    request = urllib.request.Request(f"http://{d.http_address()}/v1/logs", json.dumps(body).encode(), JSON)
    urllib.request.urlopen(request, timeout=30).read()


def send_spans(d, n):
    span = {"traceId": "11" * 16, "spanId": "22" * 8, "name": "a"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span] * n}]}]}
    request = urllib.request.Request(f"http://{d.http_address()}/v1/traces", json.dumps(body).encode(), JSON)
    urllib.request.urlopen(request, timeout=30).read()


def configured(page="", text=CALM):
    return text.replace("{PAGE}", page or "{}")


def test_the_status_has_the_numbers_of_the_ledger(otelcd):
    d = otelcd(configured())
    send_logs(d, 9, 9, 1)
    s = status(d)
    assert s["service"]["phase"] == "running" and s["well"] is True
    pipelines = {p["id"]: p for p in s["pipelines"]}
    ledger = pipelines["logs"]["ledger"]
    assert (ledger["received"], ledger["delivered"], ledger["dropped"]) == (3, 2, 1)
    assert ledger["dropped_by"] == {"filtered": 1}
    assert ledger["received"] == ledger["delivered"] + ledger["held"] + ledger["refused"] + ledger["dropped"]
    assert [(n["role"], n["id"]) for n in pipelines["logs"]["nodes"]] == [("receiver", "otlp"), ("processor", "filter"), ("exporter", "nop")]


def test_the_status_says_who_fails_and_why(otelcd):
    d = otelcd(configured(text=CONFIG))
    send_logs(d, 9)

    def failing():
        nodes = [n for p in status(d)["pipelines"] for n in p["nodes"] if n["id"] == "otlp_grpc"]
        return nodes[0] if nodes[0]["state"] == "failing" else None

    d.wait_metrics(lambda _: failing() is not None)
    node = failing()
    assert "Connection refused" in node["reason"] and node["queue"]["size"] == 1 and node["queue"]["unit"] == "requests"
    assert status(d)["well"] is False
    code, _, text = ask(d, "/api/v1/status?format=text")
    assert code == 200 and "not all is well" in text.splitlines()[0]
    assert re.search(r"^logs: exporter otlp_grpc fails for .*Connection refused$", text, re.M), text
    d.expect_warning("otlp_grpc")


def says_status(d):
    return subprocess.run([OTELCD, "status", "--endpoint", d.scrape_address()], capture_output=True, text=True, timeout=PATIENCE)


def test_not_all_is_well_while_a_limit_refuses_new_series(otelcd):
    d = otelcd(configured(text=LIMITED), expect=["New series are refused"], allow=["Series are near their limit"])
    for user in range(5):
        d.export(Metrics().gauge("x", 1, user=f"u{user}").request)
    ran = says_status(d)
    assert ran.returncode == 1 and "not all is well" in ran.stdout.splitlines()[0], ran
    assert re.search(r"^metrics: exporter prometheus fails for .*: series_limit: .*$", ran.stdout, re.M), ran
    assert "raise the limit" in ran.stdout, ran.stdout
    node = next(n for n in [p for p in status(d)["pipelines"] if p["id"] == "metrics"][0]["nodes"] if n["id"] == "prometheus")
    assert node["state"] == "failing" and node["option"] == "max_series"
    d.reload(configured(text=LIMITED).replace("max_series: 3", "max_series: 30"))
    d.export(Metrics().gauge("x", 1, user="u9").request)
    assert says_status(d).returncode == 0


def test_the_page_is_whole_without_its_script(otelcd):
    d = otelcd(configured())
    send_logs(d, 9, 1)
    code, headers, text = ask(d, "/")
    assert code == 200 and headers["content-type"] == "text/html; charset=utf-8"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe-inline" not in policy and "frame-ancestors 'none'" in policy
    assert '<b data-k="pipelines.1.ledger.received">2</b>' in text and "</b> filtered" in text
    assert "<script>" not in text and " style=" not in text and "onclick" not in text
    assert not re.search(r'(src|href)="(https?:)?//', text)
    for path, kind in (("/page.css", "text/css"), ("/page.js", "text/javascript")):
        code, headers, _ = ask(d, path)
        assert code == 200 and headers["content-type"].startswith(kind)


def test_the_configuration_is_shown_without_its_secrets(otelcd):
    d = otelcd(configured(text=CONFIG))
    for path in ("/", "/api/v1/config", "/api/v1/config?format=json"):
        code, _, text = ask(d, path)
        assert code == 200 and "otlp_grpc" in text and "hush" not in text
    json.loads(text)


def test_probes_say_whether_it_lives_and_whether_it_is_ready(otelcd):
    d = otelcd(configured())
    assert ask(d, "/healthz")[::2] == (200, "ok\n")
    assert ask(d, "/readyz")[::2] == (200, "ready\n")


def test_scripts_of_other_sites_get_nothing(otelcd):
    d = otelcd(configured())
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, {"Origin": "http://evil.test"}):
        for path in ("/", "/panels", "/api/v1/status", "/api/v1/events", "/api/v1/config", "/api/v1/series", "/api/v1/metrics"):
            code, answer, body = ask(d, path, headers)
            assert code == 403 and "access-control-allow-origin" not in answer and "pipelines" not in body
    assert ask(d, "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})[0] == 200
    assert ask(d, "/api/v1/status", {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"})[0] == 200


def test_what_is_not_there_is_told_and_nothing_is_written(otelcd):
    d = otelcd(configured())
    code, _, body = ask(d, "/nothing")
    assert code == 404 and "/metrics" in body
    for method in ("POST", "PUT", "DELETE"):
        assert ask(d, "/api/v1/status", method=method)[0] == 405
    for path in ("/", "/api/v1/events"):
        code, _, body = ask(d, path, method="HEAD")
        assert code == 200 and body == ""


def test_the_status_says_who_has_scraped_and_when(otelcd):
    d = otelcd(configured())
    first = status(d)["scrapes"]
    assert [(s["address"], s["sources"], s["scrapes"]) for s in first] == [(base(d), ["telemetry"], 0)] and "last" not in first[0]
    for _ in range(2):
        ask(d, "/metrics", {"User-Agent": "Prometheus/3 <b>" + "x" * 200})
    s = status(d)["scrapes"][0]
    assert s["scrapes"] == 2 and s["peer"].startswith("127.0.0.1:") and s["interval_seconds"] >= 0
    assert s["user_agent"].startswith("Prometheus/3 ") and len(s["user_agent"]) < 100
    assert 0 <= status(d)["service"]["time"] - s["last"] < 600


def test_own_metrics_are_told_by_their_plain_names_at_any_level(otelcd):
    d = otelcd(configured(page="{metrics: {level: basic}}"))
    code, headers, body = ask(d, "/api/v1/metrics")
    found = {m["name"]: m for m in json.loads(body)["metrics"]}
    assert code == 200 and headers["content-type"].startswith("application/json")
    assert found["otelcd_pipeline_held_items"]["labels"]["pipeline"] in ("traces", "logs")
    assert found["otelcd_receiver_connections"]["value"] == 0  # not at level basic
    assert "otelcd_receiver_connections" not in ask(d, "/metrics")[2]


class Events:
    def __init__(self, d):
        self.connection = http.client.HTTPConnection(base(d), timeout=60)
        self.connection.request("GET", "/api/v1/events")
        self.answer = self.connection.getresponse()

    def next(self):
        """None: it has ended."""
        while True:
            line = self.answer.readline()
            if not line:
                return None
            if line.startswith(b"data: "):
                return json.loads(line[6:])

    def close(self):
        self.answer.close()
        self.connection.close()


def test_events_follow_what_comes_in(otelcd):
    d = otelcd(configured())
    events = Events(d)
    assert events.answer.status == 200 and events.answer.getheader("content-type") == "text/event-stream"
    first = events.next()
    assert first["pipelines"][0]["ledger"]["received"] == 0 and "log" not in first
    send_spans(d, 7)
    while (now := events.next())["pipelines"][0]["ledger"]["received"] != 7:
        assert now["pipelines"][0]["ledger"]["received"] == 0
    assert now["service"]["time"] > first["service"]["time"]
    events.close()


def test_watchers_are_bounded_and_make_room_when_they_go(otelcd):
    d = otelcd(configured())
    watchers = [Events(d) for _ in range(128)]
    assert all(w.next() is not None for w in watchers)
    code, _, body = ask(d, "/api/v1/events")
    assert code == 503 and "too many watch" in body
    assert ask(d, "/")[0] == 200 and ask(d, "/metrics")[0] == 200
    for w in watchers:
        w.close()

    def is_served():
        one = Events(d)
        served = one.answer.status == 200
        one.close()
        return served

    d.wait_metrics(lambda _: is_served())


def test_a_stop_tells_those_who_watch_goodbye(otelcd):
    d = otelcd(configured().replace("service:", "service:\n  shutdown_timeout: 60s", 1))
    events = Events(d)
    assert events.next() is not None
    d.terminate()
    while events.next() is not None:
        pass
    events.close()


def watch_without_a_window(d):
    """Over HTTP/2, with a window of nothing: the events wait in the connection."""
    host, port = base(d).rsplit(":", 1)
    request = b"\x82\x86\x04\x0e/api/v1/events\x01\x09localhost"
    s = socket.create_connection((host, int(port)), timeout=60)
    s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\6\4\0\0\0\0\0" + b"\0\4\0\0\0\0")
    s.sendall(b"\0\0" + bytes([len(request)]) + b"\1\5\0\0\0\1" + request)
    answered = b""
    while b"\1\4\0\0\0\1" not in answered:
        more = s.recv(4096)
        assert more
        answered += more
    return s


def test_a_stop_ends_who_watches_and_takes_nothing(otelcd):
    d = otelcd(configured())
    watchers = [watch_without_a_window(d) for _ in range(8)]
    assert d.stop() == 0
    for w in watchers:
        w.close()


def test_a_reload_keeps_the_page(otelcd):
    d = otelcd(configured())
    events = Events(d)
    assert events.next()["pipelines"][0]["id"] == "traces"
    (d.folder / "otelcd.yaml").write_text(configured().replace("traces:", "traces/new:"))
    d.terminate(signal.SIGHUP)
    d.wait_log("Everything is ready", 2)
    assert ask(d, "/readyz")[0] == 200 and status(d)["pipelines"][0]["id"] == "traces/new"
    events.close()
    assert d.stop() == 0


def test_the_page_may_be_left_out(otelcd):
    d = otelcd(configured(page="{page: {enabled: false}}"))
    for path in ("/", "/panels", "/healthz", "/api/v1/status", "/api/v1/events", "/api/v1/series"):
        assert ask(d, path)[::2] == (404, "404 page not found: the metrics are at /metrics\n")
    assert ask(d, "/metrics")[0] == 200


def test_a_strangers_text_is_shown_and_not_run(otelcd):
    d = otelcd(configured())
    d.http("POST", "/v1/logs", '{"<script>alert(1)</script>\u202e": []}'.encode(), JSON)
    d.expect_warning("nothing in it that OTLP knows")
    _, _, text = ask(d, "/")
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text and "\u202e" not in text
    assert "<script>alert(1)" in status(d)["log"][0]["text"]


def senders(d):
    return {s["user_agent"]: s for r in status(d)["receivers"] for s in r["senders"]}


def test_senders_are_told_apart_with_what_they_do_wrong(otelcd):
    d = otelcd(configured())
    send_spans(d, 1)
    send_spans(d, 1)
    assert d.http("POST", "/v1/logs", b"{", {**JSON, "User-Agent": "shipper/<script>"})[0] == 400
    found = senders(d)
    good, bad = next(s for a, s in found.items() if a.startswith("Python-urllib")), found["shipper/<script>"]
    assert (good["address"], good["protocol"], good["requests"], good["refused"]) == ("127.0.0.1", "http/json", 2, 0)
    assert "error" not in good
    assert (bad["requests"], bad["refused"], bad["reason"]) == (1, 1, "malformed_message")
    assert "quotes" in bad["error"] and "mend the sender" in bad["advice"]
    with socket.create_connection(tuple(d.http_address().rsplit(":", 1)), timeout=30) as s:
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        s.recv(100)
    silent = senders(d)[""]
    assert silent["requests"] == 0 and silent["reason"] == "tls" and "insecure: true" in silent["advice"]
    _, _, text = ask(d, "/panels")
    assert "shipper/&lt;script&gt;" in text and "<script" not in text and "insecure: true" in text
    d.expect_warning("Request rejected", "speaks TLS to this plain-text port")


def test_a_pipeline_that_refuses_shows_at_the_sender(otelcd):
    d = otelcd(configured(text=CONFIG).replace("max_elapsed_time: 0s}", "max_elapsed_time: 0s}, sending_queue: {queue_size: 1}"))
    send_logs(d, 9)
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": 9}]}]}]}).encode()
    assert d.http("POST", "/v1/logs", body, {**JSON, "User-Agent": "late"})[0] == 503
    late = senders(d)["late"]
    assert (late["requests"], late["refused"], late["reason"]) == (1, 1, "queue_full") and late["advice"]
    d.expect_warning("otlp_grpc")


def test_an_exporter_shows_its_peer_its_queue_and_what_to_do(otelcd):
    d = otelcd(configured(text=CONFIG))
    send_logs(d, 9, 9, 9)
    d.wait_metrics(lambda _: not status(d)["well"])
    [node] = [n for p in status(d)["pipelines"] for n in p["nodes"] if n["id"] == "otlp_grpc"]
    assert "127.0.0.1:1" in node["peer"] and "hush" not in json.dumps(node)
    assert node["queue"]["items"] == 3 and node["queue"]["bytes"] > 0 and node["queue"]["requests"] == 1
    d.wait_metrics(lambda _: next(n for p in status(d)["pipelines"] for n in p["nodes"] if n["id"] == "otlp_grpc")["queue"]["oldest_seconds"] > 0.01)
    assert "listen" in node["advice"] and node["option"] == "endpoint"
    _, _, text = ask(d, "/")
    assert "What to do: start what should listen there" in text and 'data-k="pipelines.1.nodes.2.queue.oldest_seconds"' in text
    d.expect_warning("otlp_grpc")


@pytest.mark.parametrize("workers", [1, 2])
def test_what_an_exporter_failed_with_is_shown_when_it_works_again(otelcd, workers):
    answers = [("UNAVAILABLE", "<script>x</script>\x1b[31m", None)] * 2

    with contextlib.closing(GrpcPeer(lambda call: answers.pop() if answers else None)) as peer:
        d = otelcd(configured(text=CONFIG.replace("127.0.0.1:1", peer.endpoint).replace("retry_on_failure: {", "retry_on_failure: {initial_interval: 10ms, ").replace("service:\n", f"service:\n  workers: {workers}\n")))
        send_logs(d, 9)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 1)
        assert status(d)["well"]
        [node] = [n for p in status(d)["pipelines"] for n in p["nodes"] if n["id"] == "otlp_grpc"]
        [error] = node["errors"]
        assert error["times"] == 2 and "<script>" in error["reason"] and "own log" in error["advice"] and error["state"] == "failing"
        assert error["first"] <= error["time"] <= status(d)["service"]["time"]
        page = ask(d, "/")[2]
        shown = page[page.index('<section id="errors">') : page.index('<section id="senders">')]
        assert "2&times;" in shown and "&lt;script&gt;" in shown and "<script>" not in shown and "\x1b" not in page
        assert peer.endpoint in shown and "What to do: look at the peer&apos;s own log" in shown.replace("&#39;", "&apos;").replace("'", "&apos;")
        text = ask(d, "/api/v1/status?format=text")[2]
        assert re.search(r"^logs: exporter otlp_grpc failed \S+ ago \(2x\): ", text, re.M) and "\x1b" not in text
        d.expect_warning("otlp_grpc")
        d.close_clients()
        assert d.stop() == 0


SERIES = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {prometheus: {endpoint: "127.0.0.1:0"}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheus]}}}
"""


def send_points(d, users):
    points = [{"asInt": "1", "timeUnixNano": "1700000000000000000", "attributes": [{"key": "user", "value": {"stringValue": u}}]} for u in users]
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "orders", "gauge": {"dataPoints": points}}]}]}]}
    assert d.http("POST", "/v1/metrics", json.dumps(body).encode(), JSON)[0] == 200


def test_the_explorer_names_the_largest_metrics_and_the_newest_series(otelcd):
    d = otelcd(SERIES)
    send_points(d, [f"u{i}" for i in range(30)])
    json.loads(ask(d, "/api/v1/series")[2])
    send_points(d, [f"u{i}" for i in range(30, 90)] + ["<b>last</b>"])
    [mine] = json.loads(ask(d, "/api/v1/series")[2])["series"]
    assert mine["exporter"] == "prometheus" and mine["largest_metrics"][0] == {"name": "orders", "series": 91}
    assert mine["newest_series"][0] == "orders user=<b>last</b>"
    assert mine["growing_labels"][0]["name"] == "user" and mine["growing_labels"][0]["gained"] > 30
    _, _, text = ask(d, "/panels")
    assert "orders user=&lt;b&gt;last&lt;/b&gt;" in text and "<b>last" not in text


def test_the_last_reload_is_shown_with_its_fault(otelcd):
    d = otelcd(configured())
    assert status(d)["reload"] == {"reloads": 0, "failed": 0, "under_way": False}
    path = d.folder / "otelcd.yaml"
    good = path.read_text()
    path.write_text(good.replace("receivers: [otlp]", "receivers: [otlq]"))
    d.terminate(signal.SIGHUP)
    d.wait_log("running on with the old one")
    reload = status(d)["reload"]
    assert (reload["reloads"], reload["failed"], reload["result"]) == (1, 1, "failed")
    assert re.search(r"otelcd.yaml:\d+:\d+: .*otlq", reload["fault"])
    assert "otlq" in ask(d, "/panels")[2] and "changed nothing: " in ask(d, "/api/v1/status?format=text")[2]
    assert status(d)["well"] is True
    path.write_text(good.replace("traces:", "traces/new:"))
    d.terminate(signal.SIGHUP)
    d.wait_log("Everything is ready", 2)
    reload = status(d)["reload"]
    assert (reload["reloads"], reload["failed"], reload["result"]) == (2, 1, "changed") and "fault" not in reload
    d.expect_warning("Fault in the configuration", "running on with the old one")


def test_places_of_the_configuration_with_a_warning_are_listed(otelcd):
    d = otelcd(configured().replace("  nop:\n", "  nop:\n  debug:\n", 1))
    [warning] = [w for w in status(d)["warnings"] if w["path"] == "exporters::debug"]
    assert "not used" in warning["text"] and warning["line"] > 1
    assert "exporters::debug" in ask(d, "/panels")[2]
    d.expect_warning("not used")


def test_latencies_have_their_buckets(otelcd):
    d = otelcd(configured())
    send_spans(d, 1)
    [busy] = [m for m in json.loads(ask(d, "/api/v1/metrics")[2])["metrics"] if m["name"] == "otelcd_loop_busy_seconds"]
    assert sum(busy["buckets"]) == busy["count"] > 0 and len(busy["buckets"]) == len(busy["bounds"]) + 1
    assert "otelcd_loop_busy_seconds" in ask(d, "/panels")[2]


@pytest.fixture
def browser():
    b = Browser()
    yield b
    b.close()


def test_a_browser_shows_numbers_that_move(otelcd, browser):
    d = otelcd(configured(text=CONFIG))
    browser.open(f"http://{base(d)}/")
    received = "document.querySelector('[data-k=\"pipelines.0.ledger.received\"]')"
    browser.wait(f"{received} && {received}.textContent === '0'", "the page is not there")
    send_spans(d, 1234)
    browser.wait(f"{received}.textContent === '1,234'", "the number does not move")
    browser.wait("document.querySelector('[data-r=\"pipelines.0.ledger.received\"]').textContent.endsWith('/s')", "there is no rate")
    send_logs(d, 9)
    browser.wait("document.querySelector('#state').className === 'failing'", "the state is not told")
    browser.wait("document.querySelector('li.failing .bad') !== null", "nobody is shown to fail")
    assert "Connection refused" in browser.value("document.querySelector('li.failing .bad').textContent")
    assert d.http("POST", "/v1/logs", b"{", JSON)[0] == 400
    browser.wait("document.querySelector('ul.log').innerText.includes('warn')", "the log does not grow")
    browser.wait("document.querySelector('#senders tbody .bad') !== null", "the sender's mistake is not shown")
    assert browser.complaints() == []
    assert all(url.startswith((f"http://{base(d)}/", "about:")) for url in browser.requests())
    d.expect_warning("Request rejected", "Exporting failed. Dropping")


@pytest.mark.parametrize("workers", [1, 2])
def test_until_when_the_certificate_of_a_peer_is_good_is_shown(otelcd, tmp_path, workers):
    authority = Authority(tmp_path)
    with contextlib.closing(GrpcPeer(tls=(*authority.issue("localhost"), None))) as peer:
        to = f'"localhost:{peer.port}", tls: {{ca_file: "{authority.cert}"}}'
        text = CONFIG.replace('"127.0.0.1:1", tls: {insecure: true}', to)
        d = otelcd(configured(text=text.replace("service:\n", f"service:\n  workers: {workers}\n", 1)))
        send_logs(d, 9)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 1)
        [node] = [n for p in status(d)["pipelines"] for n in p["nodes"] if n["id"] == "otlp_grpc"]
        left = node["peer_certificate_expires"] - status(d)["service"]["time"]
        assert 19 * 86400 < left <= 20 * 86400
        assert ", whose certificate ends 20" in ask(d, "/")[2]
        d.close_clients()
        assert d.stop() == 0
