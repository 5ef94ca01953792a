# SPDX-License-Identifier: Apache-2.0
"""Rows on service::workers: how many times as much two cores do as one. Two measures, for the load generator needs a part of a core too:

- seconds on the processor: the same requests over the same connections go to one process, and to two workers with their front, each alone on
  one core, with the generator on another. Whatever the second process costs, its front included, is in what an item costs. Who calls is
  shared evenly (test/integration/service/test_workers.py), so on two cores of their own two workers do twice what such a second does;
- wall time: both cores are everybody's, and the work for an item outweighs the generator's by far. Requests are in gzip, as SDKs and agents
  send them, made once and sent again and again, as fast as they are answered and no faster; personal data in them is hashed and masked.
  What is printed is what the clock says, what part of a core the generator took, and how many cores one and two got: where others are at
  work on them too, that is fewer, and there is no verdict."""

import json
import resource
import statistics
import subprocess
import time

import payload
from harness import otlp

# Both find what they look for in each record.
MASKED = {
    "attributes": {"actions": [{"key": "deployment.environment", "action": "insert", "value": "production"}, {"key": "user.email", "action": "hash"}]},
    "transform": {"log_statements": ['replace_pattern(log.body.string, "[0-9]+", "*")']},
}


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
        name = "workers: 2, wall time, gzip, hashed and masked"
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

    def send(self, program, d, file, requests):
        """(seconds by the clock, of the generator on the processor)"""
        before, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [program, "-a", d.grpc_address(), "-p", otlp.LOGS.rpc, "-f", str(file), "-T", "120", "-g", "-z", "-n", str(requests)]
        subprocess.run([*command, "-c", "8", "-m", "4"], check=True, stdout=subprocess.DEVNULL, timeout=180)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        return time.monotonic() - before, cpu

    def wall(self, name, nop, cases, program):
        case = next(c for c in cases if c.signal == "logs" and c.protocol == "gRPC" and c.items == 1000)
        text = nop.replace("exporters:\n", f"processors: {json.dumps(MASKED)}\nexporters:\n", 1)
        text = text.replace("logs: {receivers: [otlp], ", f"logs: {{receivers: [otlp], processors: [{', '.join(MASKED)}], ")
        one, two = (self.bench.daemon(t, under=[]) for t in (text, with_workers(text)))
        requests, file = 1000, payload.write(self.bench.folder / "masked", payload.logs(case.items, True), True)
        runs = []
        for _ in range(self.bench.rounds):
            sent = []
            used = [self.spent(d, lambda d=d: sent.append(self.send(program, d, file, requests))) for d in (one, two)]
            walls, generator = zip(*sent)
            # One had a core to itself, and all there is was for the two and the generator: but for 8 %.
            alone = used[0] / walls[0] > 0.92 and (used[1] + generator[1]) / walls[1] > 1.84
            runs.append((walls[0] / walls[1], walls, generator[1] / walls[1], [u / w for u, w in zip(used, walls)], alone))
        for d in (one, two):
            self.check(d, case, self.bench.rounds * requests)
            self.stop(d)
        times, walls, share, got, alone = sorted(runs)[len(runs) // 2]
        text = f"{walls[0]:5.2f} s with one, which got {got[0]:4.2f} cores, {walls[1]:5.2f} with two, {got[1]:4.2f}: {times:5.2f} times one"
        self.bench.row(name, f"{text}; the generator took {share:3.0%} of one", times, 1.8 if alone else None, lambda v: f"{v:.2f}")
