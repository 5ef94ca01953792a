# SPDX-License-Identifier: Apache-2.0
"""What an attack costs: the highest resident memory while it lasts, and how long until everyone is served again."""

import threading
import time

import grpc

from . import otlp
from .limits import PATIENCE

MIB = 1 << 20


class PeakRss:
    """with PeakRss(daemon) as peak: ... ; peak.mib"""

    def __init__(self, daemon):
        self.daemon, self.peak, self.done = daemon, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.done.wait(0.02):
            self.look()

    def look(self):
        self.peak = max(self.peak, self.daemon.rss())

    def __enter__(self):
        self.look()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.look()

    @property
    def mib(self):
        return self.peak / MIB


def serves(daemon, request=None, timeout=PATIENCE):
    """Is a sender who has done nothing wrong served now? On a connection of its own."""
    try:
        daemon.export(request or otlp.traces(1), timeout=timeout)
    except grpc.RpcError:
        return False
    return True


def recovery(daemon, request=None):
    """Seconds until it is."""
    begun = time.monotonic()
    while not serves(daemon, request):
        assert time.monotonic() - begun < PATIENCE, daemon.log()
        time.sleep(0.01)
    return time.monotonic() - begun
