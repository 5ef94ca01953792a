# SPDX-License-Identifier: Apache-2.0
"""otelcd and a Prometheus (Debian's, and one of version 3 where it is compiled) scrape the same targets for thirty scrapes, in
which targets come, go, fail and change, and each writes on to a VictoriaMetrics of its own: what these have afterwards is the
same."""

import json
import math
import re
import time
import urllib.parse
import urllib.request

import pytest
from harness.servers.compiled import compiled
from harness.limits import CI, PATIENCE, SANITIZED
from harness.targets import Target

OPENMETRICS = {"Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8"}
# Of numbers, as that VictoriaMetrics shows them.
UNQUOTED = re.compile(rb'(?<=[\[,])([-+]?(?:Inf|inf|NaN|nan))(?=[,\]])')
# What is another one for each who looks.
OWN = ("scrape_duration_seconds", "target_info")

RELABEL = [
    {"source_labels": ["__address__"], "regex": "(.*):.*", "target_label": "host"},
    {"source_labels": ["tier"], "regex": "hidden", "action": "drop"},
]
SAMPLES = [
    {"source_labels": ["code"], "regex": "5..", "target_label": "bad", "replacement": "yes"},
    {"source_labels": ["__name__"], "regex": "unwanted_.*", "action": "drop"},
    {"regex": "secret", "action": "labeldrop"},
]


def page(step):
    """Counters that go on, gauges that take strange values, series that come and go, a histogram that gets a bucket."""
    strange = ("NaN", "+Inf", "-Inf", "1e308", "-0", "5e-324")[step % 6]
    lines = [
        "# HELP requests_total Requests,\\nby path.",
        "# TYPE requests_total counter",
        f'requests_total{{path="/a\\\\b\\"c\\n",code="200"}} {step * 100}',
        f'requests_total{{path="/",code="500",secret="x"}} {step}',
        "# TYPE strange gauge",
        f"strange {strange}",
        f"unwanted_thing {step}",
        f'untyped_thing{{job="its own",instance="too",exported_job="and this"}} {step}',
        "# TYPE latency_seconds histogram",
        f'latency_seconds_bucket{{le="0.1"}} {step}',
        f'latency_seconds_bucket{{le="+Inf"}} {2 * step}',
        f"latency_seconds_sum {step / 3}",
        f"latency_seconds_count {2 * step}",
        "# TYPE size_bytes summary",
        f'size_bytes{{quantile="0.5"}} {step}',
        f"size_bytes_sum {step * 10}",
        f"size_bytes_count {step}",
    ]
    if step % 3 != 0:
        lines.append(f'coming_and_going{{step="{step % 3}"}} {step}')
    if step > 4:
        lines.insert(10, f'latency_seconds_bucket{{le="0.5"}} {step}')
    return ("\n".join(lines) + "\n").encode()


def open_page(step):
    text = f'# TYPE jobs counter\n# UNIT load_ratio ratio\n# TYPE load_ratio gauge\njobs_total{{kind="a"}} {step}\nload_ratio {step / 7}\n# EOF\n'
    return (200, OPENMETRICS, text.encode())


class Side:
    """Who scrapes, and what it wrote."""

    def __init__(self, agent, store):
        self.agent, self.store = agent, store

    def scrapes(self, target):
        return sum(self.agent in headers["User-Agent"] for _, headers in target.asked)

    def series(self):
        """{labels: (values, each once for as long as it stays)}; a series' end, and NaN, are None."""
        self.store.flush()
        query = urllib.parse.urlencode({"match[]": '{job!=""}'})
        found = {}
        with urllib.request.urlopen(f"http://{self.store.address}/api/v1/export?{query}", timeout=PATIENCE) as answer:
            for line in answer.read().splitlines():
                one = json.loads(UNQUOTED.sub(rb'"\1"', line))
                values = runs(one["values"])
                # Of a page that turns out bad Prometheus ends the series that stood before the fault and never were.
                if one["metric"]["__name__"] not in OWN and values != [None]:
                    found[frozenset(one["metric"].items())] = values
        return found


def runs(values):
    short = []
    for v in values:
        v = float(v) if isinstance(v, str) else v
        v = None if v is None or math.isnan(v) else float(f"{v:.10g}")  # what the store packs is not exact to the last digit
        if not short or short[-1] != v:
            short.append(v)
    return short


def wait_scrapes(sides, *targets, more=2):
    """Each has come to all of them for so many more, and has begun the one after: those before it are over."""
    wanted = [(s, t, s.scrapes(t) + more + 1) for s in sides for t in targets]
    for side, target, n in wanted:
        deadline = time.monotonic() + PATIENCE
        with target.changed:
            while side.scrapes(target) < n:
                left = deadline - time.monotonic()
                assert left > 0, f"{side.agent} came {side.scrapes(target)} times, not {n}"
                target.changed.wait(left)


def wait_same(ours, theirs, met):
    deadline = time.monotonic() + PATIENCE
    while True:
        a, b = ours.series(), theirs.series()
        if a == b and met(a):
            return a
        different = {str(dict(k)): (a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
        assert time.monotonic() < deadline, json.dumps(different, indent=1)
        time.sleep(0.3)


@pytest.fixture
def targets():
    made = [Target() for _ in range(4)]
    yield made
    for t in made:
        t.close()


PROGRAMS = {
    "Debian's": lambda: None,
    "3": lambda: compiled("prometheus3", minutes="minutes", asked=CI),
}


@pytest.mark.skipif(SANITIZED, reason="with sanitizers a scrape may take longer than the second that it has, and its series end once")
@pytest.mark.xdist_group("prometheus3")
@pytest.mark.parametrize("version", PROGRAMS)
def test_thirty_scrapes_are_the_same_series_values_and_ends_as_prometheus_has_written(
    otelcd, tmp_path, targets, prometheus, victoria_metrics, version
):
    program = PROGRAMS[version]()
    steady, failing, fleeting, hidden = targets
    found = tmp_path / "found.json"
    groups = lambda *some: json.dumps([{"targets": [t.address], "labels": {"tier": tier}} for t, tier in some])  # noqa: E731
    everyone = groups((steady, "a"), (failing, "b"), (fleeting, "c"), (hidden, "hidden"))
    found.write_text(groups((steady, "a"), (failing, "b"), (hidden, "hidden")))
    job = {
        "job_name": "test",
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "file_sd_configs": [{"files": [str(found)], "refresh_interval": "1s"}],
        "relabel_configs": RELABEL,
        "metric_relabel_configs": SAMPLES,
    }
    steady.page, failing.page, fleeting.page = page(0), open_page(0), page(0)
    ours, theirs = Side("otelcd", victoria_metrics()), Side("Prometheus", victoria_metrics())
    url = theirs.store.write_url
    written = [{"url": url, "queue_config": {"batch_send_deadline": "1s"}}]
    prometheus(None, config=json.dumps({"scrape_configs": [job], "remote_write": written}), program=program)
    d = otelcd(
        json.dumps(
            {
                "receivers": {"prometheus": {"config": {"scrape_configs": [job]}}},
                "exporters": {
                    "prometheus_remote_write": {
                        "endpoint": ours.store.write_url,
                        "disable_scope_info": True,
                        "wal": {"directory": str(tmp_path / "wal")},
                    }
                },
                "service": {"pipelines": {"metrics": {"receivers": ["prometheus"], "exporters": ["prometheus_remote_write"]}}},
            }
        ),
        allow=["Failed to scrape Prometheus endpoint"],
    )
    both = (ours, theirs)
    for step in range(1, 11):
        # Each page stays for two scrapes and more of either; who comes between the two changes below sees the one or the other.
        steady.page = page(step)
        failing.page = {
            3: (500, {}, b""),
            4: (200, OPENMETRICS, b"jobs_total 1\n"),  # no EOF
            6: b"a 1\nb{ 2\n",
            8: (200, {"Content-Type": "text/plain"}, b""),
        }.get(step, open_page(step))
        if step in (3, 9):
            found.write_text(everyone)
        if step == 6:
            found.write_text(groups((steady, "a"), (failing, "b")))
        wait_scrapes(both, steady, failing, *([fleeting] if step in (4, 10) else []))
    same = wait_same(ours, theirs, lambda s: len(s) > 25)
    assert min(s.scrapes(steady) for s in both) >= 30
    assert hidden.asked == []
    by = lambda name, **labels: next(v for k, v in same.items() if dict(k).items() >= {"__name__": name, **labels}.items())  # noqa: E731
    assert by("up", instance=failing.address) == [1, 0, 1, 0, 1]
    assert by("up", instance=fleeting.address) == [1, None, 1]
    assert by("coming_and_going", step="1", instance=steady.address) == [1, None, 4, None, 7, None, 10]
    assert by("jobs_total", kind="a")[-1] == 10 and None in by("jobs_total", kind="a")
    assert by("requests_total", bad="yes", instance=steady.address)[-10:] == list(range(1, 11))
    assert not any(dict(k)["__name__"].startswith("unwanted") or "secret" in dict(k) for k in same)
    assert d.stop() == 0
