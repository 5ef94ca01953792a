# SPDX-License-Identifier: Apache-2.0
"""Every editor, converter, path, name, operator, mode and policy has a case that the Go collector was asked about."""

import json
import re
import subprocess

import yaml
from harness import ottl_cases
from harness.limits import OTELCD, PATIENCE, ROOT

# The context otelcol: the routing connector of the release that could be had has none (test/oracle/older.yaml).
UNASKED = {("path", "otelcol", name) for name in ("client.metadata", "client.addr", "grpc.metadata", "cache")}
OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "and", "or", "not", "=>", "where"]

def test_every_row_of_the_reference_has_a_case():
    reference = subprocess.run([OTELCD, "components", "--format", "ottl"], capture_output=True, text=True, timeout=PATIENCE).stdout
    assert len(list(ottl_cases.rows(reference))) > 300
    assert {row for row in ottl_cases.missing(reference)} == UNASKED


def test_every_severity_has_a_case():
    texts = " ".join(text for _, text in ottl_cases.texts())
    names = [f"SEVERITY_NUMBER_{level}{n}" for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL") for n in ("", 2, 3, 4)]
    assert [name for name in names if not re.search(rf"\b{name}\b", texts)] == []


def test_every_operator_has_a_case():
    words = {word for _, text in ottl_cases.texts() for word in re.sub(r'"(\\.|[^"\\])*"', " ", text).split()}
    assert [operator for operator in OPERATORS if operator not in words] == []


def test_every_mode_has_a_case():
    texts = [(ottl_cases.DATA / path / "cases.yaml").read_text() for path in ("processors", "parted")]
    modes = {mode for text in texts for mode in re.findall(r'"error_mode": "(\w+)"', text)}
    assert modes == {"ignore", "silent", "propagate"}


def test_every_policy_has_a_case():
    source = (ROOT / "src/processor/tail_sampling/policy_config.c").read_text()
    policies = set(re.findall(r'\[POLICY_\w+\] = "(\w+)"', source))
    cases = json.dumps(yaml.safe_load((ottl_cases.DATA / "tail_sampling/cases.yaml").read_text()))
    assert len(policies) > 12
    assert {policy for policy in policies if f'"type": "{policy}"' not in cases} == set()
