# SPDX-License-Identifier: Apache-2.0
"""Same configuration, same values: what `print-config` of the Go collector and of otelcd make of scalars, references,
blocks, ids and sources. What differs on purpose is not among the cases, and stands in docs/differences.md."""

import os
import subprocess

import pytest
import yaml

from conftest import build
from harness.limits import OTELCD, PATIENCE

VARIABLES = {
    "T_INT": "42", "T_OCTAL": "0123", "T_HEX": "0x1F", "T_FLOAT": "1e3", "T_YES": "yes", "T_TRUE": "true", "T_QUOTED": '"0123"',
    "T_COLONS": "a: b: c", "T_MAP": "b: eta", "T_LIST": "[a, b]", "T_EMPTY": "", "T_NULL": "null", "T_DATE": "2024-01-02",
    "T_NAME": "T_INT", "T_DOLLAR": "a$$b", "T_REFERENCE": "${env:T_INT}", "T_INSIDE": "x${env:T_INT}y", "T_SPACES": "  hi  ",
    "T_LINES": "a\nb", "T_DURATION": "5s", "T_BAD": "[a", "T_STAR": "*x", "T_HASH": "a #b", "T_BRACE": "a}b", "T_DOCUMENT": "---\na",
}  # fmt: skip

CONFIG = """\
receivers:
  otlp:
    protocols:
      http:
        include_metadata: %(bool)s
processors:
  batch:
    send_batch_size: %(uint)s
    timeout: %(duration)s
    metadata_keys: %(strings)s
exporters:
  nop:
  prometheus:
    endpoint: localhost:1
    namespace: %(string)s
service:
  pipelines:
    metrics:
      receivers: [otlp]
      processors: [batch]
      exporters: [prometheus, nop]
"""
USUAL = {"string": "a", "bool": "false", "uint": "8192", "duration": "1s", "strings": "[]"}
PLACES = {
    "string": "exporters/prometheus/namespace",
    "bool": "receivers/otlp/protocols/http/include_metadata",
    "uint": "processors/batch/send_batch_size",
    "duration": "processors/batch/timeout",
    "strings": "processors/batch/metadata_keys",
}

SCALARS = """10 10.0 1e3 0x1F 0o17 0123 08 0b11 1_000 _1 1__0 +5 -5 -0 1. '10' true yes True 'true' ~ 2024-01-02 2001-12-14t21:59:43.10-05:00
abc [1] {a:1} 0x 1e 0x_1f a,b 'a,b' 5s 1h30m 1d '5' -5s .5s 1.5h '0' 0 1e9 '' ' ' [a,1] [a,null] [] [[a]] localhost:1 :4318""".split()
REFERENCES = """${T_INT} ${env:T_UNSET} ${env:T_UNSET:-5} ${env:T_UNSET:-} ${env:T_EMPTY:-5} x${env:T_UNSET}y x${env:T_INT}
${env:T_INT}${env:T_OCTAL} ${env:${env:T_NAME}} $${env:T_INT} $$${env:T_INT} $$$${env:T_INT} $$ $ $T_INT ${ ${} ${env:} ${env:1x}
${env:a-b} ${nope:x} ${T_INT:-5} ${yaml:5} ${yaml:[a]} '${env:T_UNSET:-a:-b}' ${env:T_UNSET:-${env:T_INT}} a}b ${env:T_INT
}${env:T_INT} ${file:/nonexistent} ${1:x} ["${env:T_INT}",b] ${T_INT}:${T_OCTAL}""".split()  # fmt: skip


def cases():
    values = [*SCALARS, *REFERENCES, *(f"${{env:{v}}}" for v in VARIABLES)]
    return [(place, value) for place in PLACES for value in values]


def printed(program, folder, text, *args):
    (folder / "c.yaml").write_text(text)
    env = {**os.environ, **VARIABLES}
    env.pop("T_UNSET", None)
    command = [program, "print-config", "--mode", "unredacted", "--config", str(folder / "c.yaml"), *args]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=env)
    return (yaml.safe_load(ran.stdout) if ran.returncode == 0 else None), ran.stderr


def at(tree, path):
    for key in path.split("/"):
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree or None


def undoubled(value):
    """otelcd prints a dollar as two, so that it is read as what it was."""
    if isinstance(value, list):
        return [undoubled(v) for v in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


@pytest.mark.parametrize("place,value", cases())
def test_a_value_means_the_same(tmp_path, place, value):
    text = CONFIG % {**USUAL, place: value}
    theirs, why = printed(build(), tmp_path, text)
    ours, answer = printed(OTELCD, tmp_path, text)
    assert (ours is None) == (theirs is None), f"the Go collector: {why or 'accepted'}\notelcd: {answer or 'accepted'}"
    if ours is not None:
        assert undoubled(at(ours, PLACES[place])) == at(theirs, PLACES[place])


SOURCES = [
    ("--set", "processors.batch.timeout=5s"), ("--set", " processors.batch.timeout = 5s "), ("--set", "processors.batch.timeout"),
    ("--set", "=x"), ("--set", "processors::batch::timeout=5s"), ("--set", "processors.batch.metadata_keys=[a]"),
    ("--set", "processors.batch="), ("--set", "processors.batch.timeout="), ("--set", "processors.batch.timeout=${env:T_DURATION}"),
    ("--set", "a.b.c=1"), ("--set", "exporters.nop/2.x=1"), ("--config", "yaml:processors::batch::timeout: 5s"),
    ("--config", "yaml:processors: {batch: null}"), ("--config", "yaml:"),
    ("--config", "yaml:processors: {batch: {metadata_keys: [z]}}"), ("--config", "yaml:processors: []"), ("--config", "env:T_MAP"),
    ("--config", "env:T_EMPTY"), ("--config", "env:T_UNSET"), ("--config", "env:1x"), ("--config", "env:T_INT"),
    ("--config", "yaml:[1]"), ("--config", "/nonexistent"), ("--config", "foo:/bar"), ("--config", "yaml:'a"),
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES)
def test_a_further_source_does_the_same(tmp_path, source):
    text = CONFIG % USUAL
    theirs, why = printed(build(), tmp_path, text, *source)
    ours, answer = printed(OTELCD, tmp_path, text, *source)
    assert (ours is None) == (theirs is None), f"the Go collector: {why or 'accepted'}\notelcd: {answer or 'accepted'}"
    if ours is not None:
        assert {p: at(ours, p) for p in PLACES.values()} == {p: at(theirs, p) for p in PLACES.values()}


RECEIVERS = """{} {protocols:} {protocols:{}} {protocols:{grpc:}} {protocols:{grpc:{}}} {protocols:{grpc:{enabled:false}}}
{protocols:{grpc:{enabled:'no'}}} {protocols:{grpc:{enabled:false},http:}} {protocols:{grpc:5}} {protocols:{grpc:{keepalive:}}}
{protocols:{grpc:{keepalive:{enabled:false}}}} {protocols:{grpc:{keepalive:{server_parameters:{time:5s}}}}}
{protocols:{grpc:{max_recv_msg_size_mib:-1}}} {protocols:{grpc:{max_recv_msg_size:100}}} {protocols:{grpc:{transport:foo}}}
{protocols:{http:{cors:{}}}} {protocols:{http:{cors:}}} {protocols:{http:{cors:{allowed_origins:'*',max_age:7200}}}}
{protocols:{thrift:}} {grpc:} {protocols:{grpc:},extra:1} {protocols:{GRPC:}} {protocols:5} 5 []""".split()


@pytest.mark.parametrize("receiver", RECEIVERS)
def test_a_receiver_is_accepted_or_refused_by_both(tmp_path, receiver):
    text = (
        f"receivers: {{otlp: {receiver.replace(':', ': ')}}}\nexporters: {{nop: }}\n"
        "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n"
    )
    theirs, why = printed(build(), tmp_path, text)
    ours, answer = printed(OTELCD, tmp_path, text)
    assert (ours is None) == (theirs is None), f"the Go collector: {why or 'accepted'}\notelcd: {answer or 'accepted'}"
