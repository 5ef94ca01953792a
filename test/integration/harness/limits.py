# SPDX-License-Identifier: Apache-2.0
"""Where the programs are, and how long anything may take."""

import os
import pathlib
import random
import shutil
import socket

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
OTELCD = os.environ.get("OTELCD", str(ROOT / "build/otelcd"))
SANITIZED = "/asan/" in os.path.realpath(OTELCD) or "/tsan/" in os.path.realpath(OTELCD)
CI = os.environ.get("CI") == "true"

# Every wait in the suite is bounded by a multiple of this; sanitizer builds are slow, machines are shared.
PATIENCE = 120.0 if SANITIZED else 60.0


def tool(name, package=None):
    """The path of a program that a test needs. Without it the test is skipped aloud; under CI it fails."""
    path = shutil.which(name) or shutil.which(name, path=f"{ROOT}/build/peers/usr/bin:{ROOT}/build/peers/usr/sbin:{ROOT}/build/bin:/usr/sbin")
    if path is None:
        missing(f"{name} is not installed ({package or name})")
    return path


def missing(why):
    if CI:
        pytest.fail(why + "; under CI=true that is a failure")
    pytest.skip(why)


_given = set()


def free_port():
    """For programs that must be told a port: one below those that the kernel gives out to connections of other tests, and
    that neither another worker of this run nor an earlier call has been told."""
    worker, workers = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]), int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    while True:
        port = random.choice(range(20000 + worker % workers, 32768, workers))
        if port in _given:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                _given.add(port)
                return port
            except OSError:
                pass
