# SPDX-License-Identifier: Apache-2.0
"""What Prometheus makes of each target and its rules in test/data/relabel/cases.yaml: asked anew here, kept with
--rewrite. Its own page of targets tells."""

import json
import subprocess
import time
import urllib.error
import urllib.request

import yaml
from harness.limits import PATIENCE, ROOT, free_port, tool

FOLDER = ROOT / "test/data/relabel"
ADDRESS = "127.0.0.1:1"


def config(cases):
    """A job for each. $ stands for itself in Prometheus' file."""
    return {
        "global": {"scrape_interval": "1h", "scrape_timeout": "10s"},
        "scrape_configs": [
            {
                "job_name": case["name"],
                "static_configs": [{"targets": [ADDRESS], "labels": case["labels"]}],
                "relabel_configs": case["rules"],
            }
            for case in cases
        ],
    }


def targets(address):
    with urllib.request.urlopen(f"http://{address}/api/v1/targets", timeout=PATIENCE) as answer:
        return json.load(answer)["data"]


def of_prometheus(folder, cases):
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config(cases), allow_unicode=True))
    address = f"127.0.0.1:{free_port()}"
    command = [tool("prometheus"), f"--config.file={path}", f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}"]
    with open(folder / "prometheus.log", "w") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        return wait_targets(process, folder, address, {case["name"] for case in cases})
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_targets(process, folder, address, names):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        try:
            found = targets(address)
        except (urllib.error.URLError, ConnectionError):
            found = {"activeTargets": [], "droppedTargets": []}
        kept = {t["scrapePool"]: t["labels"] for t in found["activeTargets"]}
        dropped = {t["discoveredLabels"]["job"]: None for t in found["droppedTargets"]}
        if names == set(kept) | set(dropped):
            return {**dropped, **kept}
        time.sleep(0.1)
    raise AssertionError(f"Prometheus did not find {names - set(kept) - set(dropped)}")


def test_targets_are_relabelled_as_prometheus_does(tmp_path, request):
    cases = yaml.safe_load((FOLDER / "cases.yaml").read_text())
    found = of_prometheus(tmp_path, cases)
    text = yaml.safe_dump(found, allow_unicode=True, sort_keys=True)
    if request.config.getoption("--rewrite"):
        (FOLDER / "expected.yaml").write_text(text)
    assert (FOLDER / "expected.yaml").read_text() == text
