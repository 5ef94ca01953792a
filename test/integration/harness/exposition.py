# SPDX-License-Identifier: Apache-2.0
"""Reading what /metrics says, in each of its formats."""

import re
import subprocess
from collections import namedtuple

from google.protobuf.internal.decoder import _DecodeVarint32
from prom import prometheus_client_pb2
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from .limits import tool

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


class Samples:
    """The samples of an exposition: samples.value("name", label="x"), samples.sum("name")."""

    def __init__(self, families):
        self.families = list(families)
        self.all = [s for f in self.families for s in f.samples]

    def find(self, name, **labels):
        """The samples of that name. The parser adds _total to counters that come without, as otelcd's own do."""
        names = (name, name + "_total")
        return [s for s in self.all if s.name in names and all(s.labels.get(k) == v for k, v in labels.items())]

    def value(self, name, **labels):
        found = self.find(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {len(found)} samples, not one: {found or self.names()}"
        return found[0].value

    def sum(self, name, **labels):
        return sum(s.value for s in self.find(name, **labels))

    def names(self):
        return sorted({s.name for s in self.all})

    def type(self, name):
        return next(f.type for f in self.families if f.name == name)


Sample = namedtuple("Sample", "name labels value")
Family = namedtuple("Family", "name type samples")
_SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? (\S+)(?: (-?\d+))?')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def from_text(text):
    """The samples under the names that they have: prometheus_client's parser, which is asked too, puts _total on counters."""
    list(parse_text(text))
    families = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families, f"family {name} comes twice"
            family = families[name] = Family(name, kind, [])
        elif line and not line.startswith("#"):
            found = _SAMPLE.fullmatch(line)
            assert found, line
            labels = {k: re.sub(r"\\.", lambda m: _ESCAPES[m[0]], v) for k, v in _LABEL.findall(found[2] or "")}
            assert found[1].startswith(family.name), f"{line} stands under {family.name}"
            family.samples.append(Sample(found[1], labels, float(found[3])))
    return Samples(families.values())


def from_openmetrics(text):
    assert text.endswith("# EOF\n"), "OpenMetrics ends with # EOF"
    return Samples(parse_openmetrics(text))


def from_protobuf(data):
    """Delimited MetricFamily messages, by name. A large family may come in several pieces in a row."""
    families, at, last = {}, 0, None
    while at < len(data):
        size, at = _DecodeVarint32(data, at)
        family = prometheus_client_pb2.MetricFamily.FromString(data[at : at + size])
        if family.name == last:
            assert (family.type, family.help) == (families[last].type, families[last].help)
            families[last].metric.extend(family.metric)
        else:
            assert family.name not in families, f"family {family.name} comes twice"
            families[family.name] = family
        last = family.name
        at += size
    return families


def promtool_accepts(text):
    """promtool reads the text format; 3 is its code for advice about names, which are the users' own."""
    ran = subprocess.run([tool("promtool", "prometheus"), "check", "metrics"], input=text.encode(), capture_output=True)
    assert ran.returncode in (0, 3), ran.stderr.decode()
