# SPDX-License-Identifier: Apache-2.0
"""Statements and conditions of OTTL about profiles: test/data/ottl/profiles has the request input.json, cases.yaml with
the processors of each case, and in expected.json what the Go collector makes of it: profiles with what they name in the
dictionary put in, for which number has what is each one's own business."""

import json

import yaml

from . import kept
from .limits import ROOT

FOLDER = ROOT / "test/data/ottl/profiles"
CASES = yaml.safe_load((FOLDER / "cases.yaml").read_text())
REQUEST = (FOLDER / "input.json").read_bytes()
PATH = "/v1development/profiles"

CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "127.0.0.1:0"}
      http: {endpoint: "127.0.0.1:0"}
processors: %s
exporters:
  file: {path: %s}
service:
  pipelines:
    profiles: {receivers: [otlp], processors: [%s], exporters: [file]}
"""


def config(name, out):
    return CONFIG % (json.dumps(CASES[name]), out, ", ".join(CASES[name]))


class Dictionary:
    def __init__(self, request):
        tables = request.get("dictionary", {})
        self.strings, self.attributes = tables.get("stringTable", []), tables.get("attributeTable", [])

    def text(self, number):
        return self.strings[number] if number < len(self.strings) else f"no string {number}"

    def spelled(self, value):
        """With the text of strings that stand in the dictionary; lists of pairs by their keys."""
        if isinstance(value, dict):
            texts = {"keyStrindex": "key", "stringValueStrindex": "stringValue"}
            return {texts.get(k, k): self.text(v) if k in texts else self.spelled(v) for k, v in value.items()}
        if not isinstance(value, list):
            return value
        made = [self.spelled(one) for one in value]
        return sorted(made, key=lambda one: one["key"]) if made and all(isinstance(one, dict) and "key" in one for one in made) else made

    def named(self, indices):
        listed = [self.attributes[i] for i in indices]
        return sorted([self.text(a.get("keyStrindex", 0)), json.dumps(self.spelled(a.get("value", {})), sort_keys=True),
                       self.text(a.get("unitStrindex", 0))] for a in listed)

    def profile(self, p):
        p = dict(p)
        for key in ("sampleType", "periodType"):
            kind = p.pop(key, {})
            p[key] = [self.text(kind.get("typeStrindex", 0)), self.text(kind.get("unitStrindex", 0))]
        p["attributes"] = self.named(p.pop("attributeIndices", []))
        p["samples"] = [{**{k: v for k, v in s.items() if v}, "attributeIndices": self.named(s.get("attributeIndices", []))}
                        for s in p.get("samples", [])]
        return {k: v for k, v in p.items() if v not in (0, "0", "", [])}


def told(text):
    """What a file exporter has written."""
    found = []
    for line in text.splitlines():
        request = json.loads(line)
        dictionary = Dictionary(request)
        found += [{"resource": dictionary.spelled(r.get("resource", {})),
                   "scopes": [{"scope": dictionary.spelled(s.get("scope", {})), "profiles": [dictionary.profile(p) for p in s.get("profiles", [])]}
                              for s in r.get("scopeProfiles", [])]}
                  for r in request.get("resourceProfiles", [])]
    return found


def expected(name):
    return kept.expected(FOLDER, name)


def keep_expected(name, found):
    kept.keep_expected(FOLDER, CASES, name, found)
