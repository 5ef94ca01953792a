# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: a good configuration takes over and loses nothing; a bad one changes nothing."""

import signal

from configs import NOP
from harness import otlp
from harness.alerts import wait
from harness.daemon import READY

BATCH = NOP.replace("exporters:\n  nop:\n", "processors:\n  batch: {timeout: 1h}\nexporters:\n  nop:\n").replace(
    "exporters: [nop]", "processors: [batch], exporters: [nop]"
)


def rewrite(d, config):
    (d.folder / "otelcd.yaml").write_text(config)
    d.terminate(signal.SIGHUP)


def test_a_good_configuration_takes_over_and_what_was_held_is_delivered(otelcd):
    d = otelcd(BATCH)
    d.export(otlp.traces(3))
    assert d.ledger("pipeline", "traces")["held"] == 3
    rewrite(d, NOP.replace("traces:", "traces/new:"))
    d.wait_log("^" + READY, 2)
    ledgers = d.final_ledgers()
    assert ledgers[("pipeline", "traces")]["delivered"] == 3
    address = d.records("^Starting GRPC server$")[-1]["endpoint"]
    d.export(otlp.traces(2), address=address)
    scrape = d.records("^Starting Prometheus scrape endpoint$")[-1]["endpoint"]
    text = d.http("GET", "/metrics", address=scrape)[2].decode()
    assert 'otelcd_pipeline_delivered_items{pipeline="traces/new"} 2' in text
    assert 'otelcd_exporter_delivered_items{exporter="nop",signal="traces"} 5' in text  # counts go on
    d.terminate()
    assert d.wait_end() == 0


def test_a_bad_configuration_is_named_and_the_old_one_runs_on(otelcd):
    d = otelcd(NOP, expect=["nopp", "running on with the old one"])
    rewrite(d, NOP.replace("exporters: [nop]", "exporters: [nopp]"))
    d.wait_log("^" + READY, 2)
    d.export(otlp.traces(2))
    assert d.ledger("pipeline", "traces")["delivered"] == 2
    assert "\notelcd_config_last_reload_successful 0\n" in d.scrape()[1].decode()
    rewrite(d, NOP)
    d.wait_log("^" + READY, 3)
    scrape = d.records("^Starting Prometheus scrape endpoint$")[-1]["endpoint"]
    text = d.http("GET", "/metrics", address=scrape)[2].decode()
    assert "\notelcd_config_last_reload_successful 1\n" in text
    d.terminate()
    assert d.wait_end() == 0


def test_a_configuration_that_does_not_start_gives_way_to_the_old_one(otelcd):
    d = otelcd(NOP, expect=["does not start", "Running on the old configuration"])
    taken = otelcd(NOP).grpc_address()
    rewrite(d, NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "{taken}"}}'))
    d.wait_log("^" + READY, 2)
    d.export(otlp.traces(2), address=d.records("^Starting GRPC server$")[-1]["endpoint"])
    d.terminate()
    assert d.wait_end() == 0


def whole(path, line):
    """The file's text once that line stands in it; the outputs are written one after another."""
    wait(lambda: path.exists() and line in path.read_text(), f"no {line!r} in {path}")
    return path.read_text()


def test_the_log_goes_to_each_of_its_outputs_and_to_the_new_ones_after_a_reload(otelcd, tmp_path):
    text = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters: {{nop: }}
service:
  telemetry: {{logs: {{output_paths: [{paths}]}}}}
  pipelines: {{traces: {{receivers: [otlp], exporters: [nop]}}}}
"""
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    d = otelcd(text.format(paths=f"stderr, {a}, file://{b}"))
    d.wait_log("^Everything is ready")
    whole(a, "Everything is ready")
    assert whole(b, "Everything is ready") == a.read_text()
    rewrite(d, text.format(paths=f"stderr, {c}"))
    d.wait_log("^Everything is ready", 2)
    whole(c, "Everything is ready")
    before = a.stat().st_size
    d.terminate()
    assert d.wait_end() == 0
    assert "Shutdown complete" in c.read_text() and a.stat().st_size == before
