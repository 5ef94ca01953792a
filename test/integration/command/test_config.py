# SPDX-License-Identifier: Apache-2.0
"""A configuration with a mistake gets an answer: file, line, column, path, what is allowed, the nearest right spelling."""

import json
import os
import re
import socket
import subprocess

import pytest
import yaml

from configs import SCRAPE
from harness.limits import OTELCD, PATIENCE

CONFIG = """\
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:0
      http:
        endpoint: 127.0.0.1:0
processors:
  batch:
    timeout: 200ms
exporters:
  debug:
    verbosity: basic
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [debug]
"""

# What is written instead of what; the line and column of the complaint; what it must say.
MISTAKES = {
    "a typo in a key": ("timeout: 200ms", "timeuot: 200ms", (10, 5), ["processors::batch", "timeuot", "timeout"]),
    "a wrong type": ("timeout: 200ms", "timeout: [1]", (10, 14), ["processors::batch::timeout"]),
    "a duration without its unit": ("timeout: 200ms", 'timeout: "200"', (10, 14), ["200", "ms"]),
    "a wrong word": ("verbosity: basic", "verbosity: detail", (13, 16), ["detail", "basic", "normal", "detailed"]),
    "a component that does not exist": ("  debug:\n", "  debgu:\n", (12, 3), ["debgu", "debug"]),
    "a reference without a definition": ("exporters: [debug]", "exporters: [debug, nop]", (19, 26), ["nop"]),
    "a pipeline of no signal": ("    traces:", "    trace:", (16, 5), ["trace", "traces"]),
    "text for a number": ("timeout: 200ms", "send_batch_size: ${env:OTELCD_TEST_UNSET:-many}", (10, 22), ["integer", "many"]),
    "a default with the short form": ("timeout: 200ms", "timeout: ${OTELCD_X:-1s}", (10, 14), ["env:OTELCD_X:-1s"]),
    "an endpoint without a port": ("endpoint: 127.0.0.1:0\n      http", "endpoint: localhost\n      http", (5, 19), ["localhost"]),
    "a tab": ("    timeout: 200ms", "\ttimeout: 200ms", (10, 1), ["tab", "indent with spaces"]),
    "a key twice": ("    timeout: 200ms", "    timeout: 200ms\n    timeout: 1s", (11, 5), ["timeout"]),
    "a list that is not closed": ("receivers: [otlp]", "receivers: [otlp", (17, 18), ["bracket that begins here"]),
    "a quote that is not closed": ("timeout: 200ms", 'timeout: "200ms', (10, 14), ["quote that begins here"]),
    "no space behind a colon": ("timeout: 200ms", "timeout:200ms", (10, 5), ["a colon and a space"]),
    "a brace that is not closed": ("timeout: 200ms", "send_batch_size: ${NOPE", (10, 22), ["brace of ${ is not closed"]),
    "a section's name": ("exporters:\n", "exportres:\n", (11, 1), ['did you mean "exporters"?']),
    "a signal's name": ("    traces:", "    trace:", (16, 5), ['did you mean "traces"?']),
    "a character that is no UTF-8": ("  debug:\n", "  # sch\udcf6n\n  debug:\n", (12, 9), ["UTF-8"]),
    "an exporter that is not there": ("  debug:\n", "  pulsar:\n  debug:\n", (12, 3), ["that otelcd does not have", "otelcd delivers to otlp_grpc"]),
    "an extension that is not needed": ("service:\n", "extensions: {cgroup_runtime: }\nservice:\n", (14, 14), ["memory budget"]),
    "one port twice": ("127.0.0.1:0\n      http:\n        endpoint: 127.0.0.1:0", "localhost:4317\n      http:\n        endpoint: :4317", (7, 19), ["taken by receivers::otlp (localhost:4317)", "another port"]),
    "an exporter that is gone from Go": ("  debug:\n", "  loki:\n  debug:\n", (12, 3), ["once had", "http://loki:3100/otlp"]),
    "a name that nobody has": ("  debug:\n", "  xyzzy:\n  debug:\n", (12, 3), ["unknown type", "valid values", "no exporter of the Go collector is known by that name either; take"]),
    "a name in capitals": ("  otlp:\n", "  OTLP:\n", (2, 3), ['did you mean "otlp"?']),
    "a package for a type": ("  debug:\n", "  debugexporter:\n", (12, 3), ['did you mean "debug"?']),
    "a package of Go for a type": ("  debug:\n", "  loki_exporter:\n  debug:\n", (12, 3), ['"loki" is an exporter that the Go collector once had']),
    "a key of TLS a step too high": ("  debug:\n", "  otlp_http:\n    insecure: true\n  debug:\n", (13, 5), ["insecure; it belongs below tls: write tls: {insecure: true}"]),
    "a number with a unit": ("timeout: 200ms", "send_batch_size: 10 MiB", (10, 22), ["the number alone, without a unit"]),
    "a variable in a list": ("timeout: 200ms", "metadata_keys: [${env:A}]", (10, 21), ['${...} stands in quotes: "${env:NAME}"']),
    "a value of two lines": ("verbosity: basic", 'verbosity: "basic\\n"', (13, 16), ['"basic\\n" is not one of', 'did you mean "basic"?']),
    "a section as a list": ("processors:\n  batch:\n    timeout: 200ms", "processors:\n  - batch", (9, 3), ["without a dash"]),
    "a number in quotes": ("timeout: 200ms", 'send_batch_size: "10"', (10, 22), ["without quotes"]),
    "a star without quotes": ("timeout: 200ms", "metadata_keys: [*]", (10, 21), ['in quotes: "*"']),
    "an old name": ("  debug:", "  loging:", (12, 3), ['did you mean "logging"?']),
}


def otelcd_command(*args, **env):
    return subprocess.run([OTELCD, *args], capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, **env})


def validate(tmp_path, text):
    (tmp_path / "otelcd.yaml").write_text(text, errors="surrogateescape")
    return otelcd_command("validate", "--config", str(tmp_path / "otelcd.yaml"))


def test_the_configuration_itself_is_right(tmp_path):
    ran = validate(tmp_path, CONFIG)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place_and_the_way_out(tmp_path, mistake):
    old, new, (line, column), words = MISTAKES[mistake]
    assert CONFIG.count(old) == 1
    ran = validate(tmp_path, CONFIG.replace(old, new))
    assert ran.returncode == 1
    assert re.search(rf"otelcd\.yaml:{line}:{column or ''}", ran.stderr), ran.stderr
    for word in words:
        assert word in ran.stderr, ran.stderr


@pytest.mark.parametrize(
    "section, type",
    [
        *[("exporters", e) for e in ("jaeger", "jaeger_thrift", "loki", "opencensus", "elastic", "skywalking")],
        *[("receivers", r) for r in ("jaeger", "zipkin", "opencensus", "skywalking")],
    ],
)
def test_what_is_said_to_be_written_instead_is_a_configuration(tmp_path, section, type):
    ids = {"receivers": "otlp", "exporters": "debug"}
    config = {"receivers": {"otlp": {"protocols": {"grpc": None}}}, "exporters": {"debug": None}}

    def told():
        pipeline = {key: [id] for key, id in ids.items()}
        return validate(tmp_path, json.dumps({**config, "service": {"pipelines": {"traces": pipeline}}}))

    config[section], ids[section] = {type: None}, type
    ran = told()
    (instead,) = re.findall("write `(.*?)`", ran.stderr)
    assert ran.returncode == 1
    config[section] = yaml.safe_load(instead)
    (ids[section],) = config[section]
    ran = told()
    assert (ran.returncode, ran.stderr) == (0, ""), instead + ran.stderr


@pytest.mark.parametrize("old, new", [("exporters:\n", "exportres:\n"), ("pipelines:", "pipeline:"), ("[otlp]", "otlp"), ("200ms", "${file:nope}"), ("  debug:", "  debgu:"), ("  batch:\n    timeout: 200ms", "  - batch: {}"),
    ("receivers: [otlp]", "reciever: [otlp]"), ("  otlp:", "  OTLP:"), ("  debug:\n", "  xyzzy: {a: '${env:OTELCD_TEST_UNSET}'}\n  debug:\n")])
def test_what_follows_from_a_mistake_is_not_told_beside_it(tmp_path, old, new):
    assert len(validate(tmp_path, CONFIG.replace(old, new)).stderr.splitlines()) == 2  # the closing line


def test_a_port_in_use_is_told_with_the_place_and_the_way_out(otelcd, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        text = CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{s.getsockname()[1]}", 1)
        d = otelcd(text, ready=False, end=False, allow=["."])
        assert d.wait_end() == 1
    assert re.search(r'otelcd.yaml:5:19: failed to start .*otlp.* receiver: protocols::grpc::endpoint: .*in use; `ss -ltnp`', d.log()), d.log()


def test_a_unix_socket_in_use_is_told_with_what_shows_it(otelcd, tmp_path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "s"))
        s.listen()
        text = CONFIG.replace("endpoint: 127.0.0.1:0", f"endpoint: {tmp_path}/s\n        transport: unix", 1)
        d = otelcd(text, ready=False, end=False, allow=["."])
        assert d.wait_end() == 1
    assert "address already in use; `ss -lxp` shows" in d.log()


def test_two_that_need_one_thing_are_told_of_each_other(tmp_path):
    wal = "prometheus_remote_write{0}: {{endpoint: 'http://x/', wal: {{directory: /tmp/q{1}}}}}"
    shared = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "0.0.0.0:4317"}}}}}}}}
exporters: {{prometheus: {{endpoint: "localhost:{0}"}}, {1}, {2}}}
service: {{pipelines: {{metrics: {{receivers: [otlp], exporters: [prometheus, prometheus_remote_write, prometheus_remote_write/2]}}}}}}
"""
    right = validate(tmp_path, shared.format(8888, wal.format("", ""), wal.format("/2", "2")))
    assert (right.returncode, right.stderr) == (0, "")  # the scrape endpoint may be that of the own metrics
    wrong = validate(tmp_path, shared.format(4317, wal.format("", ""), wal.format("/2", "/")))
    assert wrong.returncode == 1
    assert "exporters::prometheus::endpoint: localhost:4317 is taken by receivers::otlp (0.0.0.0:4317)" in wrong.stderr
    assert "/2::wal::directory: /tmp/q/ is taken by exporters::prometheus_remote_write (/tmp/q)" in wrong.stderr


@pytest.mark.parametrize("what, first, second", [
    ("cors", "cors: {allowed_origins: [a]}", "cors: {allowed_origins: [a], max_age: 7}"),
    ("response_headers", "response_headers: {x-a: 1s}", "response_headers: {x-a: 2s}"),
])
def test_two_that_share_a_scrape_address_agree_on_what_browsers_are_told(tmp_path, what, first, second):
    shared = """
receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{prometheus: {{endpoint: "localhost:9999", {0}}}, prometheus/2: {{endpoint: "localhost:9999", {1}}}}}
service: {{pipelines: {{metrics: {{receivers: [otlp], exporters: [prometheus, prometheus/2]}}}}}}
"""
    wrong = validate(tmp_path, shared.format(first, second))
    assert f"localhost:9999 is served by exporters::prometheus (localhost:9999) too, and their {what} differs: give both the same" in wrong.stderr
    assert wrong.returncode == 1
    assert validate(tmp_path, shared.format(first, first)).returncode == 0
    assert validate(tmp_path, shared.format(first, "namespace: x")).returncode == 0


def test_headers_of_one_name_are_printed_as_they_can_be_read_again(tmp_path):
    headers = "[{name: x-a, value: one}, {name: x-b, value: two}, {name: x-a, value: three}]"
    text = "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {otlp_http: {endpoint: 'http://x', headers: " + headers + "}}\n"
    (tmp_path / "a.yaml").write_text(text + "service: {pipelines: {logs: {receivers: [otlp], exporters: [otlp_http]}}}\n")
    first = otelcd_command("print-config", "--mode", "unredacted", "--config", str(tmp_path / "a.yaml"))
    assert first.returncode == 0 and first.stdout.count("name: x-a") == 2, first.stdout
    (tmp_path / "b.yaml").write_text(first.stdout)
    again = otelcd_command("print-config", "--mode", "unredacted", "--config", str(tmp_path / "b.yaml"))
    assert (again.returncode, again.stdout) == (0, first.stdout)


def test_the_password_of_a_url_is_shown_to_nobody(tmp_path):
    text = "receivers: {otlp: {protocols: {grpc: }}}\nexporters: {prometheus_remote_write: {endpoint: 'http://user:pa55@host/p@th?token=s3cret=&x&y=1'}}\n"
    (tmp_path / "a.yaml").write_text(text + "service: {pipelines: {metrics: {receivers: [otlp], exporters: [prometheus_remote_write]}}}\n")
    shown = otelcd_command("print-config", "--config", str(tmp_path / "a.yaml")).stdout
    assert "http://[REDACTED]@host/p@th?token=[REDACTED]&x&y=[REDACTED]" in shown and "pa55" not in shown and "s3cret" not in shown
    assert "http://user:pa55@host/p@th?token=s3cret=&x&y=1" in otelcd_command("print-config", "--mode", "unredacted", "--config", str(tmp_path / "a.yaml")).stdout


def test_a_ballast_is_accepted_with_a_warning_and_does_nothing(otelcd, tmp_path):
    text = CONFIG + "extensions: {memory_ballast: {size_mib: 512}}\n"
    text = text.replace("service:\n", "service:\n  extensions: [memory_ballast]\n")
    ran = validate(tmp_path, text)
    assert ran.returncode == 0 and "extensions::memory_ballast: has no effect" in ran.stderr, ran.stderr
    d = otelcd(text.replace(":4317", ":0").replace(":4318", ":0"), expect=["has no effect"])
    assert d.rss() < 100 << 20


def test_middlewares_are_none_or_refused(tmp_path):
    """No extension of ours is one; an empty list, which asks for none, is in many files."""
    blocks = "{{endpoint: '127.0.0.1:{}', middlewares: {}}}"

    def text(middlewares):
        grpc, http, out = (blocks.format(port, middlewares) for port in (14317, 14318, 14319))
        exporters = f"{{otlp_grpc: {out}, otlp_http: {out.replace('127', 'http://127')}}}"
        pipeline = "{receivers: [otlp], exporters: [otlp_grpc, otlp_http]}"
        receivers = f"{{otlp: {{protocols: {{grpc: {grpc}, http: {http}}}}}}}"
        return f"receivers: {receivers}\nexporters: {exporters}\nservice: {{pipelines: {{logs: {pipeline}}}}}\n"

    assert validate(tmp_path, text("[]")).returncode == 0
    refused = validate(tmp_path, text("[{id: x}]")).stderr
    assert refused.count("middlewares: middleware extensions are not served: remove this key") == 4, refused


def test_the_password_of_a_proxy_is_shown_to_nobody(tmp_path):
    proxy = "proxy_url: 'http://user:pa55@proxy:3128'"
    scrape = "{config: {scrape_configs: [{job_name: a, " + proxy + ", static_configs: [{targets: ['h:1']}]}]}}"
    text = "receivers: {prometheus: " + scrape + "}\nexporters:\n"
    text += "".join(f"  {x}: {{endpoint: 'http://h/x', {proxy}}}\n" for x in ("otlp_http", "prometheus_remote_write"))
    text += "service: {pipelines: {metrics: {receivers: [prometheus], exporters: [otlp_http, prometheus_remote_write]}}}\n"
    (tmp_path / "a.yaml").write_text(text)
    run = otelcd_command("print-config", "--config", str(tmp_path / "a.yaml"))
    assert run.returncode == 0 and run.stdout.count("http://[REDACTED]@proxy:3128") == 3, run.stdout + run.stderr
    assert "pa55" not in run.stdout + run.stderr


def test_print_config_says_what_a_zero_stands_for(tmp_path):
    (tmp_path / "a.yaml").write_text(CONFIG)
    shown = otelcd_command("print-config", "--config", str(tmp_path / "a.yaml")).stdout
    assert re.search("max_recv_msg_size_mib: 0 +# that is 4\n", shown) and "send_batch_max_size: 0\n" in shown
    (tmp_path / "b.yaml").write_text(shown)
    again = otelcd_command("print-config", "--config", str(tmp_path / "b.yaml"))
    assert (again.stdout, again.stderr) == (shown, "")


WAL = """
receivers: {otlp: {protocols: {grpc: }}}
exporters:
  prometheus: {endpoint: "localhost:8889", max_request_body_size: 5}
  prometheus_remote_write: {endpoint: "http://localhost:1/", write_buffer_size: 1, wal: {directory: /tmp/otelcd-test-none, truncate_frequency: 2m}}
service:
  telemetry: {logs: {development: true, disable_caller: false}, traces: {level: basic, propagators: [b3]}}
  pipelines: {metrics: {receivers: [otlp], exporters: [prometheus, prometheus_remote_write]}}
"""


def test_what_print_config_prints_is_nothing_to_warn_about(tmp_path):
    ran = validate(tmp_path, WAL)
    assert ran.returncode == 0 and ran.stderr.endswith("\n6 warnings\n"), ran.stderr
    (tmp_path / "otelcd.yaml").write_text(otelcd_command("print-config", "--config", str(tmp_path / "otelcd.yaml")).stdout)
    ran = otelcd_command("validate", "--config", str(tmp_path / "otelcd.yaml"))
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_health_check_says_what_is_wrong_with_its_own_question(tmp_path):
    (tmp_path / "bad.yaml").write_text(CONFIG.replace("timeout:", "timeuot:"))
    ran = otelcd_command("healthcheck", "--config", str(tmp_path / "bad.yaml"))
    assert ran.returncode == 1 and "timeuot" in ran.stderr and "fixed port" not in ran.stderr
    for endpoint in ("ftp://localhost:8888/metrics", "localhost", "http://localhost:8888?x"):
        ran = otelcd_command("healthcheck", "--endpoint", endpoint)
        assert ran.returncode == 2 and "write --endpoint localhost:8888" in ran.stderr


def test_an_unset_variable_is_no_value_and_warned_about(tmp_path):
    ran = validate(tmp_path, CONFIG.replace("timeout: 200ms", "timeout: ${env:OTELCD_TEST_UNSET}"))
    assert ran.returncode == 0
    assert re.search(r"otelcd.yaml:10:14: warning: .*OTELCD_TEST_UNSET.*:-default", ran.stderr), ran.stderr


def test_all_mistakes_are_told_in_one_run(tmp_path):
    text = CONFIG
    for mistake in ("a typo in a key", "a wrong word", "a reference without a definition"):
        text = text.replace(*MISTAKES[mistake][:2])
    lines = validate(tmp_path, text).stderr.splitlines()
    assert [re.search(r":(\d+):\d+:", x)[1] for x in lines if ".yaml:" in x] == ["10", "13", "19"]


@pytest.mark.parametrize("old, new, count", [("timeout: 200ms", "timeuot: 1", "1 fault"), ("exporters:\n", "exporters:\n  nop:\n", "1 warning"),
    ("timeout: 200ms", "timeuot: ${env:OTELCD_TEST_UNSET}\n    send_batch_size: x\n    send_batch_max_size: y", "3 faults, 1 warning")])
def test_the_closing_line_says_how_much_is_wrong(tmp_path, old, new, count):
    assert validate(tmp_path, CONFIG.replace(old, new)).stderr.splitlines()[-1] == count


def test_a_file_without_its_flag_is_told_how_to_be_given(tmp_path):
    ran = otelcd_command("validate", "otelcd.yaml")
    assert (ran.returncode, ran.stderr) == (2, "otelcd: a configuration is given with --config: write otelcd validate --config otelcd.yaml\n")


def test_a_variable_that_is_not_set_is_told_once_and_beside_the_fault_it_causes(tmp_path):
    unset = "${env:OTELCD_TEST_UNSET}"
    ran = validate(tmp_path, CONFIG.replace("timeout: 200ms", f"timeout: {unset}\n    send_batch_size: {unset}"))
    assert ran.returncode == 0 and ran.stderr.count("OTELCD_TEST_UNSET is not set") == 1
    ran = validate(tmp_path, CONFIG.replace("timeout: 200ms", f"timeout: {unset}").replace("127.0.0.1:0", unset, 1))
    assert ran.returncode == 1 and ran.stderr.count("OTELCD_TEST_UNSET is not set") == 1
    assert re.search(r"otelcd.yaml:5:19: receivers::otlp::protocols::grpc::endpoint: .*; the environment variable OTELCD_TEST_UNSET is not set", ran.stderr), ran.stderr


def test_a_secret_that_is_not_set_is_told_with_its_variable(tmp_path):
    ran = validate(tmp_path, "extensions: {bearertokenauth: {token: '${env:OTELCD_TEST_UNSET}'}}\n" + CONFIG)
    assert re.search("::token: no bearer token provided: .*; the environment variable OTELCD_TEST_UNSET is not set", ran.stderr), ran.stderr


def test_a_missing_file_is_named():
    ran = otelcd_command("--config", "/nowhere/otelcd.yaml")
    assert ran.returncode == 1
    assert "/nowhere/otelcd.yaml" in ran.stderr and "no such file" in ran.stderr.lower()


def test_without_a_configuration_the_way_out_is_told():
    ran = otelcd_command()
    assert ran.returncode != 0 and "--config" in ran.stderr


def test_a_mistake_is_told_at_start_as_by_validate(tmp_path):
    validated = validate(tmp_path, CONFIG.replace("timeout:", "timeuot:"))
    started = otelcd_command("--config", str(tmp_path / "otelcd.yaml"))
    assert started.returncode == 1
    assert re.findall(r"otelcd\.yaml:\d+:\d+:.*", validated.stderr)[0] in started.stderr


def test_an_unset_variable_is_warned_about_with_its_place(tmp_path):
    ran = validate(tmp_path, CONFIG.replace("timeout: 200ms", "timeout: ${env:OTELCD_TEST_UNSET}"))
    assert ran.returncode == 0
    assert re.search(r"otelcd\.yaml:10:14: warning: processors::batch::timeout: .*OTELCD_TEST_UNSET", ran.stderr), ran.stderr


def test_later_files_and_set_win_and_print_config_shows_the_result(tmp_path):
    (tmp_path / "a.yaml").write_text(CONFIG)
    (tmp_path / "b.yaml").write_text("processors: {batch: {timeout: '${env:OTELCD_TIMEOUT:-3s}'}}\n")
    files = ["--config", str(tmp_path / "a.yaml"), "--config", str(tmp_path / "b.yaml")]
    assert "3s" in otelcd_command("print-config", *files).stdout
    assert "5s" in otelcd_command("print-config", *files, OTELCD_TIMEOUT="5s").stdout
    shown = otelcd_command("print-config", *files, "--set", "processors.batch.timeout=7s").stdout
    assert re.search(r"timeout: 7s", shown), shown


def test_old_names_are_served_with_a_word_about_the_new_ones(otelcd):
    d = otelcd(SCRAPE.replace("debug", "logging").replace("use_internal_logger: false, ", ""), expect=["logging.*debug"])
    assert d.records(level="warn")
