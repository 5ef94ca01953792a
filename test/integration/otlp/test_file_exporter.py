# SPDX-License-Identifier: Apache-2.0
"""The file exporter: what is in its files is what was acknowledged, each message whole."""

import json
import os
import re
import signal
import threading
import time

import grpc
import pytest
from harness import filed, otlp
from harness.disk import SmallDisk
from harness.limits import PATIENCE

JSON = {"Content-Type": "application/json"}
LOGS = ("exporter", "file", "logs")


def logs(body, n=1, **attributes):
    request = otlp.logs(n, resource=attributes)
    for r in request.resource_logs[0].scope_logs[0].log_records:
        r.body.string_value = body
    return request


def bodies(messages):
    return [
        r["body"]["stringValue"]
        for m in messages
        for rl in m["resourceLogs"]
        for sl in rl["scopeLogs"]
        for r in sl["logRecords"]
    ]


def send_cases(d):
    for sort, path in filed.CASES:
        assert d.http("POST", sort.path, path.read_bytes(), JSON)[0] == 200


# --- formats ---


def test_json_lines_say_what_the_collector_says(otelcd, tmp_path):
    d = otelcd(filed.config(tmp_path / "out.json"))
    send_cases(d)
    ours = filed.lines((tmp_path / "out.json").read_bytes())
    theirs = filed.lines((filed.FOLDER / "collector.json").read_bytes())
    assert [filed.same(m) for m in ours] == [filed.same(m) for m in theirs]
    assert d.metric("otelcd_exporter_file_written_bytes", exporter="file") == (tmp_path / "out.json").stat().st_size


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_protobuf_messages_are_the_collectors(otelcd, tmp_path, compression):
    d = otelcd(filed.config(tmp_path / "out.pb", "format: proto", f'compression: "{compression}"'))
    send_cases(d)
    messages = filed.prefixed((tmp_path / "out.pb").read_bytes())
    ours = filed.parsed(filed.inflated(messages) if compression else messages)
    theirs = filed.parsed(filed.prefixed((filed.FOLDER / "collector.pb").read_bytes()))
    assert ours == theirs


def test_json_with_zstd_has_lengths_in_front(otelcd, tmp_path):
    d = otelcd(filed.config(tmp_path / "out", "compression: zstd"))
    send_cases(d)
    messages = filed.inflated(filed.prefixed((tmp_path / "out").read_bytes()))
    theirs = filed.lines((filed.FOLDER / "collector.json").read_bytes())
    assert [filed.same(json.loads(m)) for m in messages] == [filed.same(m) for m in theirs]


def test_profiles_are_written_too(otelcd, tmp_path):
    text = filed.config(tmp_path / "out.json").replace("    logs:", "    profiles: {receivers: [otlp], exporters: [file]}\n    logs:")
    d = otelcd(text)
    body = (filed.ROOT / "test/data/debug/profiles.json").read_bytes()
    assert d.http("POST", otlp.PROFILES.path, body, JSON)[0] == 200
    assert "resourceProfiles" in filed.lines((tmp_path / "out.json").read_bytes())[0]


# --- groups ---


def test_groups_have_the_files_that_the_collector_gives_them(otelcd, tmp_path):
    out = tmp_path / "out"
    d = otelcd(
        filed.config(out / "x-*.json", "group_by: {enabled: true, resource_attribute: seg, max_open_files: 3}"),
        expect=["Rejected resources without the attribute"],
    )
    for s in filed.SEGMENTS:
        answer = d.export(logs(repr(s), seg=s) if s is not None else logs("None"))
        assert answer.partial_success.rejected_log_records == (s is None)
    found = {str(p.relative_to(tmp_path)): sorted(bodies(filed.lines(p.read_bytes()))) for p in tmp_path.rglob("*.json")}
    theirs = json.loads((filed.FOLDER / "collector.groups.json").read_text())
    assert found == theirs | {"out/x-5.json": ["5"], "out/x-true.json": ["True"]}
    assert d.ledger(*LOGS)["dropped"] == 1
    assert d.metric("otelcd_exporter_dropped_items", reason="no_path_segment") == 1


def test_a_closed_file_is_appended_to_when_it_is_opened_again(otelcd, tmp_path):
    (tmp_path / "a.json").write_text("old\n")
    d = otelcd(filed.config(tmp_path / "*.json", "group_by: {enabled: true, resource_attribute: seg, max_open_files: 1}"))
    for i in range(3):
        d.export(logs(f"a{i}", seg="a"))
        d.export(logs(f"b{i}", seg="b"))
    request = logs("a3", seg="a")
    for r in (logs("b3", seg="b"), logs("a4", seg="a")):
        request.MergeFrom(r)
    d.export(request)
    a, b = (filed.lines((tmp_path / f"{x}.json").read_bytes()) for x in "ab")
    assert bodies(a) == ["a0", "a1", "a2", "a3", "a4"] and len(a) == 4
    assert bodies(b) == ["b0", "b1", "b2", "b3"]


def test_a_segment_that_can_be_no_file_is_left_out_alone(otelcd, tmp_path):
    d = otelcd(
        filed.config(tmp_path / "*.json", "group_by: {enabled: true, resource_attribute: seg}"),
        expect=["Left out what can never be written"],
    )
    request = logs("good", seg="a")
    for seg in ("x" * 300, "x" * 100_000, "nul\0"):
        request.MergeFrom(logs("bad", seg=seg))
    answer = d.export(request)
    assert answer.partial_success.rejected_log_records == 3
    assert bodies(filed.lines((tmp_path / "a.json").read_bytes())) == ["good"]
    assert d.ledger(*LOGS)["dropped"] == 3


def test_the_sender_hears_of_resources_that_name_no_file(otelcd, tmp_path):
    d = otelcd(
        filed.config(tmp_path / "*.json", "group_by: {enabled: true, resource_attribute: batchID}"),
        expect=["Rejected resources without the attribute", "Left out what can never be written"],
    )
    request = logs("good", batchID="a")
    for attributes in ({}, {"batchID": 2.5}, {"batchID": "nul\0"}):
        request.MergeFrom(logs("bad", **attributes))
    answer = d.export(request).partial_success
    assert answer.rejected_log_records == 3
    assert 'resources without the attribute "batchID"' in answer.error_message and "zero byte" in answer.error_message
    assert bodies(filed.lines((tmp_path / "a.json").read_bytes())) == ["good"]
    for ledger in ("pipeline", "exporter"):
        assert d.metric(f"otelcd_{ledger}_dropped_items", reason="no_path_segment") == 2
        assert d.metric(f"otelcd_{ledger}_dropped_items", reason="not_writable") == 1


def test_values_of_senders_make_no_more_files_than_there_may_be(otelcd, tmp_path):
    d = otelcd(
        filed.config(tmp_path / "d/*/o.json", "group_by: {enabled: true, resource_attribute: seg, max_files: 5, max_open_files: 2}"),
        expect=["Rejected resources: their attribute names more files"],
    )
    request = logs("0", seg="s0")
    for i in range(1, 50):
        request.MergeFrom(logs(f"{i}", seg=f"s{i:02}"))
    answer = d.export(request).partial_success
    assert answer.rejected_log_records == 45 and "group_by::max_files" in answer.error_message
    assert len(list((tmp_path / "d").iterdir())) == 5
    assert not d.export(logs("again", seg="s0")).partial_success.rejected_log_records
    assert bodies(filed.lines((tmp_path / "d/s0/o.json").read_bytes())) == ["0", "again"]
    assert d.metric("otelcd_exporter_dropped_items", reason="too_many_files") == 45


# --- what lies where the file goes ---


@pytest.mark.parametrize("more", ["append: false", "append: true", "rotation: {}"])
def test_a_planted_link_is_not_followed(otelcd, tmp_path, more):
    (tmp_path / "precious").write_text("keep me\n")
    (tmp_path / "o.json").symlink_to(tmp_path / "precious")
    d = otelcd(filed.config(tmp_path / "o.json", more), ready=False, end=False, allow=[".*"])
    assert d.wait_end() != 0
    assert "o.json: it is a symbolic link, which is not followed" in d.log()
    assert (tmp_path / "precious").read_text() == "keep me\n"


def test_a_planted_link_where_a_group_goes_costs_that_group_only(otelcd, tmp_path):
    (tmp_path / "precious").write_text("keep me\n")
    (tmp_path / "a.json").symlink_to(tmp_path / "precious")
    d = otelcd(filed.config(tmp_path / "*.json", "group_by: {enabled: true, resource_attribute: seg}"),
               expect=["Left out what can never be written"])
    request = logs("bad", seg="a")
    request.MergeFrom(logs("good", seg="b"))
    assert d.export(request).partial_success.rejected_log_records == 1
    assert bodies(filed.lines((tmp_path / "b.json").read_bytes())) == ["good"]
    assert (tmp_path / "precious").read_text() == "keep me\n"


def test_the_systems_links_are_followed(otelcd, tmp_path):
    d = otelcd(filed.config("/dev/stdout", "append: true"))
    d.export(logs("shown"))
    assert bodies(filed.lines((d.folder / "stdout").read_bytes())) == ["shown"]


@pytest.mark.parametrize("more, mode", [((), 0o640), (('mode: "0600"',), 0o600), (('mode: "0644"', "rotation: {}"), 0o644)])
def test_files_have_the_mode_that_is_asked_for(otelcd, tmp_path, more, mode):
    os.umask(0o022)
    d = otelcd(filed.config(tmp_path / "o.json", *more))
    d.export(logs("x"))
    assert (tmp_path / "o.json").stat().st_mode & 0o777 == mode


# --- rotation, restarts ---


def backups(folder):
    return sorted(p for p in folder.iterdir() if re.fullmatch(r"o-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}-size\.json", p.name))


def test_full_files_are_renamed_and_none_is_lost(otelcd, tmp_path):
    d = otelcd(filed.config(tmp_path / "o.json", "rotation: {max_megabytes: 1, max_backups: 0}"))
    for i in range(24):
        d.export(logs(f"{i} " + "x" * 200_000))
    d.export(logs("large " + "x" * 1_500_000))
    d.export(logs("last"))
    files = [*backups(tmp_path), tmp_path / "o.json"]
    assert len(files) == 7
    found = [b.split(" ")[0] for f in files for b in bodies(filed.lines(f.read_bytes()))]
    assert found == [*map(str, range(24)), "large", "last"]
    assert all(f.stat().st_size <= 1 << 20 for f in files if b"large" not in f.read_bytes())
    assert d.metric("otelcd_exporter_file_rotations", exporter="file") == 6


def test_old_backups_are_removed_and_other_files_are_not(otelcd, tmp_path):
    names = ["o-2020-01-02T03-04-05.678-size.json", "o-2020-01-02T03-04-05.678.json"]
    kept = ["o-2020-01-02.json", "p-2020-01-02T03-04-05.678-size.json", "o-2020-01-02T03-04-05.678-size.txt", "o-.json"]
    for n in (*names, *kept):
        (tmp_path / n).touch()
    d = otelcd(filed.config(tmp_path / "o.json", "rotation: {max_megabytes: 1, max_backups: 2, max_days: 10}"))
    assert not any((tmp_path / n).exists() for n in names)
    for i in range(20):
        d.export(logs(f"{i} " + "x" * 300_000))
    assert len(backups(tmp_path)) == 2
    assert all((tmp_path / n).exists() for n in kept)


@pytest.mark.parametrize("option, keeps", [("append: true", True), ("rotation: {}", True), ("append: true\n    rotation: {}", True), ("append: false", False)])
def test_a_restart_keeps_what_is_in_the_file_where_it_is_told_to(otelcd, tmp_path, option, keeps):
    for i in range(3):
        d = otelcd(filed.config(tmp_path / "o.json", option), end=False)
        d.export(logs(f"{i}"))
        d.close_clients()
        assert d.stop() == 0
    assert bodies(filed.lines((tmp_path / "o.json").read_bytes())) == (["0", "1", "2"] if keeps else ["2"])


def test_a_line_that_a_crash_cut_short_does_not_take_the_next_with_it(otelcd, tmp_path):
    (tmp_path / "o.json").write_text('{"resourceLogs":[{"reso')
    d = otelcd(filed.config(tmp_path / "o.json", "append: true"))
    d.export(logs("next"))
    torn, next = (tmp_path / "o.json").read_text().splitlines()
    assert torn == '{"resourceLogs":[{"reso' and bodies([json.loads(next)]) == ["next"]


def test_a_file_that_was_removed_is_made_anew(otelcd, tmp_path):
    d = otelcd(filed.config(tmp_path / "o.json"))
    d.export(logs("gone"))
    (tmp_path / "o.json").unlink()
    d.export(logs("here"))
    assert bodies(filed.lines((tmp_path / "o.json").read_bytes())) == ["here"]


def test_a_reload_goes_on_in_the_same_file(otelcd, tmp_path):
    d = otelcd(filed.config(tmp_path / "o.json", "append: true"))
    d.export(logs("before"))
    d.close_clients()
    d.terminate(signal.SIGHUP)
    d.wait_log("^Everything is ready", 2)
    d.export(logs("after"), address=d.records("^Starting GRPC server")[-1]["endpoint"])
    assert bodies(filed.lines((tmp_path / "o.json").read_bytes())) == ["before", "after"]
    d.close_clients()
    d.terminate()
    assert d.wait_end() == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_is_acknowledged_when_the_end_comes_is_in_the_file(otelcd, tmp_path, how):
    d = otelcd(filed.config(tmp_path / "o.json"), end=False)
    acknowledged, enough = set(), threading.Event()

    def load(name):
        call = d.caller(otlp.LOGS.request())
        for i in range(1_000_000):
            try:
                call(logs(f"{name}-{i}", n=20), timeout=PATIENCE)
            except grpc.RpcError:
                return
            acknowledged.add(f"{name}-{i}")
            if len(acknowledged) > 200:
                enough.set()

    threads = [threading.Thread(target=load, args=(n,)) for n in "abcd"]
    for t in threads:
        t.start()
    assert enough.wait(PATIENCE)
    d.terminate(how)
    for t in threads:
        t.join(PATIENCE)
    d.close_clients()
    d.process.wait(PATIENCE)
    data = (tmp_path / "o.json").read_bytes()
    if how == signal.SIGTERM:
        assert d.wait_end() == 0
        assert all(c["held"] == 0 for c in d.final_ledgers().values())
    else:
        data = data[: data.rfind(b"\n") + 1]
    written = bodies(filed.lines(data))
    assert acknowledged <= set(written)
    assert all(written.count(b) == 20 for b in list(acknowledged)[:20])


# --- disks and readers ---


def until_refused(d, size=100_000):
    accepted = []
    for i in range(1000):
        try:
            d.export(logs(f"{i} " + "x" * size))
        except grpc.RpcError as e:
            return accepted, e
        accepted.append(str(i))
    raise AssertionError("it was never full")


def check_lines(data, accepted):
    assert [b.split(" ")[0] for b in bodies(filed.lines(data))] == accepted


def test_a_full_disk_refuses_and_goes_on_when_there_is_room(otelcd, tmp_path):
    disk = SmallDisk(tmp_path / "disk", 2 << 20)
    d = otelcd(
        filed.config(disk.folder / "o.json"), under=disk.command, expect=["Writing failed.*[Nn]o space left", "Writing works again"]
    )
    seen = disk.seen_from(d)
    (seen / "somebody's").write_bytes(bytes(1 << 20))
    accepted, e = until_refused(d)
    assert accepted and e.code() == grpc.StatusCode.UNAVAILABLE and "o space left" in e.details()
    for _ in range(20):
        with pytest.raises(grpc.RpcError):
            d.export(logs("again " + "x" * 100_000))
    check_lines((seen / "o.json").read_bytes(), accepted)
    assert len(d.records("^Writing failed")) <= 4
    assert d.metric("otelcd_exporter_file_failed_batches", exporter="file") == 21
    assert d.ledger(*LOGS)["refused"] == 21
    (seen / "somebody's").unlink()
    d.export(logs("room " + "x" * 100_000))
    check_lines((seen / "o.json").read_bytes(), [*accepted, "room"])


def test_groups_are_written_all_or_none(otelcd, tmp_path):
    disk = SmallDisk(tmp_path / "disk", 1 << 20)
    d = otelcd(
        filed.config(disk.folder / "*.json", "group_by: {enabled: true, resource_attribute: seg}"),
        under=disk.command,
        expect=["Writing failed", "Writing works again"],
    )
    seen = disk.seen_from(d)
    d.export(logs("first", seg="a"))
    request = logs("second", seg="a")
    request.MergeFrom(logs("x" * 2_000_000, seg="b"))
    with pytest.raises(grpc.RpcError):
        d.export(request)
    assert bodies(filed.lines((seen / "a.json").read_bytes())) == ["first"]
    assert (seen / "b.json").read_bytes() == b""
    d.export(logs("third", seg="a"))
    assert bodies(filed.lines((seen / "a.json").read_bytes())) == ["first", "third"]


def test_a_limit_of_the_file_size_is_a_full_disk_too(otelcd, tmp_path):
    d = otelcd(filed.config(tmp_path / "o.json"), under=["prlimit", f"--fsize={1 << 20}"], expect=["Writing failed.*File too large"])
    accepted, e = until_refused(d)
    assert len(accepted) == 10 and e.code() == grpc.StatusCode.UNAVAILABLE
    check_lines((tmp_path / "o.json").read_bytes(), accepted)


def test_a_device_that_takes_nothing_refuses(otelcd):
    d = otelcd(filed.config("/dev/full"), expect=["Writing failed"])
    assert until_refused(d)[0] == []


def test_a_directory_that_went_away_and_came_back(otelcd, tmp_path):
    out = tmp_path / "out"
    d = otelcd(
        filed.config(out / "o.json", "create_directory: true", 'directory_permissions: "0700"'),
        expect=["Writing failed", "Writing works again"],
    )
    assert out.stat().st_mode & 0o777 == 0o700
    d.export(logs("one"))
    os.rename(out, tmp_path / "away")
    (tmp_path / "away/o.json").unlink()
    assert until_refused(d)[0] == []
    out.mkdir()
    d.export(logs("two"))
    assert bodies(filed.lines((out / "o.json").read_bytes())) == ["two"]


def test_a_pipe_whose_reader_sleeps_holds_up_nothing_but_its_senders(otelcd, tmp_path):
    os.mkfifo(tmp_path / "p")
    reader = os.open(tmp_path / "p", os.O_RDONLY | os.O_NONBLOCK)
    text = filed.config(tmp_path / "p") + "  shutdown_timeout: 3s\n"
    d = otelcd(text, expect=["Writing failed"], allow=["Did not stop in time"], end=False)
    call = d.caller(otlp.LOGS.request())
    waiting = [call.future(logs(f"{i} " + "x" * 300_000), timeout=PATIENCE) for i in range(3)]
    d.wait_metrics(lambda m: m.sum("otelcd_exporter_held_items") == 3)
    begun = time.monotonic()
    d.terminate()
    assert all(w.exception() is not None for w in waiting)
    d.close_clients()
    assert d.wait_end() == 0 and time.monotonic() - begun < PATIENCE / 2
    assert d.final_ledgers()[LOGS]["refused"] == 3
    os.close(reader)


def test_a_pipe_with_a_reader_gets_whole_lines(otelcd, tmp_path):
    os.mkfifo(tmp_path / "p")
    got = []
    reader = threading.Thread(target=lambda: got.append(open(tmp_path / "p", "rb").read()))
    fd = os.open(tmp_path / "p", os.O_RDONLY | os.O_NONBLOCK)
    d = otelcd(filed.config(tmp_path / "p"), end=False)
    reader.start()
    for i in range(5):
        d.export(logs(f"{i} " + "x" * 200_000))
    d.close_clients()
    assert d.stop() == 0
    reader.join(PATIENCE)
    os.close(fd)
    check_lines(got[0], ["0", "1", "2", "3", "4"])


# --- mistakes ---


@pytest.mark.parametrize(
    "path, more, words",
    [
        ("", "append: false", "path must be non-empty"),
        ("a", 'mode: "0x1"', "is not the mode of a file that its owner may write"),
        ("a", 'mode: "04755"', "is not the mode of a file that its owner may write"),
        ("a", 'mode: "0440"', "is not the mode of a file that its owner may write"),
        ("a", "format: xml", "format"),
        ("a", "compression: gzip", "compression"),
        ("a", "encoding: otlp", "encoding extensions are not served"),
        ("a", "flush_interval: -1s", "flush_interval must be larger than zero"),
        ("a", "group_by: {enabled: true}", "path must contain exactly one * when group_by is enabled"),
        ("*/*", "group_by: {enabled: true}", "path must not start with * when group_by is enabled"),
        ("a", 'directory_permissions: "0700"', "directory_permissions requires create_directory to be true"),
        ("a", 'create_directory: true\n    directory_permissions: "9"', "must be a valid octal representation"),
        ("a", 'create_directory: true\n    directory_permissions: "07777"', "contain invalid bits for file access"),
        ("none/a", "append: false", "open none/a: No such file or directory"),
    ],
)
def test_mistakes_are_found_before_the_start(otelcd, path, more, words):
    d = otelcd(filed.config(path, more), ready=False, end=False, allow=[".*"])
    assert d.wait_end() != 0
    assert words in d.log(), d.log()
