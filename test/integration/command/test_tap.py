# SPDX-License-Identifier: Apache-2.0
"""`otelcd tap` and /api/v1/tap: live items at a point of a running pipeline, before and after each processor."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest
from harness.browser import Browser
from harness.limits import OTELCD, PATIENCE
from test_control import place, runtime  # noqa: F401
from test_page import JSON, base

CONFIG = """
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
processors:
  filter/small: {error_mode: ignore, log_conditions: ['log.severity_number < 3']}
  transform: {log_statements: ['set(log.attributes["k"], "v") where log.severity_number > 5']}
  batch: {timeout: 200ms}
connectors: {forward: }
exporters: {nop: }
service:
  telemetry: {TELEMETRY}
  pipelines:
    logs: {receivers: [otlp], processors: [filter/small, transform, batch], exporters: [nop, forward]}
    logs/more: {receivers: [forward], exporters: [nop]}
    traces: {receivers: [otlp], exporters: [nop]}
"""


def configured(telemetry="{}", text=CONFIG):
    return text.replace("{TELEMETRY}", telemetry)


@pytest.fixture
def tapped(otelcd, runtime):  # noqa: F811
    def start(text=None, **more):
        return otelcd(text or configured(), env={"RUNTIME_DIRECTORY": str(runtime)}, **more)

    return start


def record(severity, body="x", **more):
    return {"severityNumber": severity, "body": {"stringValue": body}, **more}


def send(d, *records, service="shop"):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}
    request = urllib.request.Request(f"http://{d.http_address()}/v1/logs", json.dumps(body).encode(), JSON)
    urllib.request.urlopen(request, timeout=PATIENCE).read()


class Tap:
    """`otelcd tap`, whose lines are read as they come."""

    def __init__(self, d, *args):
        self.process = subprocess.Popen(
            [OTELCD, "tap", *map(str, args), "--socket", str(place(d))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines, self.told, self.changed = [], [], threading.Condition()
        self.readers = [threading.Thread(target=self._read, args=a, daemon=True) for a in ((self.process.stdout, self.lines), (self.process.stderr, self.told))]
        for r in self.readers:
            r.start()
        self._wait_open()

    def _read(self, stream, lines):
        for line in stream:
            with self.changed:
                lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def _wait_open(self):
        """Until it looks, or has ended."""
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while not any("looking at" in line for line in self.told) and self.process.poll() is None:
                left = deadline - time.monotonic()
                assert left > 0, "the tap does not look"
                self.changed.wait(min(left, 0.1))

    def wait(self, pattern, n=1):
        deadline = time.monotonic() + PATIENCE
        with self.changed:
            while len(found := [line for line in self.lines + self.told if re.search(pattern, line)]) < n:
                left = deadline - time.monotonic()
                assert left > 0, f"no line {pattern!r} came\n" + "\n".join(self.lines + self.told)
                self.changed.wait(left)
        return found

    def end(self):
        """Its exit code and all that it has printed."""
        code = self.process.wait(PATIENCE)
        for r in self.readers:
            r.join(PATIENCE)
        return code, "\n".join(self.lines), "\n".join(self.told)


def ask(d, **parameters):
    """What /api/v1/tap says at once."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE)
    s.connect(str(place(d)))
    c = http.client.HTTPConnection("control")
    c.sock = s
    c.request("GET", "/api/v1/tap?" + urllib.parse.urlencode(parameters))
    return c.getresponse()


def test_what_a_processor_changed_is_marked(tapped):
    d = tapped()
    tap = Tap(d, "logs/transform", "--count", "2")
    send(d, record(1, "left out before"), record(4, "small"), record(9, "large"))
    code, text, told = tap.end()
    assert code == 0 and "2 shown; 2 passed" in told
    small, large = re.split("^--- ", text, flags=re.M)[1:]
    assert small.startswith("unchanged by transform at ") and "    body: small" in small and "\n+" not in small
    assert large.startswith("changed by transform at ") and "\n+     k: v\n" in large + "\n" and "\n-" not in large
    assert "      service.name: shop" in large


def test_what_a_processor_left_out_is_told(tapped):
    d = tapped()
    tap = Tap(d, "logs/filter/small", "--count", "2", "--condition", 'log.body != "no matter"')
    send(d, record(1, "gone"), record(4, "no matter"), record(5, "stays"))
    _, text, _ = tap.end()
    gone, stays = re.split("^--- ", text, flags=re.M)[1:]
    assert gone.startswith("left out by filter/small at ") and "-   body: gone" in gone
    assert stays.startswith("unchanged by filter/small at ") and "body: stays" in stays


def test_what_is_held_is_shown_when_it_comes_out(tapped):
    d = tapped()
    tap = Tap(d, "logs/batch", "--count", "1")
    send(d, record(9))
    code, text, _ = tap.end()
    assert code == 0 and text.startswith("--- unchanged by batch at ") and "      k: v" in text


def test_equal_items_are_paired_by_order_and_what_names_them(tapped):
    d = tapped(configured(text=CONFIG.replace("log.severity_number < 3", 'log.attributes["drop"] == true')))
    tap = Tap(d, "logs/filter/small", "--count", "3")
    drop = [{"key": "drop", "value": {"boolValue": True}}]
    send(d, record(4, "same"), record(4, "same", attributes=drop), record(4, "same"))
    _, text, _ = tap.end()
    heads = re.findall(r"^--- (\w+)", text, re.M)
    assert heads == ["unchanged", "left", "unchanged"], text


def test_each_point_has_its_items(tapped):
    d = tapped()
    points = {
        "arrives": ["logs"],
        "received": ["logs", "--receiver", "otlp"],
        "before": ["logs/transform", "--before"],
        "after": ["logs/transform", "--after"],
        "sent": ["logs", "--exporter", "nop"],
        "forwarded": ["logs", "--exporter", "forward"],
        "second": ["logs/more"],
        "connected": ["logs/more", "--receiver", "forward"],
    }
    taps = {name: Tap(d, *args, "--count", "1", "--condition", "log.severity_number == 9") for name, args in points.items()}
    send(d, record(1), record(9))
    texts = {name: tap.end()[1] for name, tap in taps.items()}
    heads = {name: re.match("--- (.*) at ", text)[1] for name, text in texts.items()}
    assert heads == {
        "arrives": "seen before logs",
        "received": "seen from otlp",
        "before": "seen before transform",
        "after": "seen behind transform",
        "sent": "seen before nop",
        "forwarded": "seen before forward",
        "second": "seen before logs/more",
        "connected": "seen from forward",
    }
    assert {name for name, text in texts.items() if "k: v" in text} == {"after", "sent", "forwarded", "second", "connected"}


def test_json_is_otlp_a_request_a_line(tapped):
    d = tapped()
    tap = Tap(d, "logs/transform", "--format", "json", "--count", "1", "--condition", "log.severity_number > 5")
    send(d, record(4), record(9, "\u001b[2J\u009b31m\u202e"))
    _, text, _ = tap.end()
    (line,) = text.splitlines()
    assert "\u001b" not in line and "\u009b" not in line and "\u202e" not in line
    (got,) = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert got["body"] == {"stringValue": "\u001b[2J\u009b31m\u202e"} and got["attributes"][0]["key"] == "k"


def test_what_would_act_on_a_terminal_is_escaped(tapped):
    d = tapped()
    tap = Tap(d, "logs", "--count", "1")
    send(d, record(9, "a\u001b[2Jb\r\nc\u009b\u202e"), service="\u001b]0;title\u0007")
    _, text, _ = tap.end()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "\\u001b[2Jb" in text or "\\x1b[2Jb" in text or "\\e[2Jb" in text, text


def test_a_mistake_in_a_condition_has_its_place(tapped):
    d = tapped()
    tap = Tap(d, "logs", "--condition", "log.severity_number > 3 and\n log.foo == 1")
    code, text, told = tap.end()
    assert code == 2 and text == ""
    assert told.splitlines()[0] == "otelcd tap: line 2, column 2: the context log has no field foo", told
    assert told.splitlines()[1:] == ["     log.foo == 1", "     ^"]


@pytest.mark.parametrize(
    "args, words",
    [
        (["metrics"], "point: there is no such pipeline: take one of logs, logs/more, traces"),
        (["logs/nothing"], "point: logs has no such processor: it has filter/small, transform, batch"),
        (["traces/batch"], "point: traces has no such processor: it has none"),
        (["logs", "--exporter", "debug"], "exporter: logs has no such exporter: it has nop, forward"),
        (["logs/batch", "--exporter", "nop"], "exporter: a point is a processor, a receiver or an exporter"),
        (["logs", "--receiver", "otlp", "--after"], "side: of a receiver or an exporter there is one side only"),
        (["logs", "--rate", "-1"], "rate: write a whole number"),
        (["logs", "--count", "many"], "count: write a whole number"),
        (["logs", "--format", "xml"], "format: write one of text, json"),
        (["logs/batch", "--format", "json", "--both"], "side: JSON has no marks for what was changed"),
        (["logs", "--condition", "spanevent.name == 1"], "line 1, column 1: "),
        (["logs", "--before", "--after"], "give one of them"),
        ([], "usage: otelcd tap PIPELINE"),
    ],
)
def test_what_cannot_be_tapped_is_told(tapped, args, words):
    d = tapped()
    code, text, told = Tap(d, *args).end()
    assert code == 2 and text == "" and words in told, told


def test_a_rate_is_kept_to_and_the_rest_is_counted(tapped):
    d = tapped()
    tap = Tap(d, "logs", "--rate", "2")
    send(d, *[record(9) for _ in range(50)])
    tap.wait("^--- seen", 2)
    tap.process.send_signal(signal.SIGINT)
    code, text, told = tap.end()
    assert code == 0 and len(re.findall("^--- ", text, re.M)) == 2 and "2 shown; " in told


def test_a_reload_goes_on_where_the_place_is_and_ends_where_it_is_not(tapped):
    d = tapped(expect=["not used by any pipeline"])
    stays, goes = Tap(d, "logs/transform"), Tap(d, "logs/filter/small")
    d.reload(configured(text=CONFIG.replace("processors: [filter/small, transform, batch]", "processors: [transform]")))
    stays.wait("another configuration runs: this place is still there")
    code, _, told = goes.end()
    assert code == 1 and "another configuration runs, which has no such place any more" in told
    send(d, record(9, "after the reload"))
    stays.wait("body: after the reload")
    stays.wait(r"^\+     k: v")
    assert d.stop() == 0
    code, _, told = stays.end()
    assert code == 1 and "otelcd stops" in told


def test_taps_are_bounded_and_make_room_when_they_go(tapped):
    d = tapped()
    taps = [Tap(d, "logs") for _ in range(8)]
    tap = Tap(d, "logs")
    code, _, told = tap.end()
    assert code == 2 and "so many look already" in told
    taps[0].process.send_signal(signal.SIGTERM)
    assert taps[0].end()[0] == 0

    def is_served():
        r = ask(d, point="logs")
        r.close()
        return r.status == 200

    d.wait_metrics(lambda _: is_served())
    for t in taps[1:]:
        t.process.kill()


def test_a_reader_that_is_slow_is_told_what_it_missed_and_holds_nothing_up(tapped):
    d = tapped()
    r = ask(d, point="logs", rate="0")
    assert r.status == 200
    sent = 0
    large = [record(9, "y" * 20000) for _ in range(20)]

    def missed():
        nonlocal sent
        for _ in range(5):
            send(d, *large)
            sent += len(large)
        return d.metric("otelcd_pipeline_received_items", pipeline="logs") == sent

    for _ in range(12):  # 20 MB are far more than all buffers on the way
        d.wait_metrics(lambda _: missed())
    lines = iter(r.readline, b"")
    for line in lines:
        if line.startswith(b"data: {") and (counts := json.loads(line[6:]))["missed"] > 0:
            break
    assert counts["shown"] < sent
    r.close()


def test_a_stranger_on_the_page_gets_nothing_unless_it_is_allowed(tapped):
    d = tapped()

    def status(headers=None):
        c = http.client.HTTPConnection(base(d), timeout=PATIENCE)
        c.request("GET", "/api/v1/tap?point=logs", headers=headers or {})
        r = c.getresponse()
        c.close()
        return r.status

    assert status() == 403
    d.reload(configured("{page: {tap: true}}"))
    assert status() == 200
    assert status({"Origin": "http://evil.test"}) == 403
    assert status({"Sec-Fetch-Site": "cross-site"}) == 403
    assert status({"Host": "evil.test:8888"}) == 403
    assert status({"Host": "localhost:8888"}) == 200
    d.reload(configured())
    assert status() == 403


def test_a_tap_asks_a_page_that_allows_it(tapped):
    d = tapped(configured("{page: {tap: true}}"))
    tap = subprocess.Popen([OTELCD, "tap", "logs", "--endpoint", base(d), "--count", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while tap.poll() is None:
        send(d, record(9, "by the page"))
    out, _ = tap.communicate(timeout=PATIENCE)
    assert tap.returncode == 0 and "body: by the page" in out


def test_spans_and_points_are_shown_too(tapped):
    text = """
    receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
    processors:
      attributes: {actions: [{key: k, action: upsert, value: v}]}
    exporters: {nop: }
    service:
      pipelines:
        traces: {receivers: [otlp], processors: [attributes], exporters: [nop]}
        metrics: {receivers: [otlp], processors: [attributes], exporters: [nop]}
    """
    d = tapped(text)
    spans = Tap(d, "traces/attributes", "--count", "1", "--condition", 'span.name == "b"')
    points = Tap(d, "metrics/attributes", "--count", "1", "--condition", "datapoint.value_int == 2")
    span = {"traceId": "11" * 16, "name": "a", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "spanId": "21" * 8}, {**span, "spanId": "22" * 8, "name": "b"}]}]}]}
    assert d.http("POST", "/v1/traces", json.dumps(body).encode(), JSON)[0] == 200
    gauge = {"name": "m", "gauge": {"dataPoints": [{"asInt": "1", "timeUnixNano": "5"}, {"asInt": "2", "timeUnixNano": "5"}]}}
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [gauge]}]}]}
    assert d.http("POST", "/v1/metrics", json.dumps(body).encode(), JSON)[0] == 200
    _, text, _ = spans.end()
    assert text.startswith("--- changed by attributes") and "name: b" in text and re.search(r"^\+ +k: v$", text, re.M)
    _, text, _ = points.end()
    assert text.startswith("--- changed by attributes") and 'asInt: "2"' in text.replace("asInt: 2", 'asInt: "2"') and re.search(r"^\+ .*k: v$", text, re.M), text


def test_nobody_who_looks_changes_what_flows(tapped):
    """The ledger of the fixture closes; the sender hears the same."""
    d = tapped()
    taps = [Tap(d, "logs", "--both"), Tap(d, "logs/batch"), Tap(d, "logs", "--exporter", "nop")]
    for i in range(20):
        send(d, record(1), record(9, str(i)))
    d.wait_metrics(lambda m: d.metric("otelcd_exporter_delivered_items", exporter="nop", signal="logs") == 40)
    assert d.metric("otelcd_pipeline_dropped_items", pipeline="logs", reason="filtered") == 20
    for tap in taps:
        tap.process.kill()
        tap.end()
    assert os.path.exists(place(d))


@pytest.fixture
def browser():
    b = Browser()
    yield b
    b.close()


def press(browser, key, code):
    for kind in ("rawKeyDown", "char", "keyUp"):
        browser.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text="\r" if code == 13 and kind == "char" else "")


def test_a_browser_shows_items_with_what_was_changed(tapped, browser):
    d = tapped(configured("{page: {tap: true}}"))
    browser.open(f"http://{base(d)}/")
    browser.wait("document.querySelector('nav a[href=tap]') !== null", "the page has no link")
    browser.ask("Page.navigate", url=f"http://{base(d)}/tap?point=logs/transform")
    browser.wait("location.pathname === '/tap' && document.querySelector('#go') !== null", "the panel is not there")
    browser.wait("document.querySelector('#point').selectedOptions[0].textContent === 'logs: processor transform'", "the point of the link is not chosen")
    browser.value("document.querySelector('#condition').value = 'log.nothing == 1'; document.querySelector('#condition').focus()")
    press(browser, "Enter", 13)
    browser.wait("document.querySelector('#fault').textContent.includes('^\\nthe context log has no field nothing')", "the mistake is not shown")
    browser.value("document.querySelector('#condition').value = 'log.severity_number > 3'; document.querySelector('#go').focus()")
    press(browser, "Enter", 13)
    browser.wait("document.querySelector('#go').textContent === 'Stop'", "it does not start")

    def shown():
        send(d, record(9, "<script>alert(1)</script><b>\u202e"), record(1))
        return browser.value("document.querySelector('#items li.changed') !== null")

    d.wait_metrics(lambda _: shown())
    item = "document.querySelector('#items li.changed')"
    assert browser.value(f"{item}.querySelector('ins').textContent") in ("+   attributes:", "+     k: v")
    assert 'body: "<script>alert(1)</script><b>\\u202e"' in browser.value(f"{item}.textContent")
    assert browser.value("document.querySelector('#items script, #items b') === null")
    browser.wait("document.querySelector('#counts').textContent.includes(' passed')", "the counts are not shown")
    press(browser, "Enter", 13)
    browser.wait("document.querySelector('#go').textContent === 'Start'", "it does not stop")
    assert browser.complaints() == [] or all("400" in json.dumps(c) for c in browser.complaints())
    assert all(url.startswith((f"http://{base(d)}/", "about:")) for url in browser.requests())


def test_the_panel_is_not_there_unless_it_is_allowed(tapped):
    d = tapped()
    for path in ("/tap", "/tap.js", "/tap.css"):
        c = http.client.HTTPConnection(base(d), timeout=PATIENCE)
        c.request("GET", path)
        assert c.getresponse().status == 403
        c.close()
    c = http.client.HTTPConnection(base(d), timeout=PATIENCE)
    c.request("GET", "/")
    assert b'href="tap"' not in c.getresponse().read()
    c.close()
