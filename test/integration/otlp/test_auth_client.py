# SPDX-License-Identifier: Apache-2.0
"""What exporters say of themselves: basicauth, bearertokenauth, oauth2client and headers_setter, against servers that look."""

import http.server
import json
import signal
import threading
import time
import urllib.parse

import pytest
from harness.limits import PATIENCE
from harness.otlp import Metrics, traces
from test_auth import BEARER, TOKEN, basic, faults, server, swap
from test_config import otelcd_command

CLIENT = """
extensions:
{extensions}
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:0", include_metadata: true}}
      http: {{endpoint: "127.0.0.1:0", include_metadata: true}}
exporters:
  {exporter}:
    endpoint: {url}
    auth: {{authenticator: {id}}}
    {more}
service:
  extensions: [{ids}]
  pipelines:
    {signal}: {{receivers: [otlp], exporters: [{exporter}]}}
"""


def client(url, id, text, *more, exporter="prometheus_remote_write", signal="metrics", others=None):
    written = {id: text, **(others or {})}
    lines = [x for k, v in written.items() for x in (f"  {k}:", *("    " + y for y in v.strip("\n").splitlines()))]
    return CLIENT.format(extensions="\n".join(lines), url=url, id=id, ids=", ".join(written), exporter=exporter,
                         signal=signal, more="\n    ".join(more))


class TokenServer:
    """A token endpoint. answer(form, headers, n) -> (status, body) or None to hang up."""

    def __init__(self, answer):
        self.requests = []
        self.changed = threading.Condition()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {k: v if len(v) > 1 else v[0] for k, v in urllib.parse.parse_qs(text, True).items()}
                with outer.changed:
                    outer.requests.append((form, dict(self.headers)))
                    n = len(outer.requests)
                    outer.changed.notify_all()
                reply = answer(form, self.headers, n)
                if reply is None:
                    self.close_connection = True
                    return
                status, body = reply
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/oauth/token"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def wait(self, n):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= n, PATIENCE), self.requests

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def token_server():
    running = []

    def start(answer):
        running.append(TokenServer(answer))
        return running[-1]

    yield start
    for s in running:
        s.close()


JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def oauth2(url, more=""):
    return f"client_id: us & co\nclient_secret: se:cret\ntoken_url: {url}\n{more}"


def token(n, lifetime=3600, **more):
    return 200, {"access_token": f"token-{n}", "token_type": "bearer", "expires_in": lifetime, **more}


def send(d, value=1.0, metadata=None):
    d.export(Metrics().gauge("warmth", value).request, metadata=metadata)


def said(r, name="authorization"):
    return [q.headers[name] for q in r.requests]


# --- each of them ---

@pytest.mark.parametrize("id, text, header, value", [
    ("basicauth", "client_auth: {username: us, password: 'a:b'}", "authorization", basic("us", "a:b")),
    ("bearertokenauth", "token: x.y", "authorization", "Bearer x.y"),
    ("bearertokenauth/other", "tokens: [one, two]\nscheme: ''\nheader: X-Key", "x-key", "one"),
    ("headers_setter", "headers: [{key: X-Scope-OrgID, value: ours}]", "x-scope-orgid", "ours"),
])
def test_remote_write_says_what_its_authenticator_says(otelcd, receiver, id, text, header, value):
    r = receiver()
    d = otelcd(client(r.url, id, text, "headers: {X-Of-Ours: kept}"))
    send(d)
    r.wait(lambda r: r.samples)
    assert said(r, header) == [value] and said(r, "x-of-ours") == ["kept"]


def test_a_password_and_a_name_in_files_are_read_again_when_they_change(otelcd, receiver, tmp_path):
    name, password = tmp_path / "name", tmp_path / "password"
    name.write_text("us\n")
    password.write_text("old\n")
    r = receiver()
    d = otelcd(client(r.url, "basicauth", f"client_auth: {{username_file: {name}, password_file: {password}}}"))
    send(d)
    r.wait(lambda r: len(r.samples) == 1)
    swap(password, "new\n")
    d.wait_log("A file has changed and was read anew")
    send(d, 2.0)
    r.wait(lambda r: len(r.samples) == 2)
    assert said(r) == [basic("us", "old"), basic("us", "new")]
    assert "old" not in [x.get("error") for x in d.records()]


def test_a_401_with_a_token_that_has_changed_meanwhile_is_tried_again(otelcd, receiver, tmp_path):
    file = tmp_path / "token"
    file.write_text("old")

    def answer(request):
        return (204, {}, b"") if request.headers["authorization"] == "Bearer new" else (401, {}, b"")

    r = receiver(answer)
    d = otelcd(client(r.url, "bearertokenauth", f"filename: {file}"), expect=["Points are not sent"])
    send(d)
    d.wait_log("Points are not sent")
    swap(file, "new")
    d.wait_log("Token file read", n=2)
    send(d, 2.0)
    r.wait(lambda r: r.samples)
    assert r.values("warmth") == [2.0]


# --- OAuth 2 ---

def test_a_token_is_fetched_once_for_all_that_wait_and_used_from_then_on(otelcd, receiver, token_server):
    def answer(form, headers, n):
        threading.Event().wait(0.3)
        return token(n)

    s, r = token_server(answer), receiver()
    d = otelcd(client(r.url, "oauth2client", oauth2(s.url, "scopes: [a, b c]\nendpoint_params: {audience: 'x&y'}")))
    for i in range(5):
        send(d, float(i))
    r.wait(lambda r: len(r.samples) == 5)
    assert set(said(r)) == {"Bearer token-1"} and len(s.requests) == 1
    form, headers = s.requests[0]
    assert form == {"grant_type": "client_credentials", "scope": "a b c", "audience": "x&y"}
    assert headers["authorization"] == basic("us%20%26%20co", "se%3Acret")


def test_what_the_endpoint_wants_to_know_is_a_text_of_any_kind_or_several(otelcd, receiver, token_server, tmp_path):
    s, r = token_server(lambda form, headers, n: token(n)), receiver()
    text = client(r.url, "oauth2client", oauth2(s.url, "endpoint_params: {tenant: 0x12, offline: true, audience: [a, 'b, c'], scopes: 'x,y', none: }"))
    d = otelcd(text)
    send(d)
    r.wait(lambda r: r.samples)
    form, _ = s.requests[0]
    assert form == {"grant_type": "client_credentials", "tenant": "0x12", "offline": "true", "audience": ["a", "b, c"], "scopes": ["x", "y"]}
    (tmp_path / "params.yaml").write_text(text)
    shown = otelcd_command("print-config", "--config", str(tmp_path / "params.yaml")).stdout
    assert shown.count("[REDACTED]") == 7, shown  # client_secret and each value
    revealed = otelcd_command("print-config", "--mode", "unredacted", "--config", str(tmp_path / "params.yaml")).stdout
    assert '- b, c' in revealed.replace('"', ''), revealed


def test_an_endpoint_that_looks_for_us_in_the_form_finds_us_there(otelcd, receiver, token_server):
    def answer(form, headers, n):
        return token(n) if form.get("client_secret") == "se:cret" else (401, {"error": "invalid_client"})

    s, r = token_server(answer), receiver()
    d = otelcd(client(r.url, "oauth2client", oauth2(s.url)))
    send(d)
    r.wait(lambda r: r.samples)
    assert said(r) == ["Bearer token-2"] and s.requests[1][0]["client_id"] == "us & co"
    assert d.metric("otelcd_oauth2_fetches", result="token") == 1


@pytest.mark.parametrize("bad, why", [
    (lambda: None, "closed the connection"),
    (lambda: (503, b"come again"), "answered 503"),
    (lambda: (403, {"error": "no", "error_description": "not\nyou"}), "answered 403: no: not"),
    (lambda: (200, b"<html>"), "it is no JSON"),
    (lambda: (200, {}), "there is no access_token in it"),
    (lambda: (200, {"access_token": "a\r\nb: c"}), "no header may have"),
    (lambda: (200, {"access_token": "x" * 20000}), "too long"),
    (lambda: (200, b'{"access_token":"' + b"x" * 10_000_000), ""),
])
def test_a_token_endpoint_that_fails_is_told_and_what_waits_is_sent_when_it_works(otelcd, receiver, token_server, bad,
                                                                                why):
    s, r = token_server(lambda form, headers, n: bad() if n <= 2 else token(n)), receiver()
    d = otelcd(client(r.url, "oauth2client", oauth2(s.url)), expect=["Cannot get a token", "Remote write failed"])
    send(d)
    assert why in d.wait_log("Cannot get a token")["error"]
    r.wait(lambda r: r.samples)
    assert said(r) == ["Bearer token-3"]
    assert "se:cret" not in d.log()
    assert d.rss() < 100 << 20


def test_a_slow_token_endpoint_is_given_up_in_time_and_a_stop_waits_for_nobody(otelcd, receiver, token_server):
    go = threading.Event()
    s, r = token_server(lambda form, headers, n: go.wait(PATIENCE) and None), receiver()
    d = otelcd(client(r.url, "oauth2client", oauth2(s.url, "timeout: 300ms")), allow=[".*"])
    send(d)
    assert "no answer came within 0.3 s" in d.wait_log("Cannot get a token")["error"]
    s.wait(2)
    go.set()


def test_a_token_is_renewed_before_it_ends_and_never_used_beyond(otelcd, receiver, token_server):
    s, r = token_server(lambda form, headers, n: token(n, lifetime=2)), receiver()
    d = otelcd(client(r.url, "oauth2client", oauth2(s.url)))
    begun, i = time.monotonic(), 0
    while len(s.requests) < 3:
        send(d, float(i))
        i += 1
        assert time.monotonic() < begun + PATIENCE
        threading.Event().wait(0.1)
    r.wait(lambda r: len(r.samples) == i)
    assert len(set(said(r))) >= 2


def test_a_token_that_the_receiver_takes_no_more_is_replaced_and_nothing_is_lost(otelcd, receiver, token_server):
    good = {"token": "Bearer token-1"}

    def answer(request):
        return (204, {}, b"") if request.headers["authorization"] == good["token"] else (401, {}, b"who are you")

    s, r = token_server(lambda form, headers, n: token(n)), receiver(answer)
    d = otelcd(client(r.url, "oauth2client", oauth2(s.url)), expect=["Remote write failed"])
    send(d, 1.0)
    r.wait(lambda r: len(r.samples) == 1)
    good["token"] = "Bearer token-2"
    send(d, 2.0)
    r.wait(lambda r: len(r.samples) == 2)
    assert r.values("warmth") == [1.0, 2.0]
    assert d.ledger("exporter", "prometheus_remote_write", "metrics")["dropped"] == 0


@pytest.mark.parametrize("text, fault", [
    ("client_secret: x\ntoken_url: http://x/", "no ClientID provided"),
    ("client_id: x\ntoken_url: http://x/", "no ClientSecret provided"),
    ("client_id: x\nclient_secret: y", "no TokenURL provided"),
    ("client_id_file: /nowhere/id\nclient_secret: y\ntoken_url: http://x/", "client_id_file: cannot read /nowhere/id: no such file"),
    ("client_id: x\nclient_secret_file: /nowhere/s\ntoken_url: http://x/", "client_secret_file: cannot read /nowhere/s: no such file"),
    (f"client_id: x\ngrant_type: {JWT}\ntoken_url: http://x/\nclient_certificate_key_file: /nowhere/k", "client_certificate_key_file: cannot read /nowhere/k: no such file"),
    ("client_id: x\nclient_secret: y\ntoken_url: nowhere", "token_url"),
    ("client_id: x\nclient_secret: y\ntoken_url: http://x/\nclaims: {a: b}", "claims: it is of another grant"),
    (f"client_id: x\ngrant_type: {JWT}\ntoken_url: http://x/", "client_certificate_key: it is missing"),
    (f"client_id: x\ngrant_type: {JWT}\ntoken_url: http://x/\nclient_certificate_key: k\nclaims: [a]", "claims: it is a list: write a map"),
])
def test_what_a_token_cannot_be_had_with_is_a_fault(tmp_path, text, fault):
    assert fault in faults(tmp_path, client("http://127.0.0.1:1/x", "oauth2client", text))


# --- headers of clients ---

TENANT = """
headers:
  - {key: X-Scope-OrgID, from_context: tenant}
  - {key: X-Kind, from_context: kind, default_value: none}
  - {action: insert, key: X-Of-Ours, value: other}
  - {action: update, key: X-Missing, value: x}
  - {action: update, key: X-Changed, value: after}
  - {action: delete, key: X-Gone}
"""
HEADERS = "headers: {X-Of-Ours: kept, X-Changed: before, X-Gone: x}"


def test_headers_are_made_of_what_the_client_said(otelcd, receiver):
    r = receiver()
    d = otelcd(client(r.url, "headers_setter", TENANT, HEADERS))
    send(d, 1.0, [("tenant", "a")])
    send(d, 2.0, [("tenant", "b"), ("kind", "test")])
    send(d, 3.0)
    r.wait(lambda r: len(r.samples) == 3)
    found = {q.series[0].value: q.headers for q in r.requests}
    assert [found[v]["X-Scope-OrgID"] for v in (1.0, 2.0, 3.0)] == ["a", "b", None]
    assert [found[v]["X-Kind"] for v in (1.0, 2.0, 3.0)] == ["none", "test", "none"]
    for h in found.values():
        assert (h["X-Of-Ours"], h["X-Missing"], h["X-Changed"], h["X-Gone"]) == ("kept", None, "after", None)


def test_a_client_that_says_two_things_cannot_be_told_whose_it_is_and_is_refused_for_good(otelcd, receiver):
    r = receiver()
    d = otelcd(client(r.url, "headers_setter", TENANT, HEADERS), expect=["Points are not sent"])
    send(d, 1.0, [("tenant", "a"), ("tenant", "b")])
    assert "several values" in d.wait_log("Points are not sent")["receiver"]
    send(d, 2.0, [("tenant", "a"), ("tenant", "a")])
    r.wait(lambda r: r.samples)
    assert r.values("warmth") == [2.0]
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") == 1)


def test_another_authenticator_adds_its_headers(otelcd, receiver):
    r = receiver()
    d = otelcd(client(r.url, "headers_setter", TENANT + "additional_auth: bearertokenauth\n",
                      others={"bearertokenauth": "token: x"}))
    send(d, 1.0, [("tenant", "a")])
    r.wait(lambda r: r.samples)
    assert said(r) == ["Bearer x"] and said(r, "x-scope-orgid") == ["a"]


@pytest.mark.parametrize("back_to, each", [("headers_setter", True), ("headers_setter/2", False)])
def test_authenticators_that_lead_back_to_themselves_are_a_fault(tmp_path, back_to, each):
    third = {"headers_setter/2": TENANT + "additional_auth: headers_setter/3\n",
             "headers_setter/3": TENANT + f"additional_auth: {back_to}\n"}
    said = faults(tmp_path, client("http://127.0.0.1:1/x", "headers_setter",
                                   TENANT + "additional_auth: headers_setter/2\n", others=third))
    lead = [f'extensions::headers_setter{n}: the extensions that it names lead back to itself' in said for n in ("", "/2", "/3")]
    assert lead == [each, True, True]
    assert '("headers_setter/3" names it)' in said


@pytest.mark.parametrize("text, fault", [
    ("headers: []", "missing headers configuration"),
    ("headers: [{value: x}]", "missing header name"),
    ("headers: [{key: X}]", "missing header source"),
    ("headers: [{key: X, value: a, from_context: b}]", "invalid header source"),
    ("headers: [{key: 'X Y', value: a}]", "no name of a header"),
    ("headers: [{key: Content-Length, value: a}]", "the protocol's own header"),
    ('headers: [{key: X, value: "a\\nb"}]', "control character"),
    ("headers: [{key: X, value_file: /nowhere/v}]", "headers::0::value_file: cannot read /nowhere/v: no such file"),
    ("headers: [{key: X, value: a}]\nadditional_auth: nobody", "no client authenticator extension found"),
])
def test_headers_that_cannot_be_set_are_a_fault(tmp_path, text, fault):
    assert fault in faults(tmp_path, client("http://127.0.0.1:1/x", "headers_setter", text))


def test_whose_the_data_is_outlives_a_kill_in_the_queue_on_disk(otelcd, receiver, tmp_path):
    gate = threading.Event()
    r = receiver(lambda request: (204, {}, b"") if gate.is_set() else (503, {}, b""))
    config = client(r.url, "headers_setter", TENANT, f"wal: {{directory: {tmp_path}}}")
    first = otelcd(config, end=False, allow=["Remote write failed"])
    for i in range(20):
        send(first, float(i), [("tenant", f"t{i % 4}")])
    first.process.send_signal(signal.SIGKILL)
    first.wait_end()
    gate.set()
    otelcd(config)
    r.wait(lambda r: len({s.value for s in r.samples}) == 20)
    for q in r.requests:
        for s in q.series:
            assert q.headers["X-Scope-OrgID"] == f"t{int(s.value) % 4}"


# --- one otelcd and the next ---

OTLP = {"exporter": "otlp_http", "signal": "traces"}


def test_one_otelcd_shows_its_token_to_the_next(otelcd):
    next_hop = otelcd(BEARER)
    d = otelcd(client(f"http://{next_hop.http_address()}", "bearertokenauth", f"token: {TOKEN}", **OTLP))
    for _ in range(10):
        d.export(traces(1))
    next_hop.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") == 10)


def test_what_the_next_hop_does_not_let_in_is_dropped_counted_and_told(otelcd):
    next_hop = otelcd(BEARER, expect=["Request rejected"])
    d = otelcd(client(f"http://{next_hop.http_address()}", "bearertokenauth", "token: another", **OTLP),
               expect=["The peer refuses what is sent", "Exporting failed. Dropping data."])
    d.export(traces(1))
    assert "auth" in d.wait_log("The peer refuses what is sent")["advice"]
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_dropped_items") == 1)


def test_a_token_over_grpc_without_tls_does_not_start(otelcd):
    d = otelcd(client("127.0.0.1:4317", "bearertokenauth", "token: x", "tls: {insecure: true}", exporter="otlp_grpc",
                      signal="traces"), ready=False, end=False, allow=[".*"])
    assert d.wait_end() != 0
    assert "require transport level security" in d.log()


def test_tenants_stay_apart_over_grpc_in_batches_and_by_what_the_first_hop_knows_of_them(otelcd):
    users = "htpasswd: {inline: \"ann:ann-secret\\nbob:bob-secret\"}"
    next_hop = otelcd(server("bearertokenauth", f"token: {TOKEN}", processors="""
  attributes: {actions: [{key: who, action: upsert, from_context: metadata.x-user}]}""", used="[attributes]").replace(
        "grpc:\n        endpoint: \"127.0.0.1:0\"", "grpc:\n        include_metadata: true\n        endpoint: \"127.0.0.1:0\"").replace(
        "        auth: {authenticator: bearertokenauth}\n      http", "      http"))
    config = client(next_hop.grpc_address(), "headers_setter", "headers: [{key: X-User, from_attribute: username}]",
                    "tls: {insecure: true}", "sending_queue: {batch: {min_size: 10, flush_timeout: 1s}}",
                    exporter="otlp_grpc", signal="traces", others={"basicauth": users})
    config = config.replace("grpc: {endpoint: \"127.0.0.1:0\", include_metadata: true}",
                            "grpc: {endpoint: \"127.0.0.1:0\", auth: {authenticator: basicauth}}")
    d = otelcd(config)
    for i in range(40):
        user = ("ann", "bob")[i % 2]
        d.export(traces(1, attributes={"i": i, "user": user}),
                 metadata=[("authorization", basic(user, f"{user}-secret"))])
    next_hop.wait_metrics(lambda m: m.sum("otelcd_pipeline_delivered_items") == 40)
    next_hop.stop()
    text = (next_hop.folder / "stdout").read_text()
    assert text.count("who: Str(ann)") == text.count("who: Str(bob)") == 20
    for one in text.split("Span #")[1:]:
        assert ("user: Str(ann)" in one) == ("who: Str(ann)" in one), one
