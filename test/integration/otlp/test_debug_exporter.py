# SPDX-License-Identifier: Apache-2.0
"""What the debug exporter shows of what strangers wrote."""

import pytest
from harness import otlp

CONFIG = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:0"}}, http: {{endpoint: "127.0.0.1:0"}}}}}}
exporters:
  debug: {{verbosity: {verbosity}, use_internal_logger: {internal}}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [debug]}}
"""

# C0 and DEL, some of C1, line ends of Unicode, changes of direction.
CONTROLS = "".join(map(chr, [*range(32), 0x7F, 0x80, 0x85, 0x9B, 0x9F, 0x2028, 0x2029, 0x200E, 0x202E, 0x2066, 0x2069, 0x061C]))
FORGED = CONTROLS + "\n2026-01-01T00:00:00.000Z\tinfo\tEverything is fine\n"


def request(text):
    """One span that has this wherever a string may stand."""
    spans = otlp.traces(1, attributes={text: text}, resource={text: text})
    spans.resource_spans[0].schema_url = text
    scope = spans.resource_spans[0].scope_spans[0]
    scope.scope.name = scope.scope.version = scope.spans[0].name = scope.spans[0].trace_state = text
    scope.spans[0].status.message = text
    scope.spans[0].attributes.add(key="list").value.array_value.values.add().string_value = text
    return spans


@pytest.mark.parametrize("verbosity", ["normal", "detailed"])
def test_what_senders_wrote_forges_no_line_and_steers_no_terminal(otelcd, verbosity):
    assert len(CONTROLS) == 44
    d = otelcd(CONFIG.format(verbosity=verbosity, internal="false"))
    for text in ("x", FORGED):
        d.export(request(text))
    text = (d.folder / "stdout").read_bytes().decode()
    honest, forged = text.removeprefix("Traces").split("Traces\t")
    assert len(forged.splitlines()) == forged.count("\n") == honest.count("\n")
    assert not set(forged) & (set(CONTROLS) - {"\n"})
    assert "\\u001b" in forged and "\\n2026-01-01T00:00:00.000Z\\tinfo" in forged


@pytest.mark.parametrize("verbosity", ["normal", "detailed"])
def test_json_has_every_byte_of_it(otelcd, verbosity):
    d = otelcd(CONFIG.format(verbosity=verbosity, internal="true"))
    d.export(request(FORGED))
    message = d.wait_log("Everything is fine")["msg"]
    assert message.count(FORGED) >= 5
    assert not set(d.log()) & (set(CONTROLS) - {"\n"})
