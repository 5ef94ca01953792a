# SPDX-License-Identifier: Apache-2.0
"""Fixtures of both suites. `otelcd(config)` starts the real binary; when the test ends, what it started must stop well."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.daemon import Daemon, check_log, check_stopped  # noqa: E402
from harness.limits import free_port  # noqa: E402
from harness.servers.prometheus import Prometheus, VictoriaMetrics  # noqa: E402
from harness.remote_write import Receiver  # noqa: E402


def pytest_collection_modifyitems(items):
    """Groups first: they compile peers, and what runs for minutes must not begin when the others have nothing left."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


@pytest.fixture
def figure(record_property, request):
    """figure("peak RSS", 97, "MiB"): what was measured, shown when all tests are done. Nothing is asserted by that."""

    def note(what, value, unit):
        record_property("figure", f"{request.node.name}: {what} {value:.4g} {unit}")

    return note


def pytest_terminal_summary(terminalreporter):
    figures = [
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
    for text in sorted(figures):
        terminalreporter.line(text)


@pytest.fixture
def otelcd(tmp_path, request):
    """otelcd(config, expect=[...], allow=[...]): a ready daemon.

    expect: patterns of warnings and errors that must be in its log by the end; allow: that may be.
    ready=False returns at once; end=False leaves its end to the test."""
    running = []

    def start(config, expect=(), allow=(), ready=True, end=True, **more):
        folder = tmp_path / f"otelcd{len(running)}"
        folder.mkdir()
        daemon = Daemon(folder, config, **more)
        running.append((daemon, expect, allow, end))
        return daemon.wait_ready() if ready else daemon

    yield start

    failed = getattr(request.node, "report_call", None) is None or request.node.report_call.failed
    complaints = []
    for daemon, expect, allow, end in running:
        try:
            if failed:
                print(daemon.log())
            elif end:
                check_stopped(daemon, expect, allow)
            else:
                check_log(daemon, expect, allow)
        except AssertionError as complaint:
            complaints.append(str(complaint))
        finally:
            daemon.close_clients()
            if daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()
            daemon.stdout.close()
    assert not complaints, "\n\n".join(complaints)


@pytest.fixture
def prometheus(tmp_path):
    """prometheus(target): a real Prometheus that scrapes it each second."""
    running = []

    def start(target, **more):
        folder = tmp_path / f"prometheus{len(running)}"
        folder.mkdir()
        running.append(Prometheus(folder, target, **more))
        return running[-1]

    yield start
    for p in running:
        p.close()


@pytest.fixture
def writable_prometheus(prometheus):
    """writable_prometheus(): a real Prometheus that scrapes nothing and takes remote write."""
    return lambda **more: prometheus(None, **more)


@pytest.fixture
def victoria_metrics(tmp_path):
    running = []

    def start(**more):
        folder = tmp_path / f"victoria{len(running)}"
        folder.mkdir()
        running.append(VictoriaMetrics(folder, **more))
        return running[-1]

    yield start
    for v in running:
        v.close()


@pytest.fixture
def unused_port():
    """A TCP port that was free a moment ago: for the few tests where two parts must name the same one."""
    return free_port()


@pytest.fixture
def receiver():
    """receiver(answer=None): a remote write receiver that runs until the test ends."""
    running = []

    def start(answer=None):
        running.append(Receiver(answer))
        return running[-1]

    yield start
    for r in running:
        r.close()
