# SPDX-License-Identifier: Apache-2.0
"""The row of bench.py about reloads: an exporter that the load has nothing to do with is another one a thousand times,
while items arrive as fast as they can. No request is refused, the loop is not busy for long in one go, and memory is
what it was."""

import signal
import threading
import time

from harness.daemon import READY

RELOADS, BEFORE, REQUESTS, QUIET = 1000, 20, 3000, 5


def config(text, n):
    """A pipeline more, whose exporter is another one each time."""
    other = f"  otlp_http/other: {{endpoint: 'http://127.0.0.1:1', timeout: {5 + n % 7}s}}\n"
    more = "    logs/other: {receivers: [otlp], exporters: [otlp_http/other]}\n"
    return text.replace("exporters:\n", f"exporters:\n{other}", 1).replace("  pipelines:\n", f"  pipelines:\n{more}", 1)


class Reloading:
    def __init__(self, bench, load, stop, stalls):
        self.bench, self.load, self.stop, self.stalls = bench, load, stop, stalls

    def _push(self, d, file, rpc, over, pushed):
        while not over.is_set():
            pushed.append(self.load(d.grpc_address(), rpc, file, n=REQUESTS, c=4, m=16)["requests"])

    def _reload(self, d, text, n):
        (d.folder / "otelcd.yaml").write_text(text)
        d.process.send_signal(signal.SIGHUP)
        d.wait_log(f"^{READY}", n + 1)

    def _run(self, text, file, rpc, reloads, seconds=0):
        """(items pushed, ledger, longest turn by the processor, resident bytes when the load has ended, seconds) of each leg:
        a short one, and a long one with so many reloads, or of so many seconds."""
        d = self.bench.daemon(config(text, 0))
        pushed, n, legs = [], 0, []
        for leg in (min(reloads, BEFORE), reloads):
            over = threading.Event()
            pusher = threading.Thread(target=self._push, args=(d, file, rpc, over, pushed))
            pusher.start()
            began = time.monotonic()
            if reloads == 0:
                time.sleep(seconds)
            for _ in range(leg):
                n += 1
                self._reload(d, config(text, n), n)
            took = time.monotonic() - began
            over.set()
            pusher.join()
            time.sleep(QUIET)  # memory that is free is given back meanwhile
            legs.append((sum(pushed), d.ledger("pipeline", "traces"), self.stalls(d).cpu, d.rss(), took))
        self.stop(d)
        return legs

    def rows(self, chosen, text, file, rpc, items):
        name = f"reload of an unrelated exporter, {RELOADS:,} at full load"
        if not chosen(name):
            return
        (_, _, _, rss, _), (pushed, ledger, stall, after, took) = self._run(text, file, rpc, RELOADS)
        plain = self._run(text, file, rpc, 0, took / 2)[-1][2]  # the longest of as long a time: two legs
        refused = pushed * items - ledger["delivered"] + ledger["refused"] + ledger["dropped"]
        self.bench.row(f"{name}: items refused", f"{refused:8d}  of {pushed * items:,}", refused, 0, str, False)
        self.bench.row(
            f"{name}: added stall",
            f"{1000 * (stall - plain):8.2f} ms  ({1000 * plain:.2f} without, {1000 * stall:.2f} with, on the processor)",
            1000 * (stall - plain), 5, lambda v: f"{v} ms", False,
        )  # fmt: skip
        grown = (after - rss) / 2**20
        self.bench.row(f"{name}: RSS", f"{grown:8.2f} MiB more than after {BEFORE}", grown, 1, lambda v: f"{v} MiB", False)
