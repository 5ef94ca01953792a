# SPDX-License-Identifier: Apache-2.0
"""service::workers and what components remember: each is right in several processes, or refused with its reason."""

import subprocess

import pytest
import yaml
from harness.limits import OTELCD, PATIENCE
from test_workers import shared

# What remembers across connections: (kind, component, its options, a pipeline, words of its reason)
ALONE = [
    ("processor", "tail_sampling", "{policies: [{name: all, type: always_sample}]}", "traces", "all spans of a trace"),
    ("processor", "groupbytrace", "{}", "traces", "all spans of a trace"),
    ("processor", "interval", "{}", "metrics", "the last value of each stream"),
    ("processor", "log_dedup", "{}", "logs", "the records that it has seen"),
    ("processor", "cumulative_to_delta", "{}", "metrics", "the last value of each stream"),
    ("processor", "delta_to_cumulative", "{}", "metrics", "the sum of each stream"),
    ("connector", "span_metrics", "{}", "traces", "the series that it makes of all spans"),
    ("connector", "service_graph", "{}", "traces", "both spans of a call"),
    ("connector", "exceptions", "{}", "traces", "the series that it makes of all spans"),
    ("exporter", "prometheus", "{endpoint: '127.0.0.1:0'}", "metrics", "the series that one scrape shows"),
    ("exporter", "prometheus_remote_write", "{endpoint: 'http://127.0.0.1:1/w'}", "metrics", "in their order"),
    ("exporter", "prometheus_remote_write", "{endpoint: 'http://127.0.0.1:1/w', wal: {directory: WAL}}", "metrics", "in their order"),
    ("exporter", "file", "{path: FILE}", "logs", "rotate it under each other"),
    ("receiver", "prometheus", "{config: {scrape_configs: [{job_name: a, static_configs: [{targets: ['127.0.0.1:1']}]}]}}", "metrics", "scrape all targets"),
]

# What is in each process and right there: it has no memory, or one that is its own by right (a queue, a share of the memory, a member of a
# group); what it makes of several batches comes from one of them, or adds up (the deltas of count and sum).
EACH = {
    "receivers": {"otlp", "nop", "kafka", "prometheusremotewrite"},
    "processors": {
        "attributes", "batch", "filter", "groupbyattrs", "k8s_attributes", "memory_limiter", "metrics_transform", "probabilistic_sampler",
        "redaction", "resource", "span", "transform",
    },
    "exporters": {"debug", "kafka", "load_balancing", "nop", "otlp_grpc", "otlp_http"},
    "connectors": {"count", "forward", "routing", "sum"},
}  # fmt: skip


def single(kind, component, options, signal, folder):
    options = options.replace("WAL", str(folder / "wal")).replace("FILE", str(folder / "out"))
    parts = {"receivers": {"otlp": "{protocols: {grpc: {endpoint: '127.0.0.1:0'}}}"}, "processors": {}, "exporters": {"nop": ""}, "connectors": {}}
    parts[kind + "s"][component] = options
    text = "".join(f"{section}:\n" + "".join(f"  {k}: {v}\n" for k, v in found.items()) for section, found in parts.items() if found)
    line = {"receivers": "otlp", "exporters": "nop"}
    if kind == "processor":
        line["processors"] = component
    else:
        line["exporters" if kind == "connector" else kind + "s"] = component
    pipelines = f"    {signal}: {{{', '.join(f'{k}: [{v}]' for k, v in line.items())}}}\n"
    if kind == "connector":
        pipelines += f"    metrics: {{receivers: [{component}], exporters: [nop]}}\n"
    return text + "service:\n  pipelines:\n" + pipelines


def validate(folder, text):
    (folder / "c.yaml").write_text(text)
    return subprocess.run([OTELCD, "validate", "--config", folder / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)


@pytest.mark.parametrize("kind, component, options, signal, why", ALONE)
def test_what_can_be_only_once_is_refused_with_its_reason(tmp_path, kind, component, options, signal, why):
    text = single(kind, component, options, signal, tmp_path)
    said = validate(tmp_path, shared(text))
    assert said.returncode == 1
    assert f"{kind}s::{component}: cannot be in 2 processes at once (service::workers): " in said.stderr
    assert f"{why}; write workers: 1, or give it an otelcd of its own" in said.stderr
    said = validate(tmp_path, text)
    assert said.returncode == 0, said.stderr


def test_each_component_is_known_to_be_in_several_processes_or_in_one():
    said = subprocess.run([OTELCD, "components"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    for section in EACH:
        alone = {name for kind, name, *_ in ALONE if kind + "s" == section}
        names = {c["name"] for c in yaml.safe_load(said.stdout)[section]}
        assert names == alone | EACH[section], names ^ (alone | EACH[section])
