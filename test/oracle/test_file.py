# SPDX-License-Identifier: Apache-2.0
"""What the Go collector's file exporter writes: kept as test/data/file/collector.*, to which otelcd's files are held."""

import json

from harness import filed, otlp
from oracle import JSON, ask


def group_body(segment):
    request = otlp.logs(1, resource={} if segment is None else {"seg": segment})
    request.resource_logs[0].scope_logs[0].log_records[0].body.string_value = repr(segment)
    return request.SerializeToString()


def send(c):
    for sort, path in filed.CASES:
        assert ask(c.ports["http"], "POST", sort.path, path.read_bytes(), JSON)[0] == 200


def keep(request, name, data, read):
    """With --rewrite what the Collector wrote is kept; it must mean what is kept."""
    kept = filed.FOLDER / name
    if request.config.getoption("--rewrite"):
        filed.FOLDER.mkdir(exist_ok=True)
        kept.write_bytes(data)
    assert read(data) == read(kept.read_bytes())


def test_json_lines(collector, request, tmp_path):
    c = collector(filed.config(tmp_path / "o"))
    send(c)
    c.close()
    keep(request, "collector.json", (tmp_path / "o").read_bytes(), filed.lines)


def test_protobuf_messages(collector, request, tmp_path):
    c = collector(filed.config(tmp_path / "o", "format: proto"))
    send(c)
    c.close()
    keep(request, "collector.pb", (tmp_path / "o").read_bytes(), lambda b: filed.parsed(filed.prefixed(b)))


def test_compressed_messages_are_laid_out_alike(collector, tmp_path):
    for name, more, plain in (("j", "format: json", "collector.json"), ("p", "format: proto", "collector.pb")):
        c = collector(filed.config(tmp_path / name, "compression: zstd", more))
        send(c)
        c.close()
        messages = filed.inflated(filed.prefixed((tmp_path / name).read_bytes()))
        kept = (filed.FOLDER / plain).read_bytes()
        if name == "j":
            assert [json.loads(m) for m in messages] == filed.lines(kept)
        else:
            assert filed.parsed(messages) == filed.parsed(filed.prefixed(kept))


def test_groups(collector, request, tmp_path):
    (tmp_path / "out").mkdir()
    c = collector(filed.config(tmp_path / "out/x-*.json", "group_by: {enabled: true, resource_attribute: seg}"))
    for s in filed.SEGMENTS:
        ask(c.ports["http"], "POST", otlp.LOGS.path, group_body(s), {"Content-Type": "application/x-protobuf"})
    c.close()
    found = {
        str(p.relative_to(tmp_path)): sorted(
            m["resourceLogs"][i]["scopeLogs"][0]["logRecords"][0]["body"]["stringValue"]
            for m in filed.lines(p.read_bytes())
            for i in range(len(m["resourceLogs"]))
        )
        for p in sorted(tmp_path.rglob("*.json"))
    }
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    keep(request, "collector.groups.json", text.encode(), json.loads)
