# SPDX-License-Identifier: Apache-2.0
"""Targets of the prometheus receiver whose pages are no fault of HTTP, but do harm: what is in them is bounded, and others go on.
Those that hang, dribble, send too much or nothing that can be read: test_prometheus_receiver.py."""

import itertools

import pytest
from harness.limits import SANITIZED
from harness.targets import TEXT, Target, config, job, wait_point, wait_points

FAILED = "Failed to scrape Prometheus endpoint"
MIB = 1 << 20


@pytest.fixture
def target():
    running = []

    def start(page):
        running.append(Target(page))
        return running[-1]

    yield start
    for t in running:
        t.close()


def failure_with(d, text):
    """The first failed scrape of which the log says that: on a slow machine others may be late."""
    for n in itertools.count(1):
        error = d.wait_log(f"^{FAILED}$", n)["error"]
        if text in error:
            return error


def test_without_body_size_limit_a_quarter_of_the_memory_budget_is(otelcd, target):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.end_headers()
        handler.close_connection = True
        while True:
            handler.wfile.write(b"# and so on\n" * 10000)

    bad, good = target(endless), target(b"a 1\n")
    slow = {"scrape_interval": "20s", "scrape_timeout": "20s"}
    text = config([{**job(bad, name="bad"), **slow}, job(good, name="good")]).replace("service:\n", "service:\n  memory_budget_mib: 32\n", 1)
    d = otelcd(text, expect=[FAILED])
    error = failure_with(d, "body size limit")
    assert 4 * MIB <= int(error.split()[-2]) <= 8 * MIB
    assert SANITIZED or d.rss() < 64 * MIB  # a sanitizer keeps what was freed
    assert wait_point(d, "a", job="good", value=1)


def test_series_that_are_new_each_time_are_bounded_and_the_log_names_who_has_them(otelcd, target):
    numbers = itertools.count()

    def ever_new(handler):
        first = next(numbers) * 20000
        rows = "".join(f'request{{id="{first + i}"}} 1\n' for i in range(20000))
        return 200, TEXT, b"known 1\n" + rows.encode()

    bad, good = target(ever_new), target(b"a 1\n")
    jobs = [job(bad, name="bad"), job(good, name="good")]
    for one in jobs:
        one.update(scrape_interval="2s", scrape_timeout="2s")
    d = otelcd(config(jobs, more="max_series: 1000"), expect=["New series are refused"], allow=[FAILED, "near their limit", "Samples of a scrape were left out"])
    left = lambda m: m.find("otelcd_scraper_left_out", job="bad", reason="series_limit")  # noqa: E731
    d.wait_metrics(lambda m: left(m) and left(m)[0].value >= 57000)
    told = d.wait_log("New series are refused")
    assert (told["job"], told["fastest_metric"], told["fastest_label"]) == ("bad", "request", "id")
    assert wait_points(d, lambda r: len([p for request in r for p in request if p.name == "known" and not p.stale]) >= 2)
    assert wait_points(d, lambda r: len([p for request in r for p in request if p.name == "a"]) >= 2)


def test_a_label_of_a_mebibyte_is_taken_where_no_limit_forbids_it(otelcd, target):
    t = target(b'wide{x="' + b"y" * MIB + b'"} 1\nnarrow 1\n')
    slow = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    limited = {**job(t, name="limited", label_value_length_limit=1000), **slow}
    d = otelcd(config([{**job(t, name="free"), **slow}, limited]), expect=[FAILED])
    assert len(wait_point(d, "wide", job="free").labels["x"]) == MIB
    assert wait_point(d, "narrow", job="free", value=1)
    assert wait_point(d, "up", job="limited", value=0)
    assert failure_with(d, "label_value_length_limit exceeded")


def test_names_that_clash_in_type_are_metrics_of_their_own(otelcd, target):
    one = target(b"# TYPE a counter\n# TYPE a gauge\na 1\n# TYPE h histogram\nh_count 3\nh_sum 1\nh 4\n# TYPE h counter\nh{again=\"1\"} 2\n")
    other = target(b"# TYPE a histogram\na_count 7\na_bucket{le=\"+Inf\"} 7\n")
    d = otelcd(config([job(one, name="one"), job(other, name="other")]), allow=[FAILED, "Samples of a scrape were left out"])
    assert wait_point(d, "a", job="one", value=1)
    assert wait_point(d, "a", job="other", value="7")
    assert wait_point(d, "h", job="one")
    assert wait_point(d, "up", job="one", value=1) and wait_point(d, "up", job="other", value=1)
