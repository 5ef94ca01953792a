# SPDX-License-Identifier: Apache-2.0
"""service::workers: several processes share the connections; the one that was started looks after them and speaks for all."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading

from configs import NOP
from harness import otlp
from harness.alerts import wait
from harness.limits import OTELCD, PATIENCE
from test_control import runtime  # noqa: F401
from test_tap import Tap

TRACES = ("pipeline", "traces")


def shared(config, n=2):
    return config.replace("service:\n", f"service:\n  workers: {n}\n", 1)


QUEUE = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  debug: {{sending_queue: {{storage: file_storage}}}}
extensions:
  file_storage: {{directory: {folder}, create_directory: true}}
service:
  workers: {workers}
  extensions: [file_storage]
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
"""

DIED = "A worker has died: it is started again"


def status(d):
    return json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])


def pids(d):
    return [w["pid"] for w in status(d)["workers"]]


class Connection:
    """One that stays."""

    def __init__(self, d):
        self.http = http.client.HTTPConnection(d.http_address(), timeout=PATIENCE)
        d.open.append(self)

    def send(self, n=1):
        self.http.request("POST", "/v1/traces", otlp.traces(n).SerializeToString(), {"Content-Type": "application/x-protobuf"})
        answer = self.http.getresponse()
        answer.read()
        return answer.status

    def close(self):
        self.http.close()


def connected(d):
    return sorted(int(s.value) for s in d.metrics().find("otelcd_worker_connections"))


def test_connections_are_shared_evenly_and_the_ledger_is_that_of_all(otelcd):
    d = otelcd(shared(NOP))
    connections = [Connection(d) for _ in range(6)]
    for c in connections:
        assert c.send(2) == 200
    d.wait_metrics(lambda m: sorted(int(s.value) for s in m.find("otelcd_worker_connections")) == [3, 3])
    assert d.ledger(*TRACES)["received"] == d.ledger(*TRACES)["delivered"] == 12
    assert d.metric("otelcol_receiver_accepted_spans", receiver="otlp", transport="http") == 12
    for c in connections[:3]:
        c.close()
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_worker_connections")) == 3)


def test_a_worker_that_has_not_noticed_that_its_callers_went_gets_some_when_they_come_back(otelcd):
    d = otelcd(shared(NOP))
    before = [Connection(d) for _ in range(8)]
    for c in before:
        assert c.send(1) == 200
    first = pids(d)[0]
    os.kill(first, signal.SIGSTOP)
    try:
        for c in before:
            c.close()
        d.wait_metrics(lambda m: sorted(int(s.value) for s in m.find("otelcd_worker_connections")) == [0, 4])
        again = [Connection(d) for _ in range(4)]
        for c in again:
            c.http.connect()
        d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_worker_connections", worker="2")) > 0)
    finally:
        os.kill(first, signal.SIGCONT)
    for c in again:
        assert c.send(1) == 200
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_worker_connections")) == 4)
    assert connected(d)[0] > 0


def test_what_workers_say_while_the_front_does_not_listen_is_not_lost(otelcd):
    d = otelcd(shared(NOP))
    host, port = d.http_address().rsplit(":", 1)
    callers = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(640)]
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_worker_connections")) == 640)
    os.kill(d.process.pid, signal.SIGSTOP)
    try:
        for c in callers:  # one after another: each worker says more often how many it has left than the channel takes
            c.shutdown(socket.SHUT_WR)
            assert c.recv(1) == b""
            c.close()
    finally:
        os.kill(d.process.pid, signal.SIGCONT)
    d.wait_metrics(lambda m: sum(s.value for s in m.find("otelcd_worker_connections")) == 0)


def test_the_page_and_the_status_show_each_worker_and_sums_of_all(otelcd):
    d = otelcd(shared(NOP))
    for _ in range(4):
        assert Connection(d).send(1) == 200
    s = status(d)
    assert [w["number"] for w in s["workers"]] == [1, 2] and all(w["state"] == "running" for w in s["workers"])
    assert s["well"] and s["pipelines"][0]["ledger"]["delivered"] == 4
    assert s["service"]["resident_bytes"] > sum(w["resident_bytes"] for w in s["workers"])
    assert sum(sender["requests"] for r in s["receivers"] for sender in r["senders"]) == 4
    page = d.http("GET", "/", address=d.scrape_address())[2].decode()
    assert "<h2>Workers</h2>" in page and str(s["workers"][1]["pid"]) in page
    text = d.http("GET", "/api/v1/status?format=text", address=d.scrape_address())[2].decode()
    assert re.search(r"^worker 2 \(pid \d+\) is running: 2 connections", text, re.M), text
    top = subprocess.run([OTELCD, "top", "--once", "--interval", "100ms", "--endpoint", d.scrape_address()], capture_output=True, text=True, timeout=PATIENCE)
    pid = s["workers"][1]["pid"]
    assert top.returncode == 0 and re.search(rf"^2 +running +{pid} +2 +[\d.]+ +[\d.]+ +0$", top.stdout, re.M), top


def test_each_worker_has_its_part_of_the_memory(otelcd):
    d = otelcd(shared(NOP).replace("workers: 2", "workers: 2\n  memory_budget_mib: 100"))
    assert d.metric("otelcd_budget_limit_bytes") == 100 * 1024 * 1024
    assert status(d)["budget"]["limit_bytes"] == 100 * 1024 * 1024


def test_a_worker_that_is_killed_under_load_loses_nothing_acknowledged(otelcd, tmp_path):
    d = otelcd(QUEUE.format(folder=tmp_path / "q", workers=2), expect=[DIED], allow=["ended in the middle"])
    acknowledged, stop = [0] * 4, threading.Event()

    def load(i):
        while not stop.is_set():
            c = http.client.HTTPConnection(d.http_address(), timeout=PATIENCE)
            try:
                for _ in range(20):
                    c.request("POST", "/v1/traces", otlp.traces(3).SerializeToString(), {"Content-Type": "application/x-protobuf"})
                    answer = c.getresponse()
                    answer.read()
                    acknowledged[i] += 3 if answer.status == 200 else 0
            except (OSError, http.client.HTTPException):
                pass
            c.close()

    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for n in range(1, 4):
        before = sum(acknowledged)
        wait(lambda: sum(acknowledged) > before + 300, "nothing is acknowledged")
        os.kill(pids(d)[n % 2] or pids(d)[(n + 1) % 2], signal.SIGKILL)
        d.wait_log("The worker runs again", n)
    stop.set()
    for t in threads:
        t.join(PATIENCE)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    ledger = d.ledger("exporter", "debug", "traces")
    assert ledger["delivered"] == ledger["received"] >= sum(acknowledged), (ledger, d.metrics().find("otelcd_exporter_dropped_items"), sum(acknowledged))
    assert d.metrics().sum("otelcd_worker_restarts") == 3


def test_a_caller_whose_worker_is_dead_gets_another(otelcd):
    d = otelcd(shared(NOP), expect=[DIED])
    first = pids(d)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    for _ in range(4):
        assert Connection(d).send(1) == 200
    d.wait_log("The worker runs again", 2)
    assert not set(pids(d)) & set(first)


def test_a_stop_while_a_worker_starts_again_is_no_failure(otelcd):
    d = otelcd(shared(NOP), expect=[DIED])
    before = {0, *pids(d)}
    os.kill(pids(d)[0], signal.SIGKILL)
    wait(lambda: set(pids(d)) - before, "it is not started again")
    assert d.stop() == 0


def test_what_workers_had_counted_stays_in_the_sums_when_they_die(otelcd):
    d = otelcd(shared(NOP), expect=[DIED])
    for _ in range(4):
        assert Connection(d).send(5) == 200
    assert d.ledger(*TRACES)["delivered"] == 20
    os.kill(pids(d)[0], signal.SIGKILL)
    d.wait_log("The worker runs again")
    assert d.ledger(*TRACES)["delivered"] == 20
    assert Connection(d).send(1) == 200
    assert d.ledger(*TRACES)["delivered"] == 21


def test_a_reload_under_load_refuses_nothing(otelcd, unused_port):
    text = shared(NOP).replace('http: {endpoint: "127.0.0.1:0"}', f'http: {{endpoint: "127.0.0.1:{unused_port}"}}')
    d = otelcd(text)
    sent, failed, stop = [0] * 3, [], threading.Event()

    def load(i):
        while not stop.is_set():
            try:
                c = http.client.HTTPConnection("127.0.0.1", unused_port, timeout=PATIENCE)
                c.request("POST", "/v1/traces", otlp.traces(1).SerializeToString(), {"Content-Type": "application/x-protobuf"})
                assert c.getresponse().status == 200
                sent[i] += 1
                c.close()
            except Exception as e:
                failed.append(repr(e))

    threads = [threading.Thread(target=load, args=(i,)) for i in range(3)]
    for t in threads:
        t.start()
    for n in range(4):
        before = sum(sent)
        wait(lambda: sum(sent) > before + 50, "nothing is sent")
        d.reload(text.replace("http: {endpoint", f"http: {{max_request_body_size: {20_000_000 + n}, endpoint"))
    stop.set()
    for t in threads:
        t.join(PATIENCE)
    assert not failed, failed[:3]
    assert d.ledger(*TRACES)["delivered"] == sum(sent)


def test_a_broken_configuration_changes_nothing_anywhere(otelcd):
    d = otelcd(shared(NOP), expect=["nopp", "running on with the old one"])
    before = pids(d)
    d.reload(shared(NOP).replace("exporters: [nop]", "exporters: [nopp]"), "running on with the old one")
    assert Connection(d).send(2) == 200 and Connection(d).send(2) == 200
    assert d.ledger(*TRACES)["delivered"] == 4
    assert pids(d) == before
    assert status(d)["reload"]["failed"] == 1


def test_what_does_not_start_in_the_workers_changes_nothing_anywhere(otelcd):
    d = otelcd(shared(NOP), expect=["does not start", "Running on the old configuration"])
    taken = otelcd(NOP).grpc_address()
    d.reload(
        shared(NOP).replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "{taken}"}}'),
        "^Running on the old configuration",
    )
    for _ in range(4):
        d.export(otlp.traces(1))
    assert d.ledger(*TRACES)["delivered"] == 4
    assert "is in use" in status(d)["reload"]["fault"] or "in use" in status(d)["reload"]["fault"]
    d.reload(shared(NOP))


def test_a_worker_that_dies_after_its_reload_while_others_reload_takes_all_of_them_back(otelcd, unused_port):
    d = otelcd(shared(NOP), expect=[DIED, "it has died on the new configuration", "Running on the old configuration"])
    first, second = pids(d)
    os.kill(second, signal.SIGSTOP)
    try:
        text = shared(NOP).replace('http: {endpoint: "127.0.0.1:0"}', f'http: {{endpoint: "127.0.0.1:{unused_port}"}}')
        (d.folder / "otelcd.yaml").write_text(text)
        d.process.send_signal(signal.SIGHUP)
        wait(lambda: [w["state"] for w in status(d)["workers"]] == ["running", "reloading"], "the first does not reload")
        os.kill(first, signal.SIGKILL)
        d.wait_log("The worker runs again")
    finally:
        os.kill(second, signal.SIGCONT)
    d.wait_log("^Running on the old configuration")
    assert Connection(d).send(2) == 200 and Connection(d).send(2) == 200
    assert d.ledger(*TRACES)["delivered"] == 4


def test_a_reload_starts_a_worker_that_waits_to_be_started_again(otelcd, unused_port):
    d = otelcd(shared(NOP), expect=[DIED])
    for n in range(1, 5):  # each time it waits for twice as long
        os.kill(pids(d)[0], signal.SIGKILL)
        d.wait_log(DIED, n)
        if n < 4:
            d.wait_log("The worker runs again", n)
    d.reload(shared(NOP).replace('http: {endpoint: "127.0.0.1:0"}', f'http: {{endpoint: "127.0.0.1:{unused_port}"}}'))
    assert [w["state"] for w in status(d)["workers"]] == ["running", "running"] and status(d)["reload"]["failed"] == 0
    for _ in range(4):
        assert Connection(d).send(1) == 200
    d.wait_metrics(lambda m: sorted(int(s.value) for s in m.find("otelcd_worker_connections")) == [2, 2])
    assert d.metrics().sum("otelcd_worker_restarts") == 4


AGENTS = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
processors:
  transform: {trace_statements: ['set(span.attributes["KEY"], UserAgent("curl/7.81.0"))']}
exporters:
  nop:
service:
  pipelines:
    traces: {receivers: [otlp], processors: [transform], exporters: [nop]}
"""


def test_a_worker_that_starts_again_after_a_reload_knows_user_agents(otelcd):
    """Their file is the system's, not a part of the configuration that workers are handed."""
    d = otelcd(shared(AGENTS), expect=[DIED])
    d.reload(shared(AGENTS.replace("KEY", "agent")))
    os.kill(pids(d)[0], signal.SIGKILL)
    d.wait_log("The worker runs again")
    for _ in range(4):
        assert Connection(d).send(1) == 200


def test_two_signals_while_a_worker_reloads_end_all_of_them_in_peace(otelcd, unused_port):
    d = otelcd(shared(NOP), end=False)
    second = pids(d)[1]
    os.kill(second, signal.SIGSTOP)
    try:
        text = shared(NOP).replace('http: {endpoint: "127.0.0.1:0"}', f'http: {{endpoint: "127.0.0.1:{unused_port}"}}')
        (d.folder / "otelcd.yaml").write_text(text)
        d.process.send_signal(signal.SIGHUP)
        wait(lambda: [w["state"] for w in status(d)["workers"]] == ["running", "reloading"], "the first does not reload")
        for n in (1, 2):
            d.terminate(signal.SIGTERM)
            d.wait_log("Received signal from OS", n)
        assert status(d)["workers"][0]["state"] == "running"
    finally:
        os.kill(second, signal.SIGCONT)
    assert d.wait_end() == 0 and not d.lines(DIED)


def test_three_signals_end_a_worker_that_hangs(otelcd):
    d = otelcd(shared(NOP), end=False)
    workers = pids(d)
    os.kill(workers[0], signal.SIGSTOP)
    for n in (1, 2, 3):
        d.terminate(signal.SIGTERM)
        if n < 3:
            d.wait_log("Received signal from OS", n)
    assert d.wait_end() == 1
    wait(lambda: not any(is_there(pid) for pid in workers), "workers are left")


def children(d):
    with open(f"/proc/{d.process.pid}/task/{d.process.pid}/children") as f:
        return [int(pid) for pid in f.read().split()]


def test_a_signal_to_all_processes_while_they_start_is_no_failure(otelcd):
    """As systemd sends it: a worker does not ignore it yet."""
    for _ in range(6):
        d = otelcd(shared(NOP, 4), ready=False, end=False, allow=[DIED])
        wait(lambda: len(children(d)) > 1, "no worker is started")
        for pid in [*children(d), d.process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        assert d.wait_end() == 0


def test_workers_that_die_leave_neither_zombies_nor_descriptors(otelcd):
    d = otelcd(shared(NOP), expect=[DIED])
    status(d)
    files = len(os.listdir(f"/proc/{d.process.pid}/fd"))
    for n in range(1, 4):
        os.kill(pids(d)[n % 2], signal.SIGKILL)
        d.wait_log("The worker runs again", n)
        d.reload(shared(NOP).replace("http: {endpoint", f"http: {{max_request_body_size: {20_000_000 + n}, endpoint"))
    assert sorted(children(d)) == sorted(pids(d))
    wait(lambda: len(os.listdir(f"/proc/{d.process.pid}/fd")) <= files, "descriptors are left open")


def test_whom_exporters_send_to_is_known_of_workers(otelcd, unused_port):
    text = shared(NOP).replace("  nop:\n", f"  nop:\n  otlp_http: {{endpoint: 'http://127.0.0.1:{unused_port}'}}\n")
    d = otelcd(text.replace("traces: {receivers: [otlp], exporters: [nop]}", "traces: {receivers: [otlp], exporters: [nop, otlp_http]}"))
    (peer,) = [n["peer"] for p in status(d)["pipelines"] for n in p["nodes"] if n["id"] == "otlp_http"]
    assert str(unused_port) in peer


def test_zpages_show_all_of_them(otelcd):
    zpages = NOP.replace("service:\n", 'extensions: {zpages: {endpoint: "127.0.0.1:0"}}\nservice:\n  extensions: [zpages]\n')
    d = otelcd(shared(zpages))
    for _ in range(4):
        assert Connection(d).send(3) == 200
    address = d.endpoint("^Serving pages$")
    page = d.http("GET", "/debug/pipelinez?zpipelinename=traces", address=address)[2].decode()
    assert '<td>pipeline</td><td></td><td class="n">12</td><td class="n">12</td>' in page
    page = d.http("GET", "/debug/servicez", address=address)[2].decode()
    assert "<h2>Workers</h2>" in page and all(str(pid) in page for pid in pids(d))


def test_what_one_worker_cannot_do_none_does(otelcd, tmp_path):
    (tmp_path / "q").mkdir()
    (tmp_path / "q/worker-2").write_text("no directory")
    queue = QUEUE.format(folder=tmp_path / "q", workers=2).replace("workers: 2", "workers: 2\n  sandbox: false")
    plain = shared(NOP).replace("workers: 2", "workers: 2\n  sandbox: false")
    d = otelcd(plain, expect=["does not start", "Running on the old configuration"])
    before = pids(d)
    d.reload(queue, "^Running on the old configuration")
    assert "worker 2: " in status(d)["reload"]["fault"]
    for _ in range(4):
        assert Connection(d).send(1) == 200
    assert pids(d) == before
    assert d.ledger("exporter", "nop", "traces")["delivered"] == 4  # of both, the one that could go over among them


def test_a_start_that_fails_in_the_workers_fails(otelcd):
    taken = otelcd(NOP).grpc_address()
    text = shared(NOP).replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "{taken}"}}')
    d = otelcd(text, ready=False, end=False, expect=["Cannot go on.*address already in use"], allow=[DIED])
    assert d.wait_end() == 1


def test_a_start_that_has_too_few_descriptors_for_all_workers_fails(otelcd):
    under = ["sh", "-c", 'ulimit -n 70; exec "$0" "$@"']
    d = otelcd(shared(NOP, 64), under=under, ready=False, end=False, expect=["Cannot start a worker"], allow=["."])
    assert d.wait_end() == 1


def test_otelcd_runs_with_its_standard_files_closed(otelcd):
    d = otelcd(shared(NOP), under=["sh", "-c", 'exec "$0" "$@" <&- >&-'])
    assert Connection(d).send(1) == 200


def test_the_end_drains_all_of_them(otelcd):
    text = NOP.replace("exporters:\n  nop:\n", "processors:\n  batch: {timeout: 1h}\nexporters:\n  nop:\n")
    d = otelcd(shared(text.replace("exporters: [nop]", "processors: [batch], exporters: [nop]")))
    for _ in range(4):
        assert Connection(d).send(3) == 200
    assert d.ledger(*TRACES)["held"] == 12
    d.close_clients()
    assert d.stop() == 0
    assert d.final_ledgers()[TRACES]["delivered"] == 12


def test_workers_leave_signals_to_who_started_them(otelcd):
    d = otelcd(shared(NOP))
    before = pids(d)
    for pid in before:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)
    for _ in range(4):
        assert Connection(d).send(1) == 200
    assert pids(d) == before


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_who_started_them(otelcd):
    d = otelcd(shared(NOP), end=False)
    workers = pids(d)
    d.terminate(signal.SIGKILL)
    d.process.wait(PATIENCE)
    wait(lambda: not any(is_there(pid) for pid in workers), "workers are left")


def test_a_tap_sees_the_items_of_all_workers(otelcd, runtime):  # noqa: F811
    d = otelcd(shared(NOP), env={"RUNTIME_DIRECTORY": str(runtime)})
    tap = Tap(d, "traces", "--count", "4", "--rate", "0")
    for _ in range(6):
        assert Connection(d).send(1) == 200
    code, items, told = tap.end()
    assert code == 0, told
    assert len(re.findall("^---", items, re.M)) == 4
    assert told.count("looking at") == 1
    assert "4 shown" in told


def test_a_queue_of_a_worker_that_is_not_started_any_more_is_delivered(otelcd, tmp_path, unused_port):
    text = QUEUE.format(folder=tmp_path / "q", workers=3).replace(
        "debug: {sending_queue: {storage: file_storage}}",
        f"otlp_grpc: {{endpoint: 127.0.0.1:{unused_port}, tls: {{insecure: true}}, sending_queue: {{storage: file_storage}}}}",
    ).replace("exporters: [debug]", "exporters: [otlp_grpc]")
    d = otelcd(text, end=False, allow=["."])
    for _ in range(6):
        assert Connection(d).send(1) == 200
    d.close_clients()
    assert d.stop() == 0
    assert {p.name for p in (tmp_path / "q").iterdir()} == {"exporter_otlp_grpc_traces", "worker-2", "worker-3"}
    sink = otelcd(NOP.replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "127.0.0.1:{unused_port}"}}'))
    d = otelcd(text.replace("workers: 3", "workers: 1"), allow=["."])
    assert len(status(d)["workers"]) == 3
    sink.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") == 6)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert d.lines("holds what a worker has not delivered: 3 workers are started")
    d.close_clients()
    assert d.stop() == 0
    d = otelcd(text.replace("workers: 3", "workers: 1"), allow=["."])
    assert "workers" not in status(d)
    assert d.ledger("exporter", "otlp_grpc", "traces")["held"] == 0


def test_explain_says_that_there_are_several(tmp_path):
    (tmp_path / "c.yaml").write_text(shared(NOP))
    said = subprocess.run([OTELCD, "explain", "--config", tmp_path / "c.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    assert said.returncode == 0 and "processes: 2 workers, each with its part" in " ".join(said.stdout.split())


def test_the_word_that_starts_a_worker_starts_nothing_by_hand():
    said = subprocess.run([OTELCD, "worker"], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert said.returncode == 1 and "a worker is started by otelcd itself" in said.stderr
