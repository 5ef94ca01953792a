# SPDX-License-Identifier: Apache-2.0
"""`otelcd doctor`: whatever is wrong, it is named first, with what was seen, what it means and the line to change."""

import contextlib
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import threading
import time

import pytest
from harness import ailments, more_ailments, rare_ailments  # noqa: F401
from harness.authority import Authority
from harness.disk import SmallDisk
from harness.limits import OTELCD, PATIENCE, ROOT, free_port
from harness.otlp import Metrics, logs, traces
from harness.targets import Target
from test_auth import basic, hashed
from test_doctor_told import TOLD


class World:
    """What cases need."""

    def __init__(self, otelcd, folder):
        self.otelcd, self.folder = otelcd, folder
        self.slow = threading.Event()

    def start(self, text, **more):
        return self.otelcd(text, allow=[".*"], **more)

    @property
    def authority(self):
        return Authority(self.folder)

    def slow_password(self):
        return hashed("ann", rounds=2**11)

    def basic(self, user, password):
        return basic(user, password).removeprefix("Basic ")

    def small_disk(self, size):
        return SmallDisk(self.folder / "disk", size)

    def look_from_inside(self, d, namespace):
        """The doctor sees the file systems ("--mount") or the limits ("--user") that this otelcd has."""
        user = [] if os.getuid() == 0 and namespace != "--user" else ["--user", "--preserve-credentials"]
        d.looked_at = ["nsenter", "--target", str(d.process.pid), *user, *([namespace] if namespace != "--user" else [])]

    def descriptors(self, d):
        return len(list(pathlib.Path(f"/proc/{d.process.pid}/fd").iterdir()))

    def limit_descriptors(self, d, n):
        resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (n, 1024))

    def wait_failing(self, d):
        d.wait_metrics(lambda _: any(n["state"] != "ok" for p in status(d)["pipelines"] for n in p["nodes"]))

    @contextlib.contextmanager
    def target(self, page):
        t = Target(page)
        yield t
        t.close()

    @contextlib.contextmanager
    def sending(self, d, make):
        done = threading.Event()

        def run():
            while not done.is_set():
                d.post(make())

        thread = threading.Thread(target=run)
        thread.start()
        yield
        done.set()
        thread.join()


def status(d):
    return json.loads(d.http("GET", "/api/v1/status", address=d.scrape_address())[2])


def doctor(*args, env=None, under=()):
    return subprocess.run(
        [*under, OTELCD, "doctor", "--interval", "50ms", *map(str, args)],
        capture_output=True, text=True, timeout=2 * PATIENCE, env={**os.environ, **(env or {})},
    )


def files(d):
    return ["--config", d.folder / "telemetry.yaml", "--config", d.folder / "otelcd.yaml"]


def examine(d, *args):
    """(exit code, findings) of a running otelcd."""
    ran = doctor(*files(d), "--endpoint", d.scrape_address(), "--format", "json", *args, under=getattr(d, "looked_at", ()))
    assert ran.returncode in (0, 1) and ran.stderr == "", ran
    return ran.returncode, json.loads(ran.stdout)["findings"]


def is_named(found, case):
    text = json.dumps(found, ensure_ascii=False)
    path = found.get("change", {}).get("path", "")
    return (
        found["kind"] == case.kind
        and all(json.dumps(s, ensure_ascii=False)[1:-1].lower() in text.lower() for s in case.says)
        and (case.change is None or path.endswith(case.change))
    )


@pytest.mark.parametrize("case", ailments.CASES, ids=lambda c: c.name)
def test_what_is_wrong_is_named_first(otelcd, tmp_path, case):
    steps = case.make(World(otelcd, tmp_path))
    d = next(steps)
    deadline = time.monotonic() + PATIENCE
    code, found = examine(d)
    while not (found and is_named(found[0], case)):
        assert time.monotonic() < deadline, json.dumps(found, indent=1, ensure_ascii=False)
        code, found = examine(d)
    first = found[0]
    assert code == (0 if all(f["level"] == "note" for f in found) else 1)
    assert first["seen"] and first["about"] and "hush-hush" not in json.dumps(found)
    if case.change is not None and case.kind != "reload_failed":  # the place of the fault, which may be inside
        change = first["change"]
        lines = pathlib.Path(change["file"]).read_text().splitlines()
        key = lines[change["line"] - 1][change["column"] - 1 :]
        assert key.startswith(tuple(change["path"].split("::"))), (key, change)
    assert next(steps, None) is None


# Of a row of docs/troubleshooting.md that has no reason of a ledger: how it begins, and the cases that provoke it.
ROWS = {
    "nothing is received, no counter moves": ["nobody_sends"],
    "nothing is received, `otelcd_receiver_broken_connections{reason=\"tls\"}`": ["a_sender_speaks_tls_to_a_plain_port"],
    "`otelcd_tls_failed_handshakes` grows": ["a_sender_speaks_plain_text_to_a_tls_port"],
    "`otelcd_receiver_rejected_requests{reason=\"unauthenticated\"}`": ["credentials_are_wrong"],
    "`otelcd_receiver_rejected_requests{reason=\"authentication_busy\"}`": ["somebody_guesses_passwords"],
    "an exporter's queue grows, `Cannot get a token`": ["the_token_endpoint_gives_no_token"],
    "`up` of a target is 0": ["a_target_cannot_be_scraped"],
    "a target is not there at all": ["rules_drop_every_target", "a_target_cannot_be_made"],
    "`Unable to refresh target groups`": ["a_source_of_targets_cannot_be_asked"],
    "`otelcd_scraper_missed` grows": ["the_pipeline_does_not_answer_for_a_scrape"],
    "a `kafka` receiver or exporter has nothing": ["brokers_away", "no_records"],
    "`otelcd_receiver_rejected_requests` grows": ["a_signal_has_no_pipeline", "a_request_is_too_large"],
    "`otelcd_receiver_rejected_requests{reason=\"memory_budget\"}`": ["one_address_leaves_many_requests_unfinished"],
    "`otelcd_exporter_held_items` stays high": ["nothing_listens_where_an_exporter_sends_to"],
    "`otelcd_pipeline_held_items` stays high": ["a_batch_waits_to_be_full"],
    "metrics of `span_metrics` are missing": ["spans_have_no_service_name"],
    "`otelcd_processor_tail_sampling_early_decisions` grows": ["there_are_more_traces_than_may_be"],
    "`otelcd_pipeline_held_items` of a pipeline with `tail_sampling`": ["traces_wait_for_their_decision"],
    "`otelcd_exporter_held_items` of an `otlp` exporter grows": ["grpc_is_spoken_to_the_port_of_http", "http_is_spoken_to_the_port_of_grpc"],
    "`otelcd_exporter_otlp_request_limit_bytes`": ["a_peer_takes_smaller_requests_only"],
    "`otelcd_exporter_wal_read_failures` grows": ["queue_unread"],
    "`otelcd_exporter_wal_lost_bytes` is not 0": ["queue_end_lost"],
    "of two exporters in a pipeline": ["one_exporter_refuses_and_the_other_gets_it_twice"],
    "SIGHUP changed nothing": ["a_reload_was_turned_down"],
    "delivered grows, and what is looked for is at another time": ["the_clock_of_a_sender_is_ahead", "the_data_of_a_sender_is_old"],
    "each item is there twice": ["two_exporters_have_one_peer", "two_pipelines_do_the_same", "a_prometheus_scrapes_what_it_is_sent"],
    "an exporter works, and `otelcd_tls_peer_certificate_expiry`": ["the_certificate_of_a_peer_expires_soon"],
    "delivered grows, Prometheus shows nothing": ["nobody_scrapes", "series_expire_before_they_are_scraped"],
    # nothing is wrong, and nothing stops
    "resident memory rises for ten minutes": [],
    "after SIGHUP a component still works with what it read": [],
}
REASONS = re.compile(r'`(dropped|refused)\{reason="(\w+)"\}`((?:,? (?:or |and )?`"\w+"`)*)')


def test_each_row_of_the_troubleshooting_table_has_a_case():
    """Of a reason in a row, the kind that the doctor gives it."""
    kinds, names = {c.kind for c in ailments.CASES} | set(TOLD), {c.name for c in ailments.CASES} | set(TOLD)
    rows = [line.split(" | ")[0][2:] for line in (ROOT / "docs/troubleshooting.md").read_text().splitlines() if re.match(r"\| (?!---|what you)", line)]
    used, told = set(), 0
    for row in rows:
        reasons = [f"{m[1]}_{r}" for m in REASONS.finditer(row) for r in (m[2], *re.findall(r'"(\w+)"', m[3]))]
        begins = [b for b in ROWS if row.startswith(b)]
        assert reasons or begins, row
        assert set(reasons) <= kinds and all(set(ROWS[b]) <= names for b in begins), row
        used |= set(begins)
        told += len(reasons)
    assert used == set(ROWS) and told > 40 and len(rows) > 50


def test_each_reason_that_has_an_advice_has_a_case():
    """The rows of the advice by reason (src/page/advice.c), and the lines of the log that have one of their own."""
    kinds = {c.kind for c in ailments.CASES} | set(TOLD)
    text = (ROOT / "src/page/advice.c").read_text()
    tables = {"refused": "refused", "dropped": "dropped", "rejected": "sender", "broken": "sender"}
    wanted = set()
    for table, prefix in tables.items():
        rows = re.search(rf"static const struct advice {table}\[\] = {{(.*?)\n}};", text, re.S)[1]
        wanted |= {f"{prefix}_{reason}" for reason in re.findall(r'^    {{ "(\w+)"'.replace("{{", "{"), rows, re.M)}
    lines = (ROOT / "src/command/doctor/rule_log.c").read_text()
    wanted |= set(re.findall(r'^    { "[^"]+", "(\w+)"', lines, re.M))
    wanted = {"sender_speaks_tls" if k == "sender_tls" else k for k in wanted}
    assert len(wanted) > 90
    assert wanted - kinds == set()


def test_each_option_that_an_advice_names_is_there():
    keys = {k.replace(".", "::") for k in subprocess.run([OTELCD, "completion", "keys"], capture_output=True, text=True, check=True).stdout.split()}
    text = (ROOT / "src/page/advice.c").read_text()
    options = set(re.findall(r'"([a-z_:]+)",\s+(?:true|false) }', text)) - {""}
    assert len(options) > 25
    assert {o for o in options if not any(f"::{o.removesuffix('::enabled')}::" in f"{k}::" for k in keys)} == set()


def test_a_healthy_otelcd_has_nothing_wrong(otelcd):
    printed = HEALTHY.replace("  nop:\n", "  nop:\n  debug:\n").replace("traces: {receivers: [otlp], exporters: [nop]}", "traces: {receivers: [otlp], exporters: [nop, debug]}")
    d = otelcd(printed + "    traces/2: {receivers: [otlp], exporters: [debug]}\n")
    for request in (traces(), logs(), Metrics().gauge("x", 1).request):
        assert d.post(request)[0] == 200
    assert d.scrape("prometheus")
    code, found = examine(d)
    assert (code, found) == (0, [])
    ran = doctor(*files(d), "--endpoint", d.scrape_address())
    assert ran.returncode == 0 and "nothing wrong was found" in ran.stdout and ran.stderr == ""


HEALTHY = """
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}
exporters:
  nop:
  prometheus: {endpoint: "127.0.0.1:0"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
    metrics: {receivers: [otlp], exporters: [prometheus]}
    logs: {receivers: [otlp], exporters: [nop]}
"""


def test_without_a_configuration_that_of_the_running_process_is_read(otelcd):
    d = otelcd(HEALTHY.replace("exporters: [nop]", "exporters: [nop], processors: [filter]", 1).replace(
        "exporters:\n", 'processors: {filter: {trace_conditions: ["true"]}}\nexporters:\n'.replace('"true"', '"span.kind > 0"'), 1), allow=[".*"])
    assert d.post(traces())[0] == 200
    ran = doctor("--endpoint", d.scrape_address(), "--format", "json")
    first = json.loads(ran.stdout)["findings"][0]
    assert ran.returncode == 1 and first["kind"] == "dropped_filtered"
    assert first["change"]["file"] == str(d.folder / "otelcd.yaml") and first["change"]["line"] == 4


def test_the_running_process_is_compared_with_its_own_variables(otelcd):
    text = HEALTHY.replace("  nop:\n", '  nop:\n  otlp_grpc: {endpoint: "127.0.0.1:1", timeout: "${env:WAIT}"}\n')
    d = otelcd(text.replace("exporters: [nop]", "exporters: [nop, otlp_grpc]", 1), env={"WAIT": "7s"}, allow=[".*"])
    ran = doctor("--endpoint", d.scrape_address(), "--format", "json", env={"WAIT": "8s"})
    assert "config_not_loaded" not in [f["kind"] for f in json.loads(ran.stdout)["findings"]], ran.stdout


def test_what_others_wrote_is_shown_and_not_run(otelcd):
    d = otelcd(HEALTHY, allow=[".*"])
    d.post(traces(), path="/v1/\u001b[31m".replace("\u001b", "%1b") + "x")
    d.http("POST", "/v1/logs", '{"\\u001b[31m\\u202e": []}'.encode(), {"Content-Type": "application/json"})
    for form in ("text", "json"):
        out = doctor(*files(d), "--endpoint", d.scrape_address(), "--format", form).stdout
        assert "\x1b" not in out and "\u202e" not in out and "nothing in it" in out


def test_of_two_that_fail_each_is_told_with_its_own_last_line(otelcd):
    def scraping(n):
        return f'  prometheus/{n}: {{config: {{scrape_configs: [{{job_name: a, scrape_interval: 100ms, scrape_timeout: 100ms, static_configs: [{{targets: ["127.0.0.1:{n}"]}}]}}]}}}}\n'

    d = otelcd(f"receivers:\n{scraping(1)}{scraping(2)}exporters:\n  nop:\nservice:\n  pipelines:\n"
               "    metrics: {receivers: [prometheus/1, prometheus/2], exporters: [nop]}\n", allow=[".*"])
    for n in (1, 2):
        d.wait_metrics(lambda m: m.sum("otelcd_scraper_failures", receiver=f"prometheus/{n}") > 0)
    seen = {f["about"]: f["seen"] for f in examine(d)[1] if f["kind"] == "scrape_fails"}
    for n in (1, 2):
        assert f"http://127.0.0.1:{n}/metrics" in seen[f"receiver prometheus/{n}"], seen


def write(folder, text):
    file = folder / "otelcd.yaml"
    file.write_text(text)
    return file


def test_where_nobody_runs_the_configuration_and_the_machine_are_looked_at(tmp_path):
    taken, free = socket.create_server(("127.0.0.1", 0)), free_port()
    port = taken.getsockname()[1]
    text = HEALTHY.replace('grpc: {endpoint: "127.0.0.1:0"}', f'grpc: {{endpoint: "127.0.0.1:{port}"}}')
    text = text.replace("  nop:\n", '  nop:\n  otlp_grpc: {endpoint: "127.0.0.1:1", tls: {insecure: true}, headers: {a: hush-hush}}\n')
    text = text.replace("exporters: [nop]", "exporters: [otlp_grpc]", 1)
    reader = f"service:\n  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {free}}}}}}}}}]}}}}\n"
    ran = doctor("--config", write(tmp_path, text.replace("service:\n", reader)), "--format", "json")
    report = json.loads(ran.stdout)
    found = {f["kind"]: f for f in report["findings"]}
    assert ran.returncode == 1 and report["running"] is False and "hush" not in ran.stdout
    assert [f["kind"] for f in report["findings"]][:2] == ["port_taken", "not_running"]
    assert str(os.getpid()) in found["port_taken"]["seen"] and found["port_taken"]["change"]["path"].endswith("grpc::endpoint")
    assert f"127.0.0.1:{free}" in found["not_running"]["seen"]
    assert "Connection refused" in found["peer_away"]["seen"] and found["peer_away"]["change"]["line"] == 6
    taken.close()


def test_a_fault_of_the_configuration_comes_before_that_nobody_runs(tmp_path):
    file = write(tmp_path, HEALTHY.replace("exporters: [nop]", "exporters: [nope]", 1))
    ran = doctor("--config", file, "--endpoint", f"127.0.0.1:{free_port()}")
    assert ran.returncode == 1 and ran.stdout.index("[config_fault]") < ran.stdout.index("[not_running]")
    assert f"{file}:9:" in ran.stdout and "nope" in ran.stdout


def test_the_doctor_sends_nothing_to_peers_and_does_not_wait_for_ever(tmp_path):
    silent = socket.create_server(("127.0.0.1", 0))
    tls = f'otlp_grpc: {{endpoint: "127.0.0.1:{silent.getsockname()[1]}"}}'
    text = HEALTHY.replace("  nop:\n", f"  nop:\n  {tls}\n").replace("exporters: [nop]", "exporters: [otlp_grpc]", 1)
    ran = doctor("--config", write(tmp_path, text), "--endpoint", f"127.0.0.1:{free_port()}")
    assert "no answer within" in ran.stdout
    heard = silent.accept()[0].recv(100)
    assert heard[:3] == b"\x16\x03\x01", "a greeting of TLS and no more"
    silent.close()


def test_who_cannot_be_asked_is_an_error_of_its_own(otelcd, tmp_path):
    d = otelcd(HEALTHY.replace("service:\n", "service:\n  telemetry: {page: {enabled: false}}\n"))
    ran = doctor("--endpoint", d.scrape_address())
    assert ran.returncode == 2 and "page" in ran.stderr and ran.stdout == ""
    for args, complaint in (
        (("--format", "xml"), "text or json"), (("--interval", "soon"), "2s"), (("--endpoint", "nonsense"), "host:port"),
        (("--interval", "2h"), "60s"), (("file.yaml",), "--config"),
    ):
        ran = doctor(*args)
        assert ran.returncode == 2 and complaint in ran.stderr, ran
