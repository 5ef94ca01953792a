# SPDX-License-Identifier: Apache-2.0
"""The tail sampler: which traces are kept, and that every span is accounted for."""

import json
import signal
import subprocess

import pytest
from harness import tails
from harness.limits import OTELCD, PATIENCE


def spans_in(numbers):
    return sum(len(names) for names in tails.whole(numbers).values())


@pytest.mark.parametrize("seed, each", [(1, 200), (2, 3), (3, 5000)])
def test_the_same_traces_are_kept_in_any_order_and_in_any_grouping(otelcd, tmp_path, seed, each):
    """They are those that the Go collector keeps."""
    names = list(tails.CASES)
    d = otelcd(tails.config(tmp_path, names))
    d.expect_warning("Fault in the configuration", "could not be evaluated")  # a cache size, a part, ottl_error_ignored
    for request in tails.requests(seed, each=each):
        d.export(request)
    assert d.stop() == 0
    for name in names:
        assert tails.kept(tmp_path / name) == tails.whole(tails.expected(name)), name
        ledger = d.final_ledgers()["pipeline", f"traces/{name}"]
        assert ledger["received"] == spans_in(range(tails.TRACES)) and ledger["delivered"] == spans_in(tails.expected(name))


@pytest.mark.parametrize("name", tails.SHARES)
def test_a_hundred_thousand_trace_ids_are_decided_as_the_collector_decides_them(otelcd, tmp_path, name):
    d = otelcd(tails.share_config(tmp_path, name))
    for request in tails.many():
        d.export(request)
    assert d.stop() == 0
    assert tails.kept_of_many(tmp_path / "kept") == tails.expected_of_many(name)


CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
processors:
  tail_sampling: {keys}
exporters:
  file: {{path: {folder}/kept, flush_interval: 100ms, append: true}}
service:
  pipelines:
    traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [file]}}
"""
ERRORS = {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}


def config(folder, **keys):
    return CONFIG.format(folder=folder, keys=json.dumps({"policies": [ERRORS], **keys}))


def trace(i, *numbers, error=False, root=True):
    """Spans of trace i; the first is its root."""
    spans = []
    for n in numbers:
        parent = b"" if root and n == numbers[0] else b"12345678"
        fields = {"trace_id": tails.trace_of(i), "span_id": b"%08d" % n, "parent_span_id": parent, "name": f"{i}/{n}"}
        spans.append((0, 0, {**fields, "status": 2 if error else 0}, {}))
    return tails.build(spans)


def wait_decided(d, n):
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcol_processor_tail_sampling_global_count_traces_sampled")) >= n)


def test_a_trace_is_decided_when_it_has_waited_and_later_spans_follow_it(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="300ms"))
    d.export(trace(1, 0, 1, error=True))
    d.export(trace(2, 0, 1))
    wait_decided(d, 2)
    d.export(trace(1, 2))
    d.export(trace(2, 2, error=True))
    assert d.stop() == 0
    assert tails.kept(tmp_path / "kept") == {1: ["1/0", "1/1", "1/2"]}
    assert d.final_ledgers()["pipeline", "traces"] == {"received": 6, "delivered": 3, "held": 0, "refused": 0, "dropped": 3}


def test_a_trace_whose_root_has_come_is_decided_earlier(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="1h", decision_wait_after_root_received="200ms"))
    d.export(trace(1, 0, error=True, root=False))
    d.export(trace(2, 0, error=True))
    wait_decided(d, 1)
    assert d.metric("otelcol_processor_tail_sampling_sampling_traces_on_memory") == 1
    assert tails.kept(tmp_path / "kept") == {2: ["2/0"]}
    d.export(trace(1, 1))
    wait_decided(d, 2)
    assert d.stop() == 0
    assert tails.kept(tmp_path / "kept") == {1: ["1/0", "1/1"], 2: ["2/0"]}


def test_past_num_traces_the_oldest_is_decided_early_and_not_lost(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="1h", num_traces=10))
    d.expect_warning("decided before decision_wait")
    for i in range(30):
        d.export(trace(i, 0, error=i % 2 == 0))
    d.wait_metrics(lambda m: m.value("otelcol_processor_tail_sampling_sampling_traces_on_memory") == 10)
    assert d.metric("otelcd_processor_tail_sampling_early_decisions", reason="num_traces") == 20
    d.wait_metrics(lambda m: m.value("otelcd_exporter_delivered_items", exporter="file") == 10)
    assert d.stop() == 0
    assert sorted(tails.kept(tmp_path / "kept")) == list(range(0, 30, 2))


def test_with_block_on_overflow_senders_wait_until_traces_are_decided(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="500ms", num_traces=2, block_on_overflow=True))
    for i in range(6):  # each export waits for its answer
        d.export(trace(i, 0, error=True))
    assert d.metric("otelcd_processor_tail_sampling_early_decisions", reason="num_traces") == 0
    assert d.stop() == 0
    assert sorted(tails.kept(tmp_path / "kept")) == list(range(6))


def test_at_ten_times_the_rate_memory_stays_within_max_bytes(otelcd, tmp_path):
    limit = 4 << 20
    d = otelcd(config(tmp_path, decision_wait="1h", num_traces=1_000_000, max_bytes=limit))
    d.expect_warning("decided before decision_wait")
    before, most = d.rss(), 0
    for first in range(0, 60_000, 1000):
        request = trace(first, 0, error=True)
        for i in range(first + 1, first + 1000):
            request.resource_spans.extend(trace(i, 0, 1, error=i % 10 == 0).resource_spans)
        d.export(request)
        most = max(most, d.metric("otelcd_processor_tail_sampling_held_bytes", processor="tail_sampling"))
    assert most <= limit
    assert d.metric("otelcd_processor_tail_sampling_early_decisions", reason="max_bytes") > 30_000
    assert d.rss() - before < 60 << 20
    assert d.stop() == 0
    assert sorted(tails.kept(tmp_path / "kept")) == list(range(0, 60_000, 10))


def test_a_trace_that_is_too_large_is_let_go_at_once(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="1h", maximum_trace_size_bytes=500))
    d.export(trace(1, 0, error=True))
    d.export(trace(2, *range(40), error=True))
    assert d.metric("otelcol_processor_tail_sampling_traces_dropped_too_large") == 1
    assert d.metric("otelcd_pipeline_dropped_items", reason="trace_too_large") == 40
    d.export(trace(2, 40, error=True))
    assert d.stop() == 0
    assert tails.kept(tmp_path / "kept") == {1: ["1/0"]}


def test_with_span_ingest_a_trace_is_kept_as_soon_as_a_policy_says_so(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="1h", sampling_strategy="span-ingest"))
    d.export(trace(1, 0, 1))
    d.export(trace(2, 0, 1))
    d.export(trace(1, 2, error=True))
    wait_decided(d, 1)
    d.wait_metrics(lambda m: m.value("otelcd_exporter_delivered_items", exporter="file") == 3)
    d.export(trace(1, 3))
    assert d.stop() == 0
    assert tails.kept(tmp_path / "kept") == {1: ["1/0", "1/1", "1/2", "1/3"]}


def test_with_span_ingest_nothing_leaves_that_a_drop_policy_may_still_drop(otelcd, tmp_path):
    drop = {"name": "d", "type": "drop", "drop": {"drop_sub_policy": [{"name": "c", "type": "trace_flags"}]}}
    d = otelcd(config(tmp_path, decision_wait="500ms", sampling_strategy="span-ingest", policies=[ERRORS, drop]))
    d.export(trace(1, 0, error=True))
    wait_decided(d, 1)
    assert d.stop() == 0
    assert tails.kept(tmp_path / "kept") == {}
    assert d.final_ledgers()["pipeline", "traces"]["dropped"] == 1


def test_at_the_end_what_is_pending_is_dropped_where_the_user_says_so(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="1h", drop_pending_traces_on_shutdown=True))
    d.export(trace(1, 0, 1, error=True))
    assert d.stop() == 0
    assert tails.kept(tmp_path / "kept") == {}
    assert d.final_ledgers()["pipeline", "traces"]["dropped"] == 2


def test_a_kill_loses_what_waits_for_its_decision_and_the_next_ledger_sums(otelcd, tmp_path):
    """README.md says so: it was in memory, and the sender had been answered."""
    text = config(tmp_path, decision_wait="1h")
    d = otelcd(text, end=False)
    d.export(trace(1, 0, error=True))
    assert d.ledger("pipeline", "traces") == {"received": 1, "delivered": 0, "held": 1, "refused": 0, "dropped": 0}
    d.process.kill()
    assert d.wait_end() == -signal.SIGKILL
    again = otelcd(text)
    again.export(trace(2, 0, error=True))
    again.export(trace(3, 0))
    assert again.ledger("pipeline", "traces") == {"received": 2, "delivered": 0, "held": 2, "refused": 0, "dropped": 0}
    assert again.stop() == 0
    assert sorted(tails.kept(tmp_path / "kept")) == [2]
    ledger = again.final_ledgers()["pipeline", "traces"]
    assert {k: ledger[k] for k in ("received", "delivered", "held", "dropped")} == {"received": 2, "delivered": 1, "held": 0, "dropped": 1}


def test_a_reload_that_changes_it_decides_what_is_held_by_what_is_there(otelcd, tmp_path):
    d = otelcd(config(tmp_path, decision_wait="1h"))
    d.export(trace(1, 0, error=True))
    d.export(trace(2, 0))
    d.reload(config(tmp_path, decision_wait="2h"))
    d.export(trace(3, 0, error=True))
    assert d.stop() == 0
    assert sorted(tails.kept(tmp_path / "kept")) == [1, 3]


def test_a_reload_that_does_not_touch_it_keeps_what_is_held(otelcd, tmp_path):
    """The trace's error comes after the reload: by then it would have been decided without."""
    text = config(tmp_path, decision_wait="1h")
    d = otelcd(text)
    d.export(trace(1, 0))
    d.reload(text.replace("flush_interval: 100ms", "flush_interval: 200ms"))
    assert d.ledger("pipeline", "traces")["held"] == 1
    d.export(trace(1, 1, error=True))
    assert d.stop() == 0
    assert {n: len(spans) for n, spans in tails.kept(tmp_path / "kept").items()} == {1: 2}


def test_what_is_behind_refuses_and_the_loss_is_counted_and_told(otelcd, tmp_path):
    text = config(tmp_path, decision_wait="100ms").replace(
        f"file: {{path: {tmp_path}/kept, flush_interval: 100ms, append: true}}",
        'otlp_http: {endpoint: "http://127.0.0.1:1", retry_on_failure: {enabled: false}, sending_queue: {enabled: false}}',
    )
    d = otelcd(text.replace("exporters: [file]", "exporters: [otlp_http]"))
    d.expect_warning("Held spans are lost", "Exporting failed")
    d.export(trace(1, 0, 1, error=True))
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_dropped_items")) == 2)
    assert d.ledger("pipeline", "traces")["delivered"] == 0


@pytest.mark.parametrize(
    "keys, text",
    [
        ({"policies": [{"name": "", "type": "always_sample"}]}, "policy name cannot be empty"),
        ({"policies": [ERRORS, ERRORS]}, 'duplicate policy name "errors"'),
        ({"policies": [{"name": "p", "type": "latencey"}]}, "unknown sampling policy type latencey; did you mean latency?"),
        ({"policies": [{"name": "p", "type": "status_code"}]}, "expected at least one status code"),
        ({"policies": [{**ERRORS, "status_code": {"status_codes": ["error"]}}]}, 'unknown status code "error", supported'),
        ({"policies": [{"name": "p", "type": "numeric_attribute", "numeric_attribute": {"key": "k"}}]}, "at least one of min_value"),
        ({"policies": [{"name": "p", "type": "and"}]}, "and::and_sub_policy with at least one policy"),
        ({"policies": [{"name": "p", "type": "not"}]}, "a not policy needs not: {not_sub_policy"),
        (
            {"sampling_strategy": "span-ingest", "policies": [{"name": "p", "type": "rate_limiting"}]},
            'requires all policies to be stateless, but policy "p" is stateful',
        ),
        (
            {"policies": [{"name": "p", "type": "ottl_condition", "ottl_condition": {"span": ["span.nam == 1"]}}]},
            "policies::0::ottl_condition::span::0: the context span has no field nam; did you mean name?",
        ),
        ({"policies": [{"name": "p", "type": "ottl_condition"}]}, "expected at least one OTTL condition"),
        ({"tail_storage": "file_storage"}, "spans are held in memory"),
        (
            {"policies": [{"name": "p", "type": "and", "and": {"and_sub_policy": [{"name": "q", "type": "drop"}]}}]},
            "a policy of the type drop may not stand here",
        ),
        (
            {"policies": [{"name": "p", "type": "string_attribute", "string_attribute": {"key": "k", "values": ["("], "enabled_regex_matching": True}}]},
            "missing )",
        ),
    ],
)
def test_a_policy_that_cannot_work_is_told_with_its_place(tmp_path, keys, text):
    (tmp_path / "c.yaml").write_text(config(tmp_path, **keys))
    run = subprocess.run([OTELCD, "validate", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    out = run.stdout + run.stderr
    assert run.returncode != 0 and text in out and "processors::tail_sampling" in out, out
