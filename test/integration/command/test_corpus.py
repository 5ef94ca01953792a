# SPDX-License-Identifier: Apache-2.0
"""Configurations of others: each is accepted, or every complaint about it is right, placed, and of a known sort.

OTELCD_CORPUS names a folder of .yaml files; without it, one beside the checkout is taken. What is checked of a complaint
does not trust otelcd: the place is looked up in the file, references and lists in PyYAML's reading of it."""

import collections
import os
import pathlib
import re
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT

yaml = pytest.importorskip("yaml")

CORPUS = pathlib.Path(os.environ.get("OTELCD_CORPUS", ROOT.parent / "shared/corpus/configs"))
FILES = sorted(CORPUS.rglob("*.yaml"))
SECTIONS = {"receiver": "receivers", "processor": "processors", "exporter": "exporters", "extension": "extensions"}
ANSWER = re.compile(r"^(?P<file>\S+\.yaml):(?P<line>\d+):(?P<column>\d+): (?P<warning>warning: )?(?:(?P<path>[^ ]+): )?(?P<text>.*)$")

COUNT = r"(\d+ faults?)?(, )?(\d+ warnings?)?"  # the closing line

# Mistakes of the files themselves, each looked up by hand: the Go collector refuses these too.
MISTAKES = [
    r'"8889\\"" is not a port',
    r'"0.0.0.0.8889" has no port',
    r"directory must exist: /var/lib/otelcol/data",
    r"'check_interval' must be greater than zero",
    r"'limit_mib' or 'limit_percentage' must be greater than zero",
    r"send_batch_max_size must be greater or equal to send_batch_size",
    r'"\\"debug\\"" is not one of debug, info',
    r'"\$LOG_EXPORTER_LOG_VERBOSITY" is not one of basic',
    r"has invalid keys: (receiver|connectors|insecure);",
    r"endpoint must be a valid URL",
    r"no bearer token provided",  # the variable that has it is not set
    r"no credential source provided",
    r"cannot read \S+\.(crt|pem|key): no such file or directory",  # certificates of their machines
    r'"kubeconfig" is not one of serviceAccount',
    r'references extension "memory_limiter" which is not configured',
]
# Values that the Go collector has and otelcd says it has not.
NOT_SERVED = r"not supported for uri|exactly one output is served|comes with a later version|is not served here"


def components_as(form):
    return subprocess.run([OTELCD, "components", "--format", form], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def components():
    listed = yaml.safe_load(components_as("yaml"))
    return {section: {c["name"] for c in listed[section] or []} for section in (*SECTIONS.values(), "connectors")}


@pytest.fixture(scope="module")
def refused():
    """The keys that the reference says are not served: {("exporters::debug", "sending_queue"), ...}, by old names too."""
    keys, section, owners = set(), "", []
    for line in components_as("markdown").splitlines():
        if heading := re.match(r"(##|###) (\w+)$", line):
            section = heading[2] if heading[1] == "##" else section
            owners = [section if heading[1] == "##" else f"{section}::{heading[2]}"]
        elif old := re.search(r"Old names: ([\w, ]+)\.$", line):
            owners += [f"{section}::{name}" for name in old[1].split(", ")]
        elif row := re.match(r"- `([^`]+)` \(not served", line):
            keys |= {(owner, row[1]) for owner in owners}
    return keys


def is_refused(path, refused):
    """service::telemetry::x, or exporters::debug/2::x; numbers of list elements aside."""
    section, _, rest = re.sub(r"::\d+(?=::|$)", "", path).partition("::")
    if section == "service":
        return (section, rest) in refused
    name, _, key = rest.partition("::")
    return (f"{section}::{name.split('/')[0]}", key) in refused


def validate(file):
    return subprocess.run([OTELCD, "validate", "--config", str(file)], capture_output=True, text=True, timeout=PATIENCE)


def loaded(file):
    try:
        return yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError:
        return None


def dig(tree, path):
    for key in path.split("::"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def sort_of(answer, file, components, refused):
    """What the complaint is about; None when it is wrong or of no known sort."""
    text, path, tree = answer["text"], answer["path"] or "", loaded(file)
    here = file.read_text().splitlines()[int(answer["line"]) - 1][int(answer["column"]) - 1 :]
    section, _, name = path.partition("::")
    if unknown := re.match(r'unknown type: "(\w+)" for id: |"(\w+)" is an? \w+ (of the Go collector that otelcd does not have|that the Go collector once had); ', text):
        type = unknown[1] or unknown[2]
        right = type not in components[section] and name.split("/")[0] == type and here.lstrip("\"'").startswith(name)
        return f"component {type}" if right else None
    if reference := re.match(r'references (\w+) "([^"]+)" which is not configured', text):
        kind, name = reference.groups()
        known = set(tree.get(SECTIONS[kind]) or {}) | (set(tree.get("connectors") or {}) if kind in ("receiver", "exporter") else set())
        return "mistake: reference" if name not in known and here.lstrip("\"'").startswith(name) else None
    if needs := re.match(r"must have at least one (\w+)", text):
        return "mistake: empty pipeline" if not (dig(tree, path) or {}).get(SECTIONS[needs[1]]) else None
    if is_refused(path, refused):
        return f"key {re.sub(r'::[0-9]+', '', path)}" if here.lstrip("\"'").startswith(path.split("::")[-1]) else None
    if re.search(NOT_SERVED, text):
        return f"value of {path}"
    if text.endswith(" is not set"):
        return "unset variable"
    return "mistake: " + text[:40] if any(re.search(m, text) for m in MISTAKES) else None


@pytest.mark.skipif(not FILES, reason=f"no corpus of configurations at {CORPUS}: set OTELCD_CORPUS")
def test_configurations_of_others_are_accepted_or_answered_exactly(components, refused):
    accepted, wrong, sorts = 0, [], collections.Counter()
    for file in FILES:
        ran = validate(file)
        lines = ran.stderr.splitlines()
        answers = [ANSWER.match(line) for line in lines[:-1]]
        if ran.returncode not in (0, 1) or ran.stdout or not all(answers) or any(a["file"] != str(file) for a in answers) or not re.fullmatch(COUNT, "".join(lines[-1:])):
            wrong.append(f"{file.name}: exit code {ran.returncode}: {ran.stderr[-1000:]}")
            continue
        errors = [a for a in answers if not a["warning"]]
        accepted += ran.returncode == 0
        assert bool(errors) == (ran.returncode == 1)
        for a in errors:
            sort = sort_of(a, file, components, refused)
            sorts[sort] += 1
            if sort is None:
                wrong.append(a[0])
    print(f"\n{accepted} of {len(FILES)} configurations accepted ({accepted / len(FILES):.0%})")
    for sort, n in sorts.most_common():
        print(f"{n:5} {sort}")
    assert not wrong, "\n".join(wrong)
