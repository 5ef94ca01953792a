# SPDX-License-Identifier: Apache-2.0
"""What the program gives up by itself, and how its binary is built."""

import ctypes
import platform
import re
import shutil
import signal
import socket
import subprocess

import grpc
import pytest

from configs import NOP
from harness import otlp
from harness.daemon import READY
from harness.limits import OTELCD, PATIENCE, SANITIZED, tool

built_for_release = pytest.mark.skipif(SANITIZED, reason="a sanitizer's build has other flags")


def readelf(*options):
    return subprocess.run(
        [tool("readelf"), *options, OTELCD], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout


@built_for_release
def test_the_binary_is_position_independent_and_its_stack_holds_no_code():
    assert re.search(r"Type:\s+DYN", readelf("--wide", "--file-header"))
    stack = re.search(r"GNU_STACK.*", readelf("--wide", "--program-headers"))[0]
    assert re.search(r" RW +0x", stack), stack


@built_for_release
def test_what_is_relocated_is_read_only_before_main():
    assert "GNU_RELRO" in readelf("--wide", "--program-headers")
    assert re.search(r"Flags:.*\bNOW\b", readelf("--wide", "--dynamic"))


@built_for_release
def test_copies_and_stacks_are_checked():
    symbols = readelf("--wide", "--symbols")
    assert "__stack_chk_fail" in symbols
    assert "__memcpy_chk" in symbols


@built_for_release
@pytest.mark.skipif(platform.machine() != "x86_64", reason="landing pads are x86's")
def test_functions_begin_with_a_landing_pad_for_indirect_calls():
    code = subprocess.run(
        [tool("objdump"), "--disassemble=main", OTELCD], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout
    first = re.search(r"<main>:\n(.*)", code)[1]
    assert "endbr64" in first, first


CREATE_RULESET = 444


def landlock():
    return ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, 0, 1)


confined = pytest.mark.skipif(landlock() < 1, reason="this kernel or container has no Landlock")


def files(path, more=""):
    return f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters: {{file: {{path: "{path}"{more}}}}}
service:
  pipelines: {{logs: {{receivers: [otlp], exporters: [file]}}}}
"""


def status(d, key):
    with open(f"/proc/{d.process.pid}/status") as f:
        return re.search(rf"(?m)^{key}:\s+(\S+)", f.read())[1]


def tenant(name):
    request = otlp.logs(1)
    request.resource_logs[0].resource.attributes.add(key="tenant").value.string_value = name
    return request


def test_no_thread_gains_privileges_and_root_keeps_two_capabilities(otelcd):
    d = otelcd(NOP)
    d.export(otlp.traces(1))
    assert status(d, "NoNewPrivs") == "1"
    assert int(status(d, "CapPrm"), 16) & ~(1 << 1 | 1 << 10) == 0
    assert status(d, "CapPrm") == status(d, "CapEff")
    d.terminate()
    assert d.wait_end() == 0


@confined
def test_a_link_that_was_planted_leads_no_file_out_of_its_directory(otelcd, tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "evil").symlink_to(outside)
    d = otelcd(
        files(f"{inside}/*/logs.json", ", group_by: {enabled: true, resource_attribute: tenant}"),
        expect=["Writing failed"],
    )
    d.export(tenant("good"))
    with pytest.raises(grpc.RpcError, match="Permission denied"):
        d.export(tenant("evil"))
    assert (inside / "good/logs.json").exists()
    assert list(outside.iterdir()) == []
    d.terminate()
    assert d.wait_end() == 0


@confined
def test_a_reload_that_writes_elsewhere_is_refused_with_what_to_do(otelcd, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    d = otelcd(files(a / "x.json"), expect=["gave up writing there", "running on with the old one"])
    (d.folder / "otelcd.yaml").write_text(files(b / "x.json"))
    d.terminate(signal.SIGHUP)
    d.wait_log("running on with the old one")
    assert d.records("gave up writing there")[0]["path"] == str(b / "x.json")
    d.export(otlp.logs(2))
    assert not (b / "x.json").exists()
    (d.folder / "otelcd.yaml").write_text(files(a / "y.json"))
    d.terminate(signal.SIGHUP)
    d.wait_log("^" + READY, 2)
    d.export(otlp.logs(2), address=d.records("^Starting GRPC server$")[-1]["endpoint"])
    assert (a / "y.json").exists()
    d.terminate()
    assert d.wait_end() == 0


@confined
def test_a_directory_that_was_made_anew_is_found_before_anything_is_stopped(otelcd, tmp_path):
    a = tmp_path / "a"
    a.mkdir()
    d = otelcd(files(a / "x.json"), expect=["was made anew: restart otelcd", "running on with the old one"])
    shutil.rmtree(a)
    a.mkdir()
    d.terminate(signal.SIGHUP)
    d.wait_log("running on with the old one")
    d.terminate()
    assert d.wait_end() == 0


def test_a_reload_tells_that_the_sandbox_takes_a_restart(otelcd, tmp_path):
    d = otelcd(files(tmp_path / "x.json"), expect=["service::sandbox counts when the process starts"])
    (d.folder / "otelcd.yaml").write_text(files(tmp_path / "x.json") + "  sandbox: false\n")
    d.terminate(signal.SIGHUP)
    d.wait_log("^" + READY, 2)
    assert d.records("service::sandbox counts")[0]["configured"] is False
    d.terminate()
    assert d.wait_end() == 0


def test_without_the_sandbox_a_reload_may_write_anywhere(otelcd, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    d = otelcd(files(a / "x.json") + "  sandbox: false\n", expect=["service::sandbox counts"])
    assert status(d, "NoNewPrivs") == "0"
    (d.folder / "otelcd.yaml").write_text(files(b / "x.json"))
    d.terminate(signal.SIGHUP)
    d.wait_log("^" + READY, 2)
    d.export(otlp.logs(2), address=d.records("^Starting GRPC server$")[-1]["endpoint"])
    assert (b / "x.json").exists()
    d.terminate()
    assert d.wait_end() == 0


UNIX = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: {path}, transport: unix}}}}}}
exporters:
  nop:
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [nop]}}
"""


def test_a_socket_file_that_a_crash_has_left_is_made_anew(otelcd, tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.is_socket()
    otelcd(UNIX.format(path=path)).wait_log(READY)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(path))
