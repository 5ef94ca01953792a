# SPDX-License-Identifier: Apache-2.0
"""otelcd behind otelcd, and in front of peers that are something else: what was acknowledged arrives, and a wrong port says so."""

import json
import random
import signal
import socket
import threading

import grpc
import pytest
from harness import filed, otlp
from harness.limits import PATIENCE, free_port
from harness.otlp_peer import PEERS, GrpcPeer, HttpPeer, items, retry_of

HOP = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"}}
      http: {{endpoint: "127.0.0.1:{http}"}}
extensions:
  file_storage: {{directory: {folder}/{storage}, create_directory: true}}
exporters:
  {exporter}: {options}
service:
  extensions: [file_storage]
  pipelines:
    traces: {{receivers: [otlp], exporters: [{exporter}]}}
    metrics: {{receivers: [otlp], exporters: [{exporter}]}}
    logs: {{receivers: [otlp], exporters: [{exporter}]}}
    profiles: {{receivers: [otlp], exporters: [{exporter}]}}
"""
SOON = {"initial_interval": "5ms", "max_interval": "20ms"}


def hop(folder, exporter, options, grpc=0, http=0, storage="storage"):
    return HOP.format(folder=folder, exporter=exporter, options=json.dumps(options), grpc=grpc, http=http, storage=storage)


def to(exporter, address, **options):
    if exporter == "otlp_grpc":
        return {"endpoint": address, "tls": {"insecure": True}, "retry_on_failure": SOON, **options}
    return {"endpoint": f"http://{address}", "retry_on_failure": SOON, **options}


def next_address(d, exporter):
    return d.grpc_address() if exporter == "otlp_grpc" else d.http_address()


def text_of(address):
    return "%s:%d" % tuple(address) if isinstance(address, tuple) else str(address)


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd", "snappy"])
@pytest.mark.parametrize("exporter", PEERS)
def test_all_signals_pass_two_hops_into_a_file_as_they_were_sent(otelcd, tmp_path, exporter, compression):
    out = tmp_path / "out.pb"
    last = otelcd(hop(tmp_path, "file", {"path": str(out), "format": "proto"}, storage="last"))
    first = otelcd(hop(tmp_path, exporter, to(exporter, text_of(next_address(last, exporter)), compression=compression)))
    messages = filed.prefixed((filed.FOLDER / "collector.pb").read_bytes())
    for n, ((sort, _), body) in enumerate(zip(filed.CASES, messages, strict=True)):
        assert first.http("POST", sort.path, body, {"Content-Type": "application/x-protobuf"})[0] == 200
        first.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    profile = (filed.ROOT / "test/data/debug/profiles.json").read_bytes()
    assert first.http("POST", otlp.PROFILES.path, profile, {"Content-Type": "application/json"})[0] == 200
    first.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    came = filed.prefixed(out.read_bytes())
    assert came[: len(messages)] == messages
    assert items(otlp.PROFILES.request.FromString(came[-1])) > 0


@pytest.mark.parametrize("exporter", PEERS)
def test_a_chain_of_three_loses_nothing_acknowledged_when_the_middle_one_is_killed(otelcd, tmp_path, exporter):
    peer = PEERS[exporter]()
    ports = [free_port(), free_port()]
    middle_text = hop(
        tmp_path,
        exporter,
        to(exporter, peer.endpoint.removeprefix("http://"), sending_queue={"storage": "file_storage"}),
        *ports,
        storage="middle",
    )
    middle = otelcd(middle_text, end=False)
    address = f"127.0.0.1:{ports[0] if exporter == 'otlp_grpc' else ports[1]}"
    queue = {"storage": "file_storage", "queue_size": 100000}
    first = otelcd(hop(tmp_path, exporter, to(exporter, address, sending_queue=queue)), allow=["."])
    acknowledged, stopped = [], threading.Event()

    def load(k):
        call = first.caller(otlp.LOGS.request())
        n = 0
        while not stopped.is_set():
            request = otlp.logs(1)
            request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = f"{k}-{n}"
            call(request, timeout=PATIENCE)
            acknowledged.append(f"{k}-{n}")
            n += 1

    threads = [threading.Thread(target=load, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for i in range(5):
        peer.wait(lambda p, seen=len(peer.taken): len(p.taken) > seen + 20)
        middle.terminate(signal.SIGKILL)
        middle.process.wait(PATIENCE)
        middle = otelcd(middle_text, end=i == 4, allow=["."])
    stopped.set()
    for t in threads:
        t.join()

    def bodies():
        return {
            r.body.string_value
            for c in list(peer.taken)
            for rl in c.message.resource_logs
            for sl in rl.scope_logs
            for r in sl.log_records
        }

    peer.wait(lambda p: len(p.taken) >= len(acknowledged) * 9 // 10)
    peer.wait(lambda p: set(acknowledged) <= bodies())
    for d in (first, middle):
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    peer.close()


@pytest.mark.parametrize("exporter", PEERS)
def test_without_queues_what_a_killed_middle_one_has_not_passed_on_is_refused_to_the_sender(otelcd, tmp_path, exporter):
    peer = PEERS[exporter]()
    ports = [free_port(), free_port()]
    off = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}
    middle_text = hop(tmp_path, exporter, {**to(exporter, peer.endpoint.removeprefix("http://")), **off}, *ports, storage="middle")
    middle = otelcd(middle_text, end=False)
    address = f"127.0.0.1:{ports[0] if exporter == 'otlp_grpc' else ports[1]}"
    first = otelcd(hop(tmp_path, exporter, {**to(exporter, address), **off}), allow=["."])
    acknowledged, refused, stopped = [], [], threading.Event()

    def load(k):
        call, n = first.caller(otlp.LOGS.request()), 0
        while not stopped.is_set():
            request = otlp.logs(1)
            request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = f"{k}-{n}"
            n += 1
            try:
                call(request, timeout=PATIENCE)
                acknowledged.append(f"{k}-{n - 1}")
            except grpc.RpcError as e:
                refused.append(e.code())
                stopped.wait(0.01)  # who is refused comes again in a while

    threads = [threading.Thread(target=load, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for i in range(3):
        peer.wait(lambda p, seen=len(peer.taken): len(p.taken) > seen + 20)
        seen = len(refused)
        middle.terminate(signal.SIGKILL)
        middle.process.wait(PATIENCE)
        first.wait_metrics(lambda _, seen=seen: len(refused) > seen)
        middle = otelcd(middle_text, end=i == 2, allow=["."])
    peer.wait(lambda p, seen=len(peer.taken): len(p.taken) > seen + 20)
    stopped.set()
    for t in threads:
        t.join()
    assert set(refused) == {grpc.StatusCode.UNAVAILABLE}
    arrived = {r.body.string_value for c in peer.taken for rl in c.message.resource_logs for sl in rl.scope_logs for r in sl.log_records}
    assert set(acknowledged) <= arrived
    column = first.ledger("pipeline", "logs")
    assert (column["delivered"], column["refused"], column["held"], column["dropped"]) == (len(acknowledged), len(refused), 0, 0)
    peer.close()


@pytest.mark.parametrize("exporter", PEERS)
def test_without_queues_the_sender_hears_what_the_last_of_three_says(otelcd, tmp_path, exporter):
    answers = []
    peer = PEERS[exporter](lambda call: answers.pop(0))
    off = {"sending_queue": {"enabled": False}}
    retries = {"retry_on_failure": {"enabled": False}}
    middle = otelcd(
        hop(tmp_path, exporter, {**to(exporter, peer.endpoint.removeprefix("http://")), **off, **retries}, storage="middle"), allow=["."]
    )
    first = otelcd(hop(tmp_path, exporter, {**to(exporter, text_of(next_address(middle, exporter))), **off, **retries}), allow=["."])
    partial = otlp.LOGS.response()
    partial.partial_success.rejected_log_records = 2
    partial.partial_success.error_message = "too old"
    # What is refused for good goes once more: the middle one forwards the first one's gzip, and then codes it itself.
    if exporter == "otlp_grpc":
        answers += [("UNAVAILABLE", "in a while", 3), *[("INVALID_ARGUMENT", "never", None)] * 2, partial]
    else:
        proto = {"Content-Type": "application/x-protobuf"}
        answers += [(429, {"Retry-After": "3"}, b"in a while"), *[(400, {}, b"never")] * 2, (200, proto, partial.SerializeToString())]
    with pytest.raises(grpc.RpcError) as heard:
        first.export(otlp.logs(5))
    assert heard.value.code() == grpc.StatusCode.UNAVAILABLE and "in a while" in heard.value.details()
    assert "grpc-status-details-bin" in dict(heard.value.trailing_metadata())
    with pytest.raises(grpc.RpcError) as heard:
        first.export(otlp.logs(5))
    assert heard.value.code() == grpc.StatusCode.INVALID_ARGUMENT and "never" in heard.value.details()
    response = first.export(otlp.logs(5))
    assert response.partial_success.rejected_log_records == 2 and "too old" in response.partial_success.error_message
    assert answers == []
    peer.close()


def test_a_larger_request_than_the_next_hop_takes_arrives_whole(otelcd, tmp_path):
    out = tmp_path / "out.json"
    last = otelcd(hop(tmp_path, "file", {"path": str(out)}, storage="last"), allow=["larger than"])  # 4 MiB over gRPC
    text = hop(tmp_path, "otlp_grpc", to("otlp_grpc", text_of(last.grpc_address())))
    first = otelcd(text.replace('127.0.0.1:0"}', '127.0.0.1:0", max_recv_msg_size_mib: 64}', 1), allow=["no requests as large"])
    request = otlp.logs(20000)
    for r in request.resource_logs[0].scope_logs[0].log_records:
        r.body.string_value = "".join(random.choices("abcdefgh", k=1000))
    first.export(request)
    first.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 0)
    assert first.ledger("exporter", "otlp_grpc", "logs")["delivered"] == 20000
    assert sum(
        len(sl["logRecords"]) for m in filed.lines(out.read_bytes()) for rl in m["resourceLogs"] for sl in rl["scopeLogs"]
    ) == 20000
    assert first.metric("otelcd_exporter_otlp_request_limit_bytes", exporter="otlp_grpc", signal="logs") == 4 << 20


def test_a_full_queue_tells_the_hop_behind_when_to_come_again(otelcd, tmp_path):
    released = threading.Event()
    peer = HttpPeer(lambda call: None if released.wait(PATIENCE) else None)
    queue = {"queue_size": 2, "num_consumers": 1}
    d = otelcd(hop(tmp_path, "otlp_http", to("otlp_http", peer.endpoint.removeprefix("http://"), sending_queue=queue)), allow=["."])
    d.export(otlp.logs(1))
    d.export(otlp.logs(1))
    with pytest.raises(grpc.RpcError) as heard:
        d.export(otlp.logs(1))
    assert heard.value.code() == grpc.StatusCode.UNAVAILABLE and retry_of(heard.value) == 1
    status, headers, _ = d.post(otlp.logs(1))
    assert (status, headers["Retry-After"]) == (503, "1")
    released.set()
    peer.wait_items(2)
    peer.close()


# --- wrong ports ---


class Talker:
    """A server that says its piece to whoever comes, and closes."""

    def __init__(self, piece):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.piece = piece
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                c, _ = self.socket.accept()
                c.recv(65536)
                c.sendall(self.piece)
                c.close()
            except OSError:
                if self.socket.fileno() < 0:
                    return

    def close(self):
        self.socket.close()


SETTINGS = b"\0\0\0\4\0\0\0\0\0"
ALERT = b"\x15\x03\x01\0\x02\x02\x46"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
WRONG = {
    ("otlp_http", "gRPC"): (SETTINGS, "use otlp_grpc"),
    ("otlp_http", "TLS"): (ALERT, "https://"),
    ("otlp_grpc", "HTTP"): (BAD_REQUEST, "use otlp_http"),
    ("otlp_grpc", "TLS"): (ALERT, "tls::insecure"),
    ("otlp_grpc", "something"): (b"SSH-2.0-OpenSSH_9.2\r\n", "look at the port"),
}


@pytest.mark.parametrize("exporter, kind", WRONG)
def test_a_wrong_port_says_what_it_is_and_which_line_to_change(otelcd, tmp_path, exporter, kind):
    piece, advice = WRONG[exporter, kind]
    talker = Talker(piece)
    d = otelcd(hop(tmp_path, exporter, to(exporter, talker.address)) + "  shutdown_timeout: 1s\n", allow=["."])
    d.export(otlp.logs(1))
    d.wait_log("does not take what is sent for now")
    record = d.records("does not take what is sent for now")[0]
    assert record["reason"] == "wrong_protocol" and advice in record["advice"]
    talker.close()


def test_a_real_grpc_server_is_named_when_http_is_sent_to_it(otelcd, tmp_path):
    peer = GrpcPeer()
    d = otelcd(hop(tmp_path, "otlp_http", to("otlp_http", peer.endpoint)) + "  shutdown_timeout: 1s\n", allow=["."])
    d.export(otlp.logs(1))
    d.wait_log("use otlp_grpc|does not take what is sent for now")
    peer.close()


def test_a_real_http_server_is_named_when_grpc_is_sent_to_it(otelcd, tmp_path):
    peer = HttpPeer()
    d = otelcd(hop(tmp_path, "otlp_grpc", to("otlp_grpc", f"127.0.0.1:{peer.port}")) + "  shutdown_timeout: 1s\n", allow=["."])
    d.export(otlp.logs(1))
    d.wait_log("does not take what is sent for now")
    assert "`endpoint`" in d.records("does not take what is sent for now")[0]["advice"]  # it answers without a status line
    peer.close()
