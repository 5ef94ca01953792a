# SPDX-License-Identifier: Apache-2.0
"""What is wrong more rarely (ailments.py): each row of the doctor's tables that a real otelcd can be brought to."""

import contextlib
import resource
import socket
import subprocess
import threading
import time

import pytest

from .ailments import (
    DIRECT, ONCE, SCRAPED, answering, case, closing, grpc_to, http_to, pipeline, refuse, saying, scraping, send, write_to,
)  # fmt: skip
from .limits import free_port
from .otlp import Metrics, logs, traces
from .otlp_peer import GrpcPeer, HttpPeer
from .remote_write import Receiver

SOON = "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms, max_elapsed_time: 0s}"

# ---- who sends ----


def frames(*sent):
    return b"".join(len(p).to_bytes(3, "big") + bytes([kind, flags]) + bytes(4) + p for kind, flags, p in sent)


@case("sender_pings", "keepalive", change="keepalive::enforcement_policy::min_time")
def a_sender_pings_too_often(w):
    policy = "keepalive: {enforcement_policy: {min_time: 1h}}"
    d = w.start(pipeline(receiver='otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0", %s}}}' % policy))
    d.export(traces())
    with socket.create_connection(("127.0.0.1", d.grpc_port), 30) as s, contextlib.suppress(OSError):
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames((4, 0, b""), *[(6, 0, b"12345678")] * 8))
        while s.recv(1000):
            pass
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_broken_connections", reason="pings") > 0)
    yield d


@case("sender_timeout", "network")
def a_sender_stops_in_the_middle_of_its_headers(w):
    d = w.start(pipeline(receiver='otlp: {protocols: {http: {endpoint: "127.0.0.1:0", read_header_timeout: 50ms}}}'))
    send(d, traces())
    with socket.create_connection(("127.0.0.1", d.http_port), 30) as s:
        s.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n")
        d.wait_metrics(lambda m: m.sum("otelcd_receiver_broken_connections", reason="timeout") > 0)
        yield d


def crowd(d, n):
    return [socket.create_connection(("127.0.0.1", d.http_port), 30) for _ in range(n)]


@case("sender_crowded", "LimitNOFILE")
def idle_connections_make_room_for_others(w):
    d = w.start(pipeline())
    send(d, traces())
    w.limit_descriptors(d, w.descriptors(d) + 12)
    idle = crowd(d, 40)
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_broken_connections", reason="crowded") > 0)
    w.limit_descriptors(d, 1024)
    yield d
    for s in idle:
        s.close()


@case("sender_accept", "came to nothing", "LimitNOFILE")
def no_descriptor_is_left_for_a_connection(w):
    """Those that are there wait for answers, so that none is idle and gives way."""
    go_on = threading.Event()
    with closing(GrpcPeer(lambda call: go_on.wait(60) and None)) as peer:
        d = w.start(pipeline(exporter=grpc_to(peer.endpoint, "timeout: 1h, " + DIRECT)), under=["prlimit", "--nofile=64:64"])
        body = traces().SerializeToString()
        request = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

        def come():
            go_on.clear()
            busy = []
            for _ in range(120):
                busy += crowd(d, 1)
                with contextlib.suppress(OSError):
                    busy[-1].sendall(request)
            go_on.set()
            for s in busy:
                s.close()
            return True

        d.wait_metrics(lambda m: m.sum("otelcd_receiver_broken_connections", reason="accept") > 0 or (come() and False))
        yield d


# ---- a peer refuses for good ----


def written(w, answer, metrics):
    with closing(Receiver(answer)) as r:
        d = w.start(pipeline("metrics", write_to(r.url, SOON)))
        send(d, metrics.request)
        d.wait_log("Points are not sent")
        yield d


def gauge():
    return Metrics().gauge("x", 1)


def twice():
    metrics, now = Metrics().gauge("x", 1).gauge("x", 2), time.time_ns()
    for m in metrics.scope.metrics:
        m.gauge.data_points[0].time_unix_nano = now
    return metrics


# What a case is called, its kind and what the doctor says; the receiver's refusal, if it comes to one; what is sent.
WRITTEN = [
    ("samples_lie_in_the_future_of_the_receiver", "dropped_future", "set the clocks right", b"timestamp is too far in the future", gauge),
    ("a_receiver_stores_no_such_histogram", "dropped_bad_histogram", "native histograms", b"native histograms are disabled", gauge),
    (
        "a_receiver_takes_no_exemplars", "dropped_bad_exemplar", "exemplar-storage", b"exemplar of another series",
        lambda: Metrics().sum("x", 1, exemplar=2.0),
    ),
    ("a_receiver_does_not_take_a_name", "dropped_bad_name", "metric's name", b"invalid metric name", gauge),
    (
        "a_receiver_has_a_limit_of_its_own", "dropped_receiver_limit", "raise the receiver's limit", b"per-user limit of series exceeded",
        gauge,
    ),
    ("a_receiver_says_no_and_not_why", "dropped_rejected", "own log", b"no", gauge),
    ("a_batch_has_a_point_twice", "dropped_duplicate_timestamp", "service.instance.id", None, twice),
    ("a_sum_does_not_say_its_temporality", "dropped_no_temporality", "mend the sender", None, lambda: Metrics().sum("x", 1, temporality=0)),
]  # fmt: skip
CHANGED = {"dropped_bad_name": "translation_strategy"}


def add_written(name, kind, says, refusal, metrics):
    def make(w):
        return written(w, refusal and refuse(refusal), metrics())

    make.__name__ = name
    case(kind, says, change=CHANGED.get(kind))(make)


for row in WRITTEN:
    add_written(*row)


@case("dropped_server_error", "receiver's log")
def a_receiver_fails_with_one_series_alone(w):
    def answer(request):
        return 500 if any(s.name == "bad" for s in request.series) else 204, {}, b"panic"

    with closing(Receiver(answer)) as r:
        d = w.start(pipeline("metrics", write_to(r.url, SOON + ", remote_write_queue: {num_consumers: 1}")))
        send(d, Metrics().gauge("bad", 1).request)
        d.wait_metrics(lambda m: d.post(Metrics().gauge("good", 1).request)[0] == 200 and m.sum("otelcd_exporter_dropped_items") > 0)
        yield d


@case("dropped_scale", "scale of -4")
def an_exponential_histogram_is_too_coarse(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    send(d, Metrics().exponential("x", -5, 0, [1]).request)
    yield d


@case("dropped_malformed", "do not fit together")
def buckets_do_not_fit_together(w):
    metrics = Metrics().exponential("x", 0, 0, [5])
    metrics.scope.metrics[0].exponential_histogram.data_points[0].count = 1
    d = w.start(pipeline("metrics", SCRAPED % ""))
    send(d, metrics.request)
    yield d


@case("dropped_series_budget", "memory budget", change="service::memory_budget_mib")
def the_budget_has_no_room_for_more_series(w):
    """Each exporter may fill half of it."""
    ids = ["prometheus", "prometheus/2", "prometheus/3"]
    text = pipeline("metrics", SCRAPED % "", service="  memory_budget_mib: 16\n").replace("[prometheus]", str(ids))
    d = w.start(text.replace("exporters:\n", "exporters:\n" + "".join(f'  {i}: {{endpoint: "127.0.0.1:0"}}\n' for i in ids[1:]), 1))
    for i in range(60):
        metrics = Metrics()
        for n in range(20):
            metrics.gauges(f"metric_{i}_{n}_" + "x" * 100, 30)
        d.post(metrics.request)
        if d.metrics().sum("otelcd_exporter_dropped_items", reason="series_budget") > 0:
            break
    yield d


@case("dropped_exhausted", "raise its limits")
def a_peer_has_no_room(w):
    with closing(GrpcPeer(lambda call: ("RESOURCE_EXHAUSTED", "quota", None))) as peer:
        d = w.start(pipeline(exporter=grpc_to(peer.endpoint)))
        send(d, traces())
        w.wait_failing(d)
        yield d


@case("dropped_bad_answer", "no receiver of OTLP", change="endpoint")
def what_answers_is_no_export_response(w):
    with answering(200, b"\xff\xff\xff", {"Content-Type": "application/x-protobuf"}) as peer:
        d = w.start(pipeline(exporter=http_to(peer.endpoint)))
        send(d, traces())
        w.wait_failing(d)
        yield d


@case("dropped_wrong_protocol", "another protocol", change="endpoint")
def what_listened_spoke_another_protocol(w):
    port = free_port()
    with saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", port) as address:
        d = w.start(pipeline(exporter=grpc_to(address, ONCE)))
        send(d, traces())
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") > 0)
    with closing(GrpcPeer(port=port)):
        d.wait_metrics(lambda m: d.post(traces())[0] == 200 and m.sum("otelcd_exporter_delivered_items") > 0)
        yield d


@case("sent_again", "nothing is lost")
def an_answer_was_lost_and_the_points_are_there(w):
    first = [True]

    def answer(request):
        if first:
            first.clear()
            return None  # it has it, and is gone before it says so
        return 400, {}, b"duplicate sample for timestamp"

    with closing(Receiver(answer)) as r:
        d = w.start(pipeline("metrics", write_to(r.url, SOON)))
        send(d, Metrics().gauge("x", 1).request)
        d.wait_metrics(lambda m: m.sum("otelcd_remote_write_duplicates") > 0)
        yield d


# ---- disks ----


@case("disk_full", "MiB are free", "make room")
def a_disk_is_nearly_full(w):
    disk = w.small_disk("8m")
    text = f"file: {{path: '{disk.folder}/out.json', flush_interval: 50ms}}"
    d = w.start(pipeline("logs", text, service="  sandbox: false\n"), under=disk.command)
    w.look_from_inside(d, "--mount")
    send(d, logs())
    yield d


@case("refused_storage_failed", "mend that disk", change="sending_queue::storage")
def the_queues_disk_fails_otherwise(w):
    queue = "sending_queue: {storage: file_storage}"
    with answering(503) as down:
        d = w.start(
            pipeline(
                "logs", http_to(down.endpoint, queue),
                more=f"extensions: {{file_storage: {{directory: '{w.folder}/queue', create_directory: true}}}}\n",
                service="  extensions: [file_storage]\n",
            ),
            end=False,
        )
        resource.prlimit(d.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        d.wait_metrics(lambda m: d.post(logs())[0] == 503)
        yield d


@case("refused_no_space", "make room", change="path")
def a_file_could_not_be_written_for_a_while(w):
    d = w.start(pipeline("logs", f"file: {{path: '{w.folder}/out.json', flush_interval: 50ms}}"))
    resource.prlimit(d.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    d.wait_metrics(lambda m: d.post(logs())[0] == 503)
    resource.prlimit(d.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    d.wait_metrics(lambda m: d.post(logs())[0] == 200)
    yield d


def few_watches(w, n):
    """Under it a process may have so many instances of inotify."""
    limit = ["unshare", "--user", "--map-root-user", "sh", "-c", f'echo {n} >/proc/sys/user/max_inotify_instances && exec "$@"', "sh"]
    if subprocess.run([*limit, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody have limits of his own")
    return limit


def watching(w):
    """A receiver whose certificate is watched, and another."""
    cert, key = w.authority.issue("localhost")
    tls = f"tls: {{cert_file: '{cert}', key_file: '{key}'}}"
    return pipeline(receiver=f'otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0", {tls}}}}}}}')


@case("inotify", "1 of 1 instances are in use", "max_user_instances")
def instances_of_inotify_are_scarce(w):
    d = w.start(watching(w), under=few_watches(w, 1))
    w.look_from_inside(d, "--user")
    d.export(traces())
    yield d


# ---- what is served and nobody gets ----


@case("family_left_out", "rename one of them")
def two_exporters_on_one_address_have_one_metric(w):
    address = f"127.0.0.1:{free_port()}"
    text = pipeline("metrics", f'prometheus: {{endpoint: "{address}"}}').replace("[prometheus]", "[prometheus, prometheus/2]")
    d = w.start(text.replace("exporters:\n", f'exporters:\n  prometheus/2: {{endpoint: "{address}"}}\n'))
    send(d, Metrics().gauge("x", 1).request)
    assert d.http("GET", "/metrics", headers={"User-Agent": "Prometheus/3.5.0"}, address=address)[0] == 200
    yield d


GUARDED = "extensions: {basicauth: {htpasswd: {inline: '%s'}}}\n"


@case("scraper_unknown", "basic_auth")
def prometheus_has_not_the_password(w):
    auth = ", auth: {authenticator: basicauth}"
    d = w.start(pipeline("metrics", SCRAPED % auth, more=GUARDED % w.slow_password(), service="  extensions: [basicauth]\n"))
    send(d, Metrics().gauge("x", 1).request)
    assert d.http("GET", "/metrics", address=d.scrape_address("prometheus"))[0] == 401
    yield d


@case("series_near_limit", "raise max_series")
def there_are_nearly_as_many_series_as_may_be(w):
    d = w.start(pipeline("metrics", SCRAPED % ", max_series: 10"))
    send(d, Metrics().gauges("x", 9).request)
    assert d.http("GET", "/metrics", headers={"User-Agent": "Prometheus/3.5.0"}, address=d.scrape_address("prometheus"))[0] == 200
    d.wait_log("Series are near their limit")
    yield d


# ---- files that are read while it runs ----


def guarded(extension):
    """A port for those who are known, and one for all."""
    id = extension.split(":")[0]
    ports = 'grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0", auth: {authenticator: %s}}' % id
    return pipeline(receiver=f"otlp: {{protocols: {{{ports}}}}}", more=f"extensions: {{{extension}}}\n", service=f"  extensions: [{id}]\n")


@case("users_unread", "stay as they were", change="extensions::basicauth")
def the_file_of_users_has_a_fault(w):
    file = w.folder / "users"
    file.write_text(w.slow_password() + "\n")
    d = w.start(guarded(f"basicauth: {{htpasswd: {{file: '{file}'}}}}"))
    d.export(traces())
    file.write_text("no user at all\n")
    d.wait_log("The file of users")
    yield d


@case("no_users", "write the users", change="extensions::basicauth")
def a_file_of_users_is_empty(w):
    file = w.folder / "users"
    file.write_text("")
    d = w.start(guarded(f"basicauth: {{htpasswd: {{file: '{file}'}}}}"))
    d.export(traces())
    yield d


@case("tokens_unread", "mend the file", change="extensions::bearertokenauth")
def the_file_of_tokens_has_no_token(w):
    file = w.folder / "token"
    file.write_text("hush-hush\n")
    d = w.start(guarded(f"bearertokenauth: {{filename: '{file}'}}"))
    d.export(traces())
    file.write_text("")
    d.wait_log("The token file")
    yield d


@case("file_unread", "old content stays", change="extensions::headers_setter")
def the_file_of_a_header_is_empty(w):
    file = w.folder / "tenant"
    file.write_text("a\n")
    with closing(HttpPeer()) as peer:
        d = w.start(
            pipeline(
                exporter=http_to(peer.endpoint, "auth: {authenticator: headers_setter}"),
                more=f"extensions: {{headers_setter: {{headers: [{{key: X-Scope-OrgID, value_file: '{file}'}}]}}}}\n",
                service="  extensions: [headers_setter]\n",
            )
        )
        send(d, traces())
        file.write_text("")
        d.wait_log("new content cannot be used")
        yield d


@case("certificate_early", "clock right", change="receivers::otlp")
def a_certificate_is_not_valid_yet(w):
    cert, key = w.authority.issue("localhost", begins=3600, seconds=40 * 86400)
    tls = f"tls: {{cert_file: '{cert}', key_file: '{key}'}}"
    yield w.start(pipeline(receiver=f'otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0", {tls}}}}}}}'))


# ---- what is told and not bad ----


@case("target_broken", "mend the target")
def a_target_cannot_be_made(w):
    rules = 'static_configs: [{targets: ["127.0.0.1:1"]}], relabel_configs: [{target_label: __scrape_interval__, replacement: often}]'
    d = w.start(pipeline("metrics", receiver=scraping(rules)))
    d.wait_log("Creating target failed")
    yield d


@case("peer_limit", "the peer's limit")
def a_peer_takes_smaller_requests_only(w):
    def answer(call):
        return (413, {}, b"") if call.size > 2000 else None

    with closing(HttpPeer(answer)) as peer:
        d = w.start(pipeline(exporter=http_to(peer.endpoint)))
        send(d, traces(40))
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 40)
        yield d


@case("remote_write_1", "protobuf_message")
def a_receiver_knows_the_old_form_alone(w):
    def answer(request):
        return (415, {}, b"") if str(request.version).startswith("2") else (204, {}, b"")

    with closing(Receiver(answer)) as r:
        d = w.start(pipeline("metrics", write_to(r.url, "protobuf_message: io.prometheus.write.v2.Request")))
        send(d, Metrics().gauge("x", 1).request)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
        yield d
