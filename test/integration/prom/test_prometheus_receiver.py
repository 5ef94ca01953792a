# SPDX-License-Identifier: Apache-2.0
"""The prometheus receiver: what it asks of targets, who they are, and what becomes of those that come, go and fail."""

import base64
import gzip
import hashlib
import json
import signal
import ssl
import subprocess
import time

import pytest
from harness.authority import Authority
from harness.limits import OTELCD, PATIENCE
from harness.servers.name_server import NameServer
from harness.relay import TunnelProxy
from harness.targets import TEXT, Target, config, job, points, wait_point, wait_points

PAGE = b"# TYPE requests_total counter\nrequests_total{path=\"/\"} 7\n# TYPE load gauge\nload 0.5\n"
FAILED = "Failed to scrape Prometheus endpoint"


@pytest.fixture
def target():
    running = []

    def start(page=PAGE, **more):
        running.append(Target(page, **more))
        return running[-1]

    yield start
    for t in running:
        t.close()


@pytest.fixture
def scraper(otelcd):
    """otelcd; on a machine that is slow a scrape may come too late."""
    return lambda text, expect=(), allow=(), **more: otelcd(text, expect=expect, allow=[FAILED, *allow], **more)


def failures(samples, reason, name="test"):
    found = samples.find("otelcd_scraper_failures", job=name, reason=reason)
    return found[0].value if found else 0


def wait_failure(d, reason, name="test"):
    return d.wait_metrics(lambda samples: failures(samples, reason, name) >= 1)


def validate(folder, text):
    """What `otelcd validate` says to a document of Prometheus."""
    file = folder / "otelcd.yaml"
    file.write_text(
        f"receivers:\n  prometheus:\n    config:\n      {text}\nexporters: {{nop: {{}}}}\n"
        "service: {pipelines: {metrics: {receivers: [prometheus], exporters: [nop]}}}\n"
    )
    return subprocess.run([OTELCD, "validate", "--config", file], capture_output=True, text=True, timeout=PATIENCE)


# --- what it asks, and of whom ---


def test_a_target_is_asked_as_prometheus_asks(scraper, target):
    t = target()
    d = scraper(config([job(t, metrics_path="/probe", params={"z": ["1"], "q": ["a b", "c"]})]))
    path, headers = t.wait_asked()
    assert path == "/probe?q=a+b&q=c&z=1"
    assert headers["Accept"] == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )
    assert headers["Accept-Encoding"] == "gzip" and headers["Host"] == t.address
    assert headers["X-Prometheus-Scrape-Timeout-Seconds"] == "0.5" and headers["User-Agent"].startswith("otelcd/")
    assert wait_point(d, "up", job="test", instance=t.address, value=1)


def test_samples_become_points_with_the_labels_of_their_target(scraper, target):
    t = target()
    jobs = [{**job(t), "static_configs": [{"targets": [t.address], "labels": {"zone": "a", "empty": ""}}]}]
    d = scraper(config(jobs))
    p = wait_point(d, "requests_total", value=7)
    assert p.labels == {"path": "/", "zone": "a"} and (p.job, p.instance) == ("test", t.address)
    assert wait_point(d, "load", value=0.5).labels == {"zone": "a"}
    assert wait_point(d, "up", value=1).labels == {"zone": "a"}
    assert wait_point(d, "scrape_samples_scraped", value=2)
    assert d.stop() == 0
    assert not any(p.stale for r in points(d) for p in r) or d.records(FAILED)  # who is started again goes on with his series, as Prometheus does


def test_labels_of_a_target_say_how_it_is_scraped(scraper, target):
    t, other = target(), target()
    labels = {"__metrics_path__": "/its/own", "__param_q": "over", "__scrape_interval__": "300ms", "__scrape_timeout__": "200ms"}
    jobs = [{**job(), "static_configs": [{"targets": [t.address], "labels": labels}], "params": {"q": ["a", "b"]}},
            {**job(other, name="moved"), "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "instance", "replacement": "alias"},
                {"target_label": "__metrics_path__", "replacement": "/moved"}]}]
    d = scraper(config(jobs))
    path, headers = t.wait_asked()
    assert path == "/its/own?q=over&q=b" and headers["X-Prometheus-Scrape-Timeout-Seconds"] == "0.2"
    assert other.wait_asked()[0] == "/moved"
    assert wait_point(d, "up", job="moved", instance="alias", value=1)


def test_a_target_that_its_rules_drop_is_not_asked(scraper, target):
    kept, dropped = target(), target()
    rules = [{"source_labels": ["__address__"], "action": "keep", "regex": kept.address}]
    d = scraper(config([job(kept, dropped, kept, relabel_configs=rules)]))
    kept.wait_asked(2)
    assert dropped.asked == []
    assert d.metric("otelcd_scraper_targets", job="test", health="up") == 1  # the same twice is one


def test_samples_are_relabelled(scraper, target):
    t = target(b"a_total 1\nb_total 2\nc{x=\"1\",y=\"2\"} 3\n")
    rules = [{"source_labels": ["__name__"], "action": "drop", "regex": "a_.*"}, {"action": "labeldrop", "regex": "y"}]
    d = scraper(config([job(t, metric_relabel_configs=rules)]))
    assert wait_point(d, "c").labels == {"x": "1"}
    assert wait_point(d, "b_total") and not any(p.name == "a_total" for r in points(d) for p in r)
    assert wait_point(d, "scrape_samples_post_metric_relabeling", value=2) and wait_point(d, "up", value=1)


def test_a_compressed_page_is_read(scraper, target):
    t = target((200, {**TEXT, "Content-Encoding": "gzip"}, gzip.compress(PAGE)))
    assert wait_point(scraper(config([job(t)])), "load", value=0.5)


def test_the_formats_that_are_asked_for_are_those_of_the_configuration(scraper, target):
    t, native = target(), target()
    jobs = [job(t, scrape_protocols=["PrometheusText0.0.4", "OpenMetricsText1.0.0"], metric_name_validation_scheme="legacy", enable_compression=False),
            job(native, name="native", scrape_native_histograms=True)]
    scraper(config(jobs))
    headers = t.wait_asked()[1]
    assert headers["Accept"] == "text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,*/*;q=0.4"
    assert headers["Accept-Encoding"] == "identity"
    accept = native.wait_asked()[1]["Accept"]
    assert accept.startswith("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,")
    assert accept.endswith("text/plain;version=0.0.4;q=0.2,*/*;q=0.1")


def test_a_large_compressed_page_is_inflated_beside_the_loop(scraper, target):
    body = b"".join(b'm{n="%d",hash="%s"} %d\n' % (n, hashlib.sha256(b"%d" % n).hexdigest().encode(), n) for n in range(8000))
    packed = gzip.compress(body, 1)
    assert len(packed) > 256 * 1024
    t = target((200, {**TEXT, "Content-Encoding": "gzip"}, packed))
    padded = target((200, {**TEXT, "Content-Encoding": "gzip"}, gzip.compress(b"a 1\n" + body + b"# nothing\n" * 2_000_000, 1)))
    d = scraper(config([{**job(t, padded), "scrape_interval": "5s", "scrape_timeout": "5s"}]))
    assert wait_point(d, "scrape_samples_scraped", instance=t.address, value=8000)
    assert wait_point(d, "scrape_samples_scraped", instance=padded.address, value=8001)


# --- who we are ---


def test_credentials_go_with_each_request_and_are_read_again_when_their_file_changes(scraper, target, tmp_path):
    basic, bearer = target(), target()
    token = tmp_path / "token"
    token.write_text("first\n")
    jobs = [job(basic, name="basic", basic_auth={"username": "me", "password": "secret"}),
            job(bearer, name="bearer", authorization={"credentials_file": str(token)},
                http_headers={"X-Scope": {"values": ["a", "b"], "secrets": ["c"]}})]
    d = scraper(config(jobs), expect=[])
    assert basic.wait_asked()[1]["Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
    headers = bearer.wait_asked()[1]
    assert headers["Authorization"] == "Bearer first" and headers.get_all("X-Scope") == ["a", "b", "c"]
    token.write_text("second\n")
    d.wait_log("^A file has changed and was read anew$")
    n = len(bearer.asked)
    assert bearer.wait_asked(n + 2)[1]["Authorization"] == "Bearer second"


def test_a_target_is_scraped_over_tls(scraper, target, tmp_path):
    ca = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("target.test"))
    t = target(tls=context)
    jobs = [job(t, name="good", scheme="https", tls_config={"ca_file": str(ca.cert), "server_name": "target.test"}),
            job(t, name="bad", scheme="https")]
    d = scraper(config(jobs))
    assert wait_point(d, "up", job="good", value=1) and wait_point(d, "up", job="bad", value=0)
    assert wait_failure(d, "unreached", "bad")


def test_a_proxy_is_told_the_headers_that_are_for_it(scraper, target, tmp_path):
    ca = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.issue("target.test"))
    t = target(tls=context)
    with TunnelProxy({"target.test:443": int(t.address.partition(":")[2])}) as proxy:
        jobs = [job("target.test", scheme="https", tls_config={"ca_file": str(ca.cert)}, proxy_url=f"http://127.0.0.1:{proxy.port}",
                    proxy_connect_header={"X-Who": ["me", "too"], "Proxy-Authorization": ["Bearer x"]})]
        d = scraper(config(jobs))
        assert wait_point(d, "up", value=1)
        assert [line for line in proxy.heads[0] if line.startswith(("X-", "Proxy-"))] == ["X-Who: me", "X-Who: too", "Proxy-Authorization: Bearer x"]
        assert "X-Who" not in t.asked[0][1]
        d.stop()


def test_redirects_are_followed_and_credentials_stay_at_home(scraper, target):
    there = target()
    t = target()
    t.page = lambda h: (302, {"Location": "/next"}, b"") if h.path == "/metrics" else (307, {"Location": f"http://{there.address}/last?x=1"}, b"")
    d = scraper(config([job(t, basic_auth={"username": "me", "password": "secret"})]))
    path, headers = there.wait_asked()
    assert path == "/last?x=1" and "Authorization" not in headers
    assert [p for p, h in t.asked[:2]] == ["/metrics", "/next"] and all("Authorization" in h for _, h in t.asked)
    assert wait_point(d, "load", value=0.5, instance=t.address)


# --- targets that fail ---


def circle(handler):
    return 301, {"Location": f"/{len(handler.path)}" + handler.path[:200]}, b""


def hang(handler):
    handler.connection.settimeout(PATIENCE)
    handler.rfile.read(1)  # until the other side is gone


def dribble(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.connection.settimeout(0.05)
    while True:
        handler.wfile.write(b"#")
        handler.wfile.flush()
        try:
            if handler.connection.recv(1) == b"":
                return
        except TimeoutError:
            pass


def endless(handler):
    handler.send_response(200)
    handler.send_header("Content-Type", "text/plain")
    handler.end_headers()
    handler.close_connection = True
    while True:
        handler.wfile.write(b"# and so on\n" * 1000)


BOMB = gzip.compress(b"a 1\n" * 8_000_000)

HOSTILE = {
    "status": ((500, {}, b"no"), "status", "server returned HTTP status 500 Internal Server Error"),
    "circle": (circle, "redirects", "stopped after 10 redirects"),
    "nowhere": ((302, {"Location": "gopher://x/"}, b""), "redirects", "redirected to what is no URL of http"),
    "hang": (hang, "timeout", "within 0.5 s"),
    "dribble": (dribble, "timeout", "within 0.5 s"),
    "endless": (endless, "body_size_limit", "body size limit exceeded"),
    "bomb": ((200, {**TEXT, "Content-Encoding": "gzip"}, BOMB), "body_size_limit", "body size limit exceeded"),
    "broken gzip": ((200, {**TEXT, "Content-Encoding": "gzip"}, gzip.compress(PAGE)[:-9]), "encoding", "cannot be inflated"),
    "zstd": ((200, {**TEXT, "Content-Encoding": "zstd"}, b"x"), "encoding", "was not asked for"),
    "html": ((200, {"Content-Type": "text/html"}, b"<html><body>It works</body></html>"), "exposition", ""),
    "half a line": (b"a 1\nb{x=\"", "exposition", ""),
    "no end": ((200, {"Content-Type": "application/openmetrics-text; version=1.0.0"}, b"a 1\n"), "exposition", "EOF"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_target_that_fails_is_down_with_the_reason_and_others_go_on(otelcd, target, name):
    page, reason, why = HOSTILE[name]
    bad, good = target(page), target()
    jobs = [job(bad, name="bad", body_size_limit="4MB"), {**job(good, name="good"), "scrape_interval": "5s", "scrape_timeout": "5s"}]
    d = otelcd(config(jobs), expect=[FAILED])
    assert wait_point(d, "up", job="bad", value=0)
    wait_failure(d, reason, "bad")
    assert why in d.wait_log(FAILED)["error"]
    assert wait_point(d, "up", job="good", value=1)


def test_the_log_shows_no_secrets_of_a_url(scraper, unused_port):
    address = f"127.0.0.1:{unused_port}"
    jobs = [job(f"me:hush@{address}", params={"token": ["hush"]}, relabel_configs=[{"target_label": "instance", "replacement": "x"}])]
    d = scraper(config(jobs))
    assert d.wait_log(FAILED)["url"] == f"http://{address}/metrics"
    assert not any("hush" in str(record) for record in d.records("."))


def test_nobody_there_is_told_with_back_off(otelcd, unused_port):
    d = otelcd(config([job(f"127.0.0.1:{unused_port}")]), expect=[FAILED])
    d.wait_metrics(lambda samples: failures(samples, "unreached") >= 8)
    assert "Connection refused" in d.wait_log(FAILED)["error"] and len(d.records(FAILED)) < 8
    assert d.metric("otelcd_scraper_targets", job="test", health="down") == 1


def test_a_target_that_comes_back_is_up_again(scraper, target):
    t = target((503, {}, b""))
    d = scraper(config([job(t)]))
    wait_failure(d, "status")
    t.page = PAGE
    d.wait_log("^Prometheus endpoint is scraped again$")
    assert wait_point(d, "up", value=1)
    t.page = (503, {}, b"")
    assert wait_point(d, "requests_total", stale=True)


def test_more_targets_than_target_limit_fail_all_of_them(otelcd, target):
    t = target()
    d = otelcd(config([job(t, "127.0.0.1:1", target_limit=1)]), expect=[FAILED])
    wait_failure(d, "target_limit")
    assert d.wait_log(FAILED)["error"] == "target_limit exceeded (number of targets: 2, limit: 1)"
    assert wait_point(d, "up", instance=t.address, value=0) and t.asked == []


def test_samples_that_are_left_out_are_counted_by_reason(otelcd, target):
    t = target(b"# TYPE h histogram\na 1\na 2\na 3\nb 1\nb 1 99999999999999\nh_bucket 1\nh_count 1\n")
    d = otelcd(config([job(t)]), expect=["Samples of a scrape were left out"], allow=[FAILED])
    wait_point(d, "a", value=1)
    told = d.wait_log("Samples of a scrape were left out")
    assert [int(told[k]) for k in ("duplicates", "too_far_in_time", "unfit", "beyond_series_limit")] == [2, 1, 1, 0]
    samples = d.metrics()
    n = {reason: samples.find("otelcd_scraper_left_out", job="test", reason=reason)[0].value
         for reason in ("duplicate", "too_far_in_time", "unfit", "series_limit")}  # fmt: skip
    assert n["unfit"] >= 1 and n == {"duplicate": 2 * n["unfit"], "too_far_in_time": n["unfit"], "unfit": n["unfit"], "series_limit": 0}


# --- targets that come and go ---


def test_a_series_that_is_gone_ends(scraper, target):
    t = target(b"a 1\nb 2\n")
    d = scraper(config([job(t)]))
    wait_point(d, "b", value=2)
    t.page = b"a 1\n"
    assert wait_point(d, "b", stale=True)
    assert not any(p.name == "a" and p.stale for r in points(d) for p in r) or d.records(FAILED)


def test_targets_in_files_come_and_go(scraper, target, tmp_path):
    first, second = target(), target()
    files = tmp_path / "found"
    files.mkdir()
    (files / "a.json").write_text(json.dumps([{"targets": [first.address], "labels": {"from": "json"}}]))
    rules = [{"source_labels": ["__meta_filepath"], "target_label": "file", "regex": ".*/(.*)"}]
    jobs = [{"job_name": "test", "file_sd_configs": [{"files": [str(files / "*.json"), str(files / "b.yml")]}], "relabel_configs": rules}]
    d = scraper(config(jobs), expect=["Unable to refresh target groups"])
    assert wait_point(d, "load", instance=first.address).labels == {"from": "json", "file": "a.json"}
    (files / "b.yml").write_text(f"- targets: ['{second.address}']\n  labels: {{from: yaml, n: 1}}\n")
    assert wait_point(d, "load", instance=second.address).labels == {"from": "yaml", "n": "1", "file": "b.yml"}
    (files / "a.json").write_text("[{")
    d.wait_log("Unable to refresh target groups")
    n = len(first.asked)
    first.wait_asked(n + 2)  # what was found before stays
    (files / "b.yml").unlink()
    d.wait_metrics(lambda samples: samples.find("otelcd_scraper_targets", health="up")[0].value == 1)
    assert wait_point(d, "load", instance=second.address, stale=True)
    assert wait_point(d, "up", instance=second.address, stale=True)


def test_a_long_file_is_read_beside_the_loop_as_a_short_one_is(scraper, target, tmp_path):
    t, file = target(), tmp_path / "long.yml"
    others = "".join(f"- targets: ['127.0.0.1:{1 + i % 9}']\n  labels: {{n: '{i}', zone: elsewhere}}\n" for i in range(10_000))
    file.write_text(others + f"- targets: ['{t.address}']\n  labels: {{zone: here}}\n")
    jobs = [{"job_name": "test", "file_sd_configs": [{"files": [str(file)]}], "relabel_configs": [{"source_labels": ["zone"], "regex": "here", "action": "keep"}]}]
    d = scraper(config(jobs), expect=["Unable to refresh target groups"])
    assert wait_point(d, "load", instance=t.address).labels == {"zone": "here"}
    file.write_text(others + "- 5\n")
    assert "line 20001" in d.wait_log("^Unable to refresh target groups")["error"]
    assert d.metric("otelcd_scraper_targets", job="test", health="up") == 1


def test_files_beyond_a_thousand_are_told(scraper, tmp_path):
    for i in range(1003):
        (tmp_path / f"f{i:04}.json").write_text(json.dumps([{"targets": [f"127.9.{i >> 8}.{i & 255}:1"]}]))
    told = "More files match than are read"
    jobs = [{"job_name": "test", "scrape_interval": "1h", "file_sd_configs": [{"files": [str(tmp_path / "*.json")], "refresh_interval": "1s"}]}]
    d = scraper(config(jobs), expect=[told])
    assert d.wait_log("^" + told)["left_out"] == 3
    d.wait_metrics(lambda m: m.sum("otelcd_scraper_targets") == 1000 and m.sum("otelcd_scraper_files_left_out") == 3)
    for i in range(3):
        (tmp_path / f"f{i:04}.json").unlink()
    d.wait_metrics(lambda m: m.sum("otelcd_scraper_files_left_out") == 0)


def test_files_are_found_where_other_files_change_all_the_time(scraper, target, tmp_path):
    t = target()
    writer = subprocess.Popen(["sh", "-c", "while :; do : > other; done"], cwd=tmp_path)
    try:
        d = scraper(config([{"job_name": "test", "file_sd_configs": [{"files": [str(tmp_path / "*.json")], "refresh_interval": "1s"}]}]))
        d.wait_metrics(lambda samples: samples.find("otelcd_scraper_targets", job="test"))
        (tmp_path / "new").write_text(json.dumps([{"targets": [t.address]}]))
        (tmp_path / "new").rename(tmp_path / "a.json")
        t.wait_asked()
    finally:
        writer.kill()
        writer.wait()


def test_series_of_a_target_that_is_found_again_soon_go_on(scraper, target, tmp_path):
    t = target()
    found = tmp_path / "a.json"
    found.write_text(json.dumps([{"targets": [t.address]}]))
    jobs = [{"job_name": "test", "file_sd_configs": [{"files": [str(found)]}], "scrape_interval": "3s", "scrape_timeout": "3s"}]
    d = scraper(config(jobs), allow=["Unable to refresh target groups"])  # half a file may be read
    wait_point(d, "load", value=0.5)
    gone = time.monotonic()
    found.write_text("[]")
    d.wait_metrics(lambda samples: samples.sum("otelcd_scraper_targets") == 0)
    found.write_text(json.dumps([{"targets": [t.address]}]))
    d.wait_metrics(lambda samples: samples.sum("otelcd_scraper_targets") == 1)
    soon = time.monotonic() - gone < 3  # its series would end after 3 to 6 seconds more
    t.wait_asked(len(t.asked) + 3)
    assert not soon or d.records(FAILED) or not any(p.stale for r in points(d) for p in r)


def test_targets_that_a_server_knows_come_and_go(scraper, target):
    t = target()
    answers = [{"targets": [t.address], "labels": {"a": "b"}}]
    server = target()
    server.page = lambda h: (200, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(answers).encode())
    jobs = [{"job_name": "test", "http_sd_configs": [{"url": f"http://{server.address}/sd?x=1", "refresh_interval": "500ms"}],
             "relabel_configs": [{"source_labels": ["__meta_url"], "target_label": "url"}]}]
    d = scraper(config(jobs), allow=["Unable to refresh target groups"])
    p = wait_point(d, "load", instance=t.address)
    assert p.labels == {"a": "b", "url": f"http://{server.address}/sd?x=1"}
    path, headers = server.wait_asked()
    assert path == "/sd?x=1" and headers["X-Prometheus-Refresh-Interval-Seconds"] == "0.5" and headers["Accept"] == "application/json"
    answers.clear()
    d.wait_metrics(lambda samples: samples.find("otelcd_scraper_targets", health="up")[0].value == 0)
    assert wait_point(d, "up", instance=t.address, stale=True)


@pytest.mark.parametrize("n", [100, 20_000])
def test_a_long_list_of_a_server_comes_and_goes_as_a_short_one_does(scraper, target, n):
    t, server = target(), target()
    others = [{"targets": [f"127.0.0.1:{1 + i % 9}"], "labels": {"n": str(i), "zone": "elsewhere"}} for i in range(n)]
    answers = [*others, {"targets": [t.address], "labels": {"zone": "here"}}]
    said = [json.dumps(answers).encode()]
    server.page = lambda h: (200, {"Content-Type": "application/json"}, said[0])
    jobs = [{"job_name": "test", "http_sd_configs": [{"url": f"http://{server.address}/", "refresh_interval": "500ms"}],
             "relabel_configs": [{"source_labels": ["zone"], "regex": "here", "action": "keep"}]}]
    d = scraper(config(jobs), expect=["Unable to refresh target groups"])
    assert wait_point(d, "load", instance=t.address).labels == {"zone": "here"}
    said[0] = json.dumps([*others, 5]).encode()  # what is wrong far behind is told, too
    d.wait_log("^Unable to refresh target groups")
    assert d.metric("otelcd_scraper_targets", job="test", health="up") == 1
    said[0] = json.dumps(others).encode()
    assert wait_point(d, "up", instance=t.address, stale=True)


@pytest.mark.parametrize("answer", [(500, {}, b""), (200, {"Content-Type": "text/plain"}, b"[]"),
                                    (200, {"Content-Type": "application/json"}, b"[{}, 5]")])  # fmt: skip
def test_a_server_of_discovery_that_fails_changes_nothing(otelcd, target, answer):
    t = target()
    server = target((200, {"Content-Type": "application/json"}, json.dumps([{"targets": [t.address]}]).encode()))
    jobs = [{"job_name": "test", "http_sd_configs": [{"url": f"http://{server.address}/", "refresh_interval": "500ms"}]}]
    d = otelcd(config(jobs), expect=["Unable to refresh target groups"], allow=[FAILED])
    t.wait_asked()
    server.page = answer
    d.wait_log("Unable to refresh target groups")
    t.wait_asked(len(t.asked) + 2)
    assert d.metric("otelcd_scraper_targets", job="test", health="up") == 1


@pytest.fixture
def name_server(tmp_path):
    server = NameServer(tmp_path)
    yield server
    server.close()


def test_targets_that_have_dns_records_come_and_go(otelcd, target, name_server):
    a, srv = target(), target()
    port = int(a.address.partition(":")[2])
    name_server.records = {("a.test", "A"): ["127.0.0.1"], ("_web.test", "SRV"): [("127.0.0.1", int(srv.address.partition(":")[2]))]}
    rules = [{"action": "labelmap", "regex": "__meta_dns_(name|srv_record_target)"}]
    every = {"refresh_interval": "500ms"}
    jobs = [{"job_name": "a", "dns_sd_configs": [{"names": ["a.test"], "type": "A", "port": port, **every}], "relabel_configs": rules},
            {"job_name": "srv", "dns_sd_configs": [{"names": ["_web.test"], **every}], "relabel_configs": rules}]
    d = otelcd(config(jobs), allow=[FAILED], expect=["Unable to refresh target groups"], under=name_server.command)
    assert wait_point(d, "load", job="a", instance=a.address).labels == {"name": "a.test"}
    assert wait_point(d, "load", job="srv", instance=srv.address).labels == {"name": "_web.test", "srv_record_target": "127.0.0.1."}
    name_server.failing = True
    d.wait_log("^Unable to refresh target groups")
    a.wait_asked(len(a.asked) + 2)  # what was found before stays
    name_server.failing = False
    name_server.records = {("a.test", "AAAA"): ["::1"]}
    d.wait_metrics(lambda samples: samples.sum("otelcd_scraper_targets") == 0)
    assert wait_point(d, "up", job="srv", stale=True) and wait_point(d, "up", job="a", stale=True)


def test_names_that_nobody_answers_for_keep_no_other_target_waiting(otelcd, target, name_server):
    by_address, by_name = target(), target()
    name_server.silent = True
    hanging = [{"job_name": f"h{i}", "dns_sd_configs": [{"names": [f"n{k}.h{i}.test" for k in range(100)], "type": "A", "port": 1}]} for i in range(20)]
    others = [job(by_address, name="address"), {"job_name": "name", "static_configs": [{"targets": [by_name.address.replace("127.0.0.1", "localhost")]}]}]
    d = otelcd(config([*hanging, *others]), allow=[FAILED, "Unable to refresh target groups"], under=name_server.command, end=False)
    assert wait_point(d, "up", job="address", value=1) and wait_point(d, "up", job="name", value=1)
    assert len(name_server.asked) < 16  # those who would be before them in a line
    assert d.stop() == 0  # though names are still asked for


def test_targets_are_found_by_the_records_of_mail_and_name_servers(scraper, target, name_server):
    t = target()
    port = int(t.address.partition(":")[2])
    name_server.records = {("shop.test", "MX"): ["mail.test"], ("shop.test", "NS"): ["ns.test"],
                           ("mail.test", "A"): ["127.0.0.1"], ("ns.test", "A"): ["127.0.0.1"]}
    rules = [{"action": "labelmap", "regex": "__meta_dns_(.*)"}]
    jobs = [{"job_name": kind, "dns_sd_configs": [{"names": ["shop.test"], "type": kind, "port": port}], "relabel_configs": rules} for kind in ("MX", "ns")]
    d = scraper(config(jobs), under=name_server.command)
    assert wait_point(d, "load", job="MX", instance=f"mail.test:{port}").labels == {"name": "shop.test", "mx_record_target": "mail.test."}
    assert wait_point(d, "load", job="ns", instance=f"ns.test:{port}").labels == {"name": "shop.test", "ns_record_target": "ns.test."}


def test_a_reload_keeps_drops_and_adds_jobs(scraper, target):
    kept, dropped, added = target(), target(), target()
    d = scraper(config([job(kept, name="kept"), job(dropped, name="dropped")]))
    wait_point(d, "up", job="dropped", value=1)
    (d.folder / "otelcd.yaml").write_text(config([job(kept, name="kept"), job(added, name="added")]))
    d.terminate(signal.SIGHUP)
    assert wait_point(d, "up", job="added", value=1)
    n = len(kept.asked)
    kept.wait_asked(n + 1)
    d.terminate()
    assert d.wait_end() == 0


def test_a_stop_that_overtakes_a_reload_leaves_nothing_open(scraper, target):
    t = target()
    d = scraper(config([job(t)]))
    assert wait_point(d, "up", value=1)
    d.process.send_signal(signal.SIGHUP)
    d.process.send_signal(signal.SIGTERM)
    assert d.wait_end() == 0


# --- the pipeline ---


def test_otelcd_scrapes_itself(scraper, unused_port):
    text = config([{**job(f"localhost:{unused_port}", name="otel-collector")}])
    text += f"  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: localhost, port: {unused_port}}}}}}}}}]}}}}\n"
    d = scraper(text)
    assert wait_point(d, "otelcol_process_uptime")
    accepted = wait_point(d, "otelcol_receiver_accepted_metric_points", receiver="prometheus")
    assert accepted.labels["transport"] == "http"


def test_jobs_stand_in_files_of_their_own_and_are_read_again(scraper, target, tmp_path):
    a, b, c = target(), target(), target()
    folder = tmp_path / "jobs"
    folder.mkdir()
    (folder / "token").write_text("secret")
    (folder / "found.json").write_text(json.dumps([{"targets": [b.address]}]))
    more = {"relabel_configs": [{"source_labels": ["__address__"], "regex": "(.*):.*", "target_label": "host", "replacement": "$1"}]}
    (folder / "a.yaml").write_text(json.dumps({"scrape_configs": [{**job(a, name="a", authorization={"credentials_file": "token"}, **more),
                                                                         "params": {"files": ["x"]},
                                                                         "static_configs": [{"targets": [a.address], "labels": {"log_file": "y"}}]}]}))
    (folder / "b.yaml").write_text(json.dumps({"scrape_configs": [{"job_name": "b", "file_sd_configs": [{"files": ["found.json"]}]}]}))
    text = config([]).replace("scrape_configs: []", f"scrape_config_files: ['{folder}/*.yaml', '{tmp_path}/none*.yaml']")
    d = scraper(text)
    assert wait_point(d, "load", job="a").labels == {"host": "127.0.0.1", "log_file": "y"} and wait_point(d, "load", job="b")
    path, headers = a.wait_asked()
    assert headers["Authorization"] == "Bearer secret" and path == "/metrics?files=x"  # what is a path is of the file's folder
    (folder / "b.yaml").write_text(json.dumps({"scrape_configs": [job(c, name="c")]}))
    d.terminate(signal.SIGHUP)
    assert wait_point(d, "load", job="c")
    printed = subprocess.run([OTELCD, "print-config", "--config", d.folder / "otelcd.yaml"], capture_output=True, text=True, timeout=PATIENCE)
    d.terminate()
    assert d.wait_end() == 0
    assert "job_name: c" in printed.stdout and "none*.yaml" in printed.stdout and "/*.yaml" not in printed.stdout.replace("none*.yaml", "")


@pytest.mark.parametrize("text, why", [
    ("global: {}", "jobs.yaml:1:9: receivers::prometheus::config::scrape_config_files: has invalid keys: global"),
    ("scrape_configs: 5", "expected a list of jobs under scrape_configs, got an integer"),
    ("- job_name: a", "expected a map with the key scrape_configs, got a list"),
    ("scrape_configs: [{job_name: a, bogus: 1}]", "jobs.yaml:1:32: receivers::prometheus::config::scrape_configs::0: has invalid keys: bogus"),
    ("scrape_configs: [{job_name: a}, {job_name: a}]", "found multiple scrape configs with job name"),
    ("scrape_configs: [", "the bracket that begins here is not closed"),
])  # fmt: skip
def test_a_fault_in_a_file_of_jobs_is_named_there(tmp_path, text, why):
    (tmp_path / "jobs.yaml").write_text(text + "\n")
    ran = validate(tmp_path, f"scrape_config_files: ['{tmp_path}/jobs.yaml']")
    assert ran.returncode != 0 and why in ran.stderr, ran.stderr


def test_points_that_the_pipeline_refuses_are_counted(otelcd, target):
    t = target()
    d = otelcd(
        config([job(t)], above="processors: {memory_limiter: {check_interval: 100ms, limit_mib: 1}}", pipeline="processors: [memory_limiter],"),
        allow=[FAILED, "."],
        expect=["Scrape commit failed"],
    )
    refused = d.wait_metrics(lambda s: [m for m in s.find("otelcol_receiver_refused_metric_points") if m.value > 0])
    assert refused and d.wait_log("Scrape commit failed")["error"]
    assert d.ledger("pipeline", "metrics")["refused"] > 0


def test_a_last_scrape_is_made_at_the_end_if_it_is_asked_for(scraper, target):
    t = target()
    jobs = [{**job(t), "scrape_interval": "1h", "scrape_timeout": "5s"}]
    d = scraper(config(jobs, more="scrape_on_shutdown: true"))
    d.wait_metrics(lambda samples: samples.find("otelcd_scraper_targets", job="test"))
    asked = len(t.asked)  # its moment may be anywhere in the hour
    d.stop()
    assert len(t.asked) > asked and any(p.name == "load" for r in points(d) for p in r)


# --- what is refused ---

FAULTS = {
    "no jobs": ("", "receivers::prometheus::config: no Prometheus scrape_configs or target_allocator set"),
    "no name": ("scrape_configs: [{static_configs: [{targets: [a:1]}]}]", "job_name is empty"),
    "twice": ("scrape_configs: [{job_name: a}, {job_name: a}]", 'found multiple scrape configs with job name "a"'),
    "scheme": ("scrape_configs: [{job_name: a, scheme: foo}]", 'unsupported scheme "foo": write http or https'),
    "duration": ("scrape_configs: [{job_name: a, scrape_interval: '90'}]", 'not a valid duration string: "90"'),
    "bare number": ("scrape_configs: [{job_name: a, scrape_interval: 90}]", 'not a valid duration string: "90": write 15s'),
    "discovery's": ("scrape_configs: [{job_name: a, file_sd_configs: [{files: [a.yaml], refresh_interval: 30}]}]", 'not a valid duration string: "30": write 15s'),
    "timeout": ("scrape_configs: [{job_name: a, scrape_interval: 5s, scrape_timeout: 6s}]", "scrape timeout greater than scrape interval"),
    "global": ("global: {scrape_interval: 1s, scrape_timeout: 2s}", "global scrape timeout greater than scrape interval"),
    "target": ("scrape_configs: [{job_name: a, static_configs: [{targets: ['http://x:1/m']}]}]", '"http://x:1/m" is not a valid hostname'),
    "unknown": ("scrape_configs: [{job_name: a, bogus: 1}]", "has invalid keys: bogus"),
    "protocol": ("scrape_configs: [{job_name: a, scrape_protocols: [Foo]}]", "unknown scrape protocol Foo, supported: [OpenMetricsText0.0.1"),
    "file": ("scrape_configs: [{job_name: a, file_sd_configs: [{files: [foo.txt]}]}]", 'path name "foo.txt" is not valid for file discovery'),
    "port": ("scrape_configs: [{job_name: a, dns_sd_configs: [{names: [x], type: A}]}]", "a port is required in DNS-SD configs"),
    "discovery": ("scrape_configs: [{job_name: a, ec2_sd_configs: [{region: x}]}]", "this discovery is not served"),
    "remote write": ("scrape_configs: [{job_name: a}]\n      remote_write: [{url: x}]", "unsupported features: remote_write"),
    "auth": ("scrape_configs: [{job_name: a, basic_auth: {username: x}, bearer_token: y}]", "at most one of basic_auth, oauth2 & authorization"),
    "basic": ("scrape_configs: [{job_name: a, authorization: {type: Basic}}]", 'use "basic_auth" instead'),
    "files": ("scrape_config_files: ['/x*/a.yaml']", 'invalid scrape config file path "/x*/a.yaml"'),
    "connect": ("scrape_configs: [{job_name: a, proxy_connect_header: {X: [y]}}]", "if proxy_connect_header is configured, proxy_url"),
    "header": ("scrape_configs: [{job_name: a, http_headers: {Host: {values: [x]}}}]", 'setting header "Host" is not allowed'),
    "rule": ("scrape_configs: [{job_name: a, relabel_configs: [{action: hashmod, target_label: x}]}]", "requires non-zero modulus"),
    "size": ("scrape_configs: [{job_name: a, body_size_limit: 10}]", '"10" is not a size'),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_where_it_stands(tmp_path, name):
    text, why = FAULTS[name]
    ran = validate(tmp_path, text)
    assert ran.returncode != 0 and why in ran.stderr, ran.stderr


# What Prometheus has in a job: each key with a value that it takes, and whether it is served here.
KEYS = """
scrape_interval: 10s
scrape_timeout: 5s
metrics_path: /x
scheme: https
params: {a: [b]}
honor_labels: true
honor_timestamps: false
track_timestamps_staleness: true
scrape_protocols: [PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText1.0.0, PrometheusText0.0.4]
fallback_scrape_protocol: OpenMetricsText1.0.0
scrape_native_histograms: true
always_scrape_classic_histograms: true
convert_classic_histograms_to_nhcb: true
native_histogram_bucket_limit: 100
native_histogram_min_bucket_factor: 1.1
body_size_limit: 10MB
sample_limit: 1
target_limit: 1
label_limit: 1
label_name_length_limit: 1
label_value_length_limit: 1
keep_dropped_targets: 1
metric_name_validation_scheme: legacy
metric_name_escaping_scheme: underscores
enable_compression: false
extra_scrape_metrics: true
scrape_failure_log_file: failed.log
basic_auth: {username: a, password: b}
authorization: {type: Bearer, credentials: c}
bearer_token: c
oauth2: {client_id: a, client_secret: b, token_url: "http://localhost/t", scopes: [s], endpoint_params: {a: b}}
tls_config: {insecure_skip_verify: true, server_name: a, min_version: TLS12, max_version: TLS13}
follow_redirects: false
enable_http2: false
proxy_url: http://localhost:1
proxy_from_environment: true
http_headers: {X-A: {values: [b], secrets: [c]}}
static_configs: [{targets: ["a:1"], labels: {b: c}}]
file_sd_configs: [{files: [a.json], refresh_interval: 1m}]
http_sd_configs: [{url: "http://localhost/"}]
dns_sd_configs: [{names: [a], type: MX, port: 1}]
docker_sd_configs: [{host: "unix:///var/run/docker.sock", filters: [{name: label, values: [a]}]}]
consul_sd_configs: [{server: "localhost:8500", services: [a], tags: [b]}]
kubernetes_sd_configs: [{role: pod, api_server: "http://localhost:1", namespaces: {names: [a]}, attach_metadata: {node: true}}]
relabel_configs: [{source_labels: [a], target_label: b}]
metric_relabel_configs: [{regex: a, action: labeldrop}]
"""
NOT_SERVED = """azure digitalocean dockerswarm ec2 ecs elasticache eureka gce hetzner ionos kuma lightsail linode marathon msk nerve nomad
openstack ovhcloud puppetdb rds scaleway serverset stackit triton uyuni vultr""".split()


@pytest.mark.parametrize("line", KEYS.strip().splitlines(), ids=lambda line: line.split(":")[0])
def test_each_key_that_prometheus_has_is_taken(tmp_path, line):
    ran = validate(tmp_path, "scrape_configs:\n      - job_name: a\n        " + line)
    assert ran.returncode == 0, ran.stderr


def test_discovery_that_is_not_served_is_refused_with_what_to_write(tmp_path):
    ran = validate(tmp_path, "scrape_configs:\n      - job_name: a\n" + "".join(f"        {name}_sd_configs: [{{}}]\n" for name in NOT_SERVED))
    assert ran.returncode != 0
    assert all(f"{name}_sd_configs" in ran.stderr for name in NOT_SERVED) and "file_sd_configs or answer http_sd_configs" in ran.stderr


def test_dollars_of_rules_are_those_of_the_collector(scraper, target):
    t = target()
    rules = """[{source_labels: [__address__], regex: '(.*):(.*)', target_label: a, replacement: $1},
                 {source_labels: [__address__], regex: '(.*):(.*)', target_label: b, replacement: $$1},
                 {source_labels: [__address__], regex: '(.*):(.*)', target_label: c, replacement: '$${1}x'}]"""
    text = config([job(t)]).replace('"job_name": "test"', '"job_name": "test", "relabel_configs": ' + rules)
    assert wait_point(scraper(text), "up").labels == {"a": "127.0.0.1", "b": "127.0.0.1", "c": "127.0.0.1x"}


def test_a_target_that_found_no_room_is_scraped_as_soon_as_there_is_some(otelcd, tmp_path):
    target, many, one = Target(b"load 1\n"), tmp_path / "crowd/many.json", tmp_path / "alone/one.json"
    many.parent.mkdir()
    one.parent.mkdir()  # a folder of its own: what happens in another makes nobody read it again
    crowd = [{"targets": ["127.0.0.1:1"], "labels": {"n": str(i)}} for i in range(20000)]
    many.write_text(json.dumps(crowd))
    one.write_text("[]")
    jobs = [
        {"job_name": "crowd", "scrape_interval": "1h", "file_sd_configs": [{"files": [str(many)]}]},
        {"job_name": "one", "file_sd_configs": [{"files": [str(one)], "refresh_interval": "1h"}]},
    ]
    text = config(jobs).replace("service:\n", "service:\n  memory_budget_mib: 64\n")
    no_room = "No room in the memory budget for another target"
    d = otelcd(text, allow=[no_room, "Failed to scrape"])
    d.wait_log(no_room)
    one.write_text(json.dumps([{"targets": [target.address]}]))
    n = 2
    while d.wait_log(no_room, n)["job"] != "one":
        n += 1
    many.write_text("[]")
    assert wait_point(d, "load").value == 1
    target.close()
