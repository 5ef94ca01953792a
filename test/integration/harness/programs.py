# SPDX-License-Identifier: Apache-2.0
"""Programs of others that a test runs beside otelcd."""

import contextlib
import subprocess
import time

from .limits import PATIENCE


@contextlib.contextmanager
def running(command, ready):
    """The program, from when ready() raises no OSError any more until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                ready()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, command
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
