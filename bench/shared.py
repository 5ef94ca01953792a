# SPDX-License-Identifier: Apache-2.0
"""Rows on service::workers: how many times as much two cores do as one. Two measures, for the load generator needs a part of a core too:

- seconds on the processor: the same requests over the same connections go to one process, and to two workers with their front, each alone on
  one core, with the generator on another. Whatever the second process costs, its front included, is in what an item costs. Who calls is
  shared evenly (test/integration/test_workers.py), so on two cores of their own two workers do twice what such a second does;
- wall time: both cores are everybody's, and the work for an item (a pattern, over many attributes) outweighs the generator's, which sends
  as fast as it is answered and no faster. What is printed is what the clock says, what part of a core the generator took, and how many
  cores the two workers got: where others are at work on them too, that is fewer, and there is no verdict."""

import json
import resource
import statistics
import subprocess
import time

PATTERNS = [f'replace_pattern(log.attributes["{k}"], "[0-9]+", "0")' for k in ("user.email", "http.route", "url.path")]
SLOW = {"transform": {"log_statements": PATTERNS * 4}}


def with_workers(config):
    return config.replace("service:\n", "service:\n  workers: 2\n", 1)


class Shared:
    def __init__(self, bench, cpu_seconds, stop):
        self.bench = bench
        self.cpu_seconds = cpu_seconds
        self.stop = stop

    def rows(self, chosen, nop, cases, program):
        for connections in (2, 4, 8):
            name = f"workers: 2, {connections} connections"
            if chosen(name):
                self.row(name, nop, cases, connections)
        name = "workers: 2, wall time, a slow transform"
        if chosen(name):
            self.wall(name, nop, cases, program)

    def pids(self, d):
        status = json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])
        return [d.process.pid] + [w["pid"] for w in status.get("workers", [])]

    def spent(self, d, run):
        """Seconds on the processor of all, for one run."""
        pids = self.pids(d)
        before = [self.cpu_seconds(p) for p in pids]
        run()
        return sum(self.cpu_seconds(p) - b for p, b in zip(pids, before))

    def check(self, d, case, requests):
        column = d.ledger("pipeline", case.signal)
        assert column["delivered"] == requests * case.items, f"items are missing: {column}"

    def row(self, name, nop, cases, connections):
        case = next(c for c in cases if c.signal == "traces" and c.protocol == "gRPC")
        one, two = self.bench.daemon(nop), self.bench.daemon(with_workers(nop))
        runs = []
        for _ in range(self.bench.rounds):
            runs.append([self.spent(d, lambda d=d: self.bench.one(case, d.grpc_address(), d.process.pid, connections)) for d in (one, two)])
        for d in (one, two):
            self.check(d, case, self.bench.rounds * case.requests)
            self.stop(d)
        a, b = (statistics.median(r[i] for r in runs) / (case.requests * case.items) * 1e9 for i in (0, 1))
        times = 2 * statistics.median(r[0] / r[1] for r in runs)
        text = f"{a:6.1f} ns an item with one, {b:6.1f} with two: {times:5.2f} times one on two cores"
        self.bench.row(name, text, times, 1.8, lambda v: f"{v:.2f}")

    def send(self, program, d, file, requests, path):
        """(seconds by the clock, of the generator on the processor)"""
        before, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [program, "-a", d.grpc_address(), "-p", path, "-f", str(file), "-T", "120", "-g", "-n", str(requests), "-c", "8", "-m", "4"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=180)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        return time.monotonic() - before, cpu

    def wall(self, name, nop, cases, program):
        case = next(c for c in cases if c.signal == "logs" and c.protocol == "gRPC" and c.items == 1000)
        text = nop.replace("exporters:\n", f"processors: {json.dumps(SLOW)}\nexporters:\n", 1)
        text = text.replace("logs: {receivers: [otlp], ", "logs: {receivers: [otlp], processors: [transform], ")
        one, two = (self.bench.daemon(t, under=[]) for t in (text, with_workers(text)))
        requests, file, path = 600, self.bench.bodies(case), "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        runs = []
        for _ in range(self.bench.rounds):
            sent = []
            got = [self.spent(d, lambda d=d: sent.append(self.send(program, d, file, requests, path))) for d in (one, two)]
            walls, generator = zip(*sent)
            runs.append((walls[0] / walls[1], walls, generator[1] / walls[1], got[1] / walls[1]))
        for d in (one, two):
            self.check(d, case, self.bench.rounds * requests)
            self.stop(d)
        times, walls, share, got = sorted(runs)[len(runs) // 2]
        text = f"{walls[0]:5.2f} s with one, {walls[1]:5.2f} with two, which got {got:4.2f} cores: {times:5.2f} times one; the generator took {share:3.0%} of one"
        self.bench.row(name, text, times, 1.8 if got > 1.85 else None, lambda v: f"{v:.2f}")
