# SPDX-License-Identifier: Apache-2.0
"""sending_queue and file_storage, shown with the debug exporter."""

import signal
import threading

from harness import otlp

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
                    d.export(otlp.traces(3), timeout=5)
                except Exception:
                    return
                acknowledged += 3
                if acknowledged % 60 == 0:
                    done.set()

        t = threading.Thread(target=load)
        t.start()
        assert done.wait(30)
        d.terminate(signal.SIGKILL)
        d.process.wait()
        t.join(20)
        d.close_clients()
    d = otelcd(text, allow=["ended in the middle"])
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    ledger = d.ledger(*TRACES)
    assert ledger["delivered"] == ledger["received"] >= acknowledged


def test_a_reload_does_not_count_what_is_on_disk_twice(otelcd, tmp_path):
    d = otelcd(config("{storage: file_storage}", tmp_path / "q"))
    d.export(otlp.traces(5))
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    d.close_clients()
    d.terminate(signal.SIGHUP)
    d.wait_log("^Everything is ready", 2)
    scrape = d.records("^Starting Prometheus scrape endpoint$")[-1]["endpoint"]
    text = d.http("GET", "/metrics", address=scrape)[2].decode()
    assert 'otelcd_exporter_received_items{exporter="debug",signal="traces"} 5\n' in text
    assert 'otelcd_exporter_delivered_items{exporter="debug",signal="traces"} 5\n' in text
    assert 'otelcol_exporter_sent_spans{exporter="debug"} 5\n' in text
    d.terminate()
    assert d.wait_end() == 0


def refused(otelcd, text, *words):
    d = otelcd(text, ready=False, end=False, allow=[".*"])
    assert d.wait_end() != 0
    for w in words:
        assert w in d.log(), d.log()


def test_mistakes_are_found_before_the_start(otelcd, tmp_path):
    refused(otelcd, config("{storage: file_storage/x}", tmp_path / "q"), "no storage client extension found", "file_storage/x")
    refused(otelcd, config("{wait_for_result: true, storage: file_storage}", tmp_path / "q"), "`wait_for_result` is not supported")
    refused(otelcd, config("{num_consumers: 0, queue_size: 0}"), "`num_consumers` must be positive", "`queue_size` must be positive")
    refused(otelcd, config("{batch: {}}"), "batching behind the queue is not served yet")
    refused(otelcd, config("{storage: file_storage}", tmp_path / "q", more=", compaction: {}"), "remove this block")
    refused(otelcd, config("{storage: file_storage}", tmp_path / "none/q").replace("create_directory: true", "create_directory: false"), "directory must exist")
