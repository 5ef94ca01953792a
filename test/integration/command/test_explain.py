# SPDX-License-Identifier: Apache-2.0
"""`otelcd explain`: what a configuration will do, and what is lost when; some of what it says is tried."""

import re
import signal
import subprocess

import pytest

from harness import otlp
from harness.limits import OTELCD, PATIENCE, ROOT
from harness.otlp_peer import HttpPeer

EXAMPLES = sorted((ROOT / "config").glob("*.yaml"))


def explain(file, *more):
    ran = subprocess.run([OTELCD, "explain", "-c", str(file), *more], capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0 and ran.stdout, ran.stderr
    return ran.stdout


def part(text, heading):
    """The lines below a heading, to the next one that is indented as it is."""
    indent = len(heading) - len(heading.lstrip())
    lines = iter(text.splitlines())
    assert any(line == heading for line in lines), f"no {heading!r} in\n{text}"
    found = []
    for line in lines:
        if len(line) - len(line.lstrip()) <= indent:
            break
        found.append(line.strip())
    return found


KILLED, POWER = "  when otelcd is killed, or crashes", "  when the machine stops"
SILENT, STOPPED = "  when who gets the data does not answer", "  when otelcd is stopped (SIGTERM)"


@pytest.fixture
def explained(tmp_path):
    def ask(exporter, processors="", extensions="", more=""):
        names = re.findall(r"(?m)^  ([a-z_]+):", processors)
        (tmp_path / "c.yaml").write_text(
            "receivers:\n  otlp:\n    protocols: {grpc: {endpoint: '127.0.0.1:4317'}}\n"
            + (f"processors:\n{processors}" if processors else "") + f"exporters:\n{exporter}"
            + (f"extensions:\n{extensions}" if extensions else "")
            + "service:\n" + (f"  extensions: [{re.match(r'  ([a-z_]+):', extensions)[1]}]\n" if extensions else "") + more
            + f"  pipelines:\n    {'traces' if 'tail' in processors else 'metrics'}: {{receivers: [otlp], processors: [{', '.join(names)}], "
            + f"exporters: [{re.match(r'  ([a-z_]+):', exporter)[1]}]}}\n"
        )
        return explain(tmp_path / "c.yaml")

    return ask


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda f: f.stem)
def test_each_example_is_explained(file):
    text = explain(file)
    for heading in ("listens", "ways", "is lost", "needs", KILLED, POWER, SILENT, STOPPED):
        assert part(text, heading)


def test_a_configuration_with_a_fault_is_not_explained(tmp_path):
    (tmp_path / "c.yaml").write_text("receivers:\n  otpl:\n")
    ran = subprocess.run([OTELCD, "explain", "-c", str(tmp_path / "c.yaml")], capture_output=True, text=True, timeout=PATIENCE)
    assert (ran.returncode, ran.stdout) == (1, "") and 'did you mean "otlp"' in ran.stderr


def test_who_listens_and_who_is_sent_to_is_said_without_secrets(explained):
    text = explained("  otlp_http: {endpoint: 'http://user:pa55@backend:4318', headers: {authorization: s3cret}}\n")
    assert part(text, "listens") == ["localhost:8888: service::telemetry::metrics", "127.0.0.1:4317: receivers::otlp::protocols::grpc::endpoint"]
    assert part(text, "sends to") == ["http://[REDACTED]@backend:4318: exporters::otlp_http::endpoint"]
    assert "pa55" not in text and "s3cret" not in text


def test_the_way_of_a_signal_leads_over_connectors():
    text = explain(ROOT / "config/tenants.yaml")
    assert "traces/shop: otlp/shop -> batch/team -> forward (connector)" in part(text, "ways")
    assert "traces/all: forward (connector) -> debug" in part(text, "ways")


def test_a_queue_in_memory_is_lost_with_the_process_and_one_on_disk_is_not(explained, tmp_path):
    memory = explained("  otlp_grpc: {endpoint: 'a:1', sending_queue: {queue_size: 77, sizer: items}}\n")
    assert "exporters::otlp_grpc: what waits in its queue, 77 items at most; sending_queue::storage would keep it" in part(memory, KILLED)
    disk = explained("  otlp_grpc: {endpoint: 'a:1', sending_queue: {storage: file_storage}}\n", extensions=f"  file_storage: {{directory: {tmp_path}, fsync: false}}\n")
    assert part(disk, KILLED) == ["nothing that was acknowledged"]
    assert part(disk, POWER)[0].startswith("extensions::file_storage: what the kernel has not written yet")
    assert any("has no bound in bytes; write max_size" in line for line in part(disk, "needs"))


@pytest.mark.parametrize("options", ["sending_queue: {enabled: false}", "sending_queue: {wait_for_result: true}", "retry_on_failure: {enabled: false}"])
def test_where_senders_wait_nothing_is_lost_with_the_process(explained, options):
    assert part(explained(f"  otlp_grpc: {{endpoint: 'a:1', {options}}}\n"), KILLED) == ["nothing that was acknowledged"]


@pytest.mark.parametrize("processors,lost", [
    ("  batch: {timeout: 3s}\n", ["processors::batch: what waits in the batch, for 3s at most"]),
    ("  batch: {hold_ack: true}\n", []),
    ("  tail_sampling: {policies: [{name: a, type: always_sample}]}\n", ["processors::tail_sampling: what it holds"]),
    ("  interval:\n", ["processors::interval: what it holds"]),
    ("  memory_limiter: {check_interval: 1s, limit_mib: 64}\n", []),
])
def test_what_a_processor_holds_is_lost_with_the_process(explained, processors, lost):
    assert part(explained("  nop:\n", processors), KILLED) == (lost or ["nothing that was acknowledged"])


def test_a_batch_in_front_of_a_disk_holds_its_answers(explained, tmp_path):
    assert part(explained(f"  file: {{path: {tmp_path}/x}}\n", "  batch:\n"), KILLED) == ["nothing that was acknowledged"]


@pytest.mark.parametrize("options,said", [
    ("", "what could not be sent for 5m0s"),
    ("retry_on_failure: {max_elapsed_time: 0s}", "nothing, it is tried for ever; when 1000 requests wait, senders are told to retry"),
    ("retry_on_failure: {max_elapsed_time: 0s}, sending_queue: {block_on_overflow: true}", "senders wait too"),
    ("sending_queue: {enabled: false}", "nothing, for it has no queue"),
    ("sending_queue: {wait_for_result: true}", "nothing, for senders wait, and are told to retry after 5m0s"),
])
def test_what_is_lost_when_a_peer_is_away_follows_queue_and_retries(explained, options, said):
    (line, *_) = part(explained(f"  otlp_http: {{endpoint: 'http://a:1', {options}}}\n"), SILENT)
    assert line.startswith("exporters::otlp_http: ") and said in line


def test_the_needs_follow_the_bounds_that_are_set(explained, tmp_path):
    text = explained(f"  file: {{path: {tmp_path}/x, rotation: {{max_megabytes: 5, max_backups: 3}}}}\n", more="  memory_budget_mib: 100\n")
    assert part(text, "needs")[0].startswith("memory: 100.0 MiB at most for data") and "service::memory_budget_mib" in part(text, "needs")[0]
    limited = explained("  nop:\n", "  memory_limiter: {check_interval: 1s, limit_mib: 64}\n", more="  memory_budget_mib: 100\n")
    assert part(limited, "needs")[0].startswith("memory: 64.0 MiB at most for the whole process") and "(processors::memory_limiter)" in part(limited, "needs")[0]
    assert part(text, "needs")[1].startswith(f"disk: 20 MB at {tmp_path}/x of exporters::file, in 3 files of 5 MB and the one that is written")
    assert "grows without end; write rotation" in "".join(part(explained(f"  file: {{path: {tmp_path}/x}}\n"), "needs"))
    written = explained(f"  prometheus_remote_write: {{endpoint: 'http://a:1', max_series: 9, wal: {{directory: {tmp_path}, max_size_mib: 16}}}}\n")
    assert part(written, KILLED) == ["nothing that was acknowledged"]
    assert f"disk: 16 MiB at most in {tmp_path} of exporters::prometheus_remote_write" in part(written, "needs")
    assert any("keeps 9 series at most" in line for line in part(written, "needs"))


@pytest.mark.parametrize("order,batch,late", [
    ("memory_limiter, batch", "", False), ("batch, memory_limiter", "", True), ("batch, memory_limiter", "hold_ack: true", False)])
def test_a_limiter_behind_what_has_answered_refuses_nothing_and_says_so(tmp_path, order, batch, late):
    (tmp_path / "a.yaml").write_text(f"""
receivers: {{otlp: {{protocols: {{grpc: }}}}}}
processors: {{batch: {{{batch}}}, memory_limiter: {{check_interval: 1s, limit_mib: 64}}}}
exporters: {{nop: }}
service: {{pipelines: {{traces: {{receivers: [otlp], processors: [{order}], exporters: [nop]}}}}}}
""")
    warned = subprocess.run([OTELCD, "validate", "--config", tmp_path / "a.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert warned.returncode == 0 and ("5:63: warning: service::pipelines::traces: memory_limiter stands behind batch" in warned.stderr) == late, warned.stderr
    told = subprocess.run([OTELCD, "explain", "--config", tmp_path / "a.yaml"], capture_output=True, text=True, timeout=PATIENCE).stdout
    (line,) = part(told, "  when memory runs short, or a disk is full")
    assert line.startswith("processors::memory_limiter, in pipeline traces: nothing, for it lets all pass" if late else "nothing that was acknowledged")


def test_every_component_that_answers_early_says_what_safe_means(explained):
    text = explained("  nop:\n", "  batch:\n")
    said = part(text, "safe is what a sender is told OK for; it means, of")
    assert any(line.startswith("processors::batch: In the batch, in memory") for line in said) and any(line.startswith("receivers::otlp: ") for line in said)


def test_what_is_said_to_be_kept_when_it_is_killed_is_kept(otelcd, tmp_path):
    """The promise, tried: acknowledged, killed, started again, delivered."""
    config = f"""
receivers:
  otlp:
    protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}
exporters:
  otlp_http: {{endpoint: "ENDPOINT", sending_queue: {{storage: file_storage}}, retry_on_failure: {{initial_interval: 50ms, max_interval: 200ms}}}}
extensions:
  file_storage: {{directory: {tmp_path}/queue, create_directory: true}}
service:
  extensions: [file_storage]
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_http]}}
"""
    peer = HttpPeer()
    away = config.replace("ENDPOINT", "http://127.0.0.1:1")
    (tmp_path / "c.yaml").write_text(away)
    assert part(explain(tmp_path / "c.yaml"), KILLED) == ["nothing that was acknowledged"]
    d = otelcd(away, end=False)
    d.export(otlp.sample("traces", 3))
    d.process.send_signal(signal.SIGKILL)
    d.wait_end()
    again = otelcd(config.replace("ENDPOINT", peer.endpoint))
    again.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 3)
    peer.close()


def test_own_telemetry_is_not_told_to_have_a_queue_on_disk(tmp_path):
    """Its exporter is nobody's to give a storage to."""
    telemetry = "{telemetry: {logs: {processors: [{batch: {exporter: {otlp_grpc: {endpoint: 'localhost:4317'}}}}]}}, pipelines: {logs: {receivers: [otlp], exporters: [otlp_grpc]}}}"
    file = tmp_path / "c.yaml"
    file.write_text(f"receivers: {{otlp: {{protocols: {{grpc: }}}}}}\nexporters: {{otlp_grpc: {{endpoint: 'localhost:5317'}}}}\nservice: {telemetry}\n")
    queues = {line.split(": ")[0]: line for line in part(explain(file), KILLED) if "in its queue" in line}
    assert "sending_queue::storage would keep it" in queues["exporters::otlp_grpc"]
    assert "storage" not in queues["exporters::otlp_grpc/own_logs"]
