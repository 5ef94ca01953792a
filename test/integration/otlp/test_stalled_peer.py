# SPDX-License-Identifier: Apache-2.0
"""A peer of the OTLP exporters that stalls while senders go on under a memory_limiter: memory is bounded, every refusal says when to
come again, and what was acknowledged arrives once the peer goes on."""

import socket
import threading

import grpc
import pytest
from harness import otlp
from harness.limits import PATIENCE, SANITIZED
from harness.otlp_peer import PEERS, retry_of
from harness.watch import PeakRss

LIMIT_MIB = 300 if SANITIZED else 80

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64}}
      http: {{endpoint: "127.0.0.1:0"}}
processors:
  memory_limiter: {{check_interval: 1s, limit_mib: {limit}}}
exporters:
  {exporter}: {{endpoint: "{endpoint}", tls: {{insecure: true}}, timeout: 60s, sending_queue: {{queue_size: 100000}}}}
service:
  shutdown_timeout: {shutdown}
  pipelines:
    logs: {{receivers: [otlp], processors: [memory_limiter], exporters: [{exporter}]}}
"""


def fill(d, refusals, senders=4):
    """Senders go on until each has heard so many refusals; what was acknowledged, and what each refusal said."""
    taken, heard = [], []

    def load(k):
        call, refused, n = d.caller(otlp.LOGS.request()), 0, 0
        request = otlp.logs(500)
        records = request.resource_logs[0].scope_logs[0].log_records
        for r in records:
            r.body.string_value = f"{k} " + "x" * 500
        while refused < refusals:
            n += 1
            try:
                call(request, timeout=PATIENCE)
                taken.append(len(records))
            except grpc.RpcError as e:
                refused += 1
                heard.append((e.code().name, retry_of(e)))

    workers = [threading.Thread(target=load, args=(k,)) for k in range(senders)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return sum(taken), heard


@pytest.mark.parametrize("exporter", PEERS)
def test_a_peer_that_stalls_and_goes_on_gets_all_that_was_acknowledged(otelcd, figure, exporter):
    released = threading.Event()
    p = PEERS[exporter](lambda call: None if released.wait(2 * PATIENCE) else None)
    try:
        text = CONFIG.format(exporter=exporter, endpoint=p.endpoint, limit=LIMIT_MIB, shutdown=f"{PATIENCE}s")
        d = otelcd(text, allow=["Request rejected", "Memory usage", "memory"])
        with PeakRss(d) as peak:
            taken, heard = fill(d, 20)
        figure("peak RSS", peak.mib, "MiB")
        assert {code for code, _ in heard} == {"UNAVAILABLE"} and all(r for _, r in heard), heard
        assert SANITIZED or peak.mib <= LIMIT_MIB + 32
        assert taken > 10_000
        released.set()
        p.wait_items(taken)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
        assert d.ledger("exporter", exporter, "logs")["delivered"] == taken == p.items()
    finally:
        released.set()
        p.close()


@pytest.mark.parametrize("exporter", PEERS)
def test_a_peer_that_never_reads_is_no_more_than_what_is_held_for_it(otelcd, figure, exporter):
    with socket.create_server(("127.0.0.1", 0)) as sink:  # takes connections, and never reads
        endpoint = ("http://" if exporter == "otlp_http" else "") + "127.0.0.1:%d" % sink.getsockname()[1]
        d = otelcd(CONFIG.format(exporter=exporter, endpoint=endpoint, limit=LIMIT_MIB, shutdown="100ms"), allow=["."])
        with PeakRss(d) as peak:
            taken, heard = fill(d, 20)
        figure("peak RSS", peak.mib, "MiB")
        assert {code for code, _ in heard} == {"UNAVAILABLE"} and all(r for _, r in heard), heard
        assert SANITIZED or peak.mib <= LIMIT_MIB + 32
        assert d.ledger("exporter", exporter, "logs")["held"] == taken
