# SPDX-License-Identifier: Apache-2.0
"""What a sender hears is what became of its data: every exporter, every queue, every answer of what stands behind it."""

import threading
from collections import namedtuple

import grpc
import pytest
from harness import otlp
from harness.limits import PATIENCE
from harness.otlp import METRICS, Metrics
from harness.otlp_peer import GrpcPeer, HttpPeer
from harness.remote_write import Receiver

CONFIG = """
receivers:
  otlp:
    protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}
extensions:
  file_storage: {{directory: {folder}/storage, create_directory: true}}
exporters:
  {exporter}
service:
  extensions: [file_storage]
  pipelines:
    metrics: {{receivers: [otlp], exporters: [{name}]}}
"""

# How many of the three points are rejected; the gRPC code and HTTP status.
Heard = namedtuple("Heard", "code http rejected")
TAKEN = Heard("OK", 200, 0)
REFUSED = Heard("INVALID_ARGUMENT", 400, 0)
LATER = Heard("UNAVAILABLE", 503, 0)
# What a ledger says of them.
Booked = namedtuple("Booked", "delivered refused dropped")
ALL = Booked(3, 0, 0)
NONE = Booked(0, 3, 0)
LOST = Booked(0, 0, 3)
TWO = Booked(2, 0, 1)


def export(d, request, protocol):
    """What the sender hears."""
    if protocol == "grpc":
        try:
            response = d.export(request)
        except grpc.RpcError as e:
            return Heard(e.code().name, None, 0), e.details()
        return Heard("OK", None, response.partial_success.rejected_data_points), response.partial_success.error_message
    status, _, body = d.post(request)
    if status != 200:
        return Heard(None, status, 0), body.decode(errors="replace")
    partial = METRICS.response.FromString(body).partial_success
    return Heard(None, 200, partial.rejected_data_points), partial.error_message


def hears(d, request, protocol, expected):
    """Sends it, and gives back the text that came with the answer."""
    heard, text = export(d, request, protocol)
    wanted = expected._replace(http=None) if protocol == "grpc" else expected._replace(code=None)
    assert heard == wanted, (heard, text)
    return text


def books(d, name, pipeline, exporter):
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_exporter_held_items")) == 0)
    found = d.ledgers()
    assert Booked(*(found["pipeline", "metrics"][c] for c in Booked._fields)) == pipeline, found
    assert Booked(*(found["exporter", name, "metrics"][c] for c in Booked._fields)) == exporter, found


def three():
    return Metrics().gauge("a", 1.0).gauge("b", 2.0).gauge("c", 3.0).request


# --- remote write ---

NO_RETRIES = "retry_on_failure: {enabled: false}"
RW_QUEUES = {
    "off": "remote_write_queue: {enabled: false}, " + NO_RETRIES,
    "memory": "remote_write_queue: {num_consumers: 1}, "
    "retry_on_failure: {initial_interval: 1ms, max_interval: 1ms, max_elapsed_time: 1ms}",
    "memory, no retries": NO_RETRIES,
    "disk": "wal: {directory: FOLDER/wal}, " + NO_RETRIES,
}
WAITING = ("off", "memory, no retries")  # for the receiver's answer


def bad_b(request):
    return (400, {}, b"out of bounds") if any(s.name == "b" for s in request.series) else (204, {}, b"")


def time_out(released):
    return lambda request: lambda handler: released.wait(PATIENCE)


# answer: what the receiver says, what a sender that waits hears and is told, what its ledgers say, what the exporter's
# ledger says behind a queue.
ANSWERS = {
    "200": (lambda r: (200, {}, b""), TAKEN, "", ALL, ALL),
    "204": (lambda r: (204, {}, b""), TAKEN, "", ALL, ALL),
    "400": (lambda r: (400, {}, b"label name is bad"), REFUSED, "label name is bad", NONE, LOST),
    "401": (lambda r: (401, {}, b"who are you"), REFUSED, "who are you", NONE, LOST),
    "413": (lambda r: (413, {}, b"too much"), REFUSED, "too much", NONE, LOST),
    "500": (lambda r: (500, {}, b"boom"), LATER, "answered 500: boom", NONE, LOST),
    "503": (lambda r: (503, {}, b"down"), LATER, "answered 503: down", NONE, LOST),
    "429": (lambda r: (429, {"Retry-After": "7"}, b"slow"), LATER, "answered 429: slow", NONE, LOST),
    "cut": (lambda r: None, LATER, "closed", NONE, LOST),
    "time-out": (None, LATER, "", NONE, LOST),
    "partial": (bad_b, Heard("OK", 200, 1), "out of bounds", TWO, TWO),
}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("queue", RW_QUEUES)
@pytest.mark.parametrize("answer", ANSWERS)
def test_remote_write_answers_what_its_receiver_has_said(otelcd, tmp_path, answer, queue, protocol):
    says, heard, told, waiting, queued = ANSWERS[answer]
    released = threading.Event()
    r = Receiver(says or time_out(released))
    timeout = "300ms" if says is None else f"{PATIENCE}s"  # the receiver may be slow to its first request
    exporter = (
        f"prometheus_remote_write: {{endpoint: '{r.url}', timeout: {timeout}, target_info: {{enabled: false}}, "
        f"{RW_QUEUES[queue].replace('FOLDER', str(tmp_path))}}}"
    )
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name="prometheus_remote_write"), allow=["."])
    text = hears(d, three(), protocol, heard if queue in WAITING else TAKEN)
    if queue in WAITING:
        assert told in text
        books(d, "prometheus_remote_write", waiting, waiting)
    else:
        books(d, "prometheus_remote_write", ALL, queued)
    released.set()
    r.close()


UNTRANSLATED = {
    "a delta": (lambda m: m.gauge("a", 1.0).gauge("b", 2.0).sum("c", 3, temporality=otlp.DELTA), "delta_temporality", 1),
    "no temporality": (lambda m: m.gauge("a", 1.0).gauge("b", 2.0).sum("c", 3, temporality=0), "no_temporality", 1),
    "a name of nothing": (lambda m: m.gauge("a", 1.0).gauge("b", 2.0).gauge("/", 3.0), "bad_name", 1),
    "nothing else": (lambda m: [m.sum(n, 1, temporality=otlp.DELTA) for n in "abc"] and m, "delta_temporality", 3),
}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("queue", RW_QUEUES)
@pytest.mark.parametrize("points", UNTRANSLATED)
def test_points_that_remote_write_cannot_carry_are_rejected(otelcd, tmp_path, points, queue, protocol):
    make, reason, n = UNTRANSLATED[points]
    r = Receiver()
    exporter = f"prometheus_remote_write: {{endpoint: '{r.url}', {RW_QUEUES[queue].replace('FOLDER', str(tmp_path))}}}"
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name="prometheus_remote_write"), expect=[reason])
    text = hears(d, make(Metrics()).request, protocol, Heard("OK", 200, n if queue in WAITING else 0))
    booked = Booked(3 - n, 0, n)
    books(d, "prometheus_remote_write", booked if queue in WAITING else ALL, booked)
    assert reason in text or queue not in WAITING
    r.close()


def test_what_two_reasons_refuse_is_told_as_one_sum(otelcd, tmp_path):
    r = Receiver(bad_b)
    exporter = f"prometheus_remote_write: {{endpoint: '{r.url}', {RW_QUEUES['off']}}}"
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name="prometheus_remote_write"), expect=["delta", "too_old"])
    request = Metrics().gauge("a", 1.0).gauge("b", 2.0).sum("c", 3, temporality=otlp.DELTA).request
    hears(d, request, "grpc", Heard("OK", 200, 2))
    books(d, "prometheus_remote_write", Booked(1, 0, 2), Booked(1, 0, 2))
    for reason in ("delta_temporality", "too_old"):
        assert d.metric("otelcd_remote_write_points_not_sent", reason=reason) == 1
    r.close()


def test_a_sender_that_waits_comes_again_after_what_the_receiver_asked_for(otelcd, tmp_path):
    r = Receiver(lambda request: (429, {"Retry-After": "7"}, b"slow"))
    exporter = f"prometheus_remote_write: {{endpoint: '{r.url}', {RW_QUEUES['off']}}}"
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name="prometheus_remote_write"), allow=["."])
    status, headers, _ = d.post(three())
    assert (status, headers["Retry-After"]) == (503, "7")
    r.close()


def test_what_a_sender_brings_again_is_counted_once(otelcd, tmp_path):
    """While the receiver is down for the rest of a request, points that it can never have are no news each time."""
    down = threading.Event()
    down.set()
    r = Receiver(lambda request: (503, {}, b"down") if down.is_set() else (204, {}, b""))
    exporter = f"prometheus_remote_write: {{endpoint: '{r.url}', {RW_QUEUES['off']}}}"
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name="prometheus_remote_write"), expect=["delta"], allow=["."])
    request = Metrics().gauge("a", 1.0).gauge("b", 2.0).sum("c", 3, temporality=otlp.DELTA).request
    for _ in range(3):
        hears(d, request, "http", LATER)
    assert d.metric("otelcd_remote_write_points_not_sent", reason="delta_temporality") == 0
    d.wait_log("The sender is told")
    assert "Dropping data" not in d.log()
    down.clear()
    hears(d, request, "http", Heard("OK", 200, 1))
    assert d.metric("otelcd_remote_write_points_not_sent", reason="delta_temporality") == 1
    r.close()


def test_of_two_senders_without_a_queue_each_hears_of_its_own(otelcd, tmp_path):
    r = Receiver(bad_b)
    exporter = f"prometheus_remote_write: {{endpoint: '{r.url}', {RW_QUEUES['off']}}}"
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name="prometheus_remote_write"), expect=["too_old"])
    call = d.caller(three())
    good, bad = Metrics().gauge("a", 1.0).request, Metrics().gauge("b", 1.0).gauge("c", 1.0).request
    sent = [(request, call.future(request, timeout=PATIENCE)) for request in (good, bad) * 10]
    for request, one in sent:
        assert one.result().partial_success.rejected_data_points == (0 if request is good else 1)
    books(d, "prometheus_remote_write", Booked(20, 0, 10), Booked(20, 0, 10))
    r.close()


# --- OTLP ---

OTLP_QUEUES = {
    "off": "sending_queue: {enabled: false}, retry_on_failure: {enabled: false}",
    "memory": "sending_queue: {}, retry_on_failure: {max_elapsed_time: 1ms, initial_interval: 1ms, max_interval: 1ms}",
    "memory, no retries": "sending_queue: {}, retry_on_failure: {enabled: false}",
    "disk": "sending_queue: {storage: file_storage}, retry_on_failure: {enabled: false}",
}
OTLP_WAITING = ("off", "memory, no retries")
# What the peer says: gRPC's code and HTTP's status; what a sender that waits hears, and what the ledgers say then; what
# the exporter's ledger says behind a queue.
OTLP_ANSWERS = {
    "OK": ("OK", 200, TAKEN, ALL, ALL),
    "partial": ("PARTIAL", 200, Heard("OK", 200, 1), TWO, TWO),
    "UNAVAILABLE": ("UNAVAILABLE", 503, LATER, NONE, LOST),
    "RESOURCE_EXHAUSTED": ("RESOURCE_EXHAUSTED", 429, None, NONE, LOST),
    "INVALID_ARGUMENT": ("INVALID_ARGUMENT", 400, REFUSED, NONE, LOST),
    "UNAUTHENTICATED": ("UNAUTHENTICATED", 401, Heard("UNAUTHENTICATED", 401, 0), NONE, LOST),
    "PERMISSION_DENIED": ("PERMISSION_DENIED", 403, Heard("PERMISSION_DENIED", 403, 0), NONE, LOST),
    "UNIMPLEMENTED": ("UNIMPLEMENTED", 404, Heard("UNIMPLEMENTED", 404, 0), NONE, LOST),
    "INTERNAL": ("INTERNAL", 500, None, NONE, LOST),
}


def otlp_answer(peer, code, status):
    def answer(call):
        if code == "OK":
            return None
        if code == "PARTIAL":
            response = call.signal.response()
            response.partial_success.rejected_data_points = 1
            response.partial_success.error_message = "one is bad"
            if peer is GrpcPeer:
                return response
            return 200, {"Content-Type": "application/x-protobuf"}, response.SerializeToString()
        if peer is GrpcPeer:
            return code, "said the peer", None
        return status, {"Content-Type": "text/plain"}, b"said the peer"

    return answer


def otlp_heard(peer, code, heard):
    """Where the two protocols differ: RESOURCE_EXHAUSTED without a delay is for good, 429 is not; 500 has no code."""
    if code == "RESOURCE_EXHAUSTED":
        return REFUSED if peer is GrpcPeer else LATER
    if code == "INTERNAL":
        return Heard("INTERNAL" if peer is GrpcPeer else "UNKNOWN", 500, 0)
    return heard


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("queue", OTLP_QUEUES)
@pytest.mark.parametrize("answer", OTLP_ANSWERS)
@pytest.mark.parametrize("peer", [GrpcPeer, HttpPeer])
def test_otlp_answers_what_its_peer_has_said(otelcd, tmp_path, peer, answer, queue, protocol):
    code, status, heard, waiting, queued = OTLP_ANSWERS[answer]
    p = peer(otlp_answer(peer, code, status))
    exporter = f"{p.exporter}: {{endpoint: '{p.endpoint}', tls: {{insecure: true}}, {OTLP_QUEUES[queue]}}}"
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=exporter, name=p.exporter), allow=["."])
    text = hears(d, three(), protocol, otlp_heard(peer, code, heard) if queue in OTLP_WAITING else TAKEN)
    if queue in OTLP_WAITING:
        assert answer == "OK" or "said the peer" in text or "one is bad" in text
        books(d, p.exporter, waiting, waiting)
    else:
        books(d, p.exporter, ALL, queued)
    p.close()


# --- the others ---

DEBUG_QUEUES = {
    "off": "{}",
    "memory": "{sending_queue: {}}",
    "memory, waiting": "{sending_queue: {wait_for_result: true}}",
    "disk": "{sending_queue: {storage: file_storage}}",
}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("queue", DEBUG_QUEUES)
def test_what_is_printed_is_delivered(otelcd, tmp_path, queue, protocol):
    d = otelcd(CONFIG.format(folder=tmp_path, exporter=f"debug: {DEBUG_QUEUES[queue]}", name="debug"))
    hears(d, three(), protocol, TAKEN)
    books(d, "debug", ALL, ALL)


def delta_among_three(m):
    return m.gauge("a", 1.0).gauge("b", 2.0).sum("c", 3, temporality=otlp.DELTA, monotonic=False)


def grouped(m):
    """Three resources, of which one has no file name."""
    for i in (1, 2):
        m.request.resource_metrics.add().CopyFrom(Metrics().gauge("a", 1.0).request.resource_metrics[0])
    for name, resource in zip(("one", "two", "n\0ne"), m.request.resource_metrics):
        otlp.put(resource.resource.attributes, {"file": name})
    return m


OTHERS = {
    "nop": ("nop: {}", lambda m: m, TAKEN, ALL),
    "prometheus": ("prometheus: {endpoint: '127.0.0.1:0'}", lambda m: m.gauge("b", 1.0).gauge("c", 1.0), TAKEN, ALL),
    "prometheus, partial": ("prometheus: {endpoint: '127.0.0.1:0'}", delta_among_three, Heard("OK", 200, 1), TWO),
    "file": ("file: {path: '{folder}/out.json'}", lambda m: m.gauge("b", 1.0).gauge("c", 1.0), TAKEN, ALL),
    "file, full": ("file: {path: /dev/full, flush_interval: 1ms}", lambda m: m.gauge("b", 1.0).gauge("c", 1.0), LATER, NONE),
    "file, partial": (
        "file: {path: '{folder}/*.json', group_by: {enabled: true, resource_attribute: file}}",
        grouped,
        Heard("OK", 200, 1),
        TWO,
    ),
}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("case", OTHERS)
def test_an_exporter_without_a_queue_answers_what_became_of_it(otelcd, tmp_path, case, protocol):
    exporter, make, heard, booked = OTHERS[case]
    text = CONFIG.format(folder=tmp_path, exporter=exporter.replace("{folder}", str(tmp_path)), name=case.split(",")[0])
    d = otelcd(text, allow=["."])
    m = make(Metrics() if case == "prometheus, partial" else Metrics().gauge("a", 1.0))
    request = m.request
    if case == "nop":
        request = three()
    hears(d, request, protocol, heard)
    books(d, case.split(",")[0], booked, booked)
