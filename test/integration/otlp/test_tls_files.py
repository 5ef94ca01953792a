# SPDX-License-Identifier: Apache-2.0
"""Certificates, keys and CAs that change while otelcd runs: in every way in which people change files."""

import http.client
import os
import socket
import ssl
import threading

import pytest
from harness.authority import Authority, pair
from harness.limits import PATIENCE

EMPTY = b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
BODY = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", tls: {{{grpc}}}}}
      http: {{endpoint: "127.0.0.1:0", tls: {{{http}}}}}
exporters:
  nop: {{}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [nop]}}
"""


def both(tls):
    return CONFIG.format(grpc=tls, http=tls)


@pytest.fixture
def ca(tmp_path):
    return Authority(tmp_path)


def trust(ca, client=None):
    context = ssl.create_default_context(cafile=str(ca.cert))
    if client is not None:
        context.load_cert_chain(*client)
    return context


def shake(port, context):
    """Who the server is, by its certificate's number; with an answer from it, so that the client is let in too."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as s, context.wrap_socket(s, server_hostname="localhost") as t:
        t.sendall(EMPTY)
        assert t.recv(100).startswith(b"HTTP/1.1 200")
        return t.getpeercert()["serialNumber"]


def wait_reloads(d, n, outcome="ok"):
    d.wait_metrics(lambda m: m.sum("otelcd_tls_reloads", outcome=outcome) >= n)


def replace(old, new):
    """Certificate and key."""
    os.replace(new[1], old[1])
    os.replace(new[0], old[0])


class Kept(threading.Thread):
    """A client that keeps its connection, and has its next request on it at once."""

    def __init__(self, port, context):
        super().__init__()
        self.connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)
        self.connection.connect()
        self.socket, self.sent, self.stop, self.fault = self.connection.sock, 0, threading.Event(), None
        self.start()

    def run(self):
        try:
            while not self.stop.is_set():
                self.connection.request("POST", "/v1/logs", BODY, {"content-type": "application/json"})
                r = self.connection.getresponse()
                r.read()
                assert r.status == 200 and self.connection.sock is self.socket, "another connection"
                self.sent += 1
        except Exception as e:
            self.fault = e

    def end(self):
        self.stop.set()
        self.join(PATIENCE)
        self.connection.close()
        assert self.fault is None, self.fault
        return self.sent


def test_a_certificate_that_is_swapped_under_load_costs_no_connection_and_no_request(otelcd, ca):
    own = ca.issue("localhost")
    d = otelcd(both(pair(own)))
    context = trust(ca)
    first = shake(d.http_port, context)
    kept = [Kept(d.http_port, context) for _ in range(4)]
    for n in range(1, 4):
        replace(own, ca.issue("localhost", file="next"))
        wait_reloads(d, 2 * n)
        second = shake(d.http_port, context)
        assert second != first
        first = second
    sent = sum(k.end() for k in kept)
    d.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") == sent)


def test_links_that_are_turned_as_kubernetes_turns_them_are_followed(otelcd, ca, tmp_path):
    """tls.crt is a link to ..data/tls.crt, and ..data one to a folder with a date, which is replaced by a rename."""
    mount = tmp_path / "mount"

    def publish(date):
        folder = mount / date
        folder.mkdir(parents=True)
        new = ca.issue("localhost", file="new")
        for path, name in zip(new, ["tls.crt", "tls.key"]):
            os.replace(path, folder / name)
        os.symlink(date, mount / "..data_tmp")
        os.replace(mount / "..data_tmp", mount / "..data")

    publish("..2026_01_01")
    names = [mount / "tls.crt", mount / "tls.key"]
    for name in names:
        os.symlink(f"..data/{name.name}", name)
    d = otelcd(both(pair(names)))
    serials = {shake(d.http_port, trust(ca))}
    for n, date in enumerate(["..2026_02_02", "..2026_03_03"], 1):
        publish(date)
        wait_reloads(d, 2 * n)
        serials.add(shake(d.http_port, trust(ca)))
    assert len(serials) == 3
    assert d.metric("otelcd_tls_reloads", component="otlp", outcome="failed") == 0


def test_the_cas_of_clients_alone_may_change(otelcd, ca, tmp_path):
    clients, next_clients = Authority(tmp_path, "clients"), Authority(tmp_path, "next clients")
    d = otelcd(both(pair(ca.issue("localhost")) + f", client_ca_file: '{clients.cert}'"), allow=["A TLS handshake with a client failed"])
    old, new = trust(ca, clients.issue("agent")), trust(ca, next_clients.issue("agent", file="new agent"))
    shake(d.http_port, old)
    with pytest.raises((ssl.SSLError, ConnectionError), match="unknown ca"):
        shake(d.http_port, new)
    os.replace(next_clients.cert, clients.cert)
    wait_reloads(d, 2)
    shake(d.http_port, new)
    with pytest.raises((ssl.SSLError, ConnectionError), match="unknown ca"):
        shake(d.http_port, old)


def test_a_session_does_not_outlive_the_ca_of_its_client(otelcd, ca, tmp_path):
    clients, next_clients = Authority(tmp_path, "clients"), Authority(tmp_path, "next clients")
    d = otelcd(both(pair(ca.issue("localhost")) + f", client_ca_file: '{clients.cert}'"), allow=["A TLS handshake with a client failed"])
    context = trust(ca, clients.issue("agent"))

    def connect(session=None):
        with socket.create_connection(("127.0.0.1", d.http_port), PATIENCE) as s:
            with context.wrap_socket(s, server_hostname="localhost", session=session) as t:
                t.sendall(EMPTY)
                assert t.recv(100).startswith(b"HTTP/1.1 200")
                return t.session, t.session_reused

    session, _ = connect()
    session, reused = connect(session)
    assert reused
    os.replace(next_clients.cert, clients.cert)
    wait_reloads(d, 2)
    with pytest.raises((ssl.SSLError, ConnectionError), match="unknown ca"):
        connect(session)


def test_a_ca_file_that_is_half_written_leaves_what_there_was(otelcd, ca, tmp_path):
    clients = Authority(tmp_path, "clients")
    d = otelcd(both(pair(ca.issue("localhost")) + f", client_ca_file: '{clients.cert}'"), expect=["New TLS files cannot be used"])
    client, whole = trust(ca, clients.issue("agent")), clients.cert.read_text()
    for n, text in enumerate([whole[: len(whole) // 2], whole + whole[:100], ""], 1):
        clients.cert.write_text(text)
        wait_reloads(d, 2 * n, "failed")
        shake(d.http_port, client)
    clients.cert.write_text(whole + ca.cert.read_text())
    wait_reloads(d, 2)
    shake(d.http_port, client)
    d.wait_log("New TLS files cannot be used")


def test_a_certificate_that_is_half_written_leaves_what_there_was(otelcd, ca):
    cert, key = ca.issue("localhost")
    d = otelcd(both(pair((cert, key))), expect=["New TLS files cannot be used"])
    serial = shake(d.http_port, trust(ca))
    cert.write_text(cert.read_text()[:200])
    wait_reloads(d, 2, "failed")
    d.wait_log("New TLS files cannot be used")
    assert "is broken" in d.log()
    assert shake(d.http_port, trust(ca)) == serial


def test_reload_interval_finds_what_the_file_system_does_not_tell(otelcd, tmp_path):
    """The file is written by another name of it, in another folder: nobody is told. The look each minute is too late."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    ca = Authority(here)
    own, *new = ca.issue("localhost"), ca.issue("localhost", file="second"), ca.issue("localhost", file="third")
    for path in own:
        os.link(path, elsewhere / path.name)
    d = otelcd(both(pair(own) + ", reload_interval: 200ms"))
    serials = {shake(d.http_port, trust(ca))}
    for n, folder in enumerate([here, elsewhere], 1):  # the first time it is told, and when that is over nobody looks any more
        for path, text in zip(own, [p.read_bytes() for p in new[n - 1]]):
            (folder / path.name).write_bytes(text)
        wait_reloads(d, 2 * n)
        serials.add(shake(d.http_port, trust(ca)))
    assert len(serials) == 3


def test_without_a_reload_interval_the_files_are_read_once(otelcd, ca):
    own = ca.issue("localhost")
    d = otelcd(CONFIG.format(grpc=pair(own) + ", reload_interval: 0s", http=pair(own)), allow=["An OTLP/HTTP exporter sends to the OTLP/gRPC port"])
    first = shake(d.grpc_port, trust(ca))
    for n in (1, 2):
        replace(own, ca.issue("localhost", file="new"))
        wait_reloads(d, n)
        assert shake(d.http_port, trust(ca)) != first
    assert shake(d.grpc_port, trust(ca)) == first


def test_a_certificate_that_expires_while_it_is_in_use_is_told_at_once_and_can_be_exchanged(otelcd, ca):
    own = ca.issue("localhost", seconds=4)
    d = otelcd(both(pair(own)), expect=["Fault in the configuration", "A TLS certificate expires soon", "A TLS certificate has expired"],
               allow=["A TLS handshake with a client failed"])
    kept = Kept(d.http_port, trust(ca))
    d.wait_log("A TLS certificate has expired")
    with pytest.raises(ssl.SSLError, match="certificate has expired"):
        shake(d.http_port, trust(ca))
    assert kept.end() > 0
    replace(own, ca.issue("localhost", file="new"))
    wait_reloads(d, 2)
    shake(d.http_port, trust(ca))


def test_a_client_whose_certificate_expires_is_let_in_no_more(otelcd, ca):
    d = otelcd(both(pair(ca.issue("localhost")) + f", client_ca_file: '{ca.cert}'"), expect=["A TLS handshake with a client failed"])
    context = trust(ca, ca.issue("agent", seconds=3))
    kept = Kept(d.http_port, context)

    def refused():
        try:
            shake(d.http_port, context)
        except (ssl.SSLError, ConnectionError) as e:
            return "expired" in str(e)

    d.wait_metrics(lambda _: refused())
    assert kept.end() > 0
    d.wait_log("A TLS handshake with a client failed")
    assert '\\"CN=agent\\" expired on 20' in d.log()
