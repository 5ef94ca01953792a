# SPDX-License-Identifier: Apache-2.0
"""The golden expositions of the unit tests, as independent readers see them."""

import pytest

from harness.exposition import from_openmetrics, from_protobuf, from_text, promtool_accepts
from harness.limits import ROOT

GOLDEN = ROOT / "test/data/encoder"
# Names in quotes are newer than promtool 2.42 and the Python parser.
QUOTED = {"utf8"}
READABLE = sorted({p.stem for p in GOLDEN.iterdir()} - QUOTED)


@pytest.mark.parametrize("name", READABLE)
def test_promtool_and_the_python_client_read_each_text(name):
    text = (GOLDEN / f"{name}.txt").read_text()
    promtool_accepts(text)
    from_text(text)


@pytest.mark.parametrize("name", READABLE)
def test_a_strict_parser_reads_each_openmetrics_text(name):
    from_openmetrics((GOLDEN / f"{name}.om").read_text())


@pytest.mark.parametrize("name", READABLE + sorted(QUOTED))
def test_each_protobuf_decodes_with_every_value_present(name):
    for family in from_protobuf((GOLDEN / f"{name}.pb").read_bytes()).values():
        assert family.metric
        for metric in family.metric:
            value = next(v for v in ("counter", "gauge", "untyped", "summary", "histogram") if metric.HasField(v))
            field = "sample_count" if value in ("summary", "histogram") else "value"
            assert getattr(metric, value).HasField(field), f"{family.name} without {field}"
            assert [pair.name for pair in metric.label] == sorted(pair.name for pair in metric.label)


def the_one(samples, name, labels):
    """The Python parser gives a counter the suffix that it lacks."""
    found = [s for s in samples.all if s.name in (name, f"{name}_total") and s.labels == labels]
    assert len(found) == 1, f"{name}{labels}: {found}"
    return found[0].value


@pytest.mark.parametrize("name", READABLE)
def test_text_and_protobuf_agree(name):
    text = from_text((GOLDEN / f"{name}.txt").read_text())
    for family in from_protobuf((GOLDEN / f"{name}.pb").read_bytes()).values():
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            for kind in ("counter", "gauge", "untyped"):
                if metric.HasField(kind):
                    value, shown = getattr(metric, kind).value, the_one(text, family.name, labels)
                    assert shown == value or (shown != shown and value != value)
            for kind in ("summary", "histogram"):
                if metric.HasField(kind):
                    assert the_one(text, f"{family.name}_count", labels) == getattr(metric, kind).sample_count
