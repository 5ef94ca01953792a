# SPDX-License-Identifier: Apache-2.0
"""An item is dropped by a filter exactly when its condition is true of it as decoded.

Conditions and requests are random (harness/conditions.py). OTTL_SEED draws others, OTTL_PROGRAMS more of each context:

    OTTL_SEED=7 OTTL_PROGRAMS=3000 pytest test/integration/processing/test_ottl_oracle.py"""

import json
import os

import pytest

from harness import conditions, otlp

SEED = int(os.environ.get("OTTL_SEED", "1"))
PROGRAMS = int(os.environ.get("OTTL_PROGRAMS", "60"))
AT_ONCE = 60  # pipelines of one otelcd
ITEMS = 60
SIGNALS = {"log": "logs", "span": "traces", "datapoint": "metrics", "metric": "metrics", "resource": "logs", "scope": "traces",
           "spanevent": "traces"}
KEYS = {"logs": "log_conditions", "traces": "trace_conditions", "metrics": "metric_conditions"}


def config(signal, programs, folder):
    """A pipeline with a filter for each condition, and a file for what is left."""
    numbers = range(len(programs))
    return json.dumps({
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": "127.0.0.1:0"}}}},
        "processors": {f"filter/{i}": {"error_mode": "silent", KEYS[signal]: [{"context": c, "conditions": [text.replace("$", "$$")]}]}
                       for i, (c, text) in zip(numbers, programs)},
        "exporters": {f"file/{i}": {"path": f"{folder}/{i}.pb", "format": "proto"} for i in numbers},
        "service": {"pipelines": {f"{signal}/{i}": {"receivers": ["otlp"], "processors": [f"filter/{i}"], "exporters": [f"file/{i}"]}
                                  for i in numbers}},
    }, ensure_ascii=False)


def messages(path, kind):
    data = path.read_bytes() if path.exists() else b""
    while data:
        n = int.from_bytes(data[:4], "big")
        yield kind.FromString(data[4 : 4 + n])
        data = data[4 + n :]


def numbers_left(context, request):
    """The ids of its items, or of the events of its spans."""
    signal = SIGNALS[context]
    if context == "spanevent":
        return [e.time_unix_nano for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans for e in s.events]
    if signal == "logs":
        return [r.observed_time_unix_nano for rl in request.resource_logs for sl in rl.scope_logs for r in sl.log_records]
    if signal == "traces":
        return [int.from_bytes(s.span_id, "big") for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans]
    return [p.start_time_unix_nano for rm in request.resource_metrics for sm in rm.scope_metrics for m in sm.metrics
            for p in getattr(m, m.WhichOneof("data")).data_points]


def filtered(otelcd, folder, context, programs, wire):
    """What is left of the request, by condition."""
    folder.mkdir()
    signal = SIGNALS[context]
    d = otelcd(config(signal, [(context, c.text) for c in programs], folder))
    sort = otlp.SIGNALS[signal]
    status, _, body = d.http("POST", sort.path, wire, {"Content-Type": "application/x-protobuf"})
    assert status == 200, body
    d.stop()
    return [sorted(n for m in messages(folder / f"{i}.pb", sort.request) for n in numbers_left(context, m)) for i in range(len(programs))]


@pytest.mark.parametrize("context", SIGNALS)
def test_a_filter_drops_what_its_condition_is_true_of_as_decoded(otelcd, tmp_path, context):
    signal = SIGNALS[context]
    drawn = conditions.conditions(context, f"{context} {SEED}", PROGRAMS)
    answers = {True: 0, False: 0, None: 0}
    for begin in range(0, len(drawn), AT_ONCE):
        part = drawn[begin : begin + AT_ONCE]
        wire, items = conditions.request(signal, f"{context} {SEED} {begin}", ITEMS)
        items = conditions.events(items) if context == "spanevent" else items
        left = filtered(otelcd, tmp_path / str(begin), context, part, wire)
        for condition, ours in zip(part, left):
            for number, item in items:
                truth = conditions.told(condition, item)
                answers[truth] += 1
                assert truth is None or (number not in ours) == truth, f"{condition.text}\nis {truth} of\n{item}"
    # The draw is worth something: both answers come often.
    assert answers[True] > sum(answers.values()) / 10 and answers[False] > sum(answers.values()) / 10, answers
