# SPDX-License-Identifier: Apache-2.0
"""A reload keeps what its configuration does not change, and loses nothing of what it does."""

import http.client
import json
import os
import re
import signal
import socket
import threading

import pytest
from harness import otlp
from harness.alerts import wait
from harness.limits import PATIENCE, free_port

RELOADS = int(os.environ.get("RELOADS", "40"))


def config(receivers="", processors="", exporters="nop:", pipelines="", service=""):
    return f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
{receivers}
processors:
{processors}
exporters:
{exporters}
service:
{service}
  pipelines:
{pipelines}
"""


def lines(*text):
    return "\n".join(f"  {line}" for line in text)


def pipes(*text):
    return "\n".join(f"    {line}" for line in text)


class Connection:
    """One HTTP/1.1 connection that has to stay."""

    def __init__(self, d):
        self.http = http.client.HTTPConnection(d.http_address(), timeout=PATIENCE)
        self.http.connect()
        self.socket = self.http.sock

    def post(self, request, path="/v1/traces"):
        self.http.request("POST", path, request.SerializeToString(), {"Content-Type": "application/x-protobuf"})
        answer = self.http.getresponse()
        answer.read()
        assert self.http.sock is self.socket, "the connection was closed"
        return answer.status

    def close(self):
        self.http.close()


@pytest.fixture
def connect():
    made = []

    def make(d):
        made.append(Connection(d))
        return made[-1]

    yield make
    for c in made:
        c.close()


def started(d):
    return len(d.records("^Starting (GRPC|HTTP) server$"))


# --- what stays ---


def test_connections_of_an_unchanged_receiver_stay(otelcd, connect):
    def text(verbosity):
        return config(exporters=lines(f"debug: {{verbosity: {verbosity}}}"), pipelines=pipes("traces: {receivers: [otlp], exporters: [debug]}"))

    d = otelcd(text("basic"))
    c = connect(d)
    assert c.post(otlp.traces(1)) == 200
    for n, verbosity in enumerate(["normal", "basic", "basic"]):
        d.reload(text(verbosity))
        assert c.post(otlp.traces(1)) == 200
    assert started(d) == 2 and d.ledger("pipeline", "traces")["received"] == 4
    c.close()
    assert d.stop() == 0


def test_an_address_that_two_share_stays_when_one_of_them_is_another(otelcd):
    port = free_port()

    def text(one, other):
        shared = f"endpoint: '127.0.0.1:{port}', response_headers: {{x-who: both-of-us}}"
        return config(
            exporters=lines(f"prometheus: {{{shared}, namespace: {one}}}", f"prometheus/2: {{{shared}, namespace: {other}}}"),
            pipelines=pipes("metrics: {receivers: [otlp], exporters: [prometheus, prometheus/2]}"),
        )

    d = otelcd(text("a", "b"))
    for one, other in (("c", "b"), ("c", "d"), ("e", "d")):
        d.reload(text(one, other))
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        c.request("GET", "/metrics")
        answer = c.getresponse()
        assert (answer.status, answer.getheader("x-who")) == (200, "both-of-us")
        answer.read()
        c.close()
    assert d.stop() == 0


def test_what_a_processor_holds_stays_when_the_exporter_behind_it_is_another(otelcd):
    def text(exporter):
        return config(
            processors=lines("batch: {timeout: 1h, hold_ack: false}"),
            exporters=lines(exporter),
            pipelines=pipes("traces: {receivers: [otlp], processors: [batch], exporters: [debug]}"),
        )

    d = otelcd(text("debug: {verbosity: basic}"))
    d.export(otlp.traces(3))
    d.reload(text("debug: {verbosity: normal}"))
    assert d.ledger("pipeline", "traces")["held"] == 3
    d.export(otlp.traces(2))
    d.close_clients()
    assert d.stop() == 0
    assert d.final_ledgers()["exporter", "debug", "traces"]["delivered"] == 5


def test_series_of_an_unchanged_scrape_endpoint_go_on(otelcd):
    def text(processors):
        return config(
            processors=lines("attributes: {actions: [{key: a, action: insert, value: b}]}"),
            exporters=lines("prometheus: {endpoint: 'localhost:0'}"),
            pipelines=pipes(f"metrics: {{receivers: [otlp], processors: {processors}, exporters: [prometheus]}}"),
        )

    d = otelcd(text("[]"), allow=["is configured but not used"])
    d.export(otlp.sample(otlp.METRICS))
    before = d.scrape("prometheus")[1]
    assert otlp.sample(otlp.METRICS).resource_metrics[0].scope_metrics[0].metrics[0].name in before.decode()
    d.reload(text("[attributes]"))
    assert d.scrape("prometheus")[1] == before
    assert len(d.records("^Starting Prometheus scrape endpoint$")) == 2
    d.close_clients()
    assert d.stop() == 0


def test_own_metrics_are_served_on_unless_their_configuration_changes(otelcd):
    d = otelcd(config(exporters=lines("nop:"), pipelines=pipes("traces: {receivers: [otlp], exporters: [nop]}")))
    scraping = http.client.HTTPConnection(d.scrape_address(), timeout=PATIENCE)
    for n in range(2):
        scraping.request("GET", "/metrics")
        assert b"otelcd_pipeline_received_items" in scraping.getresponse().read()
        if n == 0:
            d.reload(config(exporters=lines("nop/2:"), pipelines=pipes("traces: {receivers: [otlp], exporters: [nop/2]}")))
    scraping.close()
    assert d.stop() == 0


# --- what changes ---


def test_a_signal_is_added_to_a_receiver_and_taken_away_on_the_same_connection(otelcd, connect):
    one = config(exporters=lines("nop:"), pipelines=pipes("traces: {receivers: [otlp], exporters: [nop]}"))
    two = config(exporters=lines("nop:"), pipelines=pipes("traces: {receivers: [otlp], exporters: [nop]}", "logs: {receivers: [otlp], exporters: [nop]}"))
    d = otelcd(one, allow=["unknown path"])
    c = connect(d)
    assert c.post(otlp.logs(1), "/v1/logs") == 404
    d.reload(two)
    assert c.post(otlp.logs(2), "/v1/logs") == 200
    assert c.post(otlp.traces(1)) == 200
    d.reload(one)
    assert c.post(otlp.logs(1), "/v1/logs") == 404
    assert c.post(otlp.traces(1)) == 200
    assert d.final_ledgers()["pipeline", "logs"]["delivered"] == 2  # it has left, and said so
    c.close()
    assert d.stop() == 0


def test_a_processor_is_inserted_behind_one_that_holds(otelcd, tmp_path):
    def text(processors):
        return config(
            processors=lines("batch: {timeout: 1h, hold_ack: false}", "attributes: {actions: [{key: here, action: insert, value: now}]}"),
            exporters=lines(f"file: {{path: {tmp_path}/out, append: true}}"),
            pipelines=pipes(f"logs: {{receivers: [otlp], processors: {processors}, exporters: [file]}}"),
        )

    d = otelcd(text("[batch]"))
    d.expect_warning("attributes")  # configured, not used
    d.export(otlp.logs(3))
    d.reload(text("[batch, attributes]"))
    assert d.ledger("pipeline", "logs")["held"] == 3
    d.close_clients()
    assert d.stop() == 0
    assert (tmp_path / "out").read_text().count('"here"') == 3


def test_pipelines_are_rewired_through_a_connector(otelcd, connect):
    def text(first, more=()):
        return config(
            exporters=lines("nop:", "nop/2:"),
            pipelines=pipes(first, *more),
        ).replace("service:\n", "connectors: {forward: }\nservice:\n", 1)

    d = otelcd(
        text("traces: {receivers: [otlp], exporters: [nop]}"), allow=["is configured but not used"]
    )
    c = connect(d)
    assert c.post(otlp.traces(1)) == 200
    d.reload(text("traces: {receivers: [otlp], exporters: [nop, forward]}", ["traces/2: {receivers: [forward], exporters: [nop/2]}"]))
    assert c.post(otlp.traces(2)) == 200
    assert d.ledger("exporter", "nop/2", "traces")["delivered"] == 2
    d.reload(text("traces: {receivers: [otlp], exporters: [forward]}", ["traces/2: {receivers: [forward], exporters: [nop, nop/2]}"]))
    assert c.post(otlp.traces(4)) == 200
    assert d.ledger("exporter", "nop/2", "traces")["delivered"] == 6
    assert d.ledger("exporter", "nop", "traces")["delivered"] == 7
    assert d.ledger("pipeline", "traces")["delivered"] == 7
    c.close()
    assert d.stop() == 0


def test_a_memory_limiter_of_two_pipelines_outlives_one_of_them(otelcd, connect):
    def text(*pipelines):
        return config(
            processors=lines("memory_limiter: {check_interval: 10ms, limit_mib: 4000, spike_limit_mib: 100}"),
            exporters=lines("nop:"),
            pipelines=pipes(*pipelines),
        )

    traces = "traces: {receivers: [otlp], processors: [memory_limiter], exporters: [nop]}"
    logs = "logs: {receivers: [otlp], processors: [memory_limiter], exporters: [nop]}"
    d = otelcd(text(traces, logs), allow=["unknown path"])
    c = connect(d)
    for pipelines in ([logs], [logs, traces], [traces], [traces, logs]):
        d.reload(text(*pipelines))
        wait(lambda: c.post(otlp.traces(1)) == (200 if traces in pipelines else 404), "the pipeline is not as configured")
    assert len(d.records("^Memory limiter configured$")) == 1
    c.close()
    d.terminate()
    assert d.wait_end() == 0


def test_a_file_that_was_moved_away_is_made_anew_by_a_reload(otelcd, tmp_path):
    d = otelcd(
        config(exporters=lines(f"file: {{path: {tmp_path}/out}}"), pipelines=pipes("logs: {receivers: [otlp], exporters: [file]}"))
    )
    d.export(otlp.logs(1))
    d.reload()
    assert (tmp_path / "out").read_text().count("\n") == 1  # kept, and not emptied
    (tmp_path / "out").rename(tmp_path / "out.1")
    d.reload()
    d.export(otlp.logs(1))
    d.close_clients()
    assert d.stop() == 0
    assert (tmp_path / "out").read_text().count("\n") == (tmp_path / "out.1").read_text().count("\n") == 1


# --- queues ---


def sender(endpoint, queue="", service=""):
    return config(
        exporters=lines(
            f"otlp_http: {{endpoint: 'http://{endpoint}', sending_queue: {{{queue}}}, retry_on_failure: {{max_elapsed_time: 0}}}}"
        ),
        pipelines=pipes("traces: {receivers: [otlp], exporters: [otlp_http]}"),
        service=service,
    )


SINK = config(exporters=lines("nop:"), pipelines=pipes("traces: {receivers: [otlp], exporters: [nop]}"))


@pytest.mark.parametrize("queue", ["", "queue_size: 2", "sizer: items, queue_size: 100000, batch: {flush_timeout: 1h, min_size: 50000, sizer: items}"])
def test_what_waits_in_memory_is_handed_to_the_exporter_that_takes_its_place(otelcd, queue):
    sink = otelcd(SINK)
    d = otelcd(sender(f"127.0.0.1:{free_port()}"), allow=["Exporting failed"])
    for _ in range(20):
        d.export(otlp.traces(3))
    assert d.ledger("exporter", "otlp_http", "traces")["held"] == 60
    d.reload(sender(sink.http_address(), queue))
    if "batch" not in queue:
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
        assert sink.ledger("pipeline", "traces")["received"] == 60
    d.close_clients()
    d.terminate()
    assert d.wait_end() == 0
    assert sink.ledger("pipeline", "traces")["received"] == 60
    assert sum(r["delivered"] for r in d.records("^Ledger$") if "exporter" in r) == 60
    assert all(r["dropped"] == 0 and r["held"] == 0 for r in d.records("^Ledger$"))


def test_what_nobody_takes_the_place_of_is_told_as_lost(otelcd):
    d = otelcd(sender(f"127.0.0.1:{free_port()}", service="  shutdown_timeout: 500ms"), allow=["Exporting failed", "Did not stop in time"])
    d.export(otlp.traces(3))
    d.reload(config(exporters=lines("nop:"), pipelines=pipes("traces: {receivers: [otlp], exporters: [nop]}")))
    d.close_clients()
    wait(lambda: ("exporter", "otlp_http", "traces") in d.final_ledgers(), "the old exporter does not leave")
    assert d.final_ledgers()["exporter", "otlp_http", "traces"]["dropped"] == 3
    d.terminate()
    assert d.wait_end() == 0


def test_the_end_waits_for_a_reload_no_longer_than_it_may_take_itself(otelcd):
    """What the reload does not keep would have an hour; what has taken over delivers what it holds all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        waits = sender("127.0.0.1:%d" % silent.getsockname()[1], service="  shutdown_timeout: 1h").replace("sending_queue", "timeout: 1h, sending_queue")
        d = otelcd(waits, allow=["Exporting failed", "Did not stop in time"])
        d.export(otlp.traces(3))
        silent.accept()[0].recv(1)  # it is on its way
        new = config(
            processors=lines("batch: {timeout: 1h, hold_ack: false}"),
            exporters=lines("nop:"),
            pipelines=pipes("traces: {receivers: [otlp], processors: [batch], exporters: [nop]}"),
            service="  shutdown_timeout: 2s",
        )
        (d.folder / "otelcd.yaml").write_text(new)
        d.process.send_signal(signal.SIGHUP)
        d.wait_log("^Config updated")
        d.export(otlp.traces(2))
        d.close_clients()
        d.terminate()
        assert d.wait_end() == 0
    final = d.final_ledgers()
    assert final["exporter", "otlp_http", "traces"]["dropped"] == 3
    assert final["exporter", "nop", "traces"]["delivered"] == 2


def test_a_queue_on_disk_goes_on_in_the_exporter_that_takes_its_place(otelcd, tmp_path):
    def text(endpoint):
        return sender(endpoint, "storage: file_storage", "  extensions: [file_storage]").replace(
            "exporters:\n", f"extensions: {{file_storage: {{directory: {tmp_path}/q, create_directory: true}}}}\nexporters:\n", 1
        )

    sink = otelcd(SINK)
    d = otelcd(text(f"127.0.0.1:{free_port()}"), allow=["Exporting failed"])
    for _ in range(5):
        d.export(otlp.traces(2))
    d.reload(text(sink.http_address()))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 10)
    assert sink.ledger("pipeline", "traces")["received"] == 10
    assert d.ledger("exporter", "otlp_http", "traces")["received"] == 10
    d.close_clients()
    assert d.stop() == 0


# --- faults ---


def test_what_does_not_start_leaves_the_rest_alone(otelcd, connect):
    taken = otelcd(SINK).http_port
    port = free_port()

    def text(port):
        return config(
            exporters=lines(f"prometheus: {{endpoint: '127.0.0.1:{port}'}}", "nop:"),
            pipelines=pipes("metrics: {receivers: [otlp], exporters: [prometheus]}", "traces: {receivers: [otlp], exporters: [nop]}"),
        )

    d = otelcd(text(port), expect=["does not start", "Running on the old configuration"])
    c = connect(d)
    assert c.post(otlp.traces(1)) == 200
    d.reload(text(taken), "^Running on the old configuration")
    assert c.post(otlp.traces(1)) == 200
    assert d.metric("otelcd_config_last_reload_successful") == 0
    assert d.http("GET", "/metrics", address=f"127.0.0.1:{port}")[0] == 200
    d.reload(text(port))
    assert c.post(otlp.traces(1)) == 200
    assert d.metric("otelcd_config_last_reload_successful") == 1
    c.close()
    assert d.stop() == 0


# --- --watch ---


def nop(n):
    return config(exporters=lines(f"debug: {{verbosity: {['basic', 'normal'][n % 2]}}}"), pipelines=pipes("traces: {receivers: [otlp], exporters: [debug]}"))


def test_a_watched_file_is_read_again_when_it_changes(otelcd, connect):
    d = otelcd(nop(0), args=["--watch"], expect=["nowhere", "running on with the old one"])
    c = connect(d)
    (d.folder / "otelcd.yaml").write_text(nop(1))
    d.wait_log("^Everything is ready", 2)
    (d.folder / "otelcd.yaml").write_text(nop(1).replace("exporters: [debug]", "exporters: [nowhere]"))
    d.wait_log("running on with the old one")
    (d.folder / "new").write_text(nop(0))
    (d.folder / "new").rename(d.folder / "otelcd.yaml")
    d.wait_log("^Everything is ready", 3)
    assert c.post(otlp.traces(1)) == 200
    c.close()
    assert d.stop() == 0


def test_a_turned_link_of_a_watched_config_map_is_followed(otelcd, tmp_path):
    """As Kubernetes does it: the file leads to ..data/FILE, and ..data to a directory that another one takes the place of."""
    volume = tmp_path / "volume"
    for n in (1, 2):
        (volume / f"..{n}").mkdir(parents=True)
        (volume / f"..{n}" / "more.yaml").write_text(f"exporters: {{debug: {{verbosity: {['basic', 'normal'][n % 2]}}}}}")
    (volume / "..data").symlink_to("..1")
    (volume / "more.yaml").symlink_to("..data/more.yaml")
    d = otelcd(nop(0), args=["--watch", "--config", str(volume / "more.yaml")])
    (volume / "..tmp").symlink_to("..2")
    (volume / "..tmp").rename(volume / "..data")
    d.wait_log("^Everything is ready", 2)
    assert len(d.records("^The configuration has changed$")) == 1
    assert d.stop() == 0


def test_a_file_that_a_watched_configuration_names_is_watched_as_long_as_it_is_named(otelcd, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("basic")
    second.write_text("normal")
    named = nop(0).replace("verbosity: basic", 'verbosity: "${file:%s}"' % first)
    d = otelcd(named, args=["--watch"])
    first.write_text("normal")
    d.wait_log("^Everything is ready", 2)
    (d.folder / "otelcd.yaml").write_text(named.replace(str(first), str(second)))
    d.wait_log("^Everything is ready", 3)
    first.write_text("detailed")  # nobody names it any more
    second.write_text("basic")
    d.wait_log("^Everything is ready", 4)
    assert d.stop() == 0
    assert len(d.records("^The configuration has changed$")) == 3


# --- all of it, for long ---


class Load(threading.Thread):
    """Numbers each request, and remembers those that were acknowledged."""

    def __init__(self, d, name):
        super().__init__(daemon=True)
        self.address, self.name = d.http_address(), name
        self.acknowledged, self.over = [], threading.Event()
        self.broken = 0

    def run(self):
        connection, n = http.client.HTTPConnection(self.address, timeout=PATIENCE), 0
        while not self.over.is_set():
            n += 1
            body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": f"<{self.name}-{n}>"}}]}]}]})
            try:
                connection.request("POST", "/v1/logs", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                self.broken += 1
                connection.close()
                continue
            if answer.status == 200:
                self.acknowledged.append(f"<{self.name}-{n}>")
        connection.close()


SCRAPED = 'prometheus: {endpoint: "127.0.0.1:0"}'
METRICS = "metrics: {receivers: [otlp], exporters: [prometheus]}"


def storm(endpoint, n):
    """Another exporter each time, now and then a processor more, a pipeline less; the scrape endpoint stays."""
    processors = "[batch, attributes]" if n % 3 == 0 else "[batch]"
    more = [] if n % 4 == 0 else ["traces: {receivers: [otlp], exporters: [nop]}"]
    return config(
        processors=lines("batch: {timeout: 5ms}", f"attributes: {{actions: [{{key: n, action: upsert, value: {n % 5}}}]}}"),
        exporters=lines(
            f"otlp_http: {{endpoint: 'http://{endpoint}', timeout: {5 + n % 2}s, sending_queue: {{queue_size: 100000}}, retry_on_failure: {{initial_interval: 20ms, max_interval: 50ms, max_elapsed_time: 0}}}}",
            "nop:",
            SCRAPED,
        ),
        pipelines=pipes(f"logs: {{receivers: [otlp], processors: {processors}, exporters: [otlp_http]}}", METRICS, *more),
    )


class Series:
    """A sum that grows with each reload, and the scrapes in between: it is there each time, and never begins anew."""

    def __init__(self, d):
        self.d, self.sent = d, 0
        self.start = otlp.Metrics().start
        self.send()
        self.own = self.check()

    def send(self):
        self.sent += 1
        metrics = otlp.Metrics(start=self.start)
        metrics.sum("orders", self.sent)
        assert self.d.post(metrics.request)[0] == 200

    def check(self):
        samples = self.d.metrics("prometheus")
        assert [s.value for s in samples.all if s.name == "orders_total"] == [self.sent], samples.all
        return self.d.metrics().sum("otelcd_pipeline_received_items", pipeline="metrics")

    def go_on(self):
        """What was sent before the reload is there after it, and so is what comes now; counters of otelcd go on too."""
        before, self.own = self.own, self.check()
        assert self.own >= before
        self.send()
        self.check()


def test_reloads_under_load_lose_nothing_that_was_acknowledged(otelcd, tmp_path):
    """Nor is anybody refused, or a series interrupted: good and broken configurations in turn, kill -9 of the peer between.
    RELOADS=1000 in the environment makes it as long as that."""
    port = free_port()
    sink = config(
        exporters=lines(f"file: {{path: {tmp_path}/out, append: true}}"), pipelines=pipes("logs: {receivers: [otlp], exporters: [file]}")
    ).replace('http: {endpoint: "127.0.0.1:0"}', f'http: {{endpoint: "127.0.0.1:{port}"}}')
    peer = otelcd(sink, end=False)
    d = otelcd(storm(f"127.0.0.1:{port}", 0), allow=["."])
    loads = [Load(d, name) for name in "ab"]
    for load in loads:
        load.start()
    series = Series(d)
    good = bad = 0
    for n in range(1, RELOADS + 1):
        if n % 2 == 0:
            d.reload(storm(f"127.0.0.1:{port}", n).replace("exporters: [otlp_http]", "exporters: [otlp_httq]"), "running on with the old one$")
            bad += 1
        else:
            d.reload(storm(f"127.0.0.1:{port}", n))
            good += 1
        series.go_on()
        if n % 20 == 10:
            peer.terminate(signal.SIGKILL)
            peer.process.wait()
            peer = otelcd(sink, end=False)
    for load in loads:
        load.over.set()
        load.join(PATIENCE)
    assert [load.broken for load in loads] == [0, 0]
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0 and m.sum("otelcd_pipeline_held_items") == 0)
    ledgers = d.ledgers()
    assert ledgers["pipeline", "logs"]["received"] >= sum(len(load.acknowledged) for load in loads)
    for key, c in ledgers.items():
        assert c["received"] == c["delivered"] + c["held"] + c["refused"] + c["dropped"] and c["dropped"] == 0, (key, c)
    d.terminate()
    assert d.wait_end() == 0
    peer.terminate()
    assert peer.wait_end() == 0
    arrived = set(re.findall(r"<[ab]-\d+>", (tmp_path / "out").read_text()))
    for load in loads:
        assert load.acknowledged and not set(load.acknowledged) - arrived
    assert (good, bad) == ((RELOADS + 1) // 2, RELOADS // 2)


def joining(text, n, port):
    """A second exporter at an address of the first: it comes and goes, and asks for more than who stays."""
    headers = "response_headers: {x-who: %s}" % ("both" * 4000)
    text = text.replace(SCRAPED, f'prometheus: {{endpoint: "127.0.0.1:{port}", {headers}}}\n  prometheus/2: {{endpoint: "0.0.0.0:{port}", {headers}}}')
    return text.replace(METRICS, METRICS.replace("[prometheus]", "[prometheus, prometheus/2]")) if n % 2 == 0 else text


def test_memory_does_not_grow_with_the_number_of_reloads(otelcd):
    d = otelcd(storm("127.0.0.1:1", 0), allow=["is configured but not used"])
    if "asan" in os.environ.get("OTELCD", ""):
        pytest.skip("the sanitizer keeps what is freed")
    sizes, port = [], free_port()
    for n in range(1, RELOADS + 21):
        d.reload(joining(storm("127.0.0.1:1", n), n, port))
        if n in (20, RELOADS + 20):
            sizes.append(d.rss())
    print(f"RSS after 20 reloads {sizes[0] / 2**20:.2f} MiB, after {RELOADS + 20} {sizes[1] / 2**20:.2f} MiB")
    assert sizes[1] - sizes[0] < 2**20
    assert d.stop() == 0
