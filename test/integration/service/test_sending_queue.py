# SPDX-License-Identifier: Apache-2.0
"""sending_queue and file_storage, shown with the debug exporter."""

import contextlib
import signal
import threading

import grpc
import pytest
from harness import otlp
from harness.limits import PATIENCE, free_port
from harness.otlp_peer import GrpcPeer

QUEUE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  debug:
    sending_queue: {queue}
{storage}
service:
  {extensions}
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
    logs: {{receivers: [otlp], exporters: [debug]}}
"""
TRACES = ("exporter", "debug", "traces")


def config(queue="{}", folder=None, extensions="extensions: [file_storage]", more=""):
    storage = f"extensions:\n  file_storage: {{directory: {folder}, create_directory: true{more}}}" if folder else ""
    return QUEUE.format(queue=queue, storage=storage, extensions=extensions if folder else "")


def all_delivered(d, key, n):
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.ledger(*key)["delivered"] == n


def test_a_queue_in_memory_hands_everything_on(otelcd):
    d = otelcd(config())
    for _ in range(20):
        d.export(otlp.traces(5))
    all_delivered(d, TRACES, 100)
    assert d.metric("otelcol_exporter_queue_capacity", exporter="debug", data_type="traces") == 1000


def test_wait_for_result_answers_when_the_batch_is_exported(otelcd):
    d = otelcd(config("{wait_for_result: true}"))
    d.export(otlp.traces(5))
    assert d.ledger(*TRACES)["delivered"] == 5


def test_a_batch_larger_than_the_queue_is_refused_for_good(otelcd):
    d = otelcd(config("{sizer: items, queue_size: 3}"))
    try:
        d.export(otlp.traces(5))
        raise AssertionError("it was taken")
    except Exception as e:
        assert "element size too large" in e.details()
    assert d.ledger(*TRACES)["refused"] == 5


def test_each_signal_has_its_queue_on_disk_and_its_ledger_goes_on_after_a_restart(otelcd, tmp_path):
    text = config("{storage: file_storage}", tmp_path / "q")
    d = otelcd(text, end=False)
    d.export(otlp.traces(5))
    d.export(otlp.logs(7))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    d.close_clients()
    assert d.stop() == 0
    assert {p.name for p in (tmp_path / "q").iterdir()} == {"exporter_debug_traces", "exporter_debug_logs"}
    d = otelcd(text)
    d.export(otlp.traces(1))
    all_delivered(d, TRACES, 6)
    assert d.ledger("exporter", "debug", "logs")["delivered"] == 7


def test_kill_9_in_a_loop_loses_nothing_acknowledged(otelcd, tmp_path):
    text = config("{storage: file_storage}", tmp_path / "q")
    acknowledged = 0
    for _ in range(4):
        d = otelcd(text, end=False, allow=["ended in the middle"])
        done = threading.Event()

        def load(d=d, done=done):
            nonlocal acknowledged
            while True:
                try:
                    d.export(otlp.traces(3))
                except Exception:
                    return
                acknowledged += 3
                if acknowledged % 60 == 0:
                    done.set()

        t = threading.Thread(target=load)
        t.start()
        assert done.wait(PATIENCE)
        d.terminate(signal.SIGKILL)
        d.process.wait()
        t.join(PATIENCE)
        d.close_clients()
    d = otelcd(text, allow=["ended in the middle"])
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    ledger = d.ledger(*TRACES)
    assert ledger["delivered"] == ledger["received"] >= acknowledged


@pytest.mark.parametrize("back", [True, False])
def test_a_queue_that_is_taken_away_while_it_runs_is_noticed_and_goes_on_when_it_is_back(otelcd, tmp_path, back):
    queue, away = tmp_path / "q/exporter_debug_traces", tmp_path / "away"
    text = config("{storage: file_storage}", tmp_path / "q")
    d = otelcd(text, end=False, expect=["it was removed or moved away", "can be written again"])
    d.export(otlp.traces(5))
    all_delivered(d, TRACES, 5)
    queue.rename(away)
    for _ in range(2):  # in the segment that was open, and for a new one
        with pytest.raises(grpc.RpcError) as e:
            d.export(otlp.traces(1))
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE and "no such file" in e.value.details(), e.value
    d.wait_log("it was removed or moved away")
    assert not queue.exists()  # it may come back
    if back:
        away.rename(queue)
    else:
        queue.mkdir(mode=0o700)
    d.export(otlp.traces(7))
    d.wait_log("can be written again")
    all_delivered(d, TRACES, 12)
    d.close_clients()
    d.terminate(signal.SIGKILL)
    d.process.wait()
    d = otelcd(text)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.ledger(*TRACES)["delivered"] >= 12


def test_a_reload_does_not_count_what_is_on_disk_twice(otelcd, tmp_path):
    d = otelcd(config("{storage: file_storage}", tmp_path / "q"))
    d.export(otlp.traces(5))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    d.close_clients()
    d.reload(config("{storage: file_storage, num_consumers: 3}", tmp_path / "q"))
    text = d.scrape()[1].decode()
    assert 'otelcd_exporter_received_items{exporter="debug",signal="traces"} 5\n' in text
    assert 'otelcd_exporter_delivered_items{exporter="debug",signal="traces"} 5\n' in text
    assert 'otelcol_exporter_sent_spans{exporter="debug"} 5\n' in text
    d.terminate()
    assert d.wait_end() == 0


HELD = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  batch: {{timeout: 1h, send_batch_size: 3{hold}}}
exporters:
  debug: {{{queue}}}
connectors:
  forward:
extensions:
  file_storage: {{directory: {folder}, create_directory: true}}
service:
  extensions: [file_storage]
  pipelines:
    logs: {{receivers: [otlp], processors: [batch], exporters: [forward]}}
    logs/behind: {{receivers: [forward], exporters: [debug]}}
"""


@pytest.mark.parametrize(
    "queue, hold, held",
    [("on disk", "", True), ("on disk", "true", True), ("on disk", "false", False), ("in memory", "", False), ("none", "", False)],
)
def test_the_batch_processor_answers_when_a_queue_on_disk_has_the_data(otelcd, tmp_path, queue, hold, held):
    blocks = {"on disk": "sending_queue: {storage: file_storage}", "in memory": "sending_queue: {}", "none": ""}
    text = HELD.format(queue=blocks[queue], folder=tmp_path / "q", hold=f", hold_ack: {hold}" if hold else "")
    d = otelcd(text)
    first = d.caller(otlp.logs(1)).future(otlp.logs(1), timeout=PATIENCE)
    if held:
        d.wait_metrics(lambda m: m.value("otelcd_pipeline_held_items", pipeline="logs") == 1)
        assert not first.done()
        d.export(otlp.logs(2))
    first.result()
    if held:
        assert d.ledger("pipeline", "logs")["delivered"] == 3
    else:
        assert d.ledger("pipeline", "logs")["held"] == 1


BATCHED = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  batch: {{timeout: 1ms, send_batch_size: 1}}
exporters:
  otlp_grpc:
    endpoint: 127.0.0.1:{port}
    tls: {{insecure: true}}
    sending_queue: {{queue_size: 2, num_consumers: 1}}
    retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms}}
service:
  pipelines:
    logs: {{receivers: [otlp], processors: [batch], exporters: [otlp_grpc]}}
"""


def test_what_a_batch_was_given_is_not_lost_when_the_queue_behind_it_is_full(otelcd):
    port, taken = free_port(), 0
    d = otelcd(BATCHED.format(port=port), allow=["refuses it for now"])
    with pytest.raises(grpc.RpcError) as refusal:
        for _ in range(100):
            d.export(otlp.logs(1))
            taken += 1
    assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE and "queue is full" in refusal.value.details()
    with contextlib.closing(GrpcPeer(port=port)) as peer:
        peer.wait_items(taken)
        d.wait_log("Sending works again")
        d.wait_metrics(lambda m: m.sum("otelcd_pipeline_held_items") == 0)
        ledger = d.ledger("pipeline", "logs")
        assert ledger["delivered"] == taken and ledger["dropped"] == 0
        assert peer.items() == taken


def test_what_was_acknowledged_before_a_file_is_in_it_after_kill_9(otelcd, tmp_path):
    text = HELD.format(queue="", folder=tmp_path / "q", hold="")
    text = text.replace("debug: {}", f"file: {{path: {tmp_path}/out}}").replace("[debug]", "[file]")
    d = otelcd(text, end=False)
    first = d.caller(otlp.logs(1)).future(otlp.logs(1), timeout=PATIENCE)
    d.wait_metrics(lambda m: m.value("otelcd_pipeline_held_items", pipeline="logs") == 1)
    assert not first.done()
    d.export(otlp.logs(2))
    first.result()
    d.process.kill()
    d.wait_end()
    assert (tmp_path / "out").read_text().count('"timeUnixNano"') == 3


def refused(otelcd, text, *words):
    d = otelcd(text, ready=False, end=False, allow=[".*"])
    assert d.wait_end() != 0
    for w in words:
        assert w in d.log(), d.log()


def test_mistakes_are_found_before_the_start(otelcd, tmp_path):
    refused(otelcd, config("{storage: file_storage/x}", tmp_path / "q"), "no storage client extension found", "file_storage/x")
    refused(otelcd, config("{wait_for_result: true, storage: file_storage}", tmp_path / "q"), "`wait_for_result` is not supported")
    refused(otelcd, config("{num_consumers: 0, queue_size: 0}"), "`num_consumers` must be positive", "`queue_size` must be positive")
    for batch, why in (
        ("{min_size: 200, max_size: 100}", "`max_size` (100) must be greater or equal to `min_size` (200)"),
        ("{flush_timeout: 0s}", "`flush_timeout` must be positive"),
        ("{min_size: -1}", "`min_size` must be non-negative, found -1"),
        ("{sizer: requests}", '"requests" is not one of'),
        ("{partition: {metadata_keys: [a, A]}}", "duplicate entry in metadata_keys"),
    ):
        refused(otelcd, config(f"{{batch: {batch}}}"), why)
    refused(otelcd, config("{sizer: items, batch: {}}"), "`min_size` must be less than or equal to `queue_size`")
    refused(otelcd, config("{sizer: bytes, batch: {}}"), "`min_size` must be less than or equal to `queue_size`")
    refused(otelcd, config("{storage: file_storage}", tmp_path / "none/q").replace("create_directory: true", "create_directory: false"), "directory must exist")


def printed(d):
    """How many records each batch had that the debug exporter printed."""
    return [r["log records"] for r in d.records("^Logs$")]


def test_a_batch_block_joins_and_cuts_as_the_go_collector_does(otelcd):
    """Its answers to the same requests, with one consumer so that their order is one."""
    d = otelcd(config("{num_consumers: 1, batch: {min_size: 100, max_size: 200, flush_timeout: 1h}}"))
    for n in (30, 60, 350, 5, 500):
        d.export(otlp.logs(n))
    d.wait_log("^Logs$", 5)
    assert printed(d) == [200, 200, 200, 200, 145]
    d = otelcd(config("{num_consumers: 1, batch: {min_size: 100, flush_timeout: 1h}}"))
    for n in (30, 60, 350, 5, 500, 99, 1):
        d.export(otlp.logs(n))
    d.wait_log("^Logs$", 3)
    assert printed(d) == [440, 505, 100]


def test_what_waits_for_more_is_sent_in_time_and_at_shutdown(otelcd):
    d = otelcd(config("{batch: {flush_timeout: 20ms}}"))
    d.export(otlp.logs(5))
    d.wait_log("^Logs$")
    d = otelcd(config("{batch: {flush_timeout: 1h}}"))
    d.export(otlp.logs(5))
    assert d.metric("otelcol_exporter_queue_size", exporter="debug", data_type="logs") == 1
    d.terminate()
    assert d.wait_end() == 0
    assert printed(d) == [5]


def test_batches_in_bytes_stay_below_their_size(otelcd):
    d = otelcd(config("{num_consumers: 1, batch: {sizer: bytes, min_size: 1000, max_size: 2000, flush_timeout: 20ms}}"))
    request = otlp.logs(100)
    d.export(request)
    all_delivered(d, ("exporter", "debug", "logs"), 100)
    d.wait_log("^Logs$", -(-request.ByteSize() // 2000))
    each = request.ByteSize() / 100
    assert sum(printed(d)) == 100 and max(printed(d)) * each <= 2000 and printed(d)[0] * each > 1800


def test_clients_are_batched_apart_by_their_metadata(otelcd):
    text = config("{num_consumers: 1, batch: {min_size: 100, flush_timeout: 1h, partition: {metadata_keys: [X-Tenant]}}}")
    d = otelcd(text.replace('"127.0.0.1:0"', '"127.0.0.1:0", include_metadata: true'))
    for n, tenant in ((60, "a"), (70, "b"), (80, "a"), (30, "b"), (9, None)):
        d.export(otlp.logs(n), metadata=(("x-tenant", tenant),) if tenant else None)
    d.wait_log("^Logs$", 2)
    assert printed(d) == [140, 100]
    assert d.ledger("exporter", "debug", "logs")["held"] == 9


def test_what_waits_for_more_on_disk_survives_kill_9(otelcd, tmp_path):
    batch = "batch: {{min_size: 1000, max_size: 1000, flush_timeout: {}}}"
    waits = config("{storage: file_storage, %s}" % batch.format("1h"), tmp_path / "q")
    d = otelcd(waits, end=False)
    for _ in range(25):
        d.export(otlp.logs(90))
    d.wait_log("^Logs$", 2)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", signal="logs") == 2000)
    d.terminate(signal.SIGKILL)
    d.process.wait()
    d.close_clients()
    d = otelcd(config("{storage: file_storage, %s}" % batch.format("20ms"), tmp_path / "q"), allow=["ended in the middle"])
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    ledger = d.ledger("exporter", "debug", "logs")
    assert ledger["received"] == ledger["delivered"] == 2250
    d.wait_log("^Logs$")
    assert sum(printed(d)) >= 250


def test_a_batch_larger_than_what_is_read_ahead_is_made_from_disk(otelcd, tmp_path):
    """More lies on disk than is kept in memory, and the batch wants still more: what memory has goes out."""
    queue = "{storage: file_storage, batch: {sizer: bytes, min_size: 100000000, flush_timeout: 1h}}"
    d = otelcd(config(queue, tmp_path / "q"), end=False)
    request = otlp.logs(3000)
    n = -(-40 * 1024 * 1024 // request.ByteSize())
    for _ in range(n):
        d.export(request)
    d.wait_log("^Logs$", 2)
    assert max(printed(d)) * request.ByteSize() / 3000 < 20 * 1024 * 1024
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", signal="logs") >= 1.5 * n * 1000)
    ledger = d.ledger("exporter", "debug", "logs")
    assert ledger["delivered"] + ledger["held"] == ledger["received"] == n * 3000
    d.close_clients()
    assert d.stop() == 0
