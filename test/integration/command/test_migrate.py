# SPDX-License-Identifier: Apache-2.0
"""`otelcd migrate`: a configuration of the Go collector, of any year, becomes one that otelcd runs, in the same layout."""

import difflib
import json
import os
import pathlib
import re
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT

CORPUS = pathlib.Path(os.environ.get("OTELCD_CORPUS", ROOT.parent / "shared/corpus/configs"))
FILES = sorted(CORPUS.rglob("*.yaml"))
PIPELINES = """\
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [{}]
"""
OTLP = """\
receivers:
  otlp:
    protocols:
      grpc:  # the default port
"""


def run(*args, **more):
    return subprocess.run([OTELCD, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, **more)


def faults(file):
    return json.loads(run("validate", "-c", file, "--format", "json").stdout)["faults"]


@pytest.fixture
def migrated(tmp_path):
    """(the report, the new text, the faults in it, the exit code)"""

    def migrate(text):
        old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
        old.write_bytes(text.encode())
        new.unlink(missing_ok=True)
        ran = run("migrate", old, "--write", new)
        assert ran.stderr == "", ran.stderr
        return ran.stdout, new.read_bytes().decode(), [f for f in faults(new) if f["severity"] == "error"], ran.returncode

    return migrate


def changes(old, new):
    """What a diff would show: the lines that went and those that came."""
    diff = [d for d in difflib.ndiff(old.splitlines(), new.splitlines()) if d[0] in "+-"]
    return [d[2:] for d in diff if d[0] == "-"], [d[2:] for d in diff if d[0] == "+"]


# --- others' configurations ---


@pytest.mark.skipif(not FILES, reason=f"no corpus of configurations at {CORPUS}: set OTELCD_CORPUS")
def test_what_is_written_validates_or_the_report_says_what_is_missing(tmp_path):
    before = after = read = elsewhere = 0
    for file in FILES:
        new, twice = tmp_path / file.name, tmp_path / f"{file.name}.again"
        ran = run("migrate", file, "--write", new)
        if ran.returncode == 2:
            assert not new.exists() and run("validate", "-c", file).returncode == 1
            continue
        read += 1
        errors = [f for f in faults(new) if f["severity"] == "error"]
        before += run("validate", "-c", file).returncode == 0
        after += not errors
        elsewhere += bool(errors) and all(re.search("environment variable|cannot read|directory must exist", f["text"] + str(f["remedy"])) for f in errors)
        for f in errors:  # each is told with its place
            assert f"line {f['line'] or 0}: {f['path']}" in ran.stdout and f["text"] in ran.stdout, (file, f)
        told = re.search(r"(\d+) kept, (\d+) replaced, (\d+) missing, (\d+) to be mended\n$", ran.stdout)
        assert ran.returncode == (int(told[3]) + int(told[4]) > 0), (file, ran.stdout)
        if ran.returncode == 0:
            assert all("environment variable" in f["text"] + str(f["remedy"]) for f in errors), (file, errors)
        text = new.read_text()
        for comment in re.findall(r"(?m)#[^\n]*$", file.read_text()):
            assert comment.rstrip() in text, (file, comment)
        again = run("migrate", new, "--write", twice)
        assert " 0 replaced" in again.stdout and twice.read_text() == text, (file, again.stdout)
    print(f"\n{before} of {read} configurations run as they are, {after} ({after / read:.0%}) run after migration")
    print(f"{elsewhere} more want only variables, files or directories that are not here")
    assert after > before


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.yaml")), ids=lambda f: f.stem)
def test_our_own_configuration_stays_as_it_is(file, tmp_path):
    ran = run("migrate", file, "--write", tmp_path / "new.yaml")
    assert ran.returncode == 0 and (tmp_path / "new.yaml").read_text() == file.read_text(), ran.stdout


# --- retired names ---


def test_the_jaeger_exporter_becomes_otlp(migrated):
    old = OTLP + "exporters:\n  jaeger:\n    endpoint: 'jaeger:14250' # in the cluster\n    tls:\n      insecure: true\n" + PIPELINES.format("jaeger")
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and "exporters::jaeger: is otlp_grpc/jaeger now" in report
    assert changes(old, new) == (
        ["  jaeger:", "    endpoint: 'jaeger:14250' # in the cluster", "      exporters: [jaeger]"],
        ["  otlp_grpc/jaeger:", "    endpoint: 'jaeger:4317' # in the cluster", "      exporters: [otlp_grpc/jaeger]"],
    )


def test_the_loki_exporter_becomes_otlp_http_without_what_is_lokis_own(migrated):
    old = OTLP + (
        "exporters:\n  loki/eu:\n    endpoint: http://loki:3100/loki/api/v1/push\n    labels:\n      attributes:\n        a: b # kept\n"
        "    headers: {X-Scope-OrgID: me}\n"
    ) + PIPELINES.format("loki/eu")
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and "labels" in report and "limits_config" in report
    assert "  otlp_http/loki_eu:\n    endpoint: http://loki:3100/otlp\n" in new and "    # labels:\n    #   attributes:\n    #     a: b # kept\n" in new
    assert "    headers: {X-Scope-OrgID: me}\n" in new and "exporters: [otlp_http/loki_eu]" in new


@pytest.mark.parametrize("level,verbosity", [("debug", "detailed"), ("INFO", "normal"), ("warn", "basic"), ("error", "basic")])
def test_the_logging_exporter_becomes_debug(migrated, level, verbosity):
    old = OTLP + f"exporters:\n  logging: {{ loglevel: {level} }}  # all\n" + PIPELINES.format("logging")
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and f"  debug: {{ verbosity: {verbosity} }}  # all\n" in new and "exporters: [debug]" in new


@pytest.mark.parametrize("body", [
    ":\n    endpoint: 0.0.0.0:55678\n", ": {endpoint: 0.0.0.0:55678}\n", ":\n", ": {}\n",
    ":\n    tls: {cert_file: a}\n", ":\n    tls: {cert_file: a}\n    endpoint: 0.0.0.0:55678\n    cors_allowed_origins: [x]\n",
])
def test_the_opencensus_receiver_becomes_otlp_at_its_address(migrated, body):
    old = f"receivers:\n  opencensus{body}exporters: {{nop: }}\nservice:\n  pipelines:\n    traces: {{receivers: [opencensus], exporters: [nop]}}\n"
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and "services have to send OTLP" in report
    assert "receivers: [otlp/opencensus]" in new and 'protocols: {grpc: {endpoint: ' in new and ":55678" in new


def test_the_opencensus_exporter_becomes_otlp(migrated):
    old = OTLP + "exporters:\n  opencensus:\n    endpoint: agent:55678\n    insecure: true\n    compression: gzip\n" + PIPELINES.format("opencensus")
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and "endpoint: agent:4317\n    tls: {insecure: true}\n" in new


def test_names_of_today_take_the_place_of_older_ones(migrated):
    old = OTLP + "exporters:\n  otlp/2: {endpoint: 'a:4317'}\n  \"otlphttp\": {endpoint: 'http://a:4318'}\n" + PIPELINES.format('otlp/2, "otlphttp"')
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, [])
    assert "  otlp_grpc/2: {" in new and '  "otlp_http": {' in new and 'exporters: [otlp_grpc/2, "otlp_http"]' in new


def test_a_new_name_that_is_taken_is_not_given_twice(migrated):
    old = OTLP + "exporters:\n  otlp/jaeger: {endpoint: 'a:4317'}\n  jaeger: {endpoint: 'b:14250'}\n  otlp: {endpoint: 'c:1'}\n  otlp_grpc: {endpoint: 'd:1'}\n"
    report, new, wrong, code = migrated(old + PIPELINES.format("otlp/jaeger, jaeger, otlp, otlp_grpc"))
    assert (code, wrong) == (0, [])
    assert "exporters: [otlp_grpc/jaeger, otlp_grpc/jaeger_old, otlp, otlp_grpc]" in new


def test_keys_of_tls_go_into_their_block(migrated):
    old = OTLP + "exporters:\n  otlp:\n    insecure_skip_verify: true\n    endpoint: a:4317\n    server_name_override: b,c\n" + PIPELINES.format("otlp")
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and "    tls: {insecure_skip_verify: true, server_name_override: \"b,c\"}\n    endpoint: a:4317\n    # server_name_override: b,c\n" in new


@pytest.mark.parametrize("address,reader", [("0.0.0.0:8888", '"0.0.0.0", port: 8888'), ('":8889"', '"0.0.0.0", port: 8889'), ('"[::1]:8888"', '"::1", port: 8888')])
def test_the_old_address_of_own_metrics_becomes_a_reader(migrated, address, reader):
    old = OTLP + "exporters: {nop: }\n" + PIPELINES.format("nop") + f"  telemetry:\n    metrics:\n      level: basic\n      address: {address} # here\n"
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and f"      readers: [{{pull: {{exporter: {{prometheus: {{host: {reader}}}}}}}}}] # here\n" in new


def test_what_is_not_needed_any_more_is_no_loss(migrated):
    old = OTLP + (
        "processors:\n  queued_retry:\n    num_workers: 4\nexporters: {nop: }\nextensions:\n  memory_ballast:\n    size_mib: 512\n  pprof:\n"
        "service:\n  extensions:\n    - memory_ballast\n    - pprof\n  pipelines:\n    traces:\n      receivers: [otlp]\n      processors: [queued_retry]\n      exporters: [nop]\n"
    )
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (0, []) and "0 missing" in report
    assert "  # otelcd: not needed: " in new and "  # queued_retry:\n  #   num_workers: 4\n" in new and "    # - memory_ballast\n    - pprof\n" in new
    assert "processors: []" in new


def test_variables_are_written_as_they_are_read_today(migrated):
    old = OTLP + (
        "exporters:\n  debug: {verbosity: $VERBOSITY}\n  otlphttp:\n    endpoint: http://$HOST:${PORT:-4318}\n    headers:\n"
        "      a: \"Bearer $API_TOKEN\"\n      b: $$LITERAL $1 ${env:OTELCD_X:-y} $lower\n"
    ) + PIPELINES.format("debug, otlphttp")
    report, new, wrong, code = migrated(old)
    assert 'debug: {verbosity: "${env:VERBOSITY}"}\n' in new
    assert "endpoint: http://${env:HOST}:${env:PORT:-4318}\n" in new and '"Bearer ${env:API_TOKEN}"' in new and "$$LITERAL $1 ${env:OTELCD_X:-y} $lower" in new


# --- what is missing ---

LOST = OTLP + """\
  filelog:
    include: [/var/log/*.log]
    # from the beginning
    start_at: beginning

processors:
  batch:
  # where we are
  resourcedetection:
    detectors: [env, system]
exporters:
  nop:
  pulsar: {endpoint: a}
connectors:
  forward:
  count:
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors:
        - resourcedetection # first
        - batch
      exporters: [pulsar,   nop]
    logs:
      receivers: [filelog]
      exporters: [forward]
    logs/2:
      receivers: [forward]
      exporters: [count]
    metrics:
      receivers: [otlp, count]
      exporters: [nop]
"""


def test_what_is_missing_is_told_with_advice_and_stays_as_a_comment(migrated):
    report, new, wrong, code = migrated(LOST)
    assert (code, wrong) == (1, [])
    for path in ("receivers::filelog", "processors::resourcedetection", "exporters::pulsar", "service::pipelines::logs", "service::pipelines::logs/2"):
        assert re.search(rf"(?m)^  line \d+: {path}: \S", report.split("is missing:")[1]), path
    assert "  # filelog:\n  #   include: [/var/log/*.log]\n  #   # from the beginning\n  #   start_at: beginning\n\nprocessors:" in new
    assert "  # otelcd: put the attributes into OTEL_RESOURCE_ATTRIBUTES" in new and "        # - resourcedetection # first\n        - batch\n      exporters: [nop]\n" in new


def test_a_pipeline_that_nothing_feeds_goes_with_all_that_it_alone_feeds(migrated):
    report, new, wrong, code = migrated(LOST)
    assert "    # logs:\n    #   receivers: [filelog]\n" in new and "    # logs/2:\n" in new
    assert "    metrics:\n      receivers: [otlp]\n" in new and "nothing is left that feeds this pipeline" in report


def test_a_configuration_of_which_nothing_is_left_is_told_and_does_not_validate(migrated):
    report, new, wrong, code = migrated("receivers:\n  filelog: {include: [a]}\nexporters:\n  nop:\nservice:\n  pipelines:\n    logs: {receivers: [filelog], exporters: [nop]}\n")
    assert code == 1 and wrong and "has to be mended, in the new file:\n" in report and "no receiver configuration" in report


def test_a_key_that_hides_something_is_not_taken_out_silently(migrated):
    old = OTLP + "exporters:\n  kafka: {brokers: ['127.0.0.1:1'], auth: {kerberos: {realm: R}}}\n" + PIPELINES.format("kafka")
    report, new, wrong, code = migrated(old)
    assert code == 1 and "kerberos: {realm: R}" in new and wrong[0]["path"] == "exporters::kafka::auth::kerberos"


def test_own_telemetry_that_is_sent_stays_and_what_is_not_served_is_taken_out(migrated):
    old = OTLP + "exporters: {nop: }\n" + PIPELINES.format("nop") + (
        "  telemetry:\n    traces:\n      limits: {attribute_count_limit: 5}\n    logs:\n      processors:\n        - batch: {exporter: {otlp: {endpoint: 'http://x:1'}}}\n      level: info\n    metrics:\n      readers:\n"
        "        - periodic:\n            exporter: {otlp: {endpoint: 'http://x:1'}}\n        - pull: {exporter: {prometheus: {host: localhost, port: 8888}}}\n"
    )
    report, new, wrong, code = migrated(old)
    assert (code, wrong) == (1, []) and "        - periodic:\n            exporter: " in new and "\n        - batch: {" in new and "      # limits: {" in new and "      level: info\n" in new


def test_a_block_with_an_anchor_is_left_to_the_user(migrated):
    old = OTLP + "  filelog: &log\n    include: [a]\n  filelog/2: *log\nexporters: {nop: }\nservice:\n  pipelines:\n    logs: {receivers: [otlp, filelog, filelog/2], exporters: [nop]}\n"
    report, new, wrong, code = migrated(old)
    assert code == 1 and "take it out by hand: it has an anchor" in report and "  filelog: &log\n    include: [a]\n" in new


def test_lines_that_end_as_windows_has_them_stay_so(migrated):
    old = (OTLP + "exporters:\n  logging:\n    loglevel: debug\n  pulsar:\n    endpoint: a\n" + PIPELINES.format("logging, pulsar")).replace("\n", "\r\n")
    report, new, wrong, code = migrated(old)
    assert wrong == [] and "  debug:\r\n    verbosity: detailed\r\n" in new and "  # pulsar:\r\n  #   endpoint: a\r\n" in new


# --- the command ---


def test_without_write_nothing_is_written(tmp_path):
    (tmp_path / "old.yaml").write_text(LOST)
    ran = run("migrate", "old.yaml", cwd=tmp_path)
    assert ran.returncode == 1 and ran.stderr == "" and "is missing:" in ran.stdout and [p.name for p in tmp_path.iterdir()] == ["old.yaml"]


def test_the_new_file_goes_to_standard_output_where_no_name_is_given(tmp_path):
    (tmp_path / "old.yaml").write_text(LOST)
    ran, named = run("migrate", tmp_path / "old.yaml", "--write"), run("migrate", tmp_path / "old.yaml", "--write", tmp_path / "new.yaml")
    assert ran.stdout == (tmp_path / "new.yaml").read_text() and ran.stderr == named.stdout and ran.returncode == named.returncode == 1


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "old.yaml").write_text(LOST)
    ran = run("migrate", tmp_path / "old.yaml", "--write", tmp_path / "old.yaml")
    assert ran.returncode == 2 and "give another name" in ran.stderr and (tmp_path / "old.yaml").read_text() == LOST


@pytest.mark.parametrize("text,told", [("receivers: [", "bracket that begins here"), ("- a\n", "is no configuration"), ("", "is no configuration"), ("a: b\na: c\n", "stands here already")])
def test_what_is_no_configuration_is_told(tmp_path, text, told):
    (tmp_path / "old.yaml").write_text(text)
    ran = run("migrate", tmp_path / "old.yaml", "--write", tmp_path / "new.yaml")
    assert (ran.returncode, ran.stdout) == (2, "") and told in ran.stderr and not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize("args", [[], ["a", "b"], ["nosuch.yaml"], ["a", "b", "c", "--write"]])
def test_a_command_line_that_is_wrong_is_told(args):
    ran = run("migrate", *args)
    assert (ran.returncode, ran.stdout) == (2, "") and ran.stderr


# --- processors that became connectors ---

SPAN_METRICS = """\
receivers:
  otlp: {protocols: {grpc: }}
processors:
  batch:
  # counts what customers wait for
  spanmetrics:
    metrics_exporter: prometheus  # scraped by the team
    # theirs
    latency_histogram_buckets:
      - 2ms
      - 1s
    dimensions:
      # who
      - name: http.method
        default: GET
exporters:
  otlp: {endpoint: "tempo:4317"}
  prometheus: {endpoint: "0.0.0.0:8889"}
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [spanmetrics, batch]
      exporters: [otlp]
"""


def test_spanmetrics_and_its_pipelines_become_a_connector(migrated):
    report, new, errors, code = migrated(SPAN_METRICS)
    assert code == 0 and errors == [], (report, new)
    assert "is the connector span_metrics now" in report and 'namespace: ""' in report
    section = new[new.index("connectors:"):new.index("service:")]
    assert section == """\
connectors:
  span_metrics:
    # theirs
    histogram: {explicit: {buckets: [2ms, 1s]}}
    dimensions:
      # who
      - name: http.method
        default: GET

"""
    service = new[new.index("service:"):]
    assert "metrics/span_metrics: {receivers: [span_metrics], exporters: [prometheus]}" in service
    assert "processors: [batch]" in service and "exporters: [span_metrics, otlp_grpc]" in service
    assert "#   metrics_exporter: prometheus" in new and "# counts what customers wait for" in new


def test_two_of_them_stand_beside_the_connectors_that_there_are(migrated):
    text = SPAN_METRICS.replace("exporters:\n  otlp:", "connectors:\n    spanmetrics/mine:\n    forward:\nexporters:\n  otlp:")
    text = text.replace("  batch:\n", "  batch:\n  servicegraph/all: {metrics_exporter: prometheus, latency_histogram_buckets: [1s, 2s], store: {ttl: 3s}}\n")
    text = text.replace("[spanmetrics, batch]", "[spanmetrics, servicegraph/all, batch]").replace(
        "exporters: [otlp]", "exporters:\n      - otlp\n      - spanmetrics/mine\n      - forward\n    metrics/mine: {receivers: [spanmetrics/mine], exporters: [prometheus]}\n    traces/2: {receivers: [forward], exporters: [otlp]}")
    report, new, errors, code = migrated(text)
    assert code == 0 and errors == [], (report, new, errors)
    assert "    service_graph/all: {latency_histogram_buckets: [1s, 2s], store: {ttl: 3s}}\n" in new
    assert "    span_metrics:\n      # theirs\n      histogram: {explicit: {buckets: [2ms, 1s]}}\n      dimensions:\n" in new
    assert new.count("connectors:\n") == 1 and "metrics/service_graph_all: {receivers: [service_graph/all]" in new


def test_an_id_that_a_connector_gets_otherwise_is_not_given_twice(migrated):
    text = SPAN_METRICS.replace("exporters:\n  otlp:", "connectors:\n  spanmetrics:\nexporters:\n  otlp:")
    text = text.replace("  batch:\n", "  batch:\n  span_metrics: {metrics_exporter: prometheus}\n").replace(
        "[spanmetrics, batch]", "[spanmetrics, span_metrics, batch]").replace(
        "exporters: [otlp]", "exporters: [otlp, spanmetrics]\n    metrics/mine: {receivers: [spanmetrics], exporters: [prometheus]}")
    report, new, errors, code = migrated(text)
    assert code == 0 and errors == [], (report, new, errors)
    for id in ("span_metrics/old", "span_metrics/old_old"):
        assert f"metrics/{id.replace('/', '_')}: {{receivers: [{id}], exporters: [prometheus]}}" in new, new


@pytest.mark.parametrize(
    "old, new",
    [
        ("metrics_exporter: prometheus", "metrics_exporter: elsewhere"),
        ("    metrics_exporter: prometheus  # scraped by the team\n", ""),
        ("processors: [spanmetrics, batch]", "processors: [batch]"),
        ("exporters:\n  otlp:", "connectors: {}\nexporters:\n  otlp:"),
    ],
)
def test_what_cannot_be_rewired_is_told_as_missing(migrated, old, new):
    report, text, errors, code = migrated(SPAN_METRICS.replace(old, new))
    assert code == 1 and "write the connector span_metrics" in report, (report, text)
    assert "metrics/span_metrics" not in text
