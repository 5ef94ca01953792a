# SPDX-License-Identifier: Apache-2.0
"""The exporters otlp_http and otlp_grpc: what arrives, in which form, and what each answer of a peer does."""

import gzip
import json
import signal
import socket
import threading

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from harness import filed, otlp
from harness.limits import PATIENCE, SANITIZED
from harness.otlp import LOGS, PROFILES
from harness.otlp_peer import PEERS, HttpPeer, items, retry_of, status

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}}
      http: {{endpoint: "127.0.0.1:0", max_request_body_size: 67108864}}
extensions:
  file_storage: {{directory: {folder}/storage, create_directory: true}}
exporters:
  {exporter}: {options}
service:
  extensions: [file_storage]
  pipelines:
    traces: {{receivers: [otlp], exporters: [{exporter}]}}
    metrics: {{receivers: [otlp], exporters: [{exporter}]}}
    logs: {{receivers: [otlp], exporters: [{exporter}]}}
    profiles: {{receivers: [otlp], exporters: [{exporter}]}}
"""
EXPORTERS = ["otlp_http", "otlp_grpc"]
PROTOBUF = {"Content-Type": "application/x-protobuf"}
RETRY_SOON = {"initial_interval": "10ms", "max_interval": "20ms"}


@pytest.fixture
def started(otelcd, tmp_path):
    """started(peer, {options}) -> the daemon that sends there."""

    def start(peer, options=None, **keywords):
        options = {"endpoint": peer.endpoint, "retry_on_failure": RETRY_SOON, **(options or {})}
        if peer.exporter == "otlp_grpc":
            options = {"tls": {"insecure": True}, **options}
        return otelcd(CONFIG.format(folder=tmp_path, exporter=peer.exporter, options=json.dumps(options)), **keywords)

    return start


@pytest.fixture(params=EXPORTERS)
def peer(request):
    """peer(answer): of the exporter in question, closed at the end."""
    made = []

    def make(answer=None, **options):
        made.append(PEERS[request.param](answer, **options))
        return made[-1]

    make.exporter = request.param
    yield make
    for p in made:
        p.close()


def settled(d):
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    return d


def exported(d, p, signal="logs"):
    settled(d)
    return d.ledger("exporter", p.exporter, signal)


def dropped(d, reason):
    settled(d)
    return sum(s.value for s in d.metrics().find("otelcd_exporter_dropped_items", reason=reason))


def one_of_each():
    """Requests of each signal, as the Go collector wrote them, with their rows."""
    messages = filed.prefixed((filed.FOLDER / "collector.pb").read_bytes())
    return [(sort, message) for (sort, _), message in zip(filed.CASES, messages, strict=True)]


def as_json(sort, message):
    """For comparing: NaN is like itself."""
    return filed.same(MessageToDict(sort.request.FromString(message)))


def refusal(p, code, http, text, retry=None):
    """The same refusal, as each protocol says it."""
    if p.exporter == "otlp_grpc":
        return (code, text, retry)
    headers = {"Content-Type": "application/x-protobuf"}
    if retry is not None:
        headers["Retry-After"] = str(retry)
    return (http, headers, status(getattr(grpc.StatusCode, code).value[0], text))


def partial(p, call, rejected, text):
    response = call.signal.response()
    success = response.partial_success
    field = next(f.name for f in success.DESCRIPTOR.fields if f.number == 1)
    setattr(success, field, rejected)
    success.error_message = text
    if p.exporter == "otlp_grpc":
        return response
    return (200, {"Content-Type": "application/x-protobuf"}, response.SerializeToString())


def sender_hears(d, request):
    """What a gRPC client of otelcd is told: its code, text, and the seconds of a RetryInfo."""
    try:
        d.export(request)
    except grpc.RpcError as e:
        return e.code().name, e.details(), retry_of(e)
    return "OK", "", None


# --- what arrives ---

HTTP_FORMS = [
    ("proto", "none"), ("proto", "gzip"), ("proto", "zstd"), ("proto", "snappy"), ("proto", "x-snappy-framed"),
    ("proto", "deflate"), ("proto", "lz4"), ("json", "none"), ("json", "gzip"),
]  # fmt: skip


@pytest.mark.parametrize("encoding, compression", HTTP_FORMS)
def test_every_signal_arrives_over_http_as_it_was_sent(started, encoding, compression):
    p = HttpPeer()
    d = started(p, {"encoding": encoding, "compression": compression})
    sent = one_of_each()
    for sort, body in sent:
        assert d.http("POST", sort.path, body, PROTOBUF)[0] == 200
    p.wait(lambda p: len(p.taken) == len(sent))
    for sort, body in sent:
        came = [as_json(sort, c.message.SerializeToString()) for c in p.taken if c.signal == sort]
        assert as_json(sort, body) in came, sort.name
    call = p.taken[0]
    assert call.headers.get("content-encoding") == (None if compression == "none" else compression)
    assert call.headers["content-type"] == ("application/json" if encoding == "json" else "application/x-protobuf")
    assert call.headers["user-agent"].startswith("otelcd/") and "(linux/" in call.headers["user-agent"]
    assert call.path == call.signal.path
    settled(d)
    p.close()


@pytest.mark.parametrize("encoding", ["proto", "json"])
def test_profiles_arrive_too(started, encoding):
    p = HttpPeer()
    d = started(p, {"encoding": encoding})
    body = (filed.ROOT / "test/data/debug/profiles.json").read_bytes()
    assert d.http("POST", PROFILES.path, body, {"Content-Type": "application/json"})[0] == 200
    p.wait(lambda p: len(p.taken) == 1)
    assert p.taken[0].path == "/v1development/profiles"
    assert items(p.taken[0].message) == exported(d, p, "profiles")["delivered"] > 0
    p.close()


def test_what_nobody_changed_is_sent_byte_by_byte(peer, started):
    p = peer()
    d = started(p, {"compression": "none"})
    request = otlp.logs(100)
    request.resource_logs[0].scope_logs[0].log_records[7].ClearField("time_unix_nano")
    raw = request.SerializeToString() + b"\x92\x03\x03new"  # a field that nobody knows yet
    d.http("POST", LOGS.path, raw, PROTOBUF)
    p.wait_items(100)
    assert p.taken[0].raw == raw
    settled(d)


def test_signals_have_urls_of_their_own(otelcd, tmp_path):
    p = HttpPeer()
    options = {
        "endpoint": p.endpoint + "/base/",
        "logs_endpoint": p.endpoint + "/elsewhere/v1/logs?tenant=7",
        "profiles_endpoint": p.endpoint + "/profiled",
        "compression": "none",
    }
    d = otelcd(CONFIG.format(folder=tmp_path, exporter="otlp_http", options=json.dumps(options)))
    d.export(otlp.logs(1))
    d.export(otlp.traces(1))
    body = (filed.ROOT / "test/data/debug/profiles.json").read_bytes()
    assert d.http("POST", PROFILES.path, body, {"Content-Type": "application/json"})[0] == 200
    p.wait(lambda p: len(p.taken) == 3)
    assert sorted(c.path for c in p.taken) == ["/base/v1/traces", "/elsewhere/v1/logs?tenant=7", "/profiled"]
    settled(d)
    labels = dict(server_address="127.0.0.1", server_port=str(p.port), exporter="otlp_http")
    assert d.metric("otelcol_exporter_sent_log_records", url_path="/elsewhere/v1/logs", **labels) == 1
    assert d.metric("otelcol_exporter_sent_spans", url_path="/base/v1/traces", **labels) == 1
    p.close()


@pytest.mark.parametrize("form", ["map", "list"])
def test_headers_go_with_every_request(peer, started, form):
    headers = {"X-Scope-OrgID": "tenant-1", "Authorization": "Bearer s3cret"}
    p = peer()
    d = started(p, {"headers": headers if form == "map" else [{"name": k, "value": v} for k, v in headers.items()]})
    d.export(otlp.logs(1))
    p.wait_items(1)
    assert p.taken[0].headers["x-scope-orgid"] == "tenant-1"
    assert p.taken[0].headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(d.output)
    settled(d)


# --- answers ---


@pytest.mark.parametrize("queue", ["off", "memory", "disk"])
def test_a_partial_success_is_counted_and_told_to_who_waits(peer, started, queue):
    p = peer()
    p.answer = lambda call: partial(p, call, 2, "two are\x1b[2J too old")
    d = started(p, QUEUES[queue], expect=["Partial success response"])
    response = d.export(otlp.logs(5))
    if queue == "off":
        assert response.partial_success.rejected_log_records == 2
        assert "too old" in response.partial_success.error_message
    assert dropped(d, "rejected_by_peer") == 2
    assert exported(d, p)["delivered"] == 3
    d.wait_log("Partial success response")
    (record,) = d.records("Partial success response")
    assert record["dropped_log_records"] == 2 and "\\u001b[2J" in record["message"] and record["endpoint"]
    assert len(p.calls) == 1


def test_no_more_is_told_as_rejected_than_came(peer, otelcd, tmp_path):
    p = peer()
    p.answer = lambda call: partial(p, call, 2, "both")
    options = {"endpoint": p.endpoint, "tls": {"insecure": True}, **QUEUES["off"]}
    config = CONFIG.format(folder=tmp_path, exporter=p.exporter, options=json.dumps(options))
    config = config.replace("metrics: {receivers: [otlp],", "metrics: {receivers: [otlp], processors: [metrics_transform],")
    twice = {"transforms": [{"include": "m", "action": "insert", "new_name": "n"}]}
    d = otelcd(config + "processors:\n  metrics_transform: " + json.dumps(twice), expect=["Partial success response"])
    assert d.export(otlp.Metrics().gauge("m", 1).request).partial_success.rejected_data_points == 1
    assert d.metric("otelcol_receiver_accepted_metric_points", receiver="otlp", transport="grpc") == 0
    assert exported(d, p, "metrics")["dropped"] == 2


QUEUES = {
    "off": {"sending_queue": {"enabled": False}},
    "memory": {"sending_queue": {"num_consumers": 1}},
    "disk": {"sending_queue": {"num_consumers": 1, "storage": "file_storage"}},
}


def test_a_warning_of_a_peer_is_logged_and_nothing_is_lost(peer, started):
    p = peer()
    p.answer = lambda call: partial(p, call, 0, "soon too old")
    d = started(p, expect=["Partial success response"])
    d.export(otlp.logs(5))
    assert exported(d, p)["delivered"] == 5


def test_a_refusal_for_now_is_tried_again_until_it_is_taken(peer, started):
    p = peer()
    p.answer = lambda call: refusal(p, "UNAVAILABLE", 503, "busy") if len(p.calls) < 4 else None
    d = started(p, allow=["busy"])
    d.export(otlp.logs(5))
    assert exported(d, p)["delivered"] == 5
    assert len(p.calls) == 4 and p.items() == 5


def test_the_delay_that_a_peer_asks_for_is_kept(peer, started):
    p = peer()
    times = []

    def answer(call):
        import time

        times.append(time.monotonic())
        return refusal(p, "UNAVAILABLE", 503, "in a second", 1) if len(times) == 1 else None

    p.answer = answer
    d = started(p, allow=["in a second"])
    d.export(otlp.logs(1))
    p.wait_items(1)
    assert times[1] - times[0] >= 1
    settled(d)


def test_the_delay_that_a_peer_asks_for_reaches_the_sender_behind(peer, started):
    p = peer()
    p.answer = lambda call: refusal(p, "UNAVAILABLE", 503, "in a while", 7)
    d = started(p, {**QUEUES["off"], "retry_on_failure": {"enabled": False}}, allow=["in a while"])
    code, text, retry = sender_hears(d, otlp.logs(1))
    assert (code, retry) == ("UNAVAILABLE", 7) and "in a while" in text
    assert d.post(otlp.logs(1))[1].get("Retry-After") == "7"
    assert exported(d, p)["refused"] == 2


REFUSALS = [
    ("UNAUTHENTICATED", 401, "unauthorized", "credentials"),
    ("PERMISSION_DENIED", 403, "forbidden", "credentials"),
    ("UNIMPLEMENTED", 404, None, "endpoint"),
    ("INVALID_ARGUMENT", 400, "invalid", "its own log"),
]


@pytest.mark.parametrize("code, http, reason, advice", REFUSALS)
def test_a_refusal_for_good_says_what_to_do_and_is_not_sent_again(peer, started, code, http, reason, advice):
    p = peer()
    p.answer = lambda call: refusal(p, code, http, "never")
    d = started(p, QUEUES["off"], expect=["The peer refuses"], allow=["never"])
    assert sender_hears(d, otlp.logs(3))[:1] == (code,)
    assert len(p.calls) == 1
    reason = reason or ("unimplemented" if p.exporter == "otlp_grpc" else "not_found")
    d.wait_log("The peer refuses")
    record = d.records("The peer refuses")[0]
    assert record["reason"] == reason and advice in record["advice"] and "never" in record["answer"]
    assert exported(d, p)["refused"] == 3


@pytest.mark.parametrize(
    "code, http, retry, reason, advice",
    [("RESOURCE_EXHAUSTED", 429, 0.01, "throttled", "send less"), ("UNAVAILABLE", 503, None, "unavailable", "its own log")],
)
def test_a_refusal_for_now_says_what_to_do_and_is_tried_again(peer, started, code, http, retry, reason, advice):
    p = peer()
    p.answer = lambda call: refusal(p, code, http, "busy", retry if p.exporter == "otlp_grpc" else None) if len(p.calls) == 1 else None
    d = started(p, expect=["does not take what is sent for now"], allow=["busy"])
    d.export(otlp.logs(3))
    p.wait_items(3)
    record = d.records("does not take what is sent for now")[0]
    assert record["reason"] == reason and advice in record["advice"] and "busy" in record["answer"]
    assert exported(d, p)["delivered"] == 3


def test_with_a_queue_what_is_refused_for_good_is_dropped_by_its_reason(peer, started):
    p = peer()
    p.answer = lambda call: refusal(p, "INVALID_ARGUMENT", 400, "never")
    d = started(p, expect=["Dropping data"], allow=["never"])
    d.export(otlp.logs(3))
    assert dropped(d, "invalid") == 3


def test_what_is_given_up_is_told_though_its_retries_were(peer, started):
    """The line of the first retry holds the next ones back for a while, but not that of the loss."""
    p = peer()
    p.answer = lambda call: refusal(p, "UNAVAILABLE", 503, "closed for today")
    retry = {"initial_interval": "10ms", "max_interval": "20ms", "max_elapsed_time": "100ms"}
    d = started(p, {"retry_on_failure": retry}, expect=["The peer does not take", "Dropping data"], allow=["closed for today"])
    d.export(otlp.logs(3))
    assert dropped(d, "unavailable") == 3
    d.wait_log("Dropping data")
    told = d.records("The peer does not take")[0]
    assert told["items"] == 3, told
    assert [(r["reason"], r["dropped_items"]) for r in d.records("Dropping data")] == [("unavailable", 3)]


@pytest.mark.parametrize("retries", ["on", "off"])
def test_an_ambiguous_end_of_the_connection_is_tried_again(started, retries):
    p = HttpPeer(lambda call: (lambda handler: None) if len(p.calls) < 3 else None)
    d = started(p, allow=["closed"])
    d.export(otlp.logs(4))
    assert exported(d, p)["delivered"] == 4
    p.close()


def test_a_page_of_html_is_not_taken_for_a_success(started):
    p = HttpPeer(lambda call: (200, {"Content-Type": "text/html"}, b"<html>welcome"))
    d = started(p, expect=["The peer refuses", "Dropping data"])
    d.export(otlp.logs(4))
    assert dropped(d, "not_otlp") == 4
    p.close()


# --- size ---


def sized(n, size=1000):
    request = otlp.logs(n)
    for r in request.resource_logs[0].scope_logs[0].log_records:
        r.body.string_value = "x" * size
    return request


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_no_request_is_larger_than_max_request_bytes(peer, started, compression):
    p = peer()
    d = started(p, {"max_request_bytes": 20000, "compression": compression})
    d.export(sized(100))
    p.wait_items(100)
    assert exported(d, p)["delivered"] == 100
    assert p.items() == 100 and 5 <= len(p.calls) < 9
    assert all(c.size <= 20000 for c in p.calls)
    assert [r.attributes[0].value.int_value for c in p.taken for r in c.message.resource_logs[0].scope_logs[0].log_records] == list(
        range(100)
    )


def test_json_is_kept_below_max_request_bytes_too(started):
    p = HttpPeer()
    d = started(p, {"max_request_bytes": 20000, "encoding": "json", "compression": "none"})
    d.export(sized(100, size=10))
    assert exported(d, p)["delivered"] == 100
    assert p.items() == 100 and all(c.size <= 20000 for c in p.calls)
    p.close()


def test_one_item_that_is_too_large_is_dropped_and_named_and_nothing_else_is(peer, started):
    p = peer()
    request = sized(10)
    request.resource_logs[0].scope_logs[0].log_records[4].body.string_value = "y" * 30000
    d = started(p, {"max_request_bytes": 20000}, expect=["one item of 30[0-9]{3} bytes is larger than max_request_bytes of 20000"])
    d.export(request)
    assert dropped(d, "too_large") == 1
    assert exported(d, p)["delivered"] == 9 and p.items() == 9


@pytest.mark.parametrize("limited_by", ["max_request_bytes", "what the peer takes"])
def test_items_whose_resource_alone_is_too_large_are_dropped_together_and_named_once(peer, started, limited_by):
    p = peer()
    ours = limited_by == "max_request_bytes"
    p.answer = too_large(p, 20000)
    request = sized(10, size=100)
    large = sized(20000, size=1)
    large.resource_logs[0].resource.attributes.add(key="large").value.string_value = "y" * 30000
    request.resource_logs.extend(large.resource_logs)
    request.resource_logs.extend(sized(10, size=100).resource_logs)
    d = started(
        p,
        {"max_request_bytes": 20000} if ours else {},
        allow=["no requests as large"],
        expect=[f"what several items are in .* alone larger than {limited_by} of 20000"],
    )
    d.export(request)
    assert dropped(d, "too_large") == 20000
    assert exported(d, p)["delivered"] == 20 and p.items() == 20
    assert len(d.lines("what several items are in")) == 1
    assert len(p.calls) < 6


def too_large(p, limit, named=True):
    def answer(call):
        if call.size <= limit:
            return None
        text = f"received message larger than max ({call.size} vs. {limit})" if named else "message too large"
        return refusal(p, "RESOURCE_EXHAUSTED", 413, text)

    return answer


@pytest.mark.parametrize("named", [True, False])
def test_a_limit_of_the_peer_is_learnt_and_nothing_is_lost(peer, started, named):
    p = peer()
    p.answer = too_large(p, 20000, named)
    d = started(p, allow=["larger than max", "too large", "no requests as large"])
    d.export(sized(100))
    p.wait_items(100)
    first = len(p.calls)
    d.export(sized(100))
    assert exported(d, p)["delivered"] == 200 and p.items() == 200
    assert first <= (7 if named else 32)
    assert len(p.calls) - first <= (6 if named else 11)
    assert d.metric("otelcd_exporter_otlp_request_limit_bytes", exporter=p.exporter, signal="logs") <= 20000
    d.wait_log("takes no requests as large")


def test_an_item_that_the_peer_finds_too_large_is_dropped_alone(peer, started):
    p = peer()
    p.answer = too_large(p, 20000)
    request = sized(10)
    request.resource_logs[0].scope_logs[0].log_records[4].body.string_value = "y" * 30000
    d = started(p, allow=["larger than max", "no requests as large"], expect=["one item of 30[0-9]{3} bytes"])
    d.export(request)
    assert dropped(d, "too_large") == 1
    assert exported(d, p)["delivered"] == 9 and p.items() == 9


@pytest.mark.parametrize("queue", ["off", "memory", "disk"])
def test_what_was_taken_before_a_refusal_for_now_is_not_sent_twice(peer, started, queue):
    p = peer()
    p.answer = lambda call: refusal(p, "UNAVAILABLE", 503, "busy") if len(p.calls) == 3 else None
    d = started(p, {"max_request_bytes": 20000, **QUEUES[queue]}, allow=["busy"])
    d.export(sized(100))
    p.wait_items(100)
    assert exported(d, p)["delivered"] == 100
    assert p.items() == 100 and len(p.calls) == len(p.taken) + 1


# --- life ---


def test_a_peer_that_comes_back_gets_all_that_waited(peer, started):
    p = peer()
    d = started(p, allow=["."])
    d.export(otlp.logs(1))
    settled(d)
    port = p.port
    p.close()
    for _ in range(20):
        d.export(otlp.logs(5))
    q = peer(port=port)
    q.wait_items(100)
    assert exported(d, q)["delivered"] == 101
    assert q.items() == 100


def test_a_stop_gives_what_waits_a_last_try_and_ends_in_time(peer, started):
    p = peer()
    released = threading.Event()
    p.answer = lambda call: None if released.wait(PATIENCE) else None
    d = started(p, {"sending_queue": {"num_consumers": 2}, "timeout": "20s"})
    for _ in range(5):
        d.export(otlp.logs(2))
    p.wait(lambda p: len(p.calls) == 2)
    d.close_clients()
    d.terminate()
    released.set()
    assert d.wait_end() == 0
    assert p.items() == 10
    assert d.final_ledgers()["exporter", p.exporter, "logs"]["delivered"] == 10


def test_a_peer_that_never_answers_does_not_hold_up_the_stop(peer, otelcd, tmp_path):
    p = peer()
    released = threading.Event()
    p.answer = lambda call: None if released.wait(PATIENCE) else None
    options = {"endpoint": p.endpoint, "timeout": "0s"}
    if p.exporter == "otlp_grpc":
        options["tls"] = {"insecure": True}
    text = CONFIG.format(folder=tmp_path, exporter=p.exporter, options=json.dumps(options))
    d = otelcd(text + "  shutdown_timeout: 1s\n", allow=["."])
    d.export(otlp.logs(3))
    p.wait(lambda p: len(p.calls) == 1)
    d.close_clients()
    assert d.stop() == 0
    released.set()
    assert d.final_ledgers()["exporter", p.exporter, "logs"]["dropped"] == 3


def test_a_reload_keeps_what_is_on_disk(peer, otelcd, tmp_path):
    p = peer()
    down = threading.Event()
    down.set()
    p.answer = lambda call: refusal(p, "UNAVAILABLE", 503, "down") if down.is_set() else None
    options = {"endpoint": p.endpoint, "retry_on_failure": RETRY_SOON, **QUEUES["disk"]}
    if p.exporter == "otlp_grpc":
        options["tls"] = {"insecure": True}
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=p.exporter, options=json.dumps(options)), allow=["."])
    d.export(otlp.logs(3))
    p.wait(lambda p: len(p.calls) > 1)
    d.reload(CONFIG.format(folder=tmp_path, exporter=p.exporter, options=json.dumps({**options, "timeout": "6s"})))
    down.clear()
    p.wait_items(3)
    d.close_clients()
    assert d.stop() == 0
    assert d.final_ledgers()["exporter", p.exporter, "logs"]["delivered"] == 3 and p.items() == 3


# --- peers that are no good ---


def write(*chunks, forever=False, pause=0.0, ends=True):
    """ends: the connection closes behind it; else only our half of it, and the peer has to leave."""

    def answer(handler):
        try:
            for c in chunks:
                handler.wfile.write(c)
            while forever:
                handler.wfile.write(chunks[-1])
                threading.Event().wait(pause)
            if not ends:
                handler.connection.shutdown(socket.SHUT_WR)
                handler.connection.recv(1)
        except OSError:
            pass

    return lambda call: answer


def stall(call):
    def answer(handler):
        handler.connection.settimeout(PATIENCE)
        try:
            handler.connection.recv(1)  # until the peer leaves
        except OSError:
            pass

    return answer


BOMB = gzip.compress(bytes(256 << 20))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
CONTROLS = "\x1b[2J\x07\r\n" * 130_000  # 1 MB
STATUS = status(14, CONTROLS)
BAD_PEERS = {
    "10 GB": (write(HEAD + b"Content-Length: 10000000000\r\n\r\n", b"x" * 65536, forever=True), "larger than 4 MiB"),
    "a gzip bomb": (write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB), BOMB), "larger than 4 MiB"),
    "chunks for ever": (write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n", forever=True), "larger than 4 MiB"),
    "1xx for ever": (write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", forever=True), None),
    "a head without end": (write(HEAD, b"X-A: " + b"y" * 1000 + b"\r\n", forever=True), None),
    "trailers without end": (write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: " + b"y" * 1000 + b"\r\n", forever=True), None),
    "a reason of 1 MB": (write(b"HTTP/1.1 503 " + CONTROLS.replace("\r\n", "").encode() + b"\r\nContent-Length: 0\r\n\r\n"), None),
    "a status text of 1 MB": (write(BUSY % (b"application/x-protobuf", len(STATUS)) + STATUS), None),
    "a page of 1 MB": (write(BUSY % (b"text/html", len(CONTROLS)) + CONTROLS.encode()), None),
    "no HTTP": (write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), None),
    "half an answer": (write(HEAD + b"Content-Length: 100\r\n\r\nabc"), None),
    "half an answer on a connection that is half closed": (write(HEAD + b"Content-Length: 100\r\n\r\nabc", ends=False), None),
    "a half closed connection": (write(ends=False), None),
    "a bad length": (write(HEAD + b"Content-Length: -5\r\n\r\n"), None),
}
SLOW_PEERS = {"silence": (stall, None), "dribble": (write(HEAD, b"X", forever=True, pause=0.05), None)}


@pytest.mark.parametrize("kind", [*BAD_PEERS, *SLOW_PEERS])
def test_what_a_bad_peer_sends_is_bounded_and_the_others_are_served(otelcd, tmp_path, kind):
    answer, taken = {**BAD_PEERS, **SLOW_PEERS}[kind]  # the status says that it was taken, whatever follows
    bad, good = HttpPeer(answer), HttpPeer()
    text = CONFIG.format(
        folder=tmp_path,
        exporter="otlp_http",
        options=json.dumps({"endpoint": bad.endpoint, "timeout": "500ms" if kind in SLOW_PEERS else "5s", "retry_on_failure": RETRY_SOON}),
    ).replace("service:", f"  otlp_http/good: {{endpoint: '{good.endpoint}'}}\nservice:")
    text = text.replace("exporters: [otlp_http]", "exporters: [otlp_http, otlp_http/good]") + "  shutdown_timeout: 1s\n"
    d = otelcd(text, allow=["."])
    d.export(otlp.logs(3))
    good.wait_items(3)
    bad.wait(lambda p: len(p.calls) >= (1 if taken else 2))
    if taken:
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="otlp_http") == 3)
        assert taken in d.wait_log("Partial success response")["message"]
    for _ in range(10):
        d.export(otlp.logs(1))
    good.wait_items(13)
    if kind not in SLOW_PEERS:  # a line for the first, and then ever more seldom
        bad.wait(lambda p: len(p.calls) >= (11 if taken else 20))
        assert 1 <= len(d.records("Partial success response" if taken else "Exporting failed")) < 8
    assert SANITIZED or d.rss() < 150 << 20
    assert not any("\x1b" in str(line) or "\x07" in str(line) or len(str(line)) > 10_000 for line in d.output)
    bad.close()
    good.close()


# --- who we are ---


def test_an_authenticator_says_who_we_are_and_a_new_token_is_used_at_once(peer, otelcd, tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    p = peer()
    p.answer = lambda call: None if call.headers["authorization"] == "Bearer new" else refusal(p, "UNAUTHENTICATED", 401, "who")
    options = {"endpoint": p.endpoint, "retry_on_failure": RETRY_SOON, "auth": {"authenticator": "bearertokenauth"}}
    if p.exporter == "otlp_grpc":
        options["tls"] = {"insecure": True}
    text = CONFIG.format(folder=tmp_path, exporter=p.exporter, options=json.dumps(options))
    text = text.replace("extensions:\n", f"extensions:\n  bearertokenauth: {{filename: {token}}}\n", 1)
    text = text.replace("extensions: [file_storage]", "extensions: [file_storage, bearertokenauth]")
    if p.exporter == "otlp_grpc":  # as in the Go collector: credentials do not go in plain text
        d = otelcd(text, expect=["transport level security"], ready=False, end=False)
        assert d.wait_end() != 0
        return
    d = otelcd(text, expect=["The peer refuses"], allow=["who"])
    d.export(otlp.logs(1))
    assert dropped(d, "unauthorized") == 1
    token.write_text("new")
    for _ in range(100):
        d.export(otlp.logs(1))
        settled(d)
        if p.taken:
            break
    assert p.taken[0].headers["authorization"] == "Bearer new"
    assert "who" in str(d.output)


def test_a_host_of_ones_own_takes_the_place_of_the_endpoints(started):
    p = HttpPeer()
    d = started(p, {"headers": {"Host": "tenant.example", "User-Agent": "mine"}})
    d.export(otlp.logs(1))
    p.wait_items(1)
    assert p.taken[0].headers["host"] == "tenant.example" and p.taken[0].headers["user-agent"] == "mine"
    settled(d)
    p.close()
