# SPDX-License-Identifier: Apache-2.0
"""Pages that a target shows one after another, and what becomes of them: test/data/scraped/<case>/ has

job.json       keys of the scrape config, where it needs any
1.txt 2.om ... the pages in their order: .txt text 0.0.4, .om OpenMetrics, .pb protobuf, .html text under a type that
               nobody knows, .fail a status 500
expected.txt   the points that otelcd makes of each page, a line for each
collector.txt  where the Go collector makes others: its lines (- ours, + its), with the reasons in docs/differences.md"""

import json

from .limits import ROOT
from .targets import Target, wait_points

FOLDER = ROOT / "test/data/scraped"
CASES = sorted(p.name for p in FOLDER.iterdir())
TYPES = {
    ".txt": "text/plain; version=0.0.4; charset=utf-8",
    ".om": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    ".pb": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    ".html": "text/html",
}
KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
OWN_SCOPE = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver"


def pages(case):
    return sorted((p for p in (FOLDER / case).iterdir() if p.stem.isdigit()), key=lambda p: int(p.stem))


class Pages(Target):
    """Shows the pages of the case, the last one again and again."""

    def __init__(self, case):
        self.pages = pages(case)
        super().__init__(self.show)

    def show(self, handler):
        page = self.pages[min(len(self.asked), len(self.pages)) - 1]
        if page.suffix == ".fail":
            return 500, {}, b""
        return 200, {"Content-Type": TYPES[page.suffix]}, page.read_bytes()


def config(case, target, path):
    extra = FOLDER / case / "job.json"
    job = {"job_name": "test", "static_configs": [{"targets": [target.address], "labels": {"env": "prod"}}]}
    job |= json.loads(extra.read_text()) if extra.exists() else {}
    return f"""
receivers:
  prometheus:
    discovery_reload_on_startup: true
    config:
      global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
      scrape_configs: [{json.dumps(job)}]
exporters:
  file: {{path: "{path}"}}
service:
  pipelines:
    metrics: {{receivers: [prometheus], exporters: [file]}}
"""


def texts(attributes):
    return ",".join(sorted(f"{a['key']}={next(iter(a['value'].values()), '')}" for a in attributes))


class Lines:
    """A request as lines that may be compared: times of the scrape, and what depends on the machine, by name."""

    def __init__(self, request, target):
        self.target = target
        self.time = None
        self.out = []
        points = list(self.walk(request))
        for point in points:
            if point[1] == "up" and self.target in point[0]:
                self.time = point[-1]["timeUnixNano"]
        for about, name, *rest in points:
            self.out.append(self.line(about, name, *rest))
        self.out.sort()

    def walk(self, request):
        for r in request["resourceMetrics"]:
            about = texts(r["resource"].get("attributes", []))
            for s in r["scopeMetrics"]:
                scope = s.get("scope", {})
                named = [] if scope.get("name") == OWN_SCOPE else [f"<{scope['name']} {scope.get('version', '')} {s.get('schemaUrl', '')} {texts(scope.get('attributes', []))}>"]
                for m in s["metrics"]:
                    kind = next(k for k in KINDS if k in m)
                    head = " ".join(named + [m["name"], repr(m.get("unit", "")), repr(m.get("description", "")), texts(m.get("metadata", [])),
                                             kind, "up" if m[kind].get("isMonotonic") else "", str(m[kind].get("aggregationTemporality", ""))])
                    for p in m[kind].get("dataPoints", []):
                        yield about, m["name"], head, p

    def when(self, ns):
        if self.time is not None and int(ns) == int(self.time) - 1_000_000:
            return "1 ms before the scrape"
        return "scrape" if ns == self.time else ns

    def line(self, about, name, head, point):
        point = dict(point)
        labels = texts(point.pop("attributes", []))
        point["timeUnixNano"] = self.when(point["timeUnixNano"])
        for side in ("positive", "negative"):
            if point.get(side) == {}:  # the one writes sides without a bucket
                del point[side]
        for x in point.get("exemplars", []):
            x["filteredAttributes"] = texts(x.get("filteredAttributes", []))
            x["timeUnixNano"] = self.when(x["timeUnixNano"])
        if name == "scrape_duration_seconds" and "asDouble" in point:
            point["asDouble"] = "some"
        if "quantileValues" in point or " summary " in head:
            point.setdefault("sum", 0)  # the JSON of the one leaves a zero out
        own = labels if self.target in about else f"[{about}] {labels}"
        text = f"{head} {{{own}}} {json.dumps(point, sort_keys=True)}"
        return text.replace(self.target, "TARGET").replace(self.target.split(":")[1], "PORT")


def lines(path, target, n):
    """Of the first n requests in the file; None while there are fewer."""
    found = [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []
    if len(found) < n:
        return None
    return [f"{i + 1} {line}" for i in range(n) for line in Lines(found[i], target).out]


def take(otelcd, case):
    """What otelcd makes of the pages. On a slow machine a page may come too late, and is then not taken: once more."""
    for _ in range(5):
        target = Pages(case)
        try:
            d = otelcd(config(case, target, "points"), allow=["."])
            found = wait_points(d, lambda _: lines(d.folder / "points", target.address, len(target.pages)))
            if d.metric("otelcd_scraper_failures", job="test", reason="timeout") == 0:
                return found
        finally:
            target.close()
    raise AssertionError("a page came too late, five times")


def expected(case):
    return (FOLDER / case / "expected.txt").read_text().split("\n")[:-1]
