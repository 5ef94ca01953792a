# SPDX-License-Identifier: Apache-2.0
"""The house around the program: example configurations, the README's commands, install, systemd, the image."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from configs import NOP
from harness import otlp, pushed
from harness.limits import OTELCD, PATIENCE, ROOT, SANITIZED, tool
from harness.otlp_peer import GrpcPeer, HttpPeer
from harness.remote_write import Receiver
from harness.targets import Target

RELAY = "remote-write-relay.yaml"
EXAMPLES = sorted(p.name for p in (ROOT / "config").glob("*.yaml"))


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=4 * PATIENCE, **more)


def free_ports(text):
    """The same configuration on ports that are free: every fixed port becomes 0."""
    text = re.sub(r"(endpoint: (?!\S*//)\S+):\d+", r"\1:0", text)
    text = re.sub(r"port: \d+", "port: 0", text)
    text = re.sub(r"(?m)^(\s+grpc:)\s*$(?!\n\s+endpoint)", r"\1", text)
    return text


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_is_valid(name):
    ran = run(OTELCD, "validate", "--config", str(ROOT / "config" / name))
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), ran.stderr


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n not in ("debug.yaml", "kafka.yaml", "kubernetes-agent.yaml", "scrape.yaml", RELAY)])
def test_each_example_starts_and_takes_data(otelcd, name, tmp_path):
    receiver, gateway, backend = Receiver(), GrpcPeer(), HttpPeer()
    env = {
        "OTELCD_QUEUE": str(tmp_path / "queue"),
        "REMOTE_WRITE_URL": receiver.url,
        "OTELCD_GATEWAY": gateway.endpoint,
        "OTELCD_BACKEND": backend.endpoint,
        "OTELCD_SAMPLER": gateway.endpoint,
    }
    d = otelcd(free_ports((ROOT / "config" / name).read_text()), env=env)
    d.export(otlp.sample("metrics"))
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") == 1 and m.sum("otelcd_exporter_held_items") == 0)
    for peer in (receiver, gateway, backend):
        peer.close()


def test_the_example_with_kafka_brings_data_through_it_to_its_backend(otelcd):
    from harness import kafka  # skips where there is no client

    cluster, backend = kafka.MockCluster(), HttpPeer()
    for name in ("otlp_spans", "otlp_metrics", "otlp_logs"):
        cluster.topic(name)
    env = {"OTELCD_KAFKA": cluster.address, "OTELCD_BACKEND": backend.endpoint}
    d = otelcd(free_ports((ROOT / "config/kafka.yaml").read_text()), env=env, allow=["Offsets could not be committed"])  # when all three leave
    d.export(otlp.sample("metrics"))
    backend.wait_items(1)
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") == 2 and m.sum("otelcd_exporter_held_items") == 0)
    d.stop()
    backend.close()
    cluster.close()


def test_the_example_that_scrapes_sends_what_it_scrapes(otelcd, tmp_path):
    receiver, target = Receiver(), Target(b"load 0.5\n")
    text = (ROOT / "config/scrape.yaml").read_text().replace("scrape_interval: 15s", "scrape_interval: 1s")
    text = text.replace("localhost:9100", target.address).replace("localhost:8888", target.address)
    env = {"OTELCD_QUEUE": str(tmp_path / "queue"), "REMOTE_WRITE_URL": receiver.url}
    d = otelcd(text, env=env, allow=["Failed to scrape Prometheus endpoint"])
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") >= 12 and m.sum("otelcd_exporter_held_items") == 0)
    assert {"load", "up"} <= {s.name for s in receiver.samples}
    target.close()
    receiver.close()


def test_the_example_that_relays_loses_nothing_that_it_answered_when_it_is_killed(otelcd, tmp_path):
    receiver = Receiver(lambda request: (503, {}, b"not yet"))
    env = {"OTELCD_QUEUE": str(tmp_path / "queue"), "REMOTE_WRITE_URL": receiver.url}
    text = free_ports((ROOT / "config" / RELAY).read_text())
    acknowledged = set()
    for round in range(4):
        d = otelcd(text, env=env, end=False, allow=["."])
        for i in range(20):
            value = round * 1000 + i
            body = pushed.v2(pushed.Series("m", pushed.sample(value, at=pushed.NOW + value)))
            if pushed.push(d, body)[0] == 204:
                acknowledged.add(value)
        d.process.kill()
        d.process.wait()
    receiver.answer = lambda request: (204, {}, b"")
    d = otelcd(text, env=env, allow=["."])
    receiver.wait(lambda r: acknowledged <= {s.value for s in r.samples})
    assert len(acknowledged) == 80
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    receiver.close()


def test_kill_9_loses_nothing_that_was_acknowledged_with_the_shipped_remote_write_file(otelcd, tmp_path):
    receiver = Receiver()
    env = {"OTELCD_QUEUE": str(tmp_path / "queue"), "REMOTE_WRITE_URL": receiver.url}
    text = free_ports((ROOT / "config/remote-write.yaml").read_text())
    acknowledged = [[] for _ in range(8)]
    for _ in range(6):
        d = otelcd(text, env=env, end=False, allow=["ended in the middle"])
        begun = sum(map(len, acknowledged))

        def load(k, d=d):
            try:
                call = d.caller(otlp.Metrics().request)
                while True:
                    at = len(acknowledged[k]) + 1
                    request = otlp.Metrics().gauge(f"g{k}", float(at)).request
                    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano = at * 1_000_000
                    call(request, timeout=PATIENCE)
                    acknowledged[k].append(float(at))
            except Exception:
                return  # it is dead

        threads = [threading.Thread(target=load, args=(k,), daemon=True) for k in range(8)]
        for t in threads:
            t.start()
        receiver.wait(lambda r, begun=begun: sum(map(len, acknowledged)) > begun + 30)
        d.terminate(signal.SIGKILL)
        d.process.wait()
        for t in threads:
            t.join(PATIENCE)
        d.close_clients()
    d = otelcd(text, env=env, allow=["ended in the middle"])
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    for k in range(8):
        assert set(acknowledged[k]) <= set(receiver.values(f"g{k}"))
    receiver.close()


def readme_commands():
    """The indented curl command of the README that sends the first metric."""
    text = (ROOT / "README.md").read_text()
    return re.search(r"(?ms)^    (curl -sS http://localhost:4318.*?\n    \}')", text)[1].replace("\n    ", "\n")


def test_the_first_metric_of_the_readme_arrives(otelcd):
    d = otelcd(free_ports((ROOT / "config/otelcd.yaml").read_text()))
    ran = run("bash", "-c", readme_commands().replace("localhost:4318", d.http_address()))
    assert (ran.returncode, ran.stdout) == (0, '{"partialSuccess":{}}'), ran
    samples = d.wait_metrics(lambda m: m.find("orders_total"), "prometheus")
    assert samples.value("orders_total", paid="true", job="demo") == 3


def test_healthcheck_tells_ready_from_not(otelcd):
    d = otelcd(NOP)
    assert run(OTELCD, "healthcheck", "--endpoint", d.scrape_address()).returncode == 0
    assert run(OTELCD, "healthcheck", "--endpoint", "127.0.0.1:1").returncode == 1


def test_notify_tells_systemd_each_state(otelcd, tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        s.settimeout(PATIENCE)
        d = otelcd(NOP, env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"}, end=False)
        seen = ""
        while "WATCHDOG=1" not in seen or "READY=1" not in seen:
            seen += s.recv(4096).decode() + "\n"
        assert seen.index("READY=1") < seen.index("WATCHDOG=1")
        d.terminate()
        while "STOPPING=1" not in seen:
            seen += s.recv(4096).decode() + "\n"
        assert d.wait_end() == 0


def test_install_puts_everything_in_its_place(tmp_path):
    if SANITIZED:
        pytest.skip("installs the release build")
    ran = run("make", "install", f"DESTDIR={tmp_path}", "PREFIX=/usr", cwd=ROOT, env={**os.environ, "MAKEFLAGS": ""})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    installed = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert installed == {
        "usr/bin/otelcd",
        "usr/share/man/man8/otelcd.8",
        "usr/share/man/man5/otelcd.yaml.5",
        "usr/share/otelcd/otelcd.schema.json",
        "usr/share/bash-completion/completions/otelcd",
        "usr/share/zsh/site-functions/_otelcd",
        "usr/share/fish/vendor_completions.d/otelcd.fish",
        "etc/otelcd/otelcd.yaml",
        "usr/lib/systemd/system/otelcd.service",
    }
    assert run(str(tmp_path / "usr/bin/otelcd"), "version").returncode == 0


def unit(tmp_path):
    text = (ROOT / "contrib/systemd/otelcd.service").read_text()
    text = text.replace("@BINDIR@/otelcd", "/bin/true").replace("@SYSCONFDIR@", "/etc")
    (tmp_path / "otelcd.service").write_text(text)
    return str(tmp_path / "otelcd.service")


def test_the_systemd_unit_is_sound_and_closed(tmp_path):
    ran = run(tool("systemd-analyze", "systemd"), "verify", "--man=no", unit(tmp_path))
    assert (ran.returncode, ran.stderr) == (0, "")
    # The threshold is in tenths: 15 is an exposure of 1.5 of 10.
    ran = run(tool("systemd-analyze", "systemd"), "security", "--offline=true", "--threshold=15", unit(tmp_path))
    assert ran.returncode == 0, ran.stdout


def test_generated_pages_are_current(tmp_path):
    """`make docs` writes them from the option rows."""
    ran = run(str(ROOT / "contrib/docs.sh"), OTELCD, str(tmp_path), cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    for page in ("docs/reference/components.md", "docs/reference/ottl.md", "man/otelcd.yaml.5"):
        assert (ROOT / page).read_text() == (tmp_path / page).read_text(), f"{page} is stale: run `make docs`"


@pytest.mark.parametrize("page", ["otelcd.8", "otelcd.yaml.5"])
def test_man_pages_are_well_formed(page):
    ran = run(tool("mandoc"), "-T", "lint", "-W", "warning", str(ROOT / "man" / page))
    assert ran.returncode == 0, ran.stdout


def test_the_functions_that_the_architecture_page_names_exist():
    sources = "".join(p.read_text() for p in (ROOT / "src").rglob("*.[ch]"))
    named = set(re.findall(r"`([a-z_0-9]+)\(\)`", (ROOT / "docs/architecture.md").read_text())) - {"consume"}
    missing = [n for n in named if not re.search(rf"\b{n}\(", sources)]
    assert named and not missing, missing
    paths = re.findall(r"`((?:receiver|processor|pipeline|prom|otlp|net|config|base|codec)/[a-z0-9_./]+)`", (ROOT / "docs/architecture.md").read_text())
    gone = [p for p in paths if not (ROOT / "src" / p).exists()]
    assert paths and not gone, gone
