# SPDX-License-Identifier: Apache-2.0
"""Who may come in, over gRPC, HTTP and to scrapes: with right, wrong and missing credentials."""

import base64
import http.client
import os
import socket
import subprocess
import threading

import grpc
import pytest
from harness.limits import OTELCD, PATIENCE
from harness.otlp import Metrics, traces
from rpc import rpc_status_pb2

TOKEN = "a-token-of-ours"

SERVER = """
extensions:
{extensions}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: "127.0.0.1:0"
        auth: {{authenticator: {id}}}
      http:
        endpoint: "127.0.0.1:0"
        auth: {{authenticator: {id}{more}}}
        cors: {{allowed_origins: ["https://app.example.com"]}}
processors: {processors}
exporters:
  debug: {{verbosity: detailed, use_internal_logger: false, sampling_initial: 1000000}}
  prometheus: {{endpoint: "127.0.0.1:0", auth: {{authenticator: {id}}}}}
service:
  extensions: [{id}]
  pipelines:
    traces: {{receivers: [otlp], processors: {used}, exporters: [debug]}}
    metrics: {{receivers: [otlp], exporters: [prometheus]}}
"""


def server(id, text, processors="{}", used="[]", more=""):
    extensions = "\n".join("  " + line for line in [id + ":", *("  " + x for x in text.strip("\n").splitlines())])
    return SERVER.format(id=id, extensions=extensions, processors=processors, used=used, more=more)


BEARER = server("bearertokenauth", f"token: {TOKEN}")


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def post(d, authorization=None, path="/v1/traces", body=None, method="POST", **headers):
    headers = {k.replace("_", "-"): v for k, v in headers.items()}
    if authorization is not None:
        headers["Authorization"] = authorization
    headers.setdefault("content-type", "application/x-protobuf")
    host, port = d.http_address().rsplit(":", 1)
    c = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    try:
        c.request(method, path, traces(1).SerializeToString() if body is None else body, headers)
        r = c.getresponse()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
    finally:
        c.close()


def call(d, authorization=None, request=None):
    metadata = [("authorization", authorization)] if authorization is not None else []
    try:
        d.export(request or traces(1), metadata=metadata)
        return grpc.StatusCode.OK, ""
    except grpc.RpcError as e:
        return e.code(), e.details()


def rejected(d, reason, transport):
    return d.metric("otelcd_receiver_rejected_requests", reason=reason, transport=transport)


REFUSED = ["Request rejected"]


def test_a_request_with_the_token_is_let_in_over_both_transports(otelcd):
    d = otelcd(BEARER)
    assert post(d, f"Bearer {TOKEN}")[0] == 200
    assert call(d, f"Bearer {TOKEN}")[0] == grpc.StatusCode.OK


@pytest.mark.parametrize("authorization, why", [
    (None, "missing or empty authorization header"),
    ("", "missing or empty authorization header"),
    ("Bearer another", "scheme or token does not match"),
    (f"bearer {TOKEN}", "scheme or token does not match"),
    (f"Bearer {TOKEN}x", "scheme or token does not match"),
    (f"Bearer {TOKEN[:-1]}", "scheme or token does not match"),
])
def test_a_request_without_the_token_is_refused_counted_and_its_address_logged(otelcd, authorization, why):
    d = otelcd(BEARER, expect=REFUSED)
    status, headers, body = post(d, authorization)
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    answer = rpc_status_pb2.Status.FromString(body)
    assert (answer.code, answer.message) == (16, why)
    assert call(d, authorization) == (grpc.StatusCode.UNAUTHENTICATED, why)
    assert rejected(d, "unauthenticated", "http") == 1
    assert rejected(d, "unauthenticated", "grpc") == 1
    record = d.wait_log("Request rejected")
    assert record["reason"] == "unauthenticated" and record["peer"].startswith("127.0.0.1:")
    assert "another" not in d.log() and TOKEN not in d.log()


def test_a_refusal_comes_before_the_body_and_in_the_requests_own_encoding(otelcd):
    d = otelcd(BEARER, expect=REFUSED)
    host, port = d.http_address().rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as s:
        s.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                  b"content-length: 1000000\r\n\r\n")
        answer = s.recv(65536)
    assert answer.startswith(b"HTTP/1.1 401") and b'"message":"missing or empty authorization header"' in answer
    assert post(d, path="/nowhere")[0] == 401, "who is not let in does not learn what there is"


def test_browsers_may_ask_what_they_may_do_without_credentials(otelcd):
    d = otelcd(BEARER, expect=REFUSED)
    status, headers, _ = post(d, method="OPTIONS", body=b"", origin="https://app.example.com",
                              access_control_request_method="POST")
    assert status == 204 and headers["access-control-allow-origin"] == "https://app.example.com"
    status, headers, _ = post(d, origin="https://app.example.com")
    assert status == 401 and headers["access-control-allow-origin"] == "https://app.example.com"


def test_a_scrape_is_let_in_with_the_token_alone(otelcd):
    d = otelcd(BEARER, expect=["Scrape refused"])
    assert call(d, f"Bearer {TOKEN}", Metrics().gauge("warmth", 21.5).request)[0] == grpc.StatusCode.OK
    address = d.scrape_address("prometheus")
    status, headers, body = d.http("GET", "/metrics", address=address)
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert b"warmth" not in body
    status, _, body = d.http("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, address=address)
    assert status == 200 and b"warmth" in body
    assert d.metric("otelcd_scrape_requests", outcome="unauthorized") == 1


def test_a_parameter_of_the_url_counts_as_a_header_where_it_is_named(otelcd):
    d = otelcd(server("bearertokenauth", f"token: {TOKEN}", more=", request_params: [authorization]"), expect=REFUSED)
    assert post(d, path=f"/v1/traces?x=1&authorization=Bearer%20{TOKEN}")[0] == 200
    assert post(d, path=f"/v1/traces?authorization=Bearer+{TOKEN}")[0] == 200
    assert post(d, path="/v1/traces?authorization=Bearer+another")[0] == 401
    assert post(d, f"Bearer {TOKEN}")[0] == 200


def test_any_of_several_tokens_opens_under_a_header_and_a_scheme_of_ones_own(otelcd):
    d = otelcd(server("bearertokenauth", "tokens: [one, two]\nheader: X-Key\nscheme: ''"), expect=REFUSED)
    assert post(d, X_Key="one")[0] == 200
    assert post(d, x_key="two")[0] == 200
    assert post(d, "Bearer one")[0] == 401
    assert post(d, X_Key="Bearer one")[0] == 401


def swap(path, text):
    """As tools do it: a new file beside it, then a rename."""
    (path.parent / "new").write_text(text)
    os.replace(path.parent / "new", path)


def test_a_token_file_that_is_swapped_counts_without_a_restart_and_nobody_is_refused_meanwhile(otelcd, tmp_path):
    file = tmp_path / "tokens"
    file.write_text("stays\nold\n\n")
    d = otelcd(server("bearertokenauth", f"filename: {file}"), expect=REFUSED)
    assert post(d, "Bearer ")[0] == 401, "an empty line is no token"
    done, statuses = threading.Event(), []

    def keep_sending():
        while not done.is_set():
            statuses.append(post(d, "Bearer stays")[0])

    sender = threading.Thread(target=keep_sending)
    sender.start()
    try:
        for i in range(3):
            swap(file, f"stays\nnew{i}\n")
            d.wait_log("Token file read", n=i + 2)
    finally:
        done.set()
        sender.join()
    assert set(statuses) == {200}
    assert post(d, "Bearer new2")[0] == 200
    assert post(d, "Bearer old")[0] == 401
    file.write_text("in place\n")
    d.wait_log("Token file read", n=5)
    assert post(d, "Bearer in place")[0] == 200


@pytest.mark.parametrize("text, fault", [
    ("header: x", "no bearer token provided"),
    ("token: ''", "no bearer token provided"),
    ("token: a\ntokens: [b]", "not both"),
    ("tokens: [b, '']", "a token is empty"),
    ('token: "a\\nb"', "control character"),
    ("token: a\nheader: 'x y'", "no name of a header"),
])
def test_a_configuration_that_would_let_anybody_in_is_refused(tmp_path, text, fault):
    assert fault in faults(tmp_path, server("bearertokenauth", text))


def faults(folder, config):
    """What `otelcd validate` says of it, which must not be that all is well."""
    (folder / "c.yaml").write_text(config)
    run = subprocess.run([OTELCD, "validate", "--config", folder / "c.yaml"], capture_output=True, text=True,
                         timeout=PATIENCE)
    assert run.returncode == 1, run.stderr
    return run.stderr


def test_an_authenticator_that_is_none_is_named(tmp_path):
    config = BEARER.replace("authenticator: bearertokenauth", "authenticator: nobody")
    assert "no server authenticator extension found: protocols::grpc::auth::authenticator names \"nobody\"" in \
        faults(tmp_path, config)
