# SPDX-License-Identifier: Apache-2.0
"""The rows of bench.py about the page: what ten and a hundred open pages cost while 500,000 items arrive each second, in time
on the processor and in how long the loop is busy in one go. A page is what its script does: the events, and every five
seconds the panels."""

import selectors
import socket
import threading
import time

ITEMS, RATE, SECONDS = 1000, 500, 20
OPEN = ((10, "ten", 2, 1), (100, "a hundred", None, None))  # pages; more of a core in %, and ms of stall, at most
GET = "GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Pages:
    """Ten event streams that are read, in a thread."""

    def __init__(self, address, n):
        self.host, self.port = address.rsplit(":", 1)
        self.selector = selectors.DefaultSelector()
        self.read, self.ended = 0, threading.Event()
        self.sockets = [self._ask("/api/v1/events") for _ in range(n)]
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _ask(self, path):
        s = socket.create_connection((self.host, int(self.port)), timeout=30)
        s.sendall(GET.format(path).encode())
        self.selector.register(s, selectors.EVENT_READ)
        return s

    def _run(self):
        due = time.monotonic()
        panels = [self._ask("/panels") for _ in self.sockets]
        while not self.ended.is_set():
            for key, _ in self.selector.select(0.1):
                self.read += len(key.fileobj.recv(1 << 18))
            if time.monotonic() - due > 5:
                due += 5
                for s in panels:
                    s.sendall(GET.format("/panels").encode())
        self.sockets += panels

    def close(self):
        self.ended.set()
        self.thread.join()
        for s in self.sockets:
            s.close()
        self.selector.close()


class Watched:
    def __init__(self, bench, load, cpu_seconds, stop, stalls):
        self.bench, self.load, self.cpu_seconds, self.stop, self.stalls = bench, load, cpu_seconds, stop, stalls

    def _run(self, config, file, rpc, watchers):
        """Time on the processor in a second, the longest turn by the processor, and what was read."""
        d = self.bench.daemon(config)
        pages = Pages(d.scrape_address(), watchers)
        before = self.cpu_seconds(d.process.pid)
        began = time.monotonic()
        self.load(d.grpc_address(), rpc, file, n=RATE * SECONDS, c=4, m=16, r=RATE)
        took, used = time.monotonic() - began, self.cpu_seconds(d.process.pid) - before
        pages.close()
        stall = self.stalls(d).cpu
        self.stop(d)
        return used / took, stall, pages.read

    def rows(self, chosen, config, file, rpc):
        for n, words, core, stall in OPEN:
            if chosen(f"page, {words} open at 500,000 items/s"):
                self._row(f"page, {words} open at 500,000 items/s", n, core, stall, (config, file, rpc))

    def _row(self, name, n, core_bar, stall_bar, what):
        plain, watched = [], []
        for _ in range(self.bench.rounds):
            plain.append(self._run(*what, 0))
            watched.append(self._run(*what, n))
        middle = lambda runs, i: sorted(r[i] for r in runs)[len(runs) // 2]  # noqa: E731
        cost = middle(watched, 0) - middle(plain, 0)
        stall = (middle(watched, 1) - middle(plain, 1)) * 1000
        self.bench.row(
            f"{name}: of a core",
            f"{100 * cost:8.2f} % more  ({100 * middle(plain, 0):.1f} % without, {100 * middle(watched, 0):.1f} % with, {middle(watched, 2) / SECONDS / 1e6:.2f} MB/s read)",
            100 * cost, core_bar, lambda v: f"{v} %", False,
        )  # fmt: skip
        self.bench.row(
            f"{name}: added stall",
            f"{stall:8.2f} ms  ({1000 * middle(plain, 1):.2f} without, {1000 * middle(watched, 1):.2f} with, on the processor)",
            stall, stall_bar, lambda v: f"{v} ms", False,
        )  # fmt: skip
