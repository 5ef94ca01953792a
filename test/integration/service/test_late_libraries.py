# SPDX-License-Identifier: Apache-2.0
"""Shared libraries that are loaded when something needs them (decision 51): who needs none has none, and one that is missing is
told. A file of the library's name that is no library, where the loader looks first, stands for a missing one."""

import os
import pathlib
import re
import socket
import subprocess

import pytest
import snappy
from harness.authority import Authority, pair
from harness.limits import OTELCD, PATIENCE, ROOT, tool
from harness.otlp import sample

LATE = {"openssl": "libssl", "re2": "libre2", "snappy": "libsnappy", "crypt": "libcrypt"}
WITH_THEM = ("libcrypto", "libstdc++")

needed = subprocess.run([tool("readelf"), "-dW", OTELCD], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
pytestmark = pytest.mark.skipif("[libssl." in needed or "NEEDED" not in needed, reason="this build has its libraries linked")

CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"{tls}}}, http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters: {{{exporter}: {options}}}
{more}
service:
  extensions: [{extensions}]
  pipelines:
    logs: {{receivers: [otlp], processors: [{processors}], exporters: [{exporter}]}}
"""


def config(tls="", processors="", exporter="debug", options="{}", more="", extensions=""):
    return CONFIG.format(**locals())


def users(folder):
    (folder / "users").write_text("a:$2b$04$abcdefghijklmnopqrstuuW2rIuXoCnoCzAkBPwSYVYBPlFgGKZoC\n")
    return config(more=f"extensions: {{basicauth: {{htpasswd: {{file: {folder}/users}}}}}}", extensions="basicauth")


# Each needs one of them from the start.
NEEDS = {
    "openssl": lambda folder: config(tls=f", tls: {{{pair(Authority(folder).issue('localhost'))}}}"),
    "re2": lambda _: config(more="""processors: {filter: {logs: {log_record: ['IsMatch(body, "a.*b")']}}}""", processors="filter"),
    "snappy": lambda _: config(exporter="otlp_http", options='{endpoint: "http://127.0.0.1:9", compression: snappy}'),
    "crypt": users,
}


def files_of(d):
    with open(f"/proc/{d.process.pid}/maps") as f:
        return {line.split("/")[-1].strip() for line in f if "/" in line}


def loaded(d):
    return {name for name, stem in LATE.items() if any(re.match(rf"{stem}[.-]", file) for file in files_of(d))}


def broken(folder, name):
    """Where the library is none; its name with its version is the one that the program asks for."""
    asked = re.search(rb"\0(" + LATE[name].encode() + rb"\.so\.[0-9.]+)\0", open(OTELCD, "rb").read())[1].decode()
    (folder / "broken").mkdir()
    (folder / "broken" / asked).write_text("no library")
    return asked, {"LD_LIBRARY_PATH": str(folder / "broken")}


def test_an_idle_daemon_has_loaded_none_of_them(otelcd):
    d = otelcd(config())
    assert loaded(d) == set()
    assert not any(file.startswith(WITH_THEM) for file in files_of(d))


SCRAPER = """
receivers: {{prometheus: {{config: {{scrape_configs: [{{job_name: a, scheme: {scheme}, scrape_interval: 1h, static_configs: [{{targets: ["127.0.0.1:9"]}}]}}]}}}}}}
exporters: {{prometheus_remote_write: {{endpoint: "http://127.0.0.1:9/w"}}}}
service: {{pipelines: {{metrics: {{receivers: [prometheus], exporters: [prometheus_remote_write]}}}}}}
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_scrapes_has_openssl_only_where_a_target_is_asked_over_tls(otelcd, scheme):
    d = otelcd(SCRAPER.format(scheme=scheme), allow=["Failed to scrape Prometheus endpoint"])
    assert ("openssl" in loaded(d)) == (scheme == "https")


@pytest.mark.parametrize("name", LATE)
def test_who_needs_one_has_it_from_the_start(otelcd, tmp_path, name):
    assert loaded(otelcd(NEEDS[name](tmp_path), allow=["expires"])) == {name}


@pytest.mark.parametrize("name", LATE)
def test_a_missing_one_is_a_fault_of_the_configuration_that_needs_it(tmp_path, name):
    (tmp_path / "otelcd.yaml").write_text(NEEDS[name](tmp_path))
    asked, env = broken(tmp_path, name)
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "otelcd.yaml"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 1 and f"install the package that has {asked}" in said, said
    assert "1 fault" in said, said


@pytest.mark.parametrize("value", ["UserAgent(log.body)", 'GetXML(log.body, "//a[matches(., @pattern)]")'])
def test_patterns_that_are_compiled_later_need_it_too(tmp_path, value):
    more = f"""processors: {{transform: {{log_statements: ['set(log.attributes["a"], {value})']}}}}"""
    (tmp_path / "otelcd.yaml").write_text(config(more=more, processors="transform"))
    asked, env = broken(tmp_path, "re2")
    ran = subprocess.run([OTELCD, "validate", "--config", tmp_path / "otelcd.yaml"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 1 and f"install the package that has {asked}" in said, said


def test_a_reload_that_needs_a_missing_one_leaves_the_daemon_as_it_is(otelcd, tmp_path):
    asked, env = broken(tmp_path, "openssl")
    d = otelcd(config(), env=env, expect=[f"install the package that has {re.escape(asked)}"], allow=["running on with the old one"])
    d.reload(NEEDS["openssl"](tmp_path), result="running on with the old one")
    d.export(sample("logs", 2))
    assert d.ledger("pipeline", "logs")["delivered"] == 2


def test_a_reload_brings_one_in_behind_the_sandbox(otelcd, tmp_path):
    d = otelcd(config(), allow=["expires"])
    d.reload(NEEDS["openssl"](tmp_path))
    assert loaded(d) == {"openssl"}


def test_the_first_request_in_snappy_loads_it(otelcd):
    d = otelcd(config())
    body = snappy.compress(sample("logs", 3).SerializeToString())
    assert d.post(sample("logs", 3), body, {"Content-Encoding": "snappy"})[0] == 200
    assert "snappy" in loaded(d)
    assert d.ledger("pipeline", "logs")["delivered"] == 3


def test_a_request_in_snappy_is_refused_with_the_reason_where_it_is_missing(otelcd, tmp_path):
    asked, env = broken(tmp_path, "snappy")
    d = otelcd(config(), env=env, allow=["snappy"])
    status, _, answer = d.post(sample("logs", 3), snappy.compress(b"any"), {"Content-Encoding": "snappy"})
    assert status == 400 and f"install the package that has {asked}".encode() in answer, answer
    assert d.post(sample("logs", 2))[0] == 200


def test_the_stubs_are_the_same_in_each_language(tmp_path):
    archive = pathlib.Path(OTELCD).parent / "core.a"
    subprocess.run([tool("localedef"), "-i", "en_US", "-f", "UTF-8", tmp_path / "en_US.UTF-8"], capture_output=True, timeout=PATIENCE)
    if not archive.exists() or not (tmp_path / "en_US.UTF-8").exists():
        pytest.skip("no archive to make them of, or no other language")
    env = {**os.environ, "LOCPATH": str(tmp_path)}
    stubs = [
        subprocess.run([ROOT / "contrib/late.sh", "cc", archive], env={**env, "LC_ALL": language}, capture_output=True, timeout=PATIENCE, check=True).stdout
        for language in ("C", "en_US.UTF-8")
    ]
    assert stubs[0] == stubs[1] and stubs[0].count(b"STUB ") > 10


def test_who_asks_over_tls_without_it_is_told_so(tmp_path):
    asked, env = broken(tmp_path, "openssl")
    with socket.create_server(("127.0.0.1", 0)) as server:
        ran = subprocess.run([OTELCD, "healthcheck", "--endpoint", f"https://127.0.0.1:{server.getsockname()[1]}/"], env=env, capture_output=True,
                             text=True, timeout=PATIENCE)
    assert ran.returncode == 1 and f"install the package that has {asked}" in ran.stderr, ran.stderr
