# SPDX-License-Identifier: Apache-2.0
"""The pprof extension: profiles that say where the time went, and that pprof reads."""

import collections
import concurrent.futures
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from harness.limits import OTELCD, PATIENCE, SANITIZED
from harness.remote_write import fields, varint
from test_workers import pids

CONFIG = """
extensions:
  pprof: {{endpoint: "127.0.0.1:0"{more}}}
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters: {{nop: }}
service:
  extensions: [pprof]
  pipelines:
    logs: {{receivers: [otlp], exporters: [nop]}}
"""
JSON = {"Content-Type": "application/json"}


def config(more=""):
    return CONFIG.format(more=more)


def ask(d, path, method="GET", timeout=PATIENCE):
    connection = http.client.HTTPConnection(d.endpoint("^Serving pages$"), timeout=timeout)
    try:
        connection.request(method, f"/debug/pprof/{path}")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def body(records):
    one = {"body": {"stringValue": "hello"}, "attributes": [{"key": "k", "value": {"stringValue": "v"}}]}
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [one] * records}]}]})


class Load:
    """Requests one after another, until it is left."""

    def __init__(self, d, records):
        self.d, self.body, self.end = d, body(records), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        connection = http.client.HTTPConnection(self.d.http_address("otlp"), timeout=PATIENCE)
        while not self.end.is_set():
            connection.request("POST", "/v1/logs", self.body, JSON)
            assert connection.getresponse().read() is not None
        connection.close()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.end.set()
        self.thread.join(PATIENCE)


def packed(data):
    at, values = 0, []
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def read_profile(data):
    """[(count, ns, [function or address, innermost first])] by the wire format alone."""
    tables = collections.defaultdict(list)
    for number, value in fields(gzip.decompress(data)):
        tables[number].append(value)
    strings = [s.decode() for s in tables[6]]
    assert strings[0] == ""
    kinds = [[strings[dict(fields(t))[n]] for n in (1, 2)] for t in tables[1]]
    assert kinds == [["samples", "count"], ["cpu", "nanoseconds"]]
    names = {f[1]: strings[f[2]] for f in (dict(fields(x)) for x in tables[5])}
    mappings = {m[1]: m for m in (dict(fields(x)) for x in tables[3])}
    places = {}
    for location in (dict(fields(x)) for x in tables[4]):
        assert 2 not in location or mappings[location[2]][2] <= location[3] < mappings[location[2]][3]
        places[location[1]] = names[dict(fields(location[4]))[1]] if 4 in location else hex(location[3])
    samples = []
    for sample in (dict(fields(x)) for x in tables[2]):
        count, ns = packed(sample[2])
        assert ns == count * 10_000_000
        samples.append((count, ns, [places[i] for i in packed(sample[1])]))
    return samples


def seen(samples):
    return {name for _, _, stack in samples for name in stack}


def tells_all(samples):
    """Of the loop, of a thread beside it, and of what is expected to take the time."""
    beside = any("work_until_closed" in stack and "main" not in stack for _, _, stack in samples)
    reads = any(re.match("json_|read_value", stack[0]) for _, _, stack in samples)
    return sum(count for count, _, _ in samples) >= 10 and {"main", "uv_run"} <= seen(samples) and beside and reads


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own handlers stand between")
def test_a_profile_says_which_functions_took_the_time_on_the_loop_and_beside_it(otelcd, tmp_path):
    d = otelcd(config())
    with Load(d, 500), Load(d, 20000):  # a large one is read on a thread
        samples, files, deadline = [], [], time.monotonic() + PATIENCE
        while not tells_all(samples):  # of a machine that is busy it may get little
            status, data = ask(d, "profile?seconds=1", timeout=2 * PATIENCE)
            assert status == 200
            samples += read_profile(data)
            files.append(tmp_path / f"cpu{len(files)}.pb.gz")
            files[-1].write_bytes(data)
            assert time.monotonic() < deadline, samples
    if shutil.which("go"):
        ran = subprocess.run(["go", "tool", "pprof", "-top", *map(str, files)], capture_output=True, text=True, timeout=10 * PATIENCE)  # it may have to be built
        assert ran.returncode == 0 and "Type: cpu" in ran.stdout and re.search(r"json_|read_value", ran.stdout), ran.stdout + ran.stderr


def begin(d, more=""):
    """A connection with a profile under way: its request came together with one that has been answered."""
    host, _, port = d.endpoint("^Serving pages$").rpartition(":")
    s = socket.create_connection((host, int(port)), timeout=PATIENCE)
    s.sendall(f"HEAD /debug/pprof/ HTTP/1.1\r\nHost: x\r\n\r\nGET /debug/pprof/profile?seconds=200{more} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += s.recv(4096)
    return s


def test_there_is_one_profile_at_a_time_and_who_is_cut_off_ends_his(otelcd):
    d = otelcd(config())
    first = begin(d)
    assert ask(d, "profile?seconds=1") == (500, b"Could not enable CPU profiling: cpu profiling already in use\n")
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    first.close()
    deadline = time.monotonic() + PATIENCE
    while (answer := ask(d, "profile?seconds=1"))[0] == 500:  # until it is seen to have gone
        assert time.monotonic() < deadline
    assert answer[0] == 200 and read_profile(answer[1]) is not None


def test_who_closes_ends_his_profile(otelcd):
    d = otelcd(config())
    begin(d).close()
    deadline = time.monotonic() + PATIENCE
    while (answer := ask(d, "profile?seconds=1"))[0] == 500:  # until it is seen to have gone
        assert time.monotonic() < deadline
    assert answer[0] == 200


def test_the_end_of_the_program_ends_a_profile_with_what_there_is(otelcd):
    d = otelcd(config(), end=False)
    s = begin(d)
    d.terminate()
    answer = b""
    while more := s.recv(65536):
        answer += more
    head, _, data = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and read_profile(data) is not None
    assert d.wait_end() == 0


def tells_of_work(samples):
    """One of the two workers reads, and the front does less."""
    counts = [sum(count for count, _, _ in s) for s in samples]
    reads = any(re.match("json_|read_value|utf8|otlp", stack[0]) for s in samples[1:] for _, _, stack in s)
    return max(counts[1:]) > counts[0] and (SANITIZED or reads)


def test_each_worker_has_a_profile_of_its_own_and_a_file(otelcd, tmp_path):
    file = tmp_path / "all.pb.gz"
    d = otelcd(config().replace("service:\n", "service:\n  workers: 2\n", 1), allow=["A worker has died"])
    status, said = ask(d, "profile?seconds=1")
    assert status == 400 and b"say whose profile it is to be, ?worker=1" in said
    with Load(d, 20000):  # one connection: one of them works
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            samples, deadline = [[], [], []], time.monotonic() + PATIENCE
            while not tells_of_work(samples):  # of a machine that is busy they may get little
                answers = list(pool.map(lambda n: ask(d, f"profile?seconds=1&worker={n}"), (0, 1, 2)))
                assert [a[0] for a in answers] == [200, 200, 200]
                for n, (_, data) in enumerate(answers):
                    samples[n] += read_profile(data)
                assert time.monotonic() < deadline, samples
    assert ask(d, "profile?seconds=1&worker=3") == (503, b"503 there is no such worker, or it does not run now\n")
    assert ask(d, "profile?seconds=0&worker=1")[0] == ask(d, "profile?seconds=1&worker=x")[0] == 400
    s = begin(d, "&worker=1")  # and the end of the program ends it with what there is
    d.terminate()
    answer = b""
    while more := s.recv(65536):
        answer += more
    assert answer.startswith(b"HTTP/1.1 200") and d.wait_end() == 0
    d = otelcd(config(f", save_to_file: {file}").replace("service:\n", "service:\n  workers: 2\n", 1), end=False)
    assert ask(d, "profile?seconds=1&worker=1")[0] == 500
    assert d.stop() == 0
    assert read_profile(file.read_bytes()) is not None and read_profile((tmp_path / "all.pb.gz.2").read_bytes()) is not None


def test_a_worker_that_dies_gives_its_profile_to_no_other(otelcd):
    d = otelcd(config().replace("service:\n", "service:\n  workers: 2\n", 1), allow=["A worker has died"])
    first = pids(d)[0]
    os.kill(first, signal.SIGSTOP)  # it has not begun
    s = begin(d, "&worker=1")
    os.kill(first, signal.SIGKILL)
    assert s.recv(4096).startswith(b"HTTP/1.1 502")
    d.wait_log("The worker runs again")


def test_a_profile_from_start_to_stop_is_in_its_file(otelcd, tmp_path):
    file = tmp_path / "all.pb.gz"
    d = otelcd(config(f", save_to_file: {file}"), end=False)
    assert ask(d, "profile?seconds=1")[0] == 500
    with Load(d, 500):
        d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_pipeline_received_items")) > 20000)
    assert d.stop() == 0
    assert read_profile(file.read_bytes()) is not None
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_made_stops_the_start(otelcd):
    d = otelcd(config(", save_to_file: /nowhere/at/all"), ready=False, end=False, expect=["save_to_file: cannot open /nowhere/at/all"], allow=["Cannot go on"])
    assert d.wait_end() == 1


def test_what_is_not_here_says_so(otelcd):
    d = otelcd(config(", block_profile_fraction: 3"), expect=["block_profile_fraction"], allow=["not used"])
    for name in ("heap", "allocs", "goroutine", "threadcreate", "block", "mutex", "trace"):
        status, text = ask(d, name)
        assert status == 404 and b"Go's runtime" in text
    assert ask(d, "")[0] == 200 and b"seconds" in ask(d, "")[1]
    assert ask(d, "nothing")[0] == 404 and ask(d, "profile", "POST")[0] == 405
    for seconds in ("0", "301", "-1", "1.5", "x", "", "18446744073709551617"):
        assert ask(d, f"profile?seconds={seconds}")[0] == 400


def test_the_command_line_is_shown_without_what_may_be_a_secret(otelcd):
    d = otelcd(config(), args=["--config", "yaml:exporters::debug::verbosity: basic", "--set", "exporters::debug::verbosity=normal"], allow=["not used"])
    words = ask(d, "cmdline")[1].decode().split("\0")
    assert words[0] == str(OTELCD) and "otelcd.yaml" in words[4]
    assert words[-4:] == ["--config", "yaml:[REDACTED]", "--set", "exporters::debug::verbosity=[REDACTED]"]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's own handlers stand between")
def test_addresses_have_names(otelcd):
    d = otelcd(config())
    assert ask(d, "symbol")[1] == b"num_symbols: 1\n"
    nm = subprocess.run(["nm", OTELCD], capture_output=True, text=True, timeout=PATIENCE).stdout
    at = int(re.search(r"^(\w+) T main$", nm, re.M)[1], 16)
    with open(f"/proc/{d.process.pid}/maps") as maps:
        start = int(next(line for line in maps if str(os.path.realpath(OTELCD)) in line).split("-")[0], 16)
    assert ask(d, f"symbol?{start + at + 4:#x}+0x10")[1].decode().split("\n")[1:] == [f"{start + at + 4:#x} main", ""]
