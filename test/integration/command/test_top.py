# SPDX-License-Identifier: Apache-2.0
"""`otelcd status` and `otelcd top`: how a running otelcd is, in a terminal."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socketserver
import struct
import subprocess
import termios
import threading
import time

import pytest
from harness.limits import OTELCD, PATIENCE
from harness.otlp_peer import GrpcPeer
from test_page import CALM, CONFIG, JSON, base, configured, send_logs, send_spans, status


def otelcd_says(*args):
    return subprocess.run([OTELCD, *map(str, args)], capture_output=True, text=True, timeout=PATIENCE)


def fail_logs(d):
    send_logs(d, 9)
    d.wait_metrics(lambda _: not status(d)["well"])
    d.expect_warning("otlp_grpc")


def test_status_tells_health_by_its_exit_code(otelcd):
    d = otelcd(configured(text=CONFIG))
    ran = otelcd_says("status", "--endpoint", base(d))
    assert ran.returncode == 0 and ran.stdout.splitlines()[0].endswith(", all is well"), ran
    as_json = otelcd_says("status", "--format", "json", f"--endpoint=http://{base(d)}/")
    assert as_json.returncode == 0 and json.loads(as_json.stdout)["well"] is True
    fail_logs(d)
    ran = otelcd_says("status", "--endpoint", base(d))
    assert ran.returncode == 1 and "otlp_grpc fails for" in ran.stdout and "Connection refused" in ran.stdout
    as_json = otelcd_says("status", "--format", "json", "--endpoint", base(d))
    assert as_json.returncode == 1 and json.loads(as_json.stdout)["well"] is False


def test_status_finds_the_daemon_by_its_configuration(otelcd):
    d = otelcd(configured())
    host, port = base(d).rsplit(":", 1)
    reader = f"service::telemetry::metrics::readers: [{{pull: {{exporter: {{prometheus: {{host: {host}, port: {port}}}}}}}}}]"
    ran = otelcd_says("status", "-c", "yaml:" + CALM.replace("{PAGE}", "{}"), "-c", f"yaml:{reader}")
    assert ran.returncode == 0, ran


def test_who_cannot_be_asked_is_told_with_what_to_do(otelcd):
    d = otelcd(configured(page="{page: {enabled: false}}"))
    for verb in (["status"], ["top", "--once"], ["top"]):
        ran = otelcd_says(*verb, "--endpoint", "127.0.0.1:1")
        assert ran.returncode == 2 and "Connection refused; is otelcd running" in ran.stderr and ran.stdout == ""
        ran = otelcd_says(*verb, "--endpoint", base(d))
        assert ran.returncode == 2 and "service::telemetry::page" in ran.stderr and ran.stdout == ""
    for args, words in (
        (["status", "--format", "xml"], "write --format text or json"),
        (["top", "--interval", "soon"], "write --interval 1s"),
        (["top", "--interval", "1ms"], "at least 100ms"),
        (["status", "--timeout", "soon"], "write --timeout 3s"),
        (["status", "--once"], "does not take --once"),
    ):
        ran = otelcd_says(*args)
        assert ran.returncode == 2 and words in ran.stderr, ran


def test_top_once_shows_rates_and_who_fails(otelcd):
    d = otelcd(configured(text=CONFIG))
    send_spans(d, 7)
    fail_logs(d)
    ran = otelcd_says("top", "--once", "--interval", "100ms", "--endpoint", base(d))
    assert ran.returncode == 1 and "\033" not in ran.stdout
    assert re.search(r"^logs: exporter otlp_grpc fails for .*: .*Connection refused$", ran.stdout, re.M), ran.stdout
    assert re.search(r"^traces +0 +0 +0 +0 +0$", ran.stdout, re.M), ran.stdout
    assert re.search(r"^  otlp_grpc .*queue 1 of 1000 requests, oldest ", ran.stdout, re.M), ran.stdout
    assert "what to do: start what should listen there" in ran.stdout
    assert re.search(r"^otlp  127.0.0.1  http/json  2 requests, 0 refused", ran.stdout, re.M), ran.stdout


def test_top_shows_what_an_exporter_failed_with_that_works_again(otelcd):
    answers = [("UNAVAILABLE", "<b>\x1b[2Jx", None)] * 2
    with contextlib.closing(GrpcPeer(lambda call: answers.pop() if answers else None)) as peer:
        text = CONFIG.replace("127.0.0.1:1", peer.endpoint).replace("retry_on_failure: {", "retry_on_failure: {initial_interval: 10ms, ")
        d = otelcd(configured(text=text))
        send_logs(d, 9)
        d.wait_metrics(lambda m: m.sum("otelcd_exporter_delivered_items") == 1)
        ran = otelcd_says("top", "--once", "--interval", "100ms", "--endpoint", base(d))
        assert ran.returncode == 0 and "\033" not in ran.stdout
        assert re.search(r"^logs: exporter otlp_grpc failed \S+ ago \(2x\): .*<b>.*x", ran.stdout, re.M), ran.stdout
        d.expect_warning("otlp_grpc")
        d.close_clients()
        assert d.stop() == 0


class Terminal:
    """otelcd top on a terminal of so many columns."""

    def __init__(self, *args, columns=100, rows=40):
        self.fd, self.inside = pty.openpty()
        self.resize(columns, rows, None)
        self.before = termios.tcgetattr(self.inside)
        self.seen = b""
        self.process = subprocess.Popen([OTELCD, "top", *args], stdin=self.inside, stdout=self.inside, stderr=self.inside)

    def resize(self, columns, rows, process):
        fcntl.ioctl(self.inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if process:
            process.send_signal(signal.SIGWINCH)

    def wait(self, words):
        """What has been written up to the words."""
        until = time.monotonic() + PATIENCE
        while words.encode() not in self.seen:
            assert time.monotonic() < until, self.seen[-3000:]
            if select.select([self.fd], [], [], 0.1)[0]:
                self.seen += os.read(self.fd, 65536)
        head, _, self.seen = self.seen.partition(words.encode())
        return head.decode()

    def end(self):
        code = self.process.wait(PATIENCE)
        same = termios.tcgetattr(self.inside) == self.before
        self.wait("\033[?1049l")
        os.close(self.fd)
        os.close(self.inside)
        return code, same


def test_top_draws_and_gives_the_terminal_back(otelcd):
    d = otelcd(configured())
    for way in (b"q", b"\x03", signal.SIGTERM):
        t = Terminal("--interval", "100ms", "--endpoint", base(d))
        t.wait("PIPELINE, exporters")
        t.wait("PIPELINE, exporters")
        if isinstance(way, bytes):
            os.write(t.fd, way)
        else:
            t.process.send_signal(way)
        assert t.end() == (0, True), way


def test_top_takes_the_width_that_there_is(otelcd):
    d = otelcd(configured())
    t = Terminal("--interval", "60s", "--endpoint", base(d), columns=100)
    t.wait("DELIVERED/s")
    t.wait("\033[J")
    t.resize(20, 3, t.process)
    frame = t.wait("\033[J")
    lines = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", frame).replace("\r", "").split("\n")
    assert len(lines) == 3 and all(len(line) <= 20 for line in lines), lines
    os.write(t.fd, b"q")
    assert t.end() == (0, True)


def test_a_narrow_terminal_shows_whether_all_is_well(otelcd):
    d = otelcd(configured())
    t = Terminal("--interval", "60s", "--endpoint", base(d), columns=60)
    assert ", all is well" in t.wait("\033[J")
    os.write(t.fd, b"q")
    assert t.end() == (0, True)


def test_top_goes_on_when_otelcd_has_gone(otelcd):
    d = otelcd(configured())
    t = Terminal("--interval", "100ms", "--endpoint", base(d))
    t.wait("all is well")
    assert d.stop() == 0
    t.wait("is otelcd running")
    os.write(t.fd, b"q")
    assert t.end() == (0, True)


def test_what_strangers_wrote_does_nothing_to_a_terminal(otelcd):
    d = otelcd(configured())
    d.http("POST", "/v1/logs", '{"\\u001b[2J<script>\\u009b31m": []}'.encode(), JSON)
    d.expect_warning("nothing in it that OTLP knows")
    for ran in (otelcd_says("top", "--once", "--interval", "100ms", "--endpoint", base(d)), otelcd_says("status", "--endpoint", base(d))):
        assert ran.returncode == 0 and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", ran.stdout), ran.stdout
    shown = otelcd_says("top", "--once", "--interval", "100ms", "--endpoint", base(d)).stdout
    assert "[2J<script>" in shown and "LAST WARNINGS" in shown


@pytest.mark.parametrize("verb", [["status"], ["top", "--once"], ["healthcheck"], ["doctor"]], ids=lambda verb: verb[0])
def test_what_another_server_answers_does_nothing_to_a_terminal(verb):
    class Other(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(4096)
            self.request.sendall("HTTP/1.1 500 \033[2J\u009b31m\r\n\r\n".encode())

    with socketserver.TCPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        ran = otelcd_says(*verb, "--endpoint", f"127.0.0.1:{server.server_address[1]}")
        server.shutdown()
    said = ran.stdout + ran.stderr
    assert ran.returncode != 0 and not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", said), said


DRIPS = {
    "http://": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    "https://": b"\x16\x03\x03\x40\x00\x02",  # the head of a record of TLS
}


@pytest.mark.parametrize("scheme", DRIPS)
@pytest.mark.parametrize("verb", [["status"], ["healthcheck"]], ids=lambda verb: verb[0])
def test_an_answer_that_drips_does_not_hold_a_question_for_ever(verb, scheme):
    class Dripping(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(4096)
            self.request.sendall(DRIPS[scheme])
            with contextlib.suppress(OSError):
                while True:  # until who asks has had enough
                    self.request.sendall(b"x")
                    threading.Event().wait(0.02)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        ran = otelcd_says(*verb, "--timeout", "300ms", "--endpoint", f"{scheme}127.0.0.1:{server.server_address[1]}/")
        server.shutdown()
    assert ran.returncode != 0 or (verb[0], scheme) == ("healthcheck", "http://"), ran  # which asks for the status alone
