# SPDX-License-Identifier: Apache-2.0
"""otelcd before and behind the Go collector: what goes in comes out of the file at the end as it was."""

import json

import pytest
from harness import filed
from harness.authority import Authority

IN = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 64{tls}}}
      http: {{endpoint: "127.0.0.1:0"{tls}}}
exporters:
  {exporter}: {options}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [{exporter}]}}
    metrics: {{receivers: [otlp], exporters: [{exporter}]}}
    logs: {{receivers: [otlp], exporters: [{exporter}]}}
"""
WAYS = [(exporter, compression) for exporter in ("otlp_grpc", "otlp_http") for compression in ("none", "gzip", "zstd", "snappy")]
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def messages():
    return [(sort, body) for (sort, _), body in zip(filed.CASES, filed.prefixed((filed.FOLDER / "collector.pb").read_bytes()), strict=True)]


def last(out, tls=""):
    return IN.format(exporter="file", options=json.dumps({"path": str(out), "format": "proto"}), tls=tls)


def first(exporter, address, compression, ca=None):
    """One request at a time, so that the file has them in their order."""
    if exporter == "otlp_http":
        address = ("http://" if ca is None else "https://") + address
    options = {"endpoint": address.replace("127.0.0.1", "localhost"), "compression": compression, "sending_queue": {"enabled": False}}
    options["tls"] = {"insecure": True} if ca is None else {"ca_file": str(ca.cert)}
    return IN.format(exporter=exporter, options=json.dumps(options), tls="")


@pytest.fixture(params=[False, True], ids=["plain", "TLS"])
def ca(request, tmp_path):
    return Authority(tmp_path) if request.param else None


def server_tls(ca):
    return "" if ca is None else ", tls: {cert_file: '%s', key_file: '%s'}" % ca.issue("localhost")


def arrived(out):
    return filed.parsed(filed.prefixed(out.read_bytes()))


@pytest.mark.parametrize("exporter, compression", WAYS)
def test_the_collector_takes_from_otelcd_what_went_in(otelcd, collector, tmp_path, exporter, compression, ca):
    c = collector(last(tmp_path / "out.pb", server_tls(ca)))
    d = otelcd(first(exporter, c.ports["grpc" if exporter == "otlp_grpc" else "http"], compression, ca))
    for sort, body in messages():
        assert d.http("POST", sort.path, body, PROTOBUF)[0] == 200
    c.close()
    assert arrived(tmp_path / "out.pb") == filed.parsed([body for _, body in messages()])


@pytest.mark.parametrize("exporter, compression", WAYS)
def test_otelcd_takes_from_the_collector_what_went_in(otelcd, collector, tmp_path, exporter, compression, ca):
    d = otelcd(last(tmp_path / "out.pb", server_tls(ca)))
    c = collector(first(exporter, d.grpc_address() if exporter == "otlp_grpc" else d.http_address(), compression, ca))
    for sort, body in messages():
        assert d.http("POST", sort.path, body, PROTOBUF, c.ports["http"])[0] == 200
    d.stop()
    assert arrived(tmp_path / "out.pb") == filed.parsed([body for _, body in messages()])
