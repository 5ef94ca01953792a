# SPDX-License-Identifier: Apache-2.0
"""What can be wrong: each case a configuration, how it comes about with a real otelcd, and what `otelcd doctor` has to name
first. The rows of docs/troubleshooting.md are here, and what will fail next.

A case's function yields a running daemon, at the moment at which somebody would ask."""

import contextlib
import email.utils
import socket
import ssl
import threading
import time

from collections import namedtuple

from .otlp import DELTA, Metrics, logs, traces
from .otlp_peer import GrpcPeer, HttpPeer
from .remote_write import Receiver

# kind: of the first finding. says: what must be in its texts. change: the end of the path to change, None: none is asked for.
Case = namedtuple("Case", "name kind says change make")
CASES = []

OTLP = 'otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}'


def case(kind, *says, change=None):
    def add(make):
        CASES.append(Case(make.__name__, kind, says, change, make))
        return make

    return add


def pipeline(signal="traces", exporter="nop:", processor="", receiver=OTLP, more="", service="", others=()):
    """One pipeline; each part as YAML on one line, `id: {...}`."""

    def section(name, *parts):
        lines = [p for p in parts if p]
        return f"{name}:\n" + "".join(f"  {p}\n" for p in lines) if lines else ""

    ids = {k: v.split(":")[0] for k, v in (("r", receiver), ("p", processor), ("e", exporter))}
    processors = f"processors: [{ids['p']}], " if processor else ""
    extra = "".join(f"    {p}\n" for p in others)
    return (
        section("receivers", receiver)
        + section("processors", processor)
        + section("exporters", "" if exporter.split(":")[0] in more else exporter, "nop/2:" if "nop/2" in str(others) else "")
        + more
        + f"service:\n{service}  pipelines:\n"
        + f"    {signal}: {{receivers: [{ids['r']}], {processors}exporters: [{ids['e']}]}}\n"
        + extra
    )


def send(d, request, status=200):
    assert d.post(request)[0] == status


QUEUE = "sending_queue: {queue_size: 2, batch: null}, retry_on_failure: {initial_interval: 50ms, max_interval: 50ms, max_elapsed_time: 0s}"
ONCE = "retry_on_failure: {initial_interval: 10ms, max_interval: 20ms, max_elapsed_time: 50ms}"
DIRECT = "sending_queue: {enabled: false}, retry_on_failure: {enabled: false}"


def grpc_to(address, more=QUEUE):
    return f'otlp_grpc: {{endpoint: "{address}", tls: {{insecure: true}}, {more}}}'


def http_to(url, more=QUEUE):
    return f'otlp_http: {{endpoint: "{url}", compression: none, {more}}}'


def write_to(url, more="remote_write_queue: {enabled: true}"):
    return f'prometheus_remote_write: {{endpoint: "{url}", {more}}}'


@contextlib.contextmanager
def closing(peer):
    try:
        yield peer
    finally:
        peer.close()


@contextlib.contextmanager
def answering(status, body=b"", headers=None):
    with closing(HttpPeer(lambda call: (status, headers or {}, body))) as peer:
        yield peer


@contextlib.contextmanager
def saying(text, port=0):
    """The address of a listener that says this to whoever comes."""

    def serve(connection):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(30)
            connection.recv(1000)
            connection.sendall(text)
            connection.recv(1000)

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)  # who waits for the next one would keep it open


@contextlib.contextmanager
def saying_date(ahead):
    """A peer that takes all, and whose clock is that far ahead."""
    then = email.utils.formatdate(time.time() + ahead, usegmt=True)
    head = f"HTTP/1.1 200 OK\r\nDate: {then}\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
    with saying(head.encode()) as address:
        yield f"http://{address}"


def failing(w, exporter):
    """An exporter of traces that says it does not get on."""
    d = w.start(pipeline(exporter=exporter))
    send(d, traces())
    w.wait_failing(d)
    yield d


def refused(w, status, body=b"", headers=None):
    with answering(status, body, headers) as peer:
        yield from failing(w, http_to(peer.endpoint))


def unsent(w, answer=None, request=None):
    """A receiver of remote write that answers so, and points that it does not get."""
    with closing(Receiver(answer)) as r:
        d = w.start(pipeline("metrics", write_to(r.url)))
        send(d, request or Metrics().gauge("x", 1).request)
        d.wait_log("Points are not sent")
        yield d


# ---- who sends ----


@case("nobody_sends", "nothing has come in", "127.0.0.1", change="endpoint")
def nobody_sends(w):
    yield w.start(pipeline())


@case("sender_speaks_tls", "127.0.0.1", "http://", change="protocols::http::tls::cert_file")
def a_sender_speaks_tls_to_a_plain_port(w):
    d = w.start(pipeline())
    with socket.create_connection(("127.0.0.1", d.http_port), 30) as s, contextlib.suppress(ssl.SSLError, OSError):
        ssl.create_default_context().wrap_socket(s, server_hostname="localhost")
    yield d


@case("sender_tls_fails", "127.0.0.1", change="receivers::otlp")
def a_sender_speaks_plain_text_to_a_tls_port(w):
    cert, key = w.authority.issue("localhost")
    tls = f"tls: {{cert_file: '{cert}', key_file: '{key}'}}"
    d = w.start(pipeline(receiver=f'otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0", {tls}}}}}}}'))
    with socket.create_connection(("127.0.0.1", d.http_port), 30) as s, contextlib.suppress(OSError):
        s.sendall(b"GET / HTTP/1.1\r\n\r\n")
        s.recv(100)
    yield d


@case("sender_unauthenticated", "127.0.0.1", "header", change="auth::authenticator")
def credentials_are_wrong(w):
    d = w.start(
        pipeline(
            receiver='otlp: {protocols: {http: {endpoint: "127.0.0.1:0", auth: {authenticator: bearertokenauth}}}}',
            more="extensions: {bearertokenauth: {token: hush-hush}}\n",
            service="  extensions: [bearertokenauth]\n",
        )
    )
    assert d.post(traces(), headers={"Authorization": "Bearer wrong-secret"})[0] == 401
    yield d


@case("sender_authentication_busy", "passwords")
def somebody_guesses_passwords(w):
    d = w.start(
        pipeline(
            receiver='otlp: {protocols: {http: {endpoint: "127.0.0.1:0", auth: {authenticator: basicauth}}}}',
            more="extensions: {basicauth: {htpasswd: {inline: '%s'}}}\n" % w.slow_password(),
            service="  extensions: [basicauth]\n",
        )
    )

    def guess(i):
        d.post(traces(), headers={"Authorization": "Basic " + w.basic("ann", f"guess {i}")})

    guessers = [threading.Thread(target=guess, args=(i,)) for i in range(60)]
    for t in guessers:
        t.start()
    for t in guessers:
        t.join()
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_rejected_requests", reason="authentication_busy") > 0)
    yield d


@case("sender_unknown_path", "/v1/metrics", "pipeline")
def a_signal_has_no_pipeline(w):
    d = w.start(pipeline())
    send(d, Metrics().gauge("x", 1).request, 404)
    yield d


@case("sender_too_large", "larger", change="max_request_body_size")
def a_request_is_too_large(w):
    d = w.start(pipeline(receiver='otlp: {protocols: {http: {endpoint: "127.0.0.1:0", max_request_body_size: 100}}}'))
    send(d, traces(10), 413)
    yield d


@case("sender_malformed_message", "no OTLP")
def a_sender_sends_something_else(w):
    d = w.start(pipeline())
    assert d.post(traces(), body=b"\xff\xff\xff")[0] == 400
    yield d


@case("sender_bad_protocol", "415", "4318")
def a_sender_has_another_content_type(w):
    d = w.start(pipeline())
    assert d.post(traces(), headers={"Content-Type": "text/plain"})[0] == 415
    yield d


@case("sender_memory_budget", "unfinished")
def one_address_leaves_many_requests_unfinished(w):
    d = w.start(pipeline(service="  memory_budget_mib: 16\n"))
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9000000\r\n\r\n"
    crowd = [socket.create_connection(("127.0.0.1", d.http_port), 30) for _ in range(6)]
    for s in crowd:
        s.settimeout(5)
        with contextlib.suppress(OSError):
            s.sendall(head + bytes(3_000_000))
    d.wait_metrics(lambda m: m.sum("otelcd_receiver_rejected_requests", reason="memory_budget") > 0)
    yield d
    for s in crowd:
        s.close()


# ---- targets ----


def scraping(rest):
    return 'prometheus: {config: {scrape_configs: [{job_name: a, scrape_interval: 100ms, scrape_timeout: 100ms, %s}]}}' % rest


@case("scrape_fails", "refused", "http://127.0.0.1:1/metrics", change="config")
def a_target_cannot_be_scraped(w):
    d = w.start(pipeline("metrics", receiver=scraping('static_configs: [{targets: ["127.0.0.1:1"]}]')))
    d.wait_metrics(lambda m: m.sum("otelcd_scraper_failures") > 0)
    yield d


@case("no_targets", "relabel_configs", change="scrape_configs")
def rules_drop_every_target(w):
    rules = 'static_configs: [{targets: ["127.0.0.1:1"]}], relabel_configs: [{source_labels: [__address__], action: keep, regex: nothing}]'
    yield w.start(pipeline("metrics", receiver=scraping(rules)))


@case("discovery_fails", "refused", "http_sd", change="receivers::prometheus")
def a_source_of_targets_cannot_be_asked(w):
    d = w.start(pipeline("metrics", receiver=scraping('http_sd_configs: [{url: "http://127.0.0.1:1/http_sd"}]')))
    d.wait_log("Unable to refresh target groups")
    yield d


@case("scrape_missed", "last scrape", "queue")
def the_pipeline_does_not_answer_for_a_scrape(w):
    with closing(HttpPeer(lambda call: w.slow.wait(0.3) and None)) as peer, w.target(b"load 1\n") as target:
        d = w.start(
            pipeline(
                "metrics", http_to(peer.endpoint, DIRECT), receiver=scraping(f'static_configs: [{{targets: ["{target.address}"]}}]')
            )
        )
        d.wait_metrics(lambda m: m.sum("otelcd_scraper_missed") > 0)
        yield d
        w.slow.set()


# ---- what is refused ----


@case("refused_memory_limit", "memory_limiter", change="limit_mib")
def memory_is_above_the_limit(w):
    d = w.start(pipeline(processor="memory_limiter: {check_interval: 100ms, limit_mib: 1}"))
    d.wait_log("Memory usage is above soft limit")
    send(d, traces(), 503)
    yield d


@case("exporter_fails", "full: senders are refused", "connection refused", change="endpoint")
def a_queue_is_full(w):
    d = w.start(pipeline(exporter=grpc_to("127.0.0.1:1", QUEUE.replace("batch: null", "num_consumers: 1"))))
    d.wait_metrics(lambda m: d.post(traces())[0] == 503)
    yield d


@case("exporter_fails", "Connection refused", "wait in its queue", change="exporters::otlp_grpc::endpoint")
def nothing_listens_where_an_exporter_sends_to(w):
    yield from failing(w, grpc_to("127.0.0.1:1"))


@case("exporter_fails", "look up", "name server", change="endpoint")
def a_name_is_unknown(w):
    yield from failing(w, http_to("http://nowhere.invalid:4318"))


@case("exporter_fails", "not trusted", change="tls::ca_file")
def the_peers_authority_is_not_trusted(w):
    cert, key = w.authority.issue("localhost")
    with closing(GrpcPeer(tls=(cert, key, None))) as peer:
        yield from failing(w, f'otlp_grpc: {{endpoint: "127.0.0.1:{peer.port}", {QUEUE}}}')


@case("exporter_fails", "plain text", change="tls::insecure")
def tls_is_spoken_to_a_plain_port(w):
    with answering(200) as peer:
        yield from failing(w, f'otlp_grpc: {{endpoint: "127.0.0.1:{peer.port}", {QUEUE}}}')


@case("exporter_fails", "4317", change="endpoint")
def grpc_is_spoken_to_the_port_of_http(w):
    with saying(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as address:
        yield from failing(w, grpc_to(address))


@case("exporter_fails", "4318", change="endpoint")
def http_is_spoken_to_the_port_of_grpc(w):
    with closing(GrpcPeer()) as peer:
        yield from failing(w, http_to(f"http://{peer.endpoint}"))


@case("exporter_fails", "503", "own log")
def a_peer_fails(w):
    with closing(Receiver(lambda request: (503, {}, b"no"))) as r:
        d = w.start(pipeline("metrics", write_to(r.url)))
        send(d, Metrics().gauge("x", 1).request)
        w.wait_failing(d)
        yield d


@case("dropped_unauthorized", "401", "credentials", change="headers")
def a_peer_does_not_know_who_sends(w):
    yield from refused(w, 401)


@case("dropped_not_found", "404", change="endpoint")
def nothing_takes_data_at_that_path(w):
    yield from refused(w, 404)


@case("dropped_redirected", "302", "another address")
def a_peer_points_elsewhere(w):
    yield from refused(w, 302, headers={"Location": "http://elsewhere.test/"})


@case("dropped_unimplemented", "UNIMPLEMENTED", "pipeline for")
def a_peer_has_no_pipeline_for_the_signal(w):
    with closing(GrpcPeer(lambda call: ("UNIMPLEMENTED", "no", None))) as peer:
        yield from failing(w, grpc_to(peer.endpoint))


@case("dropped_too_large", "larger than what the peer takes", change="max_request_bytes")
def one_item_is_larger_than_the_peer_takes(w):
    yield from refused(w, 413)


@case("no_token", "token_url", change="token_url")
def the_token_endpoint_gives_no_token(w):
    with answering(400, b'{"error": "invalid_client"}') as peer:
        d = w.start(
            pipeline(
                "metrics",
                write_to(peer.endpoint, "auth: {authenticator: oauth2client}"),
                more=f"extensions: {{oauth2client: {{client_id: us, client_secret: hush-hush, token_url: 'http://127.0.0.1:1/token'}}}}\n",
                service="  extensions: [oauth2client]\n",
            )
        )
        send(d, Metrics().gauge("x", 1).request)
        d.wait_log("Cannot get a token")
        yield d


@case("exporter_fails", "No space left", "make room", change="path")
def a_file_cannot_be_written(w):
    d = w.start(pipeline("logs", "file: {path: /dev/full, flush_interval: 50ms}"))
    with contextlib.suppress(Exception):
        d.post(logs())
    d.wait_log("Writing failed")
    yield d


@case("dropped_wal_corrupt", "otelcd wal verify", change="prometheus_remote_write")
def the_queues_disk_gives_back_something_else(w):
    with closing(Receiver(lambda request: (503, {}, b"no"))) as down:
        text = write_to(down.url, f"wal: {{directory: '{w.folder}/wal'}}")
        first = w.start(pipeline("metrics", text), end=False)
        for i in range(3):
            send(first, Metrics().gauge("x", i).request)
        first.close_clients()
        assert first.stop() == 0
    segment = next((w.folder / "wal").rglob("*.wal"))
    damaged = bytearray(segment.read_bytes())
    damaged[damaged.index(b"checkout")] ^= 1
    segment.write_bytes(damaged)
    with closing(Receiver()) as up:
        d = w.start(pipeline("metrics", text.replace(down.url, up.url)))
        d.wait_log("Damaged records")
        yield d


@case("refused_storage_full", "No space left", "disk", change="sending_queue::storage")
def the_queues_disk_is_full(w):
    disk = w.small_disk("256k")
    with answering(503) as down:
        d = w.start(
            pipeline(
                "logs",
                http_to(down.endpoint, "sending_queue: {storage: file_storage}"),
                more=f"extensions: {{file_storage: {{directory: '{disk.folder}'}}}}\n",
                service="  extensions: [file_storage]\n  sandbox: false\n",
            ),
            under=disk.command,
            end=False,
        )
        d.wait_metrics(lambda m: d.post(logs(200))[0] == 503)
        yield d


# ---- what is dropped ----


@case("dropped_sampled", "all that came in", "100", change="sampling_percentage")
def a_sampler_drops_all(w):
    d = w.start(pipeline(processor="probabilistic_sampler: {sampling_percentage: 0}"))
    send(d, traces(5))
    yield d


@case("dropped_filtered", "all that came in", "log.severity_number > 0", change="processors::filter")
def a_filter_drops_all(w):
    d = w.start(pipeline("logs", processor='filter: {log_conditions: ["log.severity_number > 0"]}'))
    send(d, logs(5))
    yield d


@case("dropped_filtered", "on purpose", 'log.body == "order 0 paid"', change="processors::filter")
def a_filter_drops_some(w):
    d = w.start(pipeline("logs", processor="filter: {log_conditions: ['log.body == \"order 0 paid\"']}"))
    send(d, logs(5))
    yield d


@case("dropped_deduplicated", "equal records")
def equal_records_are_counted(w):
    d = w.start(pipeline("logs", processor="log_dedup: {interval: 1s}"))
    request = logs(1)
    request.MergeFrom(logs(1))
    send(d, request)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
    yield d


@case("dropped_superseded", "newest point")
def interval_keeps_the_newest(w):
    d = w.start(pipeline("metrics", processor="interval: {interval: 1s}"))
    for i in range(2):
        send(d, Metrics(start=1).sum("x", i).request)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
    yield d


@case("dropped_unrouted", "default_pipelines", change="default_pipelines")
def no_route_is_true(w):
    table = "connectors: {routing: {table: [{context: log, condition: severity_number == 1, pipelines: [logs/2]}]}}\n"
    d = w.start(pipeline("logs", "routing:", more=table, others=["logs/2: {receivers: [routing], exporters: [nop/2]}"]))
    send(d, logs(2))
    yield d


@case("dropped_initial", "initial_value", change="initial_value")
def the_first_point_has_no_delta(w):
    d = w.start(pipeline("metrics", processor="cumulative_to_delta: {initial_value: drop}"))
    for i in range(2):
        send(d, Metrics(start=1).sum("x", i).request)
    yield d


@case("spans_uncounted", "service.name", change="span_metrics")
def spans_have_no_service_name(w):
    d = w.start(
        pipeline(exporter="span_metrics:", more="connectors: {span_metrics: {metrics_flush_interval: 100ms}}\n", others=["metrics: {receivers: [span_metrics], exporters: [nop/2]}"])
    )
    send(d, traces(3, resource={"a": "b"}))
    yield d


POLICY = "policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]"


@case("dropped_not_sampled", "No policy", change="policies")
def no_policy_wants_a_trace(w):
    d = w.start(pipeline(processor=f"tail_sampling: {{decision_wait: 100ms, {POLICY}}}"))
    send(d, traces(3))
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_dropped_items", reason="not_sampled") == 3)
    yield d


@case("decided_early", "decision_wait", "num_traces: 2", change="num_traces")
def there_are_more_traces_than_may_be(w):
    d = w.start(pipeline(processor="tail_sampling: {decision_wait: 1h, num_traces: 1, policies: [{name: all, type: always_sample}]}"))
    send(d, traces(5))
    d.wait_log("Traces are decided before decision_wait")
    yield d


@case("waits", "tail_sampling", change="decision_wait")
def traces_wait_for_their_decision(w):
    d = w.start(pipeline(processor=f"tail_sampling: {{decision_wait: 1h, {POLICY}}}"))
    send(d, traces(3))
    yield d


@case("waits", "batch", change="timeout")
def a_batch_waits_to_be_full(w):
    d = w.start(pipeline(processor="batch: {timeout: 1h}"))
    send(d, traces(3))
    yield d


@case("dropped_undecidable", "trace state", change="fail_closed")
def a_sampler_cannot_decide(w):
    request = traces(1)
    request.resource_spans[0].scope_spans[0].spans[0].trace_state = "ot=x"
    d = w.start(pipeline(processor="probabilistic_sampler: {mode: proportional, sampling_percentage: 50}"))
    send(d, request)
    yield d


@case("dropped_no_path_segment", "attribute", change="group_by::resource_attribute")
def a_resource_names_no_file(w):
    d = w.start(pipeline("logs", f"file: {{path: '{w.folder}/*.json', flush_interval: 50ms, group_by: {{enabled: true, resource_attribute: seg}}}}"))
    send(d, logs(1))
    yield d


@case("dropped_too_many_files", "more files", "max_files: 2", change="group_by::max_files")
def resources_name_too_many_files(w):
    d = w.start(pipeline("logs", f"file: {{path: '{w.folder}/*.json', flush_interval: 50ms, group_by: {{enabled: true, resource_attribute: seg, max_files: 1}}}}"))
    for i in range(2):
        send(d, logs(1, resource={"seg": f"s{i}"}))
    yield d


def refuse(text):
    return lambda request: (400, {}, text)


@case("dropped_out_of_order", "two senders share")
def a_receiver_has_newer_samples(w):
    yield from unsent(w, refuse(b"out of order sample"))


@case("dropped_duplicate", "service.instance.id")
def two_senders_have_one_identity(w):
    yield from unsent(w, refuse(b"duplicate sample for timestamp"))


@case("dropped_too_old", "clock")
def samples_are_too_old_for_the_receiver(w):
    yield from unsent(w, refuse(b"out of bounds"))


@case("dropped_rejected_by_peer", "no such tenant", "message")
def a_peer_refuses_some(w):
    def answer(call):
        response = call.signal.response()
        response.partial_success.rejected_spans = 1
        response.partial_success.error_message = "no such tenant"
        return response

    with closing(GrpcPeer(answer)) as peer:
        d = w.start(pipeline(exporter=grpc_to(peer.endpoint)))
        send(d, traces(2))
        d.wait_log("Partial success response")
        yield d


SCRAPED = 'prometheus: {endpoint: "127.0.0.1:0"%s}'


@case("dropped_type_conflict", "two types", "rename")
def two_metrics_of_one_name_have_two_types(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    send(d, Metrics().gauge("x_total", 1).request)
    send(d, Metrics().sum("x", 1).request)
    yield d


@case("dropped_collision", "service.instance.id", change="resource_constant_labels::included")
def two_senders_have_one_series(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    for host in "abab":  # who writes a second time meets the other
        send(d, Metrics(resource={"host.name": host}).gauge("x", 1).request)
    yield d


@case("dropped_series_limit", "fastest_label: user", "max_series: 6", change="max_series")
def there_are_too_many_series(w):
    d = w.start(pipeline("metrics", SCRAPED % ", max_series: 3"))
    for i in range(5):
        send(d, Metrics().gauge("x", 1, user=f"u{i}").request)
    yield d


@case("dropped_label_limit", "labels")
def a_point_has_too_many_labels(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    send(d, Metrics().gauge("x", 1, **{f"a{i}": i for i in range(300)}).request)
    yield d


@case("dropped_bucket_limit", "buckets")
def a_histogram_has_too_many_buckets(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    send(d, Metrics().histogram("x", [1], list(range(1500))).request)
    yield d


@case("dropped_delta_temporality", "cumulative")
def a_sum_has_deltas(w):
    yield from unsent(w, request=Metrics().sum("x", 1, temporality=DELTA).request)


@case("dropped_not_newer", "twice")
def a_delta_comes_twice(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    request = Metrics().sum("x", 1, temporality=DELTA).request
    for _ in range(2):
        send(d, request)
    yield d


@case("exporter_fails", "are lost already", "Connection refused")
def an_exporter_has_given_up(w):
    d = w.start(pipeline(exporter=grpc_to("127.0.0.1:1", ONCE)))
    send(d, traces())
    d.wait_log("Exporting failed. Dropping data.")
    yield d


@case("exporter_fails", "were refused", "Connection refused")
def one_exporter_refuses_and_the_other_gets_it_twice(w):
    d = w.start(pipeline(exporter=grpc_to("127.0.0.1:1", DIRECT)).replace("[otlp_grpc]", "[otlp_grpc, nop]").replace("exporters:\n", "exporters:\n  nop:\n"))
    for _ in range(3):
        send(d, traces(), 503)
    yield d


# ---- who writes twice ----


@case("written_twice", "otlp_http and otlp_http/2 both send to", "counted twice", change="exporters::otlp_http/2::endpoint")
def two_exporters_have_one_peer(w):
    with answering(200) as peer:
        d = w.start(pipeline(exporter=http_to(peer.endpoint)).replace("[otlp_http]", "[otlp_http, otlp_http/2]").replace(
            "exporters:\n", "exporters:\n  " + http_to(peer.endpoint).replace("otlp_http:", "otlp_http/2:") + "\n"))
        send(d, traces())
        yield d


@case("written_twice", "traces and traces/2", "the receiver otlp and the exporter nop", change="traces/2::exporters")
def two_pipelines_do_the_same(w):
    d = w.start(pipeline(others=["traces/2: {receivers: [otlp], exporters: [nop]}"]))
    send(d, traces())
    yield d


@case("written_twice", "scrapes prometheus", "out of order", change="metrics::exporters")
def a_prometheus_scrapes_what_it_is_sent(w):
    with closing(Receiver()) as r:
        d = w.start(pipeline("metrics", write_to(r.url)).replace("[prometheus_remote_write]", "[prometheus_remote_write, prometheus]").replace(
            "exporters:\n", 'exporters:\n  prometheus: {endpoint: "127.0.0.1:0"}\n'))
        send(d, Metrics().gauge("x", 1).request)
        assert d.http("GET", "/metrics", headers={"User-Agent": "Prometheus/3.5.0"}, address=d.scrape_address("prometheus"))[0] == 200
        yield d


# ---- reload, scrapes, what will fail ----


@case("reload_failed", "no_such_key", "otelcd validate", change="exporters::debug")
def a_reload_was_turned_down(w):
    d = w.start(pipeline())
    text = (d.folder / "otelcd.yaml").read_text()
    d.reload(text.replace("exporters:\n", "exporters:\n  debug: {no_such_key: 1}\n", 1), "running on with the old one")
    yield d


@case("config_not_loaded", "not what runs", change="sampling_percentage")
def a_file_was_changed_and_no_reload_followed(w):
    d = w.start(pipeline(processor="probabilistic_sampler: {sampling_percentage: 100}"))
    send(d, traces())
    file = d.folder / "otelcd.yaml"
    file.write_text(file.read_text().replace("percentage: 100", "percentage: 50"))
    yield d


@case("not_scraped", "never been scraped", "scrape config", change="endpoint")
def nobody_scrapes(w):
    d = w.start(pipeline("metrics", SCRAPED % ""))
    send(d, Metrics().gauge("x", 1).request)
    yield d


@case("expires_unseen", "metric_expiration: 60s", change="metric_expiration")
def series_expire_before_they_are_scraped(w):
    d = w.start(pipeline("metrics", SCRAPED % ", metric_expiration: 100ms"))
    send(d, Metrics().gauge("x", 1).request)
    d.wait_metrics(lambda m: m.sum("otelcd_prometheus_series_expired") > 0)
    yield d


@case("certificate_expires", "expires in", change="receivers::otlp")
def a_certificate_expires_soon(w):
    cert, key = w.authority.issue("localhost", seconds=3 * 86400)
    tls = f"tls: {{cert_file: '{cert}', key_file: '{key}'}}"
    d = w.start(pipeline(receiver=f'otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0", {tls}}}}}}}'))
    d.export(traces())
    yield d


@case("certificate_expired", "has expired", change="receivers::otlp")
def a_certificate_has_expired(w):
    cert, key = w.authority.issue("localhost", seconds=-30)
    tls = f"tls: {{cert_file: '{cert}', key_file: '{key}'}}"
    yield w.start(pipeline(receiver=f'otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0", {tls}}}}}}}'))


@case("peer_certificate_expires", "localhost", "expires in", change="exporters::otlp_grpc")
def the_certificate_of_a_peer_expires_soon(w):
    authority = w.authority
    with closing(GrpcPeer(tls=(*authority.issue("localhost", seconds=3 * 86400), None))) as peer:
        to = f'otlp_grpc: {{endpoint: "localhost:{peer.port}", tls: {{ca_file: \'{authority.cert}\'}}}}'
        d = w.start(pipeline(exporter=to))
        send(d, traces())
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") > 0)
        yield d


@case("clocks_differ", "h ahead of ours", "time server", change="exporters::otlp_http")
def the_peers_clock_is_ahead(w):
    with saying_date(7300) as url:
        d = w.start(pipeline(exporter=http_to(url)))
        send(d, traces())
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_peer_clock_ahead") > 7000)
        yield d


def dated(seconds):
    request = logs(1)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.time_unix_nano = record.observed_time_unix_nano = time.time_ns() + int(seconds * 1e9)
    return request


@case("clocks_differ", "127.0.0.1", "2 h ahead of our clock", "UTC", "time server")
def the_clock_of_a_sender_is_ahead(w):
    d = w.start(pipeline("logs"))
    send(d, dated(2 * 3600 + 15))
    yield d


@case("data_is_old", "127.0.0.1", "behind our clock", "kept the data")
def the_data_of_a_sender_is_old(w):
    d = w.start(pipeline("logs"))
    send(d, dated(-50000))
    yield d


@case("budget_too_large", "the kernel ends otelcd", "memory_budget_mib: ", change="memory_budget_mib")
def the_budget_is_larger_than_the_memory(w):
    d = w.start(pipeline(service="  memory_budget_mib: 1048576\n"))
    send(d, traces())
    yield d


@case("descriptors", "descriptors are in use", "LimitNOFILE")
def descriptors_are_scarce(w):
    d = w.start(pipeline())
    send(d, traces())
    w.limit_descriptors(d, w.descriptors(d) + 4)
    yield d
    w.limit_descriptors(d, 1024)


@case("queue_fills", "full in", change="num_consumers")
def a_queue_grows_while_its_exporter_works(w):
    with closing(HttpPeer(lambda call: w.slow.wait(0.2) and None)) as peer:
        d = w.start(pipeline(exporter=http_to(peer.endpoint, "sending_queue: {queue_size: 1000, num_consumers: 1}")))
        for _ in range(300):
            send(d, traces())
        with w.sending(d, traces):
            yield d
        w.slow.set()
