# SPDX-License-Identifier: Apache-2.0
"""`otelcd schema`: a JSON Schema that accepts what `otelcd validate` accepts, and refuses what it refuses, as far as a
schema can say it: keys, types, words, bounds and what is required, but not who names whom, nor what a component checks
itself."""

import copy
import functools
import json
import os
import pathlib
import random
import re
import subprocess

import pytest

from harness.limits import OTELCD, PATIENCE, ROOT

yaml = pytest.importorskip("yaml")
jsonschema = pytest.importorskip("jsonschema")

CORPUS = pathlib.Path(os.environ.get("OTELCD_CORPUS", ROOT.parent / "shared/corpus/configs"))
FILES = sorted(CORPUS.rglob("*.yaml"))
OURS = sorted((ROOT / "config").glob("*.yaml"))

# What validate says where a schema can say it too.
SAYABLE = re.compile(
    r"has invalid keys|^expected |is not one of |out of range|^unknown type|that otelcd does not have|that the Go collector once had"
    r"|is not a duration|must have at least one (receiver|exporter)|references processor .* multiple times"
    r"|no (receiver|exporter) configuration specified|service must have at least one pipeline|unknown signal"
    r"|loglevel is the old spelling of verbosity; write"
)


class Loader(yaml.SafeLoader):
    """YAML's core schema, as go-yaml reads it: yes and on are words, 0o17 is a number, dates are text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("merge", r"^<<$", "<"),
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(0|[1-9][0-9_]*)$", list("-+0123456789")),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", list("-+.0123456789")),
]:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


def nested(tree):
    """Keys like a::b as maps in maps."""
    if isinstance(tree, list):
        return [nested(x) for x in tree]
    if not isinstance(tree, dict):
        return tree
    out = {}
    for key, value in tree.items():
        at = out
        *above, last = str(key).split("::")
        for part in above:
            at = at.setdefault(part, {})
        at[last] = nested(value)
    return out


@functools.cache
def validator():
    schema = json.loads(subprocess.run([OTELCD, "schema"], capture_output=True, check=True, timeout=PATIENCE).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@functools.cache
def refused_keys():
    """What the reference says is not served, by the last part of the path."""
    text = subprocess.run([OTELCD, "components", "--format", "markdown"], capture_output=True, text=True, check=True).stdout
    return {row.split("::")[-1] for row in re.findall(r"(?m)^- `([^`]+)` \(not served", text)}


def is_of_a_row(fault):
    """A row complains where its table is, a component's own check where its key is."""
    return fault["text"].startswith("requires a non-empty") and not fault["path"].endswith("::endpoint")


def answers(file):
    """(does validate find faults, those that a schema can say)"""
    ran = subprocess.run([OTELCD, "validate", "--format", "json", "-c", str(file)], capture_output=True, text=True, timeout=PATIENCE)
    errors = [f for f in json.loads(ran.stdout)["faults"] if f["severity"] == "error"]
    assert ran.returncode == bool(errors)
    said = [
        f for f in errors
        if (SAYABLE.search(f["text"]) or is_of_a_row(f) or f["path"].split("::")[-1] in refused_keys())
        and "environment variable" not in f["text"] + str(f["remedy"])
    ]
    return errors, said


def complaint(tree):
    error = jsonschema.exceptions.best_match(validator().iter_errors(tree))
    return None if error is None else f"{'::'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def disagreement(file, tree):
    """None: the schema accepts what validate accepts, and refuses what it refuses for a reason that it can say."""
    errors, said = answers(file)
    wrong = complaint(tree)
    if errors if wrong else not said:
        return None
    return f"schema: {wrong}; validate: {said or errors}"


@pytest.mark.skipif(not FILES, reason=f"no corpus of configurations at {CORPUS}: set OTELCD_CORPUS")
def test_the_schema_accepts_what_validate_accepts_of_others():
    wrong, read, accepted = [], 0, 0
    for file in FILES:
        try:
            tree = nested(yaml.load(file.read_text(), Loader) or {})
        except yaml.YAMLError:
            continue
        read += 1
        accepted += complaint(tree) is None
        if told := disagreement(file, tree):
            wrong.append(f"{file.name}: {told}")
    print(f"\nthe schema accepts {accepted} of {read} configurations")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", OURS, ids=[f.stem for f in OURS])
def test_the_schema_accepts_each_example(file):
    assert complaint(nested(yaml.load(file.read_text(), Loader))) is None


def places(tree, path=()):
    """The paths of all values."""
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


INSTEAD = [None, 5, -1, 0.5, True, "word", "", [], ["word"], {}, {"unheard_of": 1}, "${env:OTELCD_TEST_UNSET:-}", "10s"]


def changed(tree, path, value):
    tree = copy.deepcopy(tree)
    at = tree
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return tree


@pytest.mark.parametrize("file", OURS, ids=[f.stem for f in OURS])
def test_a_value_of_any_other_type_is_refused_by_both_or_by_neither(file, tmp_path):
    tree = nested(yaml.load(file.read_text(), Loader))
    dice = random.Random(file.stem)
    cases = [(path, value) for path in places(tree) if path for value in INSTEAD]
    wrong = []
    for path, value in dice.sample(cases, min(80, len(cases))):
        one = changed(tree, path, value)
        at = tmp_path / "changed.yaml"
        at.write_text(json.dumps(one))
        if isinstance(value, str) and value.startswith("${"):
            if told := complaint(one):  # what a variable will be is not known
                wrong.append(f"{'::'.join(map(str, path))} = {value}: {told}")
        elif told := disagreement(at, one):
            wrong.append(f"{'::'.join(map(str, path))} = {value!r}: {told}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("value", ["${env:A}", "${A}", "${env:A:-5}", "${env:A:-${env:B:-x}}", "${file:a.yaml}", "${yaml:[a]}"])
def test_a_variable_may_stand_for_any_value(value):
    for file in OURS:
        tree = nested(yaml.load(file.read_text(), Loader))
        for path in places(tree):
            if path:
                assert complaint(changed(tree, path, value)) is None, (file.stem, path)


def test_each_option_of_each_component_is_in_the_schema():
    text = subprocess.run([OTELCD, "completion", "keys"], capture_output=True, text=True, check=True).stdout
    for key in text.splitlines():
        section, *rest = key.split(".")
        at = validator().schema["$defs"][f"{section}.{rest.pop(0)}"] if section != "service" else validator().schema["properties"]["service"]
        for part in rest:
            at = at["anyOf"][0]["properties"][part]
        assert at, key


def test_a_schema_says_what_a_key_is_and_what_it_is_without_it():
    batch = validator().schema["$defs"]["processors.batch"]["anyOf"][0]["properties"]
    assert batch["timeout"]["default"] == "200ms" and batch["timeout"]["description"]
    assert batch["send_batch_size"]["default"] == 8192
