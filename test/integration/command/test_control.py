# SPDX-License-Identifier: Apache-2.0
"""The control socket: root and the user that otelcd runs as ask a running otelcd on its own machine."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import tempfile

import pytest
from harness.limits import OTELCD, PATIENCE

CONFIG = """
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {nop: }
service:
  telemetry: {TELEMETRY}
  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}
"""


@pytest.fixture
def runtime():
    """A short name: a socket's path has at most 107 bytes."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="otelcd"))
    yield folder
    shutil.rmtree(folder)


def started(otelcd, runtime, telemetry="{}", **more):
    return otelcd(CONFIG.replace("{TELEMETRY}", telemetry), env={"RUNTIME_DIRECTORY": str(runtime)}, **more)


def place(d):
    return pathlib.Path(d.records("^Control socket for ")[-1]["socket"])


def ask(path, target):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(str(path))
    c = http.client.HTTPConnection("control")
    c.sock = s
    c.request("GET", target)
    r = c.getresponse()
    body = r.read().decode()
    c.close()
    return r.status, body


def test_it_answers_where_nothing_else_is_served(otelcd, runtime):
    d = started(otelcd, runtime, "{page: {enabled: false}, metrics: {level: none}}")
    assert place(d) == runtime / f"{d.process.pid}.sock"
    assert stat.S_IMODE(place(d).stat().st_mode) == 0o600
    code, body = ask(place(d), "/api/v1/status")
    assert code == 200 and json.loads(body)["service"]["pid"] == d.process.pid
    d.stop()
    assert list(runtime.iterdir()) == []


def test_two_of_them_do_not_meet(otelcd, runtime):
    one, two = started(otelcd, runtime), started(otelcd, runtime)
    for d in (one, two):
        assert json.loads(ask(place(d), "/api/v1/status")[1])["service"]["pid"] == d.process.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_user_is_turned_away_whatever_the_file_allows(otelcd, runtime):
    d = started(otelcd, runtime)
    runtime.chmod(0o755)
    connect = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{place(d)}'); s.sendall(b'GET / HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n'); print(len(s.recv(9)))"

    def tried():
        return subprocess.run(["/usr/bin/python3", "-c", connect], user=65534, cwd="/", capture_output=True, text=True, timeout=60)

    assert "PermissionError" in tried().stderr
    place(d).chmod(0o666)
    r = tried()
    assert r.stdout.strip() == "0" or "ConnectionResetError" in r.stderr or "BrokenPipeError" in r.stderr, r
    d.expect_warning("Another user was turned away")
    d.wait_log("Another user was turned away")
    assert ask(place(d), "/healthz") == (200, "ok\n")


def test_what_a_killed_process_left_is_removed_by_the_next(otelcd, runtime):
    killed = started(otelcd, runtime, end=False)
    left = place(killed)
    killed.process.kill()
    killed.process.wait(60)
    assert left.exists()
    started(otelcd, runtime)
    assert not left.exists()


def test_a_reload_moves_it_and_one_that_does_not_keeps_who_asks(otelcd, runtime):
    named = runtime / "x" / "named.sock"
    named.parent.mkdir()
    d = started(otelcd, runtime)
    first = place(d)
    d.reload(CONFIG.replace("{TELEMETRY}", "{metrics: {level: detailed}}"))
    assert ask(first, "/readyz") == (200, "ready\n") and place(d) == first
    d.reload(CONFIG.replace("{TELEMETRY}", f"{{control: {{socket: {named}}}}}"))
    assert place(d) == named and ask(named, "/readyz") == (200, "ready\n")
    assert not first.exists()
    d.reload(CONFIG.replace("{TELEMETRY}", "{control: {enabled: false}}"))
    assert not named.exists()


def test_a_reload_tries_again_for_a_socket_that_another_had(otelcd, runtime):
    named = runtime / "named.sock"
    d = started(otelcd, runtime)
    d.expect_warning("No control socket")
    config = CONFIG.replace("{TELEMETRY}", f"{{control: {{socket: {named}}}}}")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(named))
        other.listen()
        d.reload(config)
        d.wait_log("No control socket")
    named.unlink()
    d.reload(config)
    assert place(d) == named and ask(named, "/readyz") == (200, "ready\n")


def test_a_socket_that_was_asked_for_and_cannot_be_had_ends_the_start(otelcd, runtime):
    text = CONFIG.replace("{TELEMETRY}", f"{{control: {{socket: {runtime}/none/x.sock}}}}")
    d = otelcd(text, ready=False, end=False, expect=["service::telemetry::control::socket: listen on"])
    assert d.wait_end() == 1


def test_without_a_place_for_it_otelcd_runs_and_says_so(otelcd, runtime):
    d = started(otelcd, runtime / "none" / "deeper")
    d.wait_log("No control socket")


def says(runtime, *args):
    return subprocess.run([OTELCD, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, "RUNTIME_DIRECTORY": str(runtime)})


def test_commands_find_the_one_that_runs_here_by_themselves(otelcd, runtime):
    d = started(otelcd, runtime, "{page: {enabled: false}, metrics: {level: none}}")
    for verb in (["status"], ["top", "--once"]):
        ran = says(runtime, *verb)
        assert ran.returncode == 0 and f"(pid {d.process.pid}) is running" in ran.stdout, ran
    ran = says(runtime, "status", "--socket", place(d), "--format", "json")
    assert json.loads(ran.stdout)["service"]["pid"] == d.process.pid
    other = started(otelcd, runtime)
    ran = says(runtime, "status")
    assert ran.returncode == 2 and "--socket" in ran.stderr and str(place(d)) in ran.stderr and str(place(other)) in ran.stderr
    assert says(runtime, "status", "--socket", place(other)).returncode == 0
    assert d.stop() == 0


def test_a_socket_of_the_configuration_is_asked_and_one_that_is_not_there_is_told(otelcd, runtime):
    named = runtime / "named.sock"
    text = CONFIG.replace("{TELEMETRY}", f"{{control: {{socket: {named}}}}}")
    d = otelcd(text)
    ran = says(runtime, "status", "-c", f"yaml:{text}")
    assert ran.returncode == 0 and f"(pid {d.process.pid})" in ran.stdout, ran
    ran = says(runtime, "status", "--socket", runtime / "none.sock")
    assert ran.returncode == 2 and "does otelcd run, and is that its service::telemetry::control::socket?" in ran.stderr
    ran = says(runtime, "status", "--socket", named, "--endpoint", "localhost:8888")
    assert ran.returncode == 2 and "give one of them" in ran.stderr
