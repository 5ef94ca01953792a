# SPDX-License-Identifier: Apache-2.0
"""Who may come in, over gRPC, HTTP and to scrapes: with right, wrong and missing credentials."""

import base64
import crypt
import hashlib
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
    ("filename: /nowhere/tokens", "filename: cannot read /nowhere/tokens: no such file or directory"),
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


# --- passwords ---

# Made with Apache's htpasswd, openssl passwd and mkpasswd; the password is the user's name and "-secret".
def hashed(user, method="bcrypt", rounds=None):
    salt = crypt.mksalt({"bcrypt": crypt.METHOD_BLOWFISH, "sha512": crypt.METHOD_SHA512}[method], rounds=rounds)
    return f"{user}:{crypt.crypt(user + '-secret', salt)}"


def htpasswd(*lines):
    """A dollar is written twice in a configuration."""
    return server("basicauth", "htpasswd:\n  inline: |\n" + "\n".join("    " + x.replace("$", "$$") for x in lines))


def secret(user):
    return basic(user, user + "-secret")


def test_passwords_of_every_kind_let_their_users_in_over_both_transports(otelcd):
    d = otelcd(htpasswd(hashed("ann", rounds=2**5), hashed("bob", "sha512"), "cyd:cyd-secret",
                        "dan:$apr1$abcdefgh$" + subprocess.run(
                            ["openssl", "passwd", "-apr1", "-salt", "abcdefgh", "dan-secret"],
                            capture_output=True, text=True, check=True).stdout.strip().rsplit("$", 1)[1],
                        "eve:{SHA}" + base64.b64encode(hashlib.sha1(b"eve-secret").digest()).decode()))
    for user in ("ann", "bob", "cyd", "dan", "eve"):
        for _ in range(2):
            assert post(d, secret(user))[0] == 200
            assert call(d, secret(user).replace("Basic", "basic"))[0] == grpc.StatusCode.OK
    assert d.metric("otelcd_basicauth_questions", result="remembered") == 9
    assert d.metric("otelcd_basicauth_questions", result="matched") == 11


@pytest.mark.parametrize("authorization, why", [
    (None, "no basic auth provided"),
    ("Bearer x", "invalid authorization scheme prefix"),
    ("Basic !!", "invalid authorization format"),
    ("Basic " + base64.b64encode(b"nocolon").decode(), "invalid authorization format"),
    (basic("ann", "wrong"), "invalid credentials"),
    (basic("ann", ""), "invalid credentials"),
    (basic("ann", "ann-secret\0x"), "invalid credentials"),
    (basic("ann", "x" * 600), "invalid credentials"),
    (basic("nobody", "ann-secret"), "invalid credentials"),
    (basic("n" * 300, "ann-secret"), "invalid credentials"),
])
def test_a_wrong_password_is_refused_and_shown_nowhere(otelcd, authorization, why):
    d = otelcd(htpasswd(hashed("ann", rounds=2**5)), expect=REFUSED)
    for _ in range(2):
        status, headers, body = post(d, authorization)
        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="otelcd", charset="UTF-8"')
        assert rpc_status_pb2.Status.FromString(body).message == why
        assert call(d, authorization) == (grpc.StatusCode.UNAUTHENTICATED, why)
    assert "ann" not in d.log()


def test_what_the_authenticator_knows_becomes_an_attribute(otelcd):
    d = otelcd(server("basicauth", "htpasswd: {inline: 'ann:ann-secret'}", used="[attributes]", processors="""
  attributes:
    actions:
      - {key: who, action: upsert, from_context: auth.username}
      - {key: raw, action: upsert, from_context: auth.raw}
      - {key: none, action: upsert, from_context: auth.subject}"""))
    assert post(d, secret("ann"))[0] == 200
    assert call(d, secret("ann"))[0] == grpc.StatusCode.OK
    d.stop()
    text = (d.folder / "stdout").read_text()
    assert text.count("who: Str(ann)") == 2
    assert text.count(f"raw: Str({secret('ann').split()[1]})") == 2
    assert "none:" not in text


def test_a_body_that_comes_while_the_password_is_compared_is_not_lost(otelcd):
    d = otelcd(htpasswd(hashed("ann", rounds=2**12)))
    big = traces(2000)
    assert post(d, secret("ann"), body=big.SerializeToString())[0] == 200
    assert call(d, secret("ann"), big)[0] == grpc.StatusCode.OK
    assert d.ledger("pipeline", "traces")["received"] == 4000


def test_a_file_of_users_is_swapped_under_load_and_no_request_fails(otelcd, tmp_path):
    file = tmp_path / "users"
    lines = [hashed("ann", rounds=2**10), hashed("old", rounds=2**10)]
    file.write_text("\n".join(lines))
    d = otelcd(server("basicauth", f"htpasswd: {{file: {file}}}"), expect=[*REFUSED, "The file of users has changed and has a fault"])
    assert post(d, secret("old"))[0] == 200
    done, answers = threading.Event(), []

    def keep_sending():
        while not done.is_set():
            answers.append(post(d, secret("ann"))[0])

    senders = [threading.Thread(target=keep_sending) for _ in range(4)]
    for t in senders:
        t.start()
    try:
        for i in range(3):  # the same password, hashed anew each time
            swap(file, "\n".join([hashed("ann", rounds=2**10), hashed(f"new{i}", rounds=2**10)]))
            d.wait_log("Users read", n=i + 2)
        swap(file, "half a line")
        d.wait_log("The file of users has changed and has a fault")
    finally:
        done.set()
        for t in senders:
            t.join()
    assert set(answers) == {200}
    assert post(d, secret("new2"))[0] == 200
    assert post(d, secret("old"))[0] == 401, "what was remembered of who is gone counts no more"


def test_two_hundred_guessers_do_not_keep_out_who_is_known_and_are_told_to_wait(otelcd):
    d = otelcd(htpasswd(hashed("ann", rounds=2**11)), expect=REFUSED)
    assert post(d, secret("ann"))[0] == 200
    start, answers = threading.Barrier(201), []

    def guess(i):
        start.wait()
        answers.append(post(d, basic("ann", f"guess {i}"))[0])

    guessers = [threading.Thread(target=guess, args=(i,)) for i in range(200)]
    for t in guessers:
        t.start()
    start.wait()
    served = [post(d, secret("ann"))[0] for _ in range(50)]
    for t in guessers:
        t.join()
    assert served == [200] * 50
    assert set(answers) == {401, 503}, "few wait for one address; the others are asked to come again"
    assert rejected(d, "authentication_busy", "http") == answers.count(503)
    assert d.metric("otelcd_basicauth_questions", result="wrong") == answers.count(401)


def test_who_says_the_same_at_one_time_waits_for_one_comparison(otelcd):
    d = otelcd(htpasswd(hashed("ann", rounds=2**12)))
    start, answers = threading.Barrier(50), []

    def send():
        start.wait()
        answers.append(post(d, secret("ann"))[0])

    senders = [threading.Thread(target=send) for _ in range(50)]
    for t in senders:
        t.start()
    for t in senders:
        t.join()
    assert answers == [200] * 50


@pytest.mark.parametrize("text, fault", [
    ("{}", "no credential source provided"),
    ("htpasswd: {inline: ''}", "no credential source provided"),
    ("htpasswd: {file: /nowhere/users}", "cannot read /nowhere/users: no such file or directory"),
    ("htpasswd: {inline: 'ann:$9$secret'}", "line 1: the hash is of no kind that is known here"),
    ("htpasswd: {inline: 'secret'}", "line 1: there is no colon"),
    ("htpasswd: {inline: 'a:b'}\nclient_auth: {username: a}", "only one of"),
    ("client_auth: {username_file: /nowhere/name}", "client_auth::username_file: cannot read /nowhere/name: no such file"),
    ("client_auth: {username: a, password_file: /dev/null}", "client_auth::password_file: "),
    ("client_auth: {username: a, password: b}", "requested extension is not a server authenticator extension"),
])
def test_users_that_cannot_be_read_are_a_fault_that_shows_no_secret(tmp_path, text, fault):
    said = faults(tmp_path, server("basicauth", text))
    assert fault in said and "secret" not in said


def test_no_secret_is_printed(tmp_path):
    (tmp_path / "c.yaml").write_text(server("bearertokenauth", "tokens: [secret-1, secret-2]") + """
  telemetry: {logs: {level: info}}
""")
    config = (tmp_path / "c.yaml").read_text().replace("receivers:\n", """  basicauth: {htpasswd: {inline: 'ann:secret-3'}}
  basicauth/us: {client_auth: {username: us, password: secret-4}}
receivers:
""", 1).replace("extensions: [bearertokenauth]", "extensions: [bearertokenauth, basicauth, basicauth/us]")
    (tmp_path / "c.yaml").write_text(config)
    run = subprocess.run([OTELCD, "print-config", "--config", tmp_path / "c.yaml"], capture_output=True, text=True,
                         timeout=PATIENCE)
    assert run.returncode == 0, run.stderr
    assert "secret-" not in run.stdout + run.stderr and run.stdout.count("[REDACTED]") == 4
