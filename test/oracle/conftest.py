# SPDX-License-Identifier: Apache-2.0
"""The Go collector beside otelcd: `collector(config)` starts it; `make oracle` builds it the first time (minutes).

ORACLE names a collector that is already built."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

from conftest_shared import *  # noqa: E402,F403
from harness.limits import PATIENCE, ROOT, free_port, missing, tool  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--rewrite", action="store_true", help="write the expected files anew")


def build(name="collector"):
    given = os.environ.get("ORACLE" if name == "collector" else f"ORACLE_{name.upper()}")
    if given:
        return given
    folder = ROOT / "build/oracle"
    program = folder / name / name
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-buildvcs=false"}
        for command in (
            [tool("go"), "install", "go.opentelemetry.io/collector/cmd/builder@v0.158.0"],
            [str(folder / "builder"), "--skip-strict-versioning", "--config", str(HERE / f"{name}.yaml")],
        ):
            ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
            if ran.returncode != 0:
                missing("the Go collector could not be built: " + ran.stderr[-3000:])
    return str(program)


class Collector:
    def __init__(self, program, folder, config, *args):
        self.ports = {}
        (folder / "collector.yaml").write_text(self.with_ports(config))
        self.log = folder / "collector.log"
        self.stdout = folder / "collector.out"
        with open(self.log, "wb") as log, open(self.stdout, "wb") as out:
            self.process = subprocess.Popen([program, "--config", str(folder / "collector.yaml"), *args], stderr=log, stdout=out)
        deadline = time.monotonic() + PATIENCE
        while "Everything is ready" not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        while not (self.rests() and self.rests()):
            assert time.monotonic() < deadline, "it does not come to rest"
            time.sleep(0.01)

    def rests(self):
        """No thread of it runs or wants to. It asks for signals after it has said that it is ready: one that comes before ends
        it with nothing written."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return all((t / "stat").read_text().rpartition(")")[2].split()[0] == "S" for t in tasks)

    def with_ports(self, config):
        """It logs the endpoint as configured, so each port 0 becomes a free one here: in the order of the text. What only
        otelcd knows is left out."""
        config = config.replace(", hold_ack: true", "")
        for name in ("grpc", "http", "scrape"):
            self.ports[name] = f"127.0.0.1:{free_port()}"
            config = config.replace("127.0.0.1:0", self.ports[name], 1)
        return config + "\n  telemetry: {logs: {encoding: json, sampling: {enabled: false}}, metrics: {level: none}}\n"

    def close(self):
        running = self.process.poll() is None
        self.process.terminate()
        try:
            assert self.process.wait(PATIENCE) == 0 or not running, "it ended without shutting down"
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def starter(name, tmp_path):
    running = []

    def start(config, *args):
        running.append(Collector(build(name), tmp_path, config, *args))
        return running[-1]

    yield start
    for c in running:
        c.close()


@pytest.fixture
def collector(tmp_path):
    yield from starter("collector", tmp_path)


@pytest.fixture
def older_collector(tmp_path):
    """With components that the newer one could not be had with: ORACLE_OLDER names one that is built."""
    yield from starter("older", tmp_path)
