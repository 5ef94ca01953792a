# SPDX-License-Identifier: Apache-2.0
"""The health_check extension: what it answers, when, and why."""

import json
import re
import struct
import subprocess
import threading
import time

import grpc
import pytest
from harness.limits import OTELCD, PATIENCE, SANITIZED
from harness.otlp import Metrics
from rpc import health_pb2
from test_hostile_http2 import DATA, END_HEADERS, END_STREAM, HEADERS, PING, Attacker, frame, literal

CONFIG = """
extensions:
  health_check: {health}
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
processors: {processors}
exporters: {exporters}
service:
  extensions: [health_check]
  pipelines:
    metrics: {{receivers: [otlp], processors: {used}, exporters: [{exporter}]}}
"""
FAILS = ["Remote write failed"]
CHECKED = "check_collector_pipeline: {enabled: true, exporter_failure_threshold: 2}"
V2 = 'http: {endpoint: "127.0.0.1:0"}, grpc: {endpoint: "127.0.0.1:0"}'


def config(health='{endpoint: "127.0.0.1:0"}', exporters="{nop: }", exporter="nop", processors="{}", used="[]"):
    return CONFIG.format(health=health, exporters=exporters, exporter=exporter, processors=processors, used=used)


def writing_to(url, health, *more):
    options = ", ".join((f"endpoint: {url}", "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms}", *more))
    return config(health, f"{{prometheus_remote_write: {{{options}}}}}", "prometheus_remote_write")


def address(d, n=0):
    """Of the extension's n-th listener: with both, http comes before grpc."""
    return [r["endpoint"] for r in d.records("^Serving pages$") if r["otelcol.component.id"] == "health_check"][n]


def ask(d, path="/", method="GET"):
    status, headers, body = d.http(method, path, address=address(d))
    return status, json.loads(body) if headers["Content-Type"] == "application/json" else body.decode()


def wait_for(question, met):
    deadline = time.monotonic() + PATIENCE
    while not met(answer := question()):
        assert time.monotonic() < deadline, f"never came; last: {answer}"
        threading.Event().wait(0.05)
    return answer


def test_a_running_collector_says_so_with_the_go_collectors_body(otelcd):
    d = otelcd(config())
    status, headers, body = d.http("GET", "/", address=address(d))
    assert (status, headers["Content-Type"]) == (200, "application/json")
    answer = json.loads(body)
    assert list(answer) == ["status", "upSince", "uptime"] and answer["status"] == "Server available"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", answer["upSince"])
    assert re.fullmatch(r"(\d+m)?[0-9.]+(ms|s|µs)", answer["uptime"])
    assert ask(d, "/any/path")[0] == 200 and ask(d, method="POST")[0] == 200
    assert d.http("HEAD", "/", address=address(d))[::2] == (200, b"")


def test_path_headers_and_bodies_are_as_configured(otelcd):
    health = '{endpoint: "127.0.0.1:0", path: /live, response_body: {healthy: fine}, response_headers: {X-By: me}}'
    d = otelcd(config(health))
    status, headers, body = d.http("GET", "/live?x=y", address=address(d))
    assert (status, headers["X-By"], body) == (200, "me", b"fine")
    assert ask(d, "/")[0] == 404 and ask(d, "/live/")[0] == 404


def test_pages_and_scrapes_are_read_by_web_pages_of_the_origins_that_are_allowed(otelcd):
    cors = 'endpoint: "127.0.0.1:0", cors: {allowed_origins: ["https://*.example.com"]}, response_headers: {X-By: me}'
    d = otelcd(config(f"{{{cors}}}", f"{{prometheus: {{{cors}}}}}", "prometheus"))
    for path, server in (("/", address(d)), ("/metrics", d.scrape_address("prometheus"))):
        for origin, allowed in (("https://a.example.com", True), ("https://example.org", False)):
            status, headers, _ = d.http("GET", path, headers={"Origin": origin}, address=server)
            assert (status, headers["X-By"], headers["Vary"]) == (200, "me", "Origin")
            assert (headers["Access-Control-Allow-Origin"] == origin) == allowed
        asks = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "GET"}
        status, headers, _ = d.http("OPTIONS", path, headers=asks, address=server)
        assert (status, headers["Access-Control-Allow-Methods"]) == (204, "GET")


@pytest.mark.parametrize("form", ["", "v2"])
def test_while_it_stops_the_answer_is_503(otelcd, receiver, form):
    asked, go_on = threading.Event(), threading.Event()

    def answer(request):
        asked.set()
        go_on.wait(PATIENCE)
        return 204, {}, b""

    r = receiver(answer)
    d = otelcd(writing_to(r.url, "{" + (V2 if form else 'endpoint: "127.0.0.1:0"') + "}"), end=False)
    d.export(Metrics().gauge("x", 1.0).request)
    asked.wait(PATIENCE)
    d.terminate()
    d.wait_log("^Starting shutdown")
    path = "/status" if form else "/"
    status, body = ask(d, path)
    assert status == 503
    assert body["status"] == ("StatusStopping" if form else "Server not available")
    assert form or body["upSince"] == "0001-01-01T00:00:00Z"
    go_on.set()
    assert d.wait_end() == 0


def test_an_exporter_that_keeps_failing_is_the_reason_until_it_works_again(otelcd, receiver):
    up = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b'not "now"'))
    d = otelcd(writing_to(r.url, f'{{endpoint: "127.0.0.1:0", {CHECKED}}}'), allow=FAILS)
    assert ask(d)[0] == 200
    d.export(Metrics().gauge("x", 1.0).request)
    status, body = wait_for(lambda: ask(d), lambda a: a[0] == 503)
    assert body["status"] == "Server not available" and body["uptime"]
    (reason,) = body["reasons"]
    assert (reason["component"], reason["id"], reason["pipeline"]) == ("exporter", "prometheus_remote_write", "metrics")
    assert 'not "now"' in reason["reason"] and reason["failures"] >= 2
    up.set()
    assert "reasons" not in wait_for(lambda: ask(d), lambda a: a[0] == 200)[1]


def test_without_check_collector_pipeline_a_failing_exporter_changes_nothing(otelcd, receiver):
    r = receiver(lambda request: (503, {}, b"no"))
    d = otelcd(writing_to(r.url, '{endpoint: "127.0.0.1:0"}'), allow=FAILS, end=False)
    d.export(Metrics().gauge("x", 1.0).request)
    r.wait(lambda r: len(r.requests) >= 5)
    assert ask(d)[0] == 200
    d.terminate()
    assert d.wait_end() == 0


def test_a_disk_that_fails_is_a_reason_at_once(otelcd):
    exporters = "{file: {path: /dev/full, flush_interval: 10ms}}"
    d = otelcd(config(f'{{endpoint: "127.0.0.1:0", {CHECKED}}}', exporters, "file"), expect=["Writing failed"])
    with pytest.raises(grpc.RpcError):
        d.export(Metrics().gauge("x", 1.0).request)
    status, body = ask(d)
    assert status == 503
    assert "No space" in body["reasons"][0]["reason"] and body["reasons"][0]["id"] == "file"


def test_a_memory_limit_that_refuses_is_a_reason(otelcd):
    limiter = "{memory_limiter: {check_interval: 100ms, limit_mib: 1}}"
    d = otelcd(config(f'{{endpoint: "127.0.0.1:0", {CHECKED}}}', processors=limiter, used="[memory_limiter]"), expect=["Memory usage"])
    status, body = wait_for(lambda: ask(d), lambda a: a[0] == 503)
    assert body["reasons"][0]["component"] == "processor" and "memory" in body["reasons"][0]["reason"]


def test_the_status_page_says_how_each_component_is(otelcd, receiver):
    r = receiver(lambda request: (503, {}, b"no"))
    health = f"{{{V2}, component_health: {{include_recoverable_errors: true, recovery_duration: 100ms}}}}"
    d = otelcd(writing_to(r.url, health), allow=[*FAILS, "Exporting failed", "503"])
    status, body = ask(d, "/status?verbose")
    assert status == 200 and body["healthy"] and body["status"] == "StatusOK"
    assert set(body["components"]) == {"extensions", "service:memory_budget", "pipeline:metrics"}
    assert set(body["components"]["pipeline:metrics"]["components"]) == {"receiver:otlp", "exporter:prometheus_remote_write"}
    assert list(ask(d, "/status")[1]) == ["start_time", "healthy", "status", "status_time"]
    d.export(Metrics().gauge("x", 1.0).request)
    status, body = wait_for(lambda: ask(d, "/status?pipeline=metrics&verbose"), lambda a: a[0] == 500)
    assert body["status"] == "StatusRecoverableError" and not body["healthy"] and "503" in body["error"]
    assert body["components"]["receiver:otlp"]["healthy"]
    assert not body["components"]["exporter:prometheus_remote_write"]["healthy"]
    assert ask(d, "/status?pipeline=nobody")[0] == 404
    assert ask(d, "/config")[0] == 404


def test_the_configuration_is_shown_without_its_secrets(otelcd):
    exporters = '{prometheus_remote_write: {endpoint: "http://localhost:1/", headers: {authorization: hush}}}'
    health = '{http: {endpoint: "127.0.0.1:0", config: {enabled: true, path: /what}, status: {enabled: false}}}'
    d = otelcd(config(health, exporters, "prometheus_remote_write"))
    shown = ask(d, "/what")[1]
    assert shown["exporters"]["prometheus_remote_write"]["headers"] == {"authorization": "[REDACTED]"}
    assert "hush" not in json.dumps(shown)
    assert ask(d, "/status")[0] == 404


def stub(d, name, stream=False):
    channel = d.channel(address(d, 1))
    make = channel.unary_stream if stream else channel.unary_unary
    return make(f"/grpc.health.v1.Health/{name}", health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString)


def test_grpc_tells_of_the_whole_and_of_each_pipeline(otelcd):
    d = otelcd(config(f"{{{V2}}}"))
    check = stub(d, "Check")
    for service in ("", "metrics"):
        request = health_pb2.HealthCheckRequest(service=service)
        assert check(request, timeout=PATIENCE).status == health_pb2.HealthCheckResponse.SERVING
        assert check(request, timeout=PATIENCE, compression=grpc.Compression.Gzip).status == health_pb2.HealthCheckResponse.SERVING
    for service, code in (("traces", grpc.StatusCode.NOT_FOUND), ("x" * 5000, grpc.StatusCode.RESOURCE_EXHAUSTED)):
        with pytest.raises(grpc.RpcError) as raised:
            check(health_pb2.HealthCheckRequest(service=service), timeout=PATIENCE)
        assert raised.value.code() == code
    with pytest.raises(grpc.RpcError) as raised:
        stub(d, "Nothing")(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert d.http("GET", "/", address=address(d, 1))[0] == 415


def test_who_watches_is_told_of_each_change_and_of_the_end(otelcd, receiver):
    up = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if up.is_set() else (503, {}, b"no"))
    health = f"{{{V2}, component_health: {{include_recoverable_errors: true, recovery_duration: 0s}}}}"
    d = otelcd(writing_to(r.url, health), allow=FAILS, end=False)
    watch = stub(d, "Watch", stream=True)(health_pb2.HealthCheckRequest(service="metrics"), timeout=PATIENCE)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    d.export(Metrics().gauge("x", 1.0).request)
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    up.set()
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    d.terminate()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.RpcError) as raised:
        next(watch)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    d.close_clients()
    assert d.wait_end() == 0


def test_who_watches_and_does_not_read_is_no_harm_to_the_end(otelcd):
    d = otelcd(config(f"{{{V2}}}"), end=False)
    deaf = Attacker(address(d, 1), struct.pack(">HI", 4, 0))  # SETTINGS_INITIAL_WINDOW_SIZE
    fields = ((b":path", b"/grpc.health.v1.Health/Watch"), (b":authority", b"x"), (b"content-type", b"application/grpc"), (b"te", b"trailers"))
    deaf.send(frame(HEADERS, END_HEADERS, 1, b"\x83\x86" + b"".join(literal(*f) for f in fields)))
    deaf.send(frame(DATA, END_STREAM, 1, bytes(5)))
    wait_for(deaf.frames, lambda frames: any(kind == HEADERS for kind, *_ in frames))
    d.terminate()
    deaf.wait_cut()
    d.close_clients()
    assert d.wait_end() == 0


def test_watchers_beyond_the_limit_are_told_to_ask_instead(otelcd):
    d = otelcd(config(f"{{{V2}}}"))
    watches = [stub(d, "Watch", stream=True)(health_pb2.HealthCheckRequest(), timeout=PATIENCE) for _ in range(33)]
    seen = []
    for watch in watches:
        try:
            seen.append(next(watch).status)
        except grpc.RpcError as e:
            seen.append(e.code())
    assert seen.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 1
    assert stub(d, "Check")(health_pb2.HealthCheckRequest(), timeout=PATIENCE).status == health_pb2.HealthCheckResponse.SERVING
    for watch in watches:
        watch.cancel()


def test_peers_that_do_not_read_their_pages_make_room_for_a_probe(otelcd):
    d = otelcd(config('{http: {endpoint: "127.0.0.1:0", config: {enabled: true}}}'))
    before = d.rss()
    zero = struct.pack(">HI", 4, 0)  # SETTINGS_INITIAL_WINDOW_SIZE
    slow = [Attacker(address(d), zero) for _ in range(4)]
    get = b"\x82\x86" + literal(b":path", b"/config") + literal(b":authority", b"x")
    for n in range(100):
        for a in slow:
            a.send(frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, get))
    for a in slow:  # all of them have been seen when this one is answered
        a.send(frame(PING, 0, 0, b"all here"))
        wait_for(lambda: a.received, lambda r: b"all here" in r)
    assert ask(d, "/status")[0] == 200
    assert SANITIZED or d.rss() - before < 32 << 20
    for a in slow:
        a.close()


def test_a_reload_begins_anew_and_a_faulty_one_changes_nothing(otelcd):
    d = otelcd(config(), allow=["Fault in the configuration", "new configuration has faults"], end=False)
    since = ask(d)[1]["upSince"]
    file = d.folder / "otelcd.yaml"
    good = file.read_text()
    file.write_text(good.replace("exporters: [nop]", "exporters: [nope]"))
    d.terminate(1)
    d.wait_log("new configuration has faults")
    assert ask(d)[1]["upSince"] == since
    file.write_text(good)
    d.terminate(1)
    d.wait_log("^Everything is ready", 2)
    last = [r["endpoint"] for r in d.records("^Serving pages$")][-1]
    assert json.loads(d.http("GET", "/", address=last)[2])["upSince"] > since
    assert d.stop() == 0


@pytest.mark.parametrize(
    "health, says",
    [
        ('{endpoint: ""}', "http endpoint required"),
        ("{path: x}", "path must start with /"),
        ("{use_v2: true}", "must specify at least one protocol"),
        ("{http: {status: {path: x}}}", "path must start with /"),
    ],
)
def test_what_cannot_be_is_said_before_the_start(tmp_path, health, says):
    (tmp_path / "x.yaml").write_text(config(health))
    ran = subprocess.run([OTELCD, "validate", "--config", str(tmp_path / "x.yaml")], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 1 and says in ran.stderr, ran.stderr
