# SPDX-License-Identifier: Apache-2.0
"""A batch in a queue on disk that the peer has taken in part when the daemon ends: the next one sends the rest, and no more."""

import json
import signal
import subprocess
import threading
import time

import pytest
from harness import otlp
from harness.limits import OTELCD, PATIENCE
from harness.otlp_peer import PEERS, status

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}}}}}
extensions:
  file_storage: {{directory: {folder}/storage, create_directory: true}}
exporters:
  {exporter}: {options}
service:
  shutdown_timeout: 1s
  extensions: [file_storage]
  pipelines:
    logs: {{receivers: [otlp], exporters: [{exporter}]}}
"""
ENDS = pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])


def text_of(folder, peer, **options):
    options = {"endpoint": peer.endpoint, "retry_on_failure": {"initial_interval": "10ms"}, **options}
    if peer.exporter == "otlp_grpc":
        options["tls"] = {"insecure": True}
    return CONFIG.format(folder=folder, exporter=peer.exporter, options=json.dumps(options))


def numbers(call):
    """The numbers of a request's records."""
    return [
        r.attributes[0].value.int_value
        for resource in call.message.resource_logs
        for scope in resource.scope_logs
        for r in scope.log_records
    ]


def wal(verb, peer, folder):
    directory = folder / "storage" / f"exporter_{peer.exporter}_logs"
    return subprocess.run([OTELCD, "wal", verb, directory], stdout=subprocess.PIPE, text=True, timeout=PATIENCE).stdout


def wait_noted(peer, folder, *ranges):
    """The queue on disk says of one record that these items are done with."""
    wanted = [f"items {first} to {last}, counted from 0, are done with" for first, last in ranges]
    deadline = time.monotonic() + PATIENCE
    while not all(w in (said := wal("inspect", peer, folder)) for w in wanted):
        assert time.monotonic() < deadline, f"never noted: {said}"
        threading.Event().wait(0.02)


class Stalling:
    """Answers what `takes` is true of; the rest waits, and is told to come again when the daemon has gone."""

    def __init__(self, exporter, takes):
        self.gone = threading.Event()
        self.takes = takes
        self.peer = PEERS[exporter](self.answer)
        self.busy = ("UNAVAILABLE", "busy", None) if exporter == "otlp_grpc" else (503, {}, status(14, "busy"))

    def answer(self, call):
        if self.gone.is_set() or self.takes(self.peer, call):
            return None
        self.gone.wait(2 * PATIENCE)
        return self.busy


def end_and_start_again(otelcd, d, end, text, stalling):
    d.terminate(end)
    d.process.wait(PATIENCE)
    d.close_clients()
    stalling.gone.set()
    return otelcd(text, allow=["ended in the middle"])


def check_taken_once(d, peer, n):
    peer.wait_items(n)
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert sorted(x for c in peer.taken for x in numbers(c)) == list(range(n))
    ledger = d.ledger("exporter", peer.exporter, "logs")
    assert ledger["received"] == ledger["delivered"] == n
    peer.close()


@ENDS
@pytest.mark.parametrize("exporter", PEERS)
def test_parts_of_a_large_batch_that_were_answered_are_not_sent_again(otelcd, tmp_path, exporter, end):
    stalling = Stalling(exporter, lambda peer, call: len(peer.calls) <= 2)
    peer = stalling.peer
    text = text_of(tmp_path, peer, max_request_bytes=20000, sending_queue={"storage": "file_storage"})
    request = otlp.logs(100)
    for r in request.resource_logs[0].scope_logs[0].log_records:
        r.body.string_value = "x" * 1000
    d = otelcd(text, end=False, allow=["."])
    d.export(request)
    peer.wait(lambda p: len(p.calls) == 3)
    taken = peer.items()
    wait_noted(peer, tmp_path, (0, taken - 1))
    assert wal("export", peer, tmp_path).count('"intValue"') == 100 - taken
    d = end_and_start_again(otelcd, d, end, text, stalling)
    check_taken_once(d, peer, 100)


@ENDS
@pytest.mark.parametrize("exporter", PEERS)
def test_slices_of_a_batch_that_were_answered_are_not_sent_again(otelcd, tmp_path, exporter, end):
    """The second and the last of four; a block of the queue has cut them."""
    stalling = Stalling(exporter, lambda peer, call: numbers(call)[0] in (10, 30))
    peer = stalling.peer
    queue = {"storage": "file_storage", "num_consumers": 4, "batch": {"min_size": 10, "max_size": 10, "flush_timeout": "50ms"}}
    text = text_of(tmp_path, peer, sending_queue=queue)
    d = otelcd(text, end=False, allow=["."])
    d.export(otlp.logs(40))
    peer.wait(lambda p: len(p.calls) == 4)
    wait_noted(peer, tmp_path, (10, 19), (30, 39))
    left = wal("export", peer, tmp_path).splitlines()
    assert len(left) == 1 and json.loads(left[0]) and left[0].count('"intValue"') == 20
    d = end_and_start_again(otelcd, d, end, text, stalling)
    check_taken_once(d, peer, 40)
