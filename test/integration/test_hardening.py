# SPDX-License-Identifier: Apache-2.0
"""What the program gives up by itself, and how its binary is built."""

import platform
import re
import subprocess

import pytest

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
