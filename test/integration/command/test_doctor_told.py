# SPDX-License-Identifier: Apache-2.0
"""`otelcd doctor` on what a test cannot bring an otelcd to, or not in seconds: a server says what the page would say then."""

import contextlib
import http.server
import json
import subprocess
import threading
import time

import pytest
from harness.limits import OTELCD, PATIENCE


def ledger(received=0, delivered=0, held=0, refused=None, dropped=None):
    refused, dropped = refused or {}, dropped or {}
    return {
        "received": received, "delivered": delivered, "held": held, "refused": sum(refused.values()), "dropped": sum(dropped.values()),
        "refused_by": refused, "dropped_by": dropped,
    }  # fmt: skip


def node(kind, id, **more):
    return {"kind": kind, "id": id, "role": kind, "state": "ok", **more}


def page(pipeline=None, exporters=None, log=(), metrics=(), receiver="otlp"):
    """(status, metrics) of an otelcd of one pipeline, through which ten items came."""
    exporters = exporters or [node("exporter", "otlp_http", ledger=ledger(10, 10))]
    status = {
        "service": {"version": "1", "phase": "running", "pid": 0, "up_seconds": 60},
        "well": True,
        "pipelines": [{"id": "traces", "signal": "traces", "ledger": pipeline or ledger(10, 10), "nodes": [node("receiver", receiver), *exporters]}],
        "receivers": [], "extensions": [], "scrapes": [], "warnings": [],
        "log": [{"level": level, "text": text} for level, text in log],
    }  # fmt: skip
    good = {"name": "otelcd_config_last_reload_successful", "labels": {}, "value": 1}
    accepted = {"name": "otelcol_receiver_accepted_spans", "labels": {"receiver": receiver, "transport": "http"}, "value": 10}
    return status, {"metrics": [good, accepted, *({"name": n, "labels": labels, "value": v} for n, labels, v in metrics)]}


def line(message, **fields):
    return ("warn", f"{message} {json.dumps(fields)}")


def of(kind, id):
    return {"otelcol.component.kind": kind, "otelcol.component.id": id}


# kind of the first finding, what it has to say, and what the page says then.
TOLD = {
    # twenty seconds pass before a body is too slow
    "sender_too_slow": ("find that sender", page(
        metrics=[("otelcd_receiver_rejected_requests", {"receiver": "otlp", "transport": "http", "reason": "too_slow"}, 3)],
        log=[line("Request rejected", reason="too_slow", client="192.0.2.7", **of("receiver", "otlp"))])),
    # no receiver that is built in says so of a pipeline
    "refused_memory_budget": ("memory_budget_mib", page(ledger(10, 7, refused={"memory_budget": 3}))),
    "refused_write_failed": ("rights of its folder", page(
        ledger(10, 7, refused={"write_failed": 3}), [node("exporter", "file", ledger=ledger(10, 7, refused={"write_failed": 3}))],
        [line("Writing failed, senders are told to retry", error="input/output error", **of("exporter", "file"))])),
    # receivers refuse a metric that has two kinds of data
    "dropped_overwritten": ("mend the sender", page(ledger(10, 7, dropped={"overwritten": 3}))),
    # a limiter behind what answers early, with memory short
    "dropped_memory_limit": ("put memory_limiter first", page(ledger(10, 7, dropped={"memory_limit": 3}))),
    # who waits for that has seen otelcd end
    "dropped_shutdown": ("queue on disk", page(
        ledger(10, 7, dropped={"shutdown": 3}), [node("exporter", "otlp_http", ledger=ledger(10, 7, dropped={"shutdown": 3}))])),
    "refused_shutdown": ("was stopping", page(ledger(10, 7, refused={"shutdown": 3}))),
    # a disk that cannot be read
    "queue_unread": ("goes on by itself", page(
        metrics=[("otelcd_exporter_wal_read_failures", {"exporter": "otlp_http"}, 2)],
        log=[line("Cannot read the queue on disk. Will try again.", directory="/q", error="input/output error", **of("exporter", "otlp_http"))])),
    # a quarter of an hour after the refusals that it comes from
    "sent_twice": ("for the exporter that refuses", None),
    # passwords that were wrong anywhere else than at a receiver
    "passwords_wrong": ("somebody guesses", page(metrics=[("otelcd_basicauth_questions", {"authenticator": "basicauth", "result": "wrong"}, 4)])),
    # two exporters in a pipeline, of which one has taken the batch; a process that somebody has ended
    "dropped_queue_full": ("hold_ack", page(ledger(10, 7, dropped={"queue_full": 3}))),
    "refused_no_members": ("failed to resolve", page(
        ledger(10, 7, refused={"no_members": 3}), [node("exporter", "load_balancing", ledger=ledger(10, 7, refused={"no_members": 3}))])),
    "dropped_worker_died": ("signal: 9", page(
        ledger(10, 7, dropped={"worker_died": 3}), log=[("error", 'A worker has died: it is started again {"worker": 2, "signal": 9}')])),
    "worker_died": ("look why", page(log=[("error", 'A worker has died: it is started again {"worker": 2, "signal": 9}')])),
    "batch_waits": ("behind it", page(log=[line("What is behind the batch refuses it for now. It is sent again, and senders are told to retry", error="x", **of("processor", "batch"))])),
    "resolve_fails": ("name server", page(log=[line("failed to resolve", error="look up x: no such host", **of("exporter", "load_balancing"))])),
    "scrapes_refused": ("fewer scrapers", page(log=[line("Scrape refused: too many run already")])),
    "queue_unwritten": ("make room", page(log=[line("Cannot write the queue on disk", error="input/output error")])),
    "queue_gone": ("move it back", page(log=[("error", "Cannot write the queue on disk: it was removed or moved away. Senders are told to retry {\"directory\": \"/q\"}")])),
    "queue_damaged": ("otelcd wal verify", page(log=[("error", "Damaged records in the log are skipped {\"directory\": \"/q\"}")])),
    "queue_end_lost": ("otelcd wal verify", page(log=[("error", "The end of the log does not read as it was written: the records in it are lost {\"file\": \"/q\"}")])),
    "file_unwritten": ("make room", page(log=[line("Writing failed, senders are told to retry", error="input/output error", **of("exporter", "file"))])),
    "brokers_away": ("mend brokers", page(
        log=[line("The brokers cannot be used", error="Local: Host resolution failure", **of("receiver", "kafka"))], receiver="kafka")),
    "no_records": ("their own rights", page(
        log=[line("The brokers do not give records", error="Broker: Topic authorization failed", **of("receiver", "kafka"))], receiver="kafka")),
    # a file of the configuration that was there at the start
    "not_watched": ("SIGHUP works", page(log=[line("A file of the configuration is not watched", path="/a.yaml", error="permission denied")])),
    "batch_lost": ("behind it", page(log=[line("Sender failed", error="x", **of("processor", "batch"))])),
    "defect": ("report it", page(log=[("error", "The ledger does not sum: this is a defect of otelcd {}")])),
    "error": ("it is all wrong", page(log=[("error", "A line that no rule knows {\"error\": \"it is all wrong\"}")])),
    "not_ready": ("wait", None),
}


def sent_twice():
    status, metrics = page(
        ledger(10, 10),
        [node("exporter", "otlp_http", ledger=ledger(14, 10, refused={"unreachable": 4})), node("exporter", "nop", ledger=ledger(14, 14))],
    )
    status["service"]["up_seconds"] = 100_000  # what was refused is long ago
    return status, metrics


def not_ready():
    status, metrics = page()
    status["service"]["phase"] = "starting"
    return status, metrics


LATER = {"sent_twice": sent_twice, "not_ready": not_ready}


@contextlib.contextmanager
def telling(status, metrics):
    answers = {"/api/v1/status": status, "/api/v1/metrics": metrics}

    def now():
        status["service"]["time"] = time.time()
        for said in status["log"]:
            said["time"] = time.time() - 5

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            now()
            body = json.dumps(answers[self.path]).encode() if self.path in answers else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def examine(status, metrics, config=None):
    with telling(status, metrics) as address:
        ran = subprocess.run(
            [OTELCD, "doctor", "--interval", "1ms", "--endpoint", address, "--format", "json", *(["--config", config] if config else [])],
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
    assert ran.returncode in (0, 1) and ran.stderr == "", ran
    return json.loads(ran.stdout)["findings"]


@pytest.mark.parametrize("kind", TOLD)
def test_what_the_page_says_is_named_first(kind):
    says, told = TOLD[kind]
    found = examine(*(told or LATER[kind]()))
    assert found and found[0]["kind"] == kind and says in json.dumps(found[0]), found


def test_a_page_on_which_all_is_well_has_no_finding():
    assert examine(*page()) == []


def rejected(reason, transport, n):
    return ("otelcd_receiver_rejected_requests", {"receiver": "otlp", "transport": transport, "reason": reason}, n)


def handshakes(reason, n):
    return ("otelcd_tls_failed_handshakes", {"component": "otlp", "side": "server", "reason": reason}, n)


def test_each_way_into_a_receiver_is_told_with_its_own_line():
    found = examine(*page(
        metrics=[rejected("unauthenticated", "grpc", 1), rejected("unauthenticated", "http", 2), handshakes("plain", 1), handshakes("refused", 1)],
        log=[
            line("Request rejected", reason="unauthenticated", transport="grpc", error="wrong token", **of("receiver", "otlp")),
            line("Request rejected", reason="unauthenticated", transport="http", error="no password", **of("receiver", "otlp")),
            line("A TLS handshake with a client failed", reason="plain", error="it speaks plain HTTP", **of("receiver", "otlp")),
            line("A TLS handshake with a client failed", reason="refused", error="the peer does not trust the CA", **of("receiver", "otlp")),
        ]))  # fmt: skip
    seen = sorted(f["seen"] for f in found)
    assert [s.split("; ")[0] for s in seen] == ["1 TLS handshake failed"] * 2 + ["1 request was not taken", "2 requests were not taken"]
    for words, text in zip(("it speaks plain", "does not trust", "wrong token", "no password"), seen, strict=True):
        assert words in text


def test_a_receiver_that_has_turned_somebody_away_is_not_one_that_nobody_sends_to():
    connections = ("otelcd_receiver_connections", {"receiver": "otlp", "transport": "http"}, 0)
    for metrics, kind in (([connections], "nobody_sends"), ([connections, rejected("unknown_path", "http", 1)], "sender_unknown_path")):
        status, told = page(ledger(), [node("exporter", "otlp_http", ledger=ledger())], metrics=metrics)
        told["metrics"] = [m for m in told["metrics"] if m["name"] != "otelcol_receiver_accepted_spans"]
        assert [f["kind"] for f in examine(status, told)] == [kind]


def test_credentials_that_an_authenticator_writes_are_looked_for_there(tmp_path):
    (tmp_path / "a.yaml").write_text("""
extensions: {bearertokenauth: {token: x}}
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters:
  otlp_http:
    endpoint: http://127.0.0.1:1
    auth: {authenticator: bearertokenauth}
service: {extensions: [bearertokenauth], pipelines: {traces: {receivers: [otlp], exporters: [otlp_http]}}}
""")
    lost = ledger(10, 9, dropped={"unauthorized": 1})
    exporter = node("exporter", "otlp_http", ledger=lost, reason="UNAUTHENTICATED: wrong token")
    told = page(ledger(10, 10), [exporter], [line("Exporting failed. Dropping data.", error="UNAUTHENTICATED: wrong token", reason="unauthorized", **of("exporter", "otlp_http"))])
    (found,) = (f for f in examine(*told, config=tmp_path / "a.yaml") if f["kind"] == "dropped_unauthorized")
    assert found["change"]["path"] == "exporters::otlp_http::auth::authenticator" and found["change"]["line"] == 7
    assert found["seen"].startswith("1 item dropped (unauthorized)") and found["seen"].count("UNAUTHENTICATED") == 1


REFUSED = "connect to 127.0.0.1:1: Connection refused"


def failing(reason, **more):
    return node("exporter", "otlp_http", state="failing", failing_seconds=20, failures=3, reason=reason, ledger=ledger(10, 4, held=6), **more)


def workers_page(*states):
    status, metrics = page()
    status["workers"] = [{"number": i + 1, "pid": 0, "state": s, "restarts": 2} for i, s in enumerate(states)]
    return status, metrics


def strangers_page():
    rejected = ("otelcd_receiver_rejected_requests", {"receiver": "otlp", "transport": "http", "reason": "unauthenticated"}, 3)
    status, metrics = page(ledger(), [node("exporter", "otlp_http", ledger=ledger())], metrics=[rejected, ("otelcd_receiver_connections", {"receiver": "otlp"}, 0)])
    metrics["metrics"] = [m for m in metrics["metrics"] if "accepted" not in m["name"]]
    return status, metrics


def brokers_page():
    told = line("The brokers cannot be used", error="Local: Broker transport failure", text=REFUSED, **of("receiver", "kafka"))
    status, metrics = page(ledger(), [node("exporter", "otlp_http", ledger=ledger())], log=[told], receiver="kafka")
    status["pipelines"][0]["nodes"][0] |= {"state": "failing", "failing_seconds": 20, "failures": 3, "reason": REFUSED}
    return status, metrics


EXPORTER = of("exporter", "otlp_http")
# What is one trouble is one finding: what it says, and what the page says then.
ONCE = {
    "a_file_that_cannot_be_written": ("refused_no_space", "none of them in the last", page(
        ledger(10, 7, refused={"no_space": 3}), [node("exporter", "file", ledger=ledger(10, 7, refused={"no_space": 3}))],
        [line("Writing failed, senders are told to retry", error="no space left on device", **of("exporter", "file"))],
        [("otelcd_exporter_file_failed_batches", {"exporter": "file"}, 3)])),
    "a_peer_that_answers_400": ("dropped_invalid", "its own log may say more", page(
        ledger(10, 10), [node("exporter", "otlp_http", ledger=ledger(10, 7, dropped={"invalid": 3}))],
        [("error", "Exporting failed. Dropping data. " + json.dumps({"error": "it answered 400", "reason": "invalid", **EXPORTER})),
         line("The peer refuses what is sent", answer="it answered 400", advice="its own log may say more", reason="invalid", **EXPORTER)])),
    "a_series_limit": ("dropped_series_limit", "max_series", page(
        ledger(10, 7, dropped={"series_limit": 3}), [node("exporter", "prometheus", ledger=ledger(10, 7, dropped={"series_limit": 3}))],
        [line("New series are refused: there are as many as there may be", series=10, **of("exporter", "prometheus")),
         line("Series are near their limit, beyond which new ones are refused", series=8, **of("exporter", "prometheus"))])),
    "a_batch_before_a_peer_that_is_away": ("exporter_fails", "127.0.0.1:1", page(
        ledger(10, 0, held=10), [node("processor", "batch"), failing(REFUSED)],
        [line("What is behind the batch refuses it for now. It is sent again, and senders are told to retry", error="full",
              **of("processor", "batch"), **{"otelcol.pipeline.id": "traces"})])),
    "a_member_that_is_away": ("exporter_fails", "128 of 1000 requests wait in its queue in memory; it is that of member 127.0.0.1:1", page(
        ledger(10, 4, held=6),
        [failing(REFUSED, members=[{"endpoint": "127.0.0.1:1", "member": "here", "state": "failing",
                                    "queue": {"size": 128, "capacity": 1000, "unit": "requests", "on_disk": False}}])])),
    "a_token_server_that_is_away": ("no_token", "token_url", page(
        ledger(10, 4, held=6), [failing("no token from oauth2client: " + REFUSED)],
        [("error", "Cannot get a token. What needs one is tried again. " + json.dumps({"error": REFUSED, **of("extension", "oauth2client")}))],
        [("otelcd_oauth2_fetches", {"authenticator": "oauth2client", "result": "failed"}, 3)])),
    "senders_that_are_not_let_in": ("sender_unauthenticated", "letter for letter", strangers_page()),
    "brokers_that_are_away": ("receiver_fails", "127.0.0.1:1", brokers_page()),
    "workers_that_are_started_again": ("worker_down", "1 of 2 workers run", workers_page("running", "starting")),
}  # fmt: skip


@pytest.mark.parametrize("name", ONCE)
def test_one_trouble_is_one_finding(name):
    kind, says, told = ONCE[name]
    found = examine(*told)
    assert [f["kind"] for f in found] == [kind] and says in json.dumps(found[0]), found


def test_a_reload_that_failed_is_over_when_a_later_one_was_taken():
    lines = [("error", 'The new configuration does not start {"error": "x"}'), ("warn", "Running on the old configuration {}")]
    status, metrics = page(log=lines)
    assert examine(status, metrics) == []
    metrics["metrics"][0]["value"] = 0
    assert [f["kind"] for f in examine(status, metrics)] == ["reload_failed"]
