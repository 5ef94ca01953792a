# SPDX-License-Identifier: Apache-2.0
"""What the Go collector's transform processor makes of each statement of test/data/ottl/functions: asked anew here,
kept with --rewrite (harness/ottl_functions.py)."""

import http.client
import json
import re
import subprocess

import pytest
from conftest import build
from harness import ottl_functions as cases
from harness.limits import PATIENCE
from oracle import JSON, ask

GATES = "--feature-gates=ottl.functions.enableLambda"


def complaint(numbered, folder):
    config = folder / "validated.yaml"
    config.write_text(cases.config(numbered, folder / "none"))
    ran = subprocess.run([build(), "validate", GATES, "--config", str(config)], capture_output=True, text=True, timeout=PATIENCE)
    return ran.stderr if ran.returncode != 0 else ""


def refusals(numbered, folder):
    """What Go refuses at the start, by number. It names the statement, but for one that is no OTTL at all."""
    text = complaint(numbered, folder)
    if not text:
        return {}
    found = {int(n): why for n, why in re.findall(r'flags == (\d+)"?:? ?(.*)', text)}
    if not found and len(numbered) == 1:
        return {numbered[0][0]: text.strip().removeprefix("Error: processors::transform: ")}
    if not found:
        half = len(numbered) // 2
        return {**refusals(numbered[:half], folder), **refusals(numbered[half:], folder)}
    return {**found, **refusals([one for one in numbered if one[0] not in found], folder)}


def failures(log):
    """The sentences of statements that failed at run time, by number."""
    found = {}
    for line in log.splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        number = re.search(r"flags == (\d+)$", entry.get("statement", ""))
        if number and "error" in entry:
            found.setdefault(int(number[1]), re.sub("0x[0-9a-f]{9,}", "0xADDRESS", entry["error"]))
    return found


def answer(collector, statements, refused, out):
    """A request for each: there are statements that crash Go's, and its server goes on with the next."""
    left = [(n, s) for n, s in enumerate(statements, 1) if n not in refused]
    c = collector(cases.config(left, out), GATES)
    for n, _ in left:
        try:
            assert ask(c.ports["http"], "POST", "/v1/logs", cases.request([n]), JSON)[0] == 200
        except http.client.RemoteDisconnected:
            pass
    c.close()
    return cases.results(out.read_text(errors="replace")), failures(c.log.read_text())


@pytest.mark.parametrize("name", cases.NAMES)
def test_the_collector_answers_each_statement_as_is_kept(collector, request, name, tmp_path):
    statements = list(cases.statements(name))
    refused = refusals(list(enumerate(statements, 1)), tmp_path)
    results, failed = answer(collector, statements, refused, tmp_path / "out.json")
    found = []
    for n, statement in enumerate(statements, 1):
        case = {"statement": statement}
        if n in refused:
            case["refused"] = refused[n]
        elif n not in results:
            case["crashes"] = True
        else:
            case["changed"] = results[n]
            if n in failed:
                case["error"] = failed[n]
        found.append(case)
    if request.config.getoption("--rewrite"):
        cases.keep_expected(name, found)
        cases.keep_record()
    assert found == cases.expected(name)
