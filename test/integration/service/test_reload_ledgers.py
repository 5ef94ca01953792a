# SPDX-License-Identifier: Apache-2.0
"""What is counted goes on across reloads, and is the same wherever it is shown: on /metrics, the page and `otelcd status`."""

import json
import re
import subprocess

from harness import otlp
from harness.alerts import wait
from harness.limits import OTELCD, PATIENCE, free_port

COLUMNS = ("received", "delivered", "held", "refused", "dropped")
SINK = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}}
exporters: {nop: }
service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}
"""


def config(exporters, pipelines="{traces: {receivers: [otlp], exporters: [%s]}}", storage=None, service=""):
    names = ", ".join(re.findall(r"^(\S+):", exporters, re.M))
    lines = "\n".join(f"  {line}" for line in exporters.strip().splitlines())
    extensions = f'file_storage: {{directory: "{storage}", create_directory: true}}' if storage else ""
    return f"""
extensions: {{{extensions}}}
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
{lines}
service:
  extensions: [{'file_storage' if storage else ''}]
{service}
  pipelines: {pipelines % names if "%s" in pipelines else pipelines}
"""


def queue(endpoint, more=""):
    return "otlp_http: {endpoint: 'http://%s', sending_queue: {%s}, retry_on_failure: {max_elapsed_time: 0}}" % (endpoint, more)


def shown(d):
    """As d.ledgers(), of /api/v1/status."""
    found = {}
    for p in json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])["pipelines"]:
        found["pipeline", p["id"]] = {c: p["ledger"][c] for c in COLUMNS}
        for n in p["nodes"]:
            if "ledger" in n:
                found["exporter", n["id"], p["signal"]] = {c: n["ledger"][c] for c in COLUMNS}
    return found


def agreed(d):
    """What the page shows, once /metrics has the same; each ledger sums."""

    def same():
        here, there = shown(d), d.ledgers()
        return {k: there[k] for k in here} == here

    wait(same, f"status and /metrics differ: {shown(d)} {d.ledgers()}")
    ledgers = shown(d)
    for key, c in ledgers.items():
        assert c["received"] == c["delivered"] + c["held"] + c["refused"] + c["dropped"], (key, c)
    return ledgers


def test_an_exporter_that_is_replaced_goes_on_with_its_counts(otelcd):
    d = otelcd(config("debug: {verbosity: basic}"))
    for n, verbosity in enumerate(["normal", "basic", "normal"], 1):
        d.export(otlp.traces(3))
        d.reload(config(f"debug: {{verbosity: {verbosity}}}"))
        assert agreed(d)["exporter", "debug", "traces"]["delivered"] == agreed(d)["pipeline", "traces"]["delivered"] == 3 * n


def test_status_prints_what_an_exporter_has_counted_before_a_reload(otelcd):
    d = otelcd(config("debug: {verbosity: basic}"))
    d.export(otlp.traces(3))
    d.reload(config("debug: {verbosity: normal}"))
    ran = subprocess.run([OTELCD, "status", "--endpoint", d.scrape_address()], capture_output=True, text=True, timeout=PATIENCE)
    assert re.search(r"^  debug +3 +3 +0 +0 +0$", ran.stdout, re.M), ran


def test_what_is_handed_over_is_counted_once(otelcd):
    sink = otelcd(SINK)
    d = otelcd(config(queue(f"127.0.0.1:{free_port()}")), allow=["Exporting failed"])
    for _ in range(20):
        d.export(otlp.traces(3))
    assert agreed(d)["exporter", "otlp_http", "traces"]["held"] == 60
    d.reload(config(queue(sink.http_address(), "queue_size: 100")))
    wait(lambda: shown(d)["exporter", "otlp_http", "traces"]["delivered"] == 60, "it is not delivered")
    assert agreed(d)["exporter", "otlp_http", "traces"] == {"received": 60, "delivered": 60, "held": 0, "refused": 0, "dropped": 0}


def test_an_exporter_and_a_pipeline_that_come_back_go_on_where_they_were(otelcd):
    both = "{traces: {receivers: [otlp], exporters: [nop]}, traces/2: {receivers: [otlp], exporters: [debug]}}"
    d = otelcd(config("nop:\ndebug:", both))
    d.export(otlp.traces(3))
    d.reload(config("nop:"))
    d.export(otlp.traces(4))
    assert ("pipeline", "traces/2") not in agreed(d)
    d.reload(config("nop:\ndebug:", both))
    d.export(otlp.traces(5))
    ledgers = agreed(d)
    assert ledgers["exporter", "nop", "traces"]["received"] == 12
    assert ledgers["exporter", "debug", "traces"]["received"] == ledgers["pipeline", "traces/2"]["received"] == 8


def test_a_queue_that_goes_to_disk_and_back_keeps_what_it_has_counted(otelcd, tmp_path):
    """Also one that is taken away and comes back: what is on its disk is counted by whoever has the disk."""
    sink = otelcd(SINK)
    alive, dead = sink.http_address(), f"127.0.0.1:{free_port()}"
    disk = "storage: file_storage"
    d = otelcd(config(queue(alive), storage=tmp_path / "q"), allow=["Exporting failed", "configured but not used"])
    one = lambda: agreed(d)["exporter", "otlp_http", "traces"]  # noqa: E731

    def delivered(n):
        wait(lambda: shown(d)["exporter", "otlp_http", "traces"]["delivered"] == n, f"not {n} are delivered: {shown(d)}")

    d.export(otlp.traces(3))
    delivered(3)
    d.reload(config(queue(dead, disk), storage=tmp_path / "q"))
    d.export(otlp.traces(4))
    assert one() == {"received": 7, "delivered": 3, "held": 4, "refused": 0, "dropped": 0}
    d.reload(config(queue(alive), storage=tmp_path / "q"))
    assert one() == {"received": 3, "delivered": 3, "held": 0, "refused": 0, "dropped": 0}  # 4 wait on the disk for who opens it
    d.reload(config("nop:"))
    assert d.ledger("exporter", "otlp_http", "traces") == {"received": 3, "delivered": 3, "held": 0, "refused": 0, "dropped": 0}
    d.reload(config(queue(alive, disk), storage=tmp_path / "q"))
    delivered(7)
    d.export(otlp.traces(5))
    delivered(12)
    d.reload(config("nop:"))
    assert d.ledger("exporter", "otlp_http", "traces") == {"received": 12, "delivered": 12, "held": 0, "refused": 0, "dropped": 0}
    d.reload(config(queue(alive, disk + ", queue_size: 100"), storage=tmp_path / "q"))
    assert one() == {"received": 12, "delivered": 12, "held": 0, "refused": 0, "dropped": 0}


def test_a_disk_is_the_same_however_its_path_is_written(otelcd, tmp_path):
    sink = otelcd(SINK)
    disk = queue(sink.http_address(), "storage: file_storage")
    (tmp_path / "q").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "q")
    d = otelcd(config(disk, storage=tmp_path / "q"))
    d.export(otlp.traces(3))
    wait(lambda: shown(d)["exporter", "otlp_http", "traces"]["delivered"] == 3, f"it is not delivered: {shown(d)}")
    for path in (f"{tmp_path}/q/", tmp_path / "link"):
        d.reload(config(disk, storage=path))
        assert agreed(d)["exporter", "otlp_http", "traces"] == {"received": 3, "delivered": 3, "held": 0, "refused": 0, "dropped": 0}


def test_workers_go_on_with_their_counts(otelcd):
    d = otelcd(config("debug: {verbosity: basic}", service="  workers: 2"))
    for n in range(1, 4):
        for _ in range(4):
            d.close_clients()  # so that the other worker has some too
            d.export(otlp.traces(3))
        wait(lambda: shown(d)["exporter", "debug", "traces"]["delivered"] == 12 * n, f"not all is counted: {shown(d)}")
        d.reload(config(f"debug: {{verbosity: {'normal' if n % 2 else 'basic'}}}", service="  workers: 2"))
        assert agreed(d)["exporter", "debug", "traces"]["received"] == agreed(d)["pipeline", "traces"]["received"] == 12 * n
