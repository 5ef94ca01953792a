# SPDX-License-Identifier: Apache-2.0
"""otelcd and the Go collector balance the same requests over the same members, side by side: each item goes to the same
member, by each of the keys."""

import json
import subprocess

import pytest
from conftest import build
from harness import otlp
from harness.limits import PATIENCE
from harness.otlp_peer import GrpcPeer

GROUPS = {"traces": ("resource_spans", "scope_spans"), "metrics": ("resource_metrics", "scope_metrics"), "logs": ("resource_logs", "scope_logs")}
MANY = ["service.name", "n", "d", "b", "raw", "list", "map", "scope.a", "http.route", "missing"]
CASES = [
    ("traces", {}),
    ("traces", {"routing_key": "traceID"}),
    ("traces", {"routing_key": "service"}),
    ("traces", {"routing_key": "attributes", "routing_attributes": [*MANY, "span.kind", "span.name"]}),
    ("logs", {}),
    ("logs", {"routing_key": "service"}),
    ("logs", {"routing_key": "traceID"}),
    ("logs", {"routing_key": "resource"}),
    ("logs", {"routing_key": "attributes", "routing_attributes": [*MANY, "log.severity", "log.body"]}),
    ("metrics", {}),
    ("metrics", {"routing_key": "service"}),
    ("metrics", {"routing_key": "resource"}),
    ("metrics", {"routing_key": "metric"}),
    ("metrics", {"routing_key": "streamID"}),
    ("metrics", {"routing_key": "attributes", "routing_attributes": MANY}),
]


@pytest.fixture(scope="module")
def balancer():
    listed = subprocess.run([build(), "components"], capture_output=True, text=True, timeout=PATIENCE).stdout
    if "loadbalancing" not in listed.replace("_", ""):
        pytest.skip("this Go collector was built without its load_balancing exporter")


@pytest.fixture
def members():
    made = [GrpcPeer() for _ in range(4)]
    yield made
    for m in made:
        m.close()


def config(signal, members, options):
    options = {
        "protocol": {"otlp": {"tls": {"insecure": True}, "compression": "none", "sending_queue": {"enabled": False}}},
        "resolver": {"static": {"hostnames": [m.endpoint for m in members]}},
        **options,
    }
    return f"""
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  load_balancing: {json.dumps(options)}
service:
  pipelines:
    {signal}: {{receivers: [otlp], exporters: [load_balancing]}}
"""


def fill_span(span, n):
    span.trace_id, span.span_id = (n // 2 + 1).to_bytes(3, "big") * 4 + (n // 2 + 1).to_bytes(4, "big"), (n + 1).to_bytes(8, "big")
    span.name, span.kind = f"name {n % 5}", n % 6
    otlp.put(span.attributes, {"http.route": f"/{n % 7}", "item": n})


def fill_record(record, n):
    record.trace_id = (n // 2 + 1).to_bytes(16, "little")
    record.severity_text, record.severity_number = ("INFO", 9) if n % 3 else ("", n % 25)
    if n % 4:
        record.body.string_value = f"body {n % 6}"
    else:
        otlp.put(record.body.kvlist_value.values, {"a": n % 5, "b": "x"})
    otlp.put(record.attributes, {"http.route": f"/{n % 7}", "item": n})


def fill_metric(metric, n):
    metric.name, metric.unit, metric.description = f"metric.{n % 11}", "s" if n % 2 else "", f"about {n % 3}"
    if n % 4 == 0:
        points = metric.gauge.data_points
    elif n % 4 == 1:
        metric.sum.is_monotonic, metric.sum.aggregation_temporality, points = n % 8 == 1, 1 + n % 2, metric.sum.data_points
    elif n % 4 == 2:
        metric.histogram.aggregation_temporality, points = 2, metric.histogram.data_points
    else:
        metric.exponential_histogram.aggregation_temporality, points = 1, metric.exponential_histogram.data_points
    for i in range(2):
        point = points.add(time_unix_nano=otlp.now())
        otlp.put(point.attributes, {"http.route": f"/{n % 7}", "item": 2 * n + i})


FILL = {"traces": fill_span, "logs": fill_record, "metrics": fill_metric}


def request_of(signal):
    """Resources of all kinds of values, some of which are equal."""
    request, n = otlp.SIGNALS[signal].request(), 0
    for r in range(24):
        group = getattr(request, GROUPS[signal][0]).add()
        values = {"service.name": f"service-{r % 9}", "n": r % 5, "d": r % 4 / 8, "b": r % 2 == 0, "raw": bytes([r % 3, 255])}
        kept = list(values) if r % 6 else list(values)[: r % 5]
        otlp.put(group.resource.attributes, {k: values[k] for k in kept})
        if r % 3 == 0:
            group.resource.attributes.add(key="list").value.array_value.values.add(int_value=r % 2)
            otlp.put(group.resource.attributes.add(key="map").value.kvlist_value.values, {"x": r % 2, "y": "z"})
        for s in range(2):
            scope = getattr(group, GROUPS[signal][1]).add()
            scope.scope.name, scope.scope.version = f"scope {s}", "1" if r % 2 else ""
            otlp.put(scope.scope.attributes, {"scope.a": f"{s}"})
            for _ in range(3):
                FILL[signal](getattr(scope, {"traces": "spans", "logs": "log_records", "metrics": "metrics"}[signal]).add(), n)
                n += 1
    return request


def items_of(signal, message):
    """The number that each item has."""
    for group in getattr(message, GROUPS[signal][0]):
        for scope in getattr(group, GROUPS[signal][1]):
            for part in getattr(scope, {"traces": "spans", "logs": "log_records", "metrics": "metrics"}[signal]):
                items = getattr(part, part.WhichOneof("data")).data_points if signal == "metrics" else [part]
                for item in items:
                    yield next(a.value.int_value for a in item.attributes if a.key == "item")


def taken(signal, members, since):
    return [sorted(i for call in m.taken[n:] for i in items_of(signal, call.message)) for m, n in zip(members, since, strict=True)]


@pytest.mark.parametrize("signal, options", CASES, ids=[f"{s}-{o.get('routing_key', 'default')}" for s, o in CASES])
def test_each_item_goes_where_the_collector_sends_it(balancer, otelcd, collector, members, signal, options):
    request, found = request_of(signal), []
    d, go = otelcd(config(signal, members, options), allow=["service.name"]), collector(config(signal, members, options))
    for address in (d.grpc_address(), go.ports["grpc"]):
        since = [len(m.taken) for m in members]
        d.export(request, address=address)
        found.append(taken(signal, members, since))
    ours, theirs = found
    assert ours == theirs
    assert sum(map(len, ours)) > 100 and sum(1 for m in ours if m) >= 3
