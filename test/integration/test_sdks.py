# SPDX-License-Identifier: Apache-2.0
"""The OpenTelemetry SDKs for Go (v1.25.0 and the newest) and Node.js deliver, to the right port and to the wrong one."""

import fcntl
import os
import shutil
import subprocess

import pytest

from configs import SCRAPE
from harness.limits import PATIENCE, ROOT, missing, tool

PEERS = ROOT / "test/peers"
BUILT = ROOT / "build/peers"
WRONG_PORT = ["gRPC|HTTP"]


def go_peer(version):
    """The program of test/peers/go/<version>, built once."""
    BUILT.mkdir(parents=True, exist_ok=True)
    program = BUILT / f"go-{version}"
    with open(f"{program}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several pytest processes may want it at once
        ran = subprocess.run(
            [tool("go"), "build", "-o", str(program), "."],
            cwd=PEERS / "go" / version,
            env={**os.environ, "GOFLAGS": "-buildvcs=false"},
            capture_output=True,
            text=True,
        )
    if ran.returncode != 0:
        missing(f"the Go peer {version} could not be built: {ran.stderr[-2000:]}")
    return str(program)


def node_peer():
    """test/peers/node with its packages, installed once into build/peers/node."""
    folder = BUILT / "node"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fresh = folder / "package-lock.json"
        wanted = (PEERS / "node/package-lock.json").read_bytes()
        if not (folder / ".done").exists() or fresh.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PEERS / "node" / name, folder)
            ran = subprocess.run(
                [tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, capture_output=True, text=True
            )
            if ran.returncode != 0:
                missing("npm ci failed: " + ran.stderr[-2000:])
            (folder / ".done").touch()
        shutil.copy(PEERS / "node/peer.js", folder / "peer.js.new")
        os.replace(folder / "peer.js.new", folder / "peer.js")  # whole at each moment: another process may run it
    return [tool("node", "nodejs"), str(folder / "peer.js")]


def run(*command):
    ran = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def address(d, port):
    return d.grpc_address() if port == 4317 else d.http_address()


def delivered(d, spans, service, logs):
    """The ledgers and the debug exporter have what the SDK sent."""
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="debug", signal="traces") == spans)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items", exporter="debug", signal="logs") == logs)
    dump = (d.folder / "stdout").read_text()
    assert f"service.name: Str({service})" in dump
    assert dump.count("LogRecord #") == logs
    return d.wait_metrics(lambda m: m.find("target_info", job=service), "prometheus")


@pytest.mark.parametrize("port", [4317, 4318])
@pytest.mark.parametrize("mode", ["grpc", "http"])
@pytest.mark.parametrize("version", ["v1.25.0", "newest"])
def test_go(otelcd, version, mode, port):
    program = go_peer(version)
    wrong = (mode == "grpc") != (port == 4317)
    d = otelcd(SCRAPE, expect=WRONG_PORT if wrong else ())
    run(program, mode, address(d, port))
    new = version == "newest"
    service = f"go-{'new' if new else 'old'}-{mode}"
    samples = delivered(d, 12, service, 6 if new else 0)
    assert samples.value("dice_rolls_total", job=service, even="true", instance="one") == 3
    assert samples.value("dice_duration_seconds_count", job=service) == 6
    assert samples.value("dice_duration_seconds_sum", job=service) == pytest.approx(0.21)
    assert samples.value("target_info", job=service, instance="one", service_version="1.2.3") == 1
    assert ("dice_exponential_seconds_count" in samples.names()) == new
    exposition = d.scrape("prometheus", "application/openmetrics-text;version=1.0.0")[1].decode()
    assert ("trace_id=" in exposition) == new, "exemplars come with the newest SDK"


@pytest.mark.parametrize("port", [4317, 4318])
@pytest.mark.parametrize("compression", ["", "gzip"])
@pytest.mark.parametrize("mode", ["grpc", "json", "proto"])
def test_node(otelcd, mode, compression, port):
    peer = node_peer()
    wrong = (mode == "grpc") != (port == 4317)
    d = otelcd(SCRAPE, expect=WRONG_PORT if wrong else ())
    run(*peer, mode, address(d, port), *([compression] if compression else []))
    service = f"node-{mode}"
    samples = delivered(d, 3, service, 1)
    assert "large.number: Int(12345678901)" in (d.folder / "stdout").read_text()
    assert samples.value("cart_items_total", job=service, shop="web") == 5
    assert samples.value("cart_duration_milliseconds_bucket", job=service, le="25") == 1
    assert samples.value("cart_duration_milliseconds_bucket", job=service, le="10") == 0
    assert samples.value("cart_exponential_sum", job=service) == 15
