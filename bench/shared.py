# SPDX-License-Identifier: Apache-2.0
"""Rows on service::workers: how many times as much two cores do as one.

The load needs a core for itself, as in every other row, so what is measured is what a second on the processor does: of one process with so
many connections, and of front and workers with twice as many, on the same core. Who calls is shared evenly
(test/integration/test_workers.py), so two cores of their own are both busy, and do twice what such a second does."""

import json
import statistics


class Shared:
    def __init__(self, bench, cpu_seconds, stop):
        self.bench = bench
        self.cpu_seconds = cpu_seconds
        self.stop = stop

    def rows(self, chosen, nop, cases):
        for connections in (1, 2, 4):
            name = f"workers: 2, {connections} connections each"
            if chosen(name):
                self.row(name, nop, cases, connections)

    def pids(self, d):
        status = json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])
        return [d.process.pid] + [w["pid"] for w in status.get("workers", [])]

    def spent(self, d, case, connections):
        """Seconds on the processor of all, for one run."""
        pids = self.pids(d)
        before = [self.cpu_seconds(p) for p in pids]
        self.bench.one(case, d.grpc_address(), d.process.pid, connections)
        return sum(self.cpu_seconds(p) - b for p, b in zip(pids, before))

    def row(self, name, nop, cases, connections):
        case = next(c for c in cases if c.signal == "traces" and c.protocol == "gRPC")
        one, two = self.bench.daemon(nop), self.bench.daemon(nop.replace("service:\n", "service:\n  workers: 2\n", 1))
        runs = [(self.spent(one, case, connections), self.spent(two, case, 2 * connections)) for _ in range(self.bench.rounds)]
        column = two.ledger("pipeline", case.signal)
        assert column["delivered"] == self.bench.rounds * case.requests * case.items, f"items are missing: {column}"
        self.stop(one)
        self.stop(two)
        times = 2 * statistics.median(a / b for a, b in runs)
        rate = 2 * case.requests * case.items / statistics.median(b for _, b in runs) / 1e6
        self.bench.row(name, f"{rate:8.2f} M/s on two cores  {times:5.2f} times one", times, 1.8, lambda v: f"{v:.2f}")
